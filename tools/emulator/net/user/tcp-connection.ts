// One TCP connection of the guest's (RFC 9293, 3.3 to 3.10; RFC 6298 for timers, RFC 7323 for scaled windows), whose
// other end is a connection of the host. Towards the guest this is the peer: what the host's connection has is sent, as
// far as the guest's window goes, what the guest sends is written there. The cable loses nothing but what a card without
// buffers drops, so that segments out of order are not kept and there is no congestion to avoid.

import type { HostStream, StreamEvents, StreamFailure } from "./host.ts";
import type { Endpoint } from "./packets.ts";
import { ACK, distance, FIN, PSH, plus, RST, type Segment, SYN } from "./segment.ts";

/** What goes into a frame of 1500 bytes. */
const MSS = 1460;
const USUAL_MSS = 536;
/** The window that the guest is offered, and by how many bits it is shifted. */
const WINDOW = 256 * 1024;
const SCALE = 3;
/** What is on its way to the guest at most: cards have some hundred buffers. */
const MAX_IN_FLIGHT = 96 * 1024;
/** What waits for the guest before the host's connection is read no more. */
const MAX_WAITING = 256 * 1024;

/** Retransmission, ns of virtual time: the first one, and the longest wait; and how often until it is given up. */
const FIRST_RETRY_NS = 1e9;
const RETRY_NS = 3e8;
const MAX_RETRY_NS = 16e9;
const MAX_TRIES = 15;
const DUPLICATES = 3;
/** How long a connection that is over is remembered. */
const LINGER_NS = 1e9;

type State =
  /** The host's connection is not there yet. */
  | "connecting"
  /** We have answered the guest's SYN, or sent ours. */
  | "syn-received"
  | "syn-sent"
  | "established"
  | "over";

export interface ConnectionHost {
  send(segment: Segment): void;
  now(): number;
  closed(): void;
}

export class TcpConnection {
  readonly guest: Endpoint;
  readonly peer: Endpoint;
  readonly #host: ConnectionHost;
  #stream: HostStream | undefined;
  #state: State;
  // To the guest: the first byte that is not acknowledged, the next one to be sent, the guest's window.
  #unacknowledged: number;
  #next: number;
  #window = 0;
  #guestScale = 0;
  #isScaled = false;
  #mss = USUAL_MSS;
  /** Bytes from `#unacknowledged` on. */
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #isStreamEnded = false;
  #finSent = false;
  #isPaused = false;
  // From the guest.
  #expected = 0;
  #isGuestEnded = false;
  #isFull = false;
  // Retransmission.
  #retryAt = Number.POSITIVE_INFINITY;
  #tries = 0;
  #duplicates = 0;
  #overAt = Number.POSITIVE_INFINITY;

  /** `initial` is our first sequence number. */
  private constructor(
    guest: Endpoint,
    peer: Endpoint,
    host: ConnectionHost,
    initial: number,
    state: State,
  ) {
    this.guest = guest;
    this.peer = peer;
    this.#host = host;
    this.#state = state;
    this.#unacknowledged = initial;
    this.#next = initial;
  }

  /** The guest has sent a SYN; `connect` begins the host's connection. */
  static fromGuest(
    guest: Endpoint,
    peer: Endpoint,
    host: ConnectionHost,
    initial: number,
    syn: Segment,
    connect: (events: StreamEvents) => HostStream,
  ): TcpConnection {
    const c = new TcpConnection(guest, peer, host, initial, "connecting");
    c.#takeSyn(syn);
    c.#stream = connect(c.#events());
    return c;
  }

  /** A connection of the host is there, which is to lead to the guest. */
  static toGuest(
    guest: Endpoint,
    peer: Endpoint,
    host: ConnectionHost,
    initial: number,
    stream: HostStream,
  ): { connection: TcpConnection; events: StreamEvents } {
    const c = new TcpConnection(guest, peer, host, initial, "syn-sent");
    c.#stream = stream;
    c.#sendSyn();
    return { connection: c, events: c.#events() };
  }

  get isOver(): boolean {
    return this.#state === "over";
  }

  // ---- The host's connection

  #events(): StreamEvents {
    return {
      connected: () => {
        if (this.#state !== "connecting") return;
        this.#state = "syn-received";
        this.#sendSyn();
      },
      data: (bytes) => {
        if (this.isOver || bytes.length === 0) return;
        this.#waiting.push(bytes.slice());
        this.#waitingBytes += bytes.length;
        this.#pace();
        this.#transmit();
      },
      drained: () => {
        if (!this.#isFull || this.isOver) return;
        this.#isFull = false;
        if (this.#state === "established") this.#acknowledge();
      },
      ended: () => {
        if (this.isOver) return;
        this.#isStreamEnded = true;
        this.#transmit();
      },
      failed: (why) => this.#failed(why),
    };
  }

  #failed(_why: StreamFailure): void {
    if (this.isOver) return;
    this.#reset();
  }

  /** Reads the host's connection as long as not too much waits. */
  #pace(): void {
    const isPaused = this.#waitingBytes >= MAX_WAITING;
    if (isPaused === this.#isPaused) return;
    this.#isPaused = isPaused;
    this.#stream?.flow(!isPaused);
  }

  /** Tells the guest that there is no connection any more. */
  #reset(): void {
    this.#send(RST | ACK, new Uint8Array(0), this.#next);
    this.abandon();
  }

  /** Ends both sides without a word to the guest. */
  abandon(): void {
    if (this.isOver) return;
    this.#state = "over";
    this.#stream?.destroy();
    this.#host.closed();
  }

  // ---- Sending

  #send(flags: number, payload: Uint8Array, sequence: number, more: Partial<Segment> = {}): void {
    const room = this.#isFull ? 0 : WINDOW;
    const isSyn = (flags & SYN) !== 0;
    const shift = this.#isScaled && !isSyn ? SCALE : 0;
    this.#host.send({
      sourcePort: this.peer.port,
      destinationPort: this.guest.port,
      sequence,
      acknowledgment: flags & ACK ? this.#expected : 0,
      flags,
      window: Math.min(0xffff, room >> shift),
      payload,
      ...more,
    });
  }

  #sendSyn(): void {
    const flags = this.#state === "syn-sent" ? SYN : SYN | ACK;
    const scale = this.#state === "syn-sent" || this.#isScaled ? { scale: SCALE } : {};
    this.#next = plus(this.#unacknowledged, 1);
    this.#send(flags, new Uint8Array(0), this.#unacknowledged, { mss: MSS, ...scale });
    this.#retryIn(FIRST_RETRY_NS);
  }

  #acknowledge(): void {
    this.#send(ACK, new Uint8Array(0), this.#next);
  }

  #retryIn(ns: number): void {
    this.#retryAt = this.#host.now() + Math.min(MAX_RETRY_NS, ns * 2 ** this.#tries);
  }

  /** Bytes that wait, from `from` on after the first one that is not acknowledged. */
  #bytes(from: number, length: number): Uint8Array {
    const out = new Uint8Array(length);
    let at = 0;
    let filled = 0;
    for (const chunk of this.#waiting) {
      const start = Math.max(0, from - at);
      at += chunk.length;
      if (start >= chunk.length) continue;
      const part = chunk.subarray(start, start + length - filled);
      out.set(part, filled);
      filled += part.length;
      if (filled === length) break;
    }
    return out;
  }

  /** Sends what the guest's window has room for. */
  #transmit(): void {
    if (this.#state !== "established") return;
    const window = Math.min(this.#window, MAX_IN_FLIGHT);
    // Behind a FIN there is nothing.
    while (!this.#finSent) {
      const sent = distance(this.#next, this.#unacknowledged);
      const left = this.#waitingBytes - sent;
      const length = Math.min(left, window - sent, this.#mss);
      if (left === 0 && this.#isStreamEnded) {
        this.#send(FIN | ACK, new Uint8Array(0), this.#next);
        this.#next = plus(this.#next, 1);
        this.#finSent = true;
      }
      if (length <= 0) break;
      // Small segments wait for their acknowledgment where more is on its way (RFC 9293, 3.8.6.2.1).
      if (length < this.#mss && length < left && sent > 0) break;
      const isLast = length === left;
      this.#send(isLast ? ACK | PSH : ACK, this.#bytes(sent, length), this.#next);
      this.#next = plus(this.#next, length);
    }
    const isOut = this.#next !== this.#unacknowledged || this.#waitingBytes > 0;
    if (isOut && this.#retryAt === Number.POSITIVE_INFINITY) this.#retryIn(RETRY_NS);
  }

  /** Sends the first thing that is not acknowledged again; into a closed window a byte. */
  #retransmit(): void {
    if (this.#state === "syn-sent" || this.#state === "syn-received") {
      this.#sendSyn();
      return;
    }
    const length = Math.min(this.#waitingBytes, this.#mss, Math.max(1, this.#window));
    if (length > 0) {
      this.#send(ACK | PSH, this.#bytes(0, length), this.#unacknowledged);
      const end = plus(this.#unacknowledged, length);
      if (distance(end, this.#next) > 0) this.#next = end;
    } else if (this.#finSent) {
      this.#send(FIN | ACK, new Uint8Array(0), this.#unacknowledged);
    }
  }

  poll(now: number): void {
    if (now >= this.#overAt) {
      this.abandon();
      return;
    }
    if (this.isOver || now < this.#retryAt) return;
    this.#tries++;
    // A guest that keeps its window closed, and says so, is there.
    if (this.#tries > MAX_TRIES) {
      this.#reset();
      return;
    }
    this.#retryIn(RETRY_NS);
    this.#retransmit();
  }

  /** The guest can be reached from now on. */
  retrySyn(): void {
    if (this.#state === "syn-sent") this.#sendSyn();
  }

  // ---- Receiving

  #takeSyn(syn: Segment): void {
    this.#expected = plus(syn.sequence, 1);
    this.#mss = Math.min(MSS, Math.max(64, syn.mss ?? USUAL_MSS));
    this.#isScaled = syn.scale !== undefined;
    this.#guestScale = syn.scale ?? 0;
    this.#window = syn.window;
  }

  receive(s: Segment): void {
    if (this.isOver) return;
    if (s.flags & RST) {
      if (this.#state === "syn-sent" || distance(s.sequence, this.#expected) >= 0) this.abandon();
      return;
    }
    if (this.#state === "connecting") return;
    if (this.#state === "syn-sent") {
      if (!(s.flags & SYN) || !(s.flags & ACK) || s.acknowledgment !== this.#next) return;
      this.#takeSyn(s);
      this.#established(s.acknowledgment);
      this.#acknowledge();
      this.#transmit();
      return;
    }
    if (s.flags & SYN) {
      // The guest has not seen our answer.
      if (this.#state === "syn-received") this.#sendSyn();
      else this.#acknowledge();
      return;
    }
    if (!(s.flags & ACK)) return;
    if (this.#state === "syn-received") {
      if (s.acknowledgment !== this.#next) return;
      this.#established(s.acknowledgment);
    }
    this.#acknowledged(s);
    this.#takeData(s);
    this.#transmit();
    this.#maybeOver();
  }

  #established(acknowledgment: number): void {
    this.#state = "established";
    this.#unacknowledged = acknowledgment;
    this.#tries = 0;
    this.#retryAt = Number.POSITIVE_INFINITY;
  }

  #acknowledged(s: Segment): void {
    const acknowledged = distance(s.acknowledgment, this.#unacknowledged);
    const isBeyond = distance(s.acknowledgment, this.#next) > 0;
    if (isBeyond) return;
    const before = this.#window;
    if (acknowledged >= 0) this.#window = s.window << this.#guestScale;
    if (acknowledged > 0) {
      this.#drop(acknowledged);
      this.#unacknowledged = s.acknowledgment;
      this.#duplicates = 0;
      this.#tries = 0;
      this.#retryAt = Number.POSITIVE_INFINITY;
      this.#pace();
    }
    // What was sent into a closed window was thrown away.
    if (before === 0 && this.#window > 0) {
      this.#next = this.#unacknowledged;
      this.#finSent = false;
    }
    if (acknowledged > 0) return;
    if (this.#window === 0) this.#tries = Math.min(this.#tries, 4);
    const isDuplicate =
      acknowledged === 0 &&
      s.payload.length === 0 &&
      !(s.flags & FIN) &&
      this.#window === before &&
      this.#next !== this.#unacknowledged;
    if (isDuplicate && ++this.#duplicates === DUPLICATES) this.#retransmit();
  }

  /** Forgets the first `count` bytes that wait; the one beyond them is the FIN. */
  #drop(count: number): void {
    let left = Math.min(count, this.#waitingBytes);
    this.#waitingBytes -= left;
    while (left > 0) {
      const first = this.#waiting[0] as Uint8Array;
      if (first.length > left) {
        this.#waiting[0] = first.subarray(left);
        return;
      }
      left -= first.length;
      this.#waiting.shift();
    }
  }

  #takeData(s: Segment): void {
    const isFin = (s.flags & FIN) !== 0;
    if (s.payload.length === 0 && !isFin) {
      // One that asks whether we are there is before what is expected.
      if (distance(s.sequence, this.#expected) < 0) this.#acknowledge();
      return;
    }
    const known = distance(this.#expected, s.sequence);
    if (known < 0 || this.#isGuestEnded || this.#isFull) {
      this.#acknowledge();
      return;
    }
    const fresh = s.payload.subarray(known);
    if (fresh.length > 0) {
      this.#expected = plus(this.#expected, fresh.length);
      if (this.#stream?.write(fresh) === false) this.#isFull = true;
    }
    if (isFin && known <= s.payload.length) {
      this.#expected = plus(this.#expected, 1);
      this.#isGuestEnded = true;
      this.#stream?.end();
    }
    this.#acknowledge();
  }

  /** Both sides have ended, and know it. */
  #maybeOver(): void {
    const isSent = this.#finSent && this.#unacknowledged === this.#next;
    if (!this.#isGuestEnded || !isSent) return;
    if (this.#overAt === Number.POSITIVE_INFINITY) this.#overAt = this.#host.now() + LINGER_NS;
  }
}
