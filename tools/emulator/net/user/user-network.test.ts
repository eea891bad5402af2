// The user network, with a guest of frames and a host that does what the test says.

import { describe, expect, test } from "vitest";
import type { DatagramTaker, HostStream, NetworkHost, StreamEvents } from "./host.ts";
import { DEFAULT_NETWORK, type UserNetworkOptions } from "./options.ts";
import * as P from "./packets.ts";
import { ACK, FIN, PSH, RST, readSegment, type Segment, SYN } from "./segment.ts";
import {
  arpRequest,
  described,
  dhcp,
  GUEST,
  ipFrame,
  ping,
  tcpFrame,
  udpFrame,
} from "./testdata/guest-frames.ts";
import { UserNetwork } from "./user-network.ts";

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const ofBytes = (value: Uint8Array): string => new TextDecoder("latin1").decode(value);

interface Connection {
  to: string;
  events: StreamEvents;
  written: string;
  did: string[];
  /** What `write` says. */
  takes: boolean;
}

class Rig implements NetworkHost {
  readonly connections: Connection[] = [];
  readonly datagramsSent: string[] = [];
  takers: DatagramTaker[] = [];
  accept: ((stream: HostStream) => StreamEvents) | undefined;
  readonly frames: Uint8Array[] = [];
  readonly network: UserNetwork;
  readonly files = new Map<string, Uint8Array>();
  readonly hasFiles = true;
  time = 0;

  constructor(options: Partial<UserNetworkOptions> = {}) {
    this.network = new UserNetwork({ ...DEFAULT_NETWORK, ...options }, this);
    this.network.onFrame = (frame) => this.frames.push(frame);
    this.network.poll(0);
    this.network.send(arpRequest("10.0.2.2"));
    this.frames.length = 0;
  }

  stream(to: string, events: StreamEvents): { connection: Connection; stream: HostStream } {
    const connection: Connection = { to, events, written: "", did: [], takes: true };
    this.connections.push(connection);
    return {
      connection,
      stream: {
        write: (bytes) => {
          connection.written += ofBytes(bytes);
          return connection.takes;
        },
        end: () => connection.did.push("end"),
        flow: (on) => connection.did.push(on ? "flow" : "stop"),
        destroy: () => connection.did.push("destroy"),
      },
    };
  }

  connect(address: string, port: number, events: StreamEvents): HostStream {
    return this.stream(`${address}:${port}`, events).stream;
  }

  async listen(_address: string, port: number, accept: (stream: HostStream) => StreamEvents) {
    this.accept = accept;
    return { port, close: () => {} };
  }

  datagrams(take: DatagramTaker) {
    this.takers.push(take);
    const send = (bytes: Uint8Array, address: string, port: number): void => {
      this.datagramsSent.push(`${address}:${port} ${ofBytes(bytes)}`);
    };
    return { send, close: () => this.datagramsSent.push("closed") };
  }

  async bind(_address: string, port: number, take: DatagramTaker) {
    return { ...this.datagrams(take), port };
  }

  resolver() {
    return { address: "192.0.2.53", port: 53 };
  }

  file(name: string): Uint8Array | undefined {
    return this.files.get(name);
  }

  /** What the guest has got since the last call. */
  got(): string[] {
    return this.frames.splice(0).map(described);
  }

  segments(): Segment[] {
    return this.frames.splice(0).flatMap((frame) => {
      const packet = P.readIpv4(frame.subarray(14));
      const segment = packet?.protocol === P.TCP ? readSegment(packet) : undefined;
      return segment === undefined ? [] : [segment];
    });
  }

  /** The last of them. */
  segment(): Segment {
    return this.segments().at(-1) as Segment;
  }

  tcp(segment: Partial<Segment>, port = 5000, target = "93.184.216.34"): void {
    this.network.send(tcpFrame(port, target, 80, segment));
  }

  /** Virtual time goes on, in steps of 50 ms. */
  wait(seconds: number): void {
    for (let i = 0; i < seconds * 20; i++) {
      this.time += 5e7;
      this.network.poll(this.time);
    }
  }
}

interface Open {
  r: Rig;
  c: Connection;
  /** Our next sequence number, and the peer's. */
  mine: number;
  theirs: number;
}

/** A connection of the guest's that is established. */
function opened(more: Partial<Segment> = {}, options: Partial<UserNetworkOptions> = {}): Open {
  const r = new Rig(options);
  r.tcp({ flags: SYN, sequence: 1000, mss: 1460, ...more });
  const c = r.connections[0] as Connection;
  c.events.connected();
  const answer = r.segment();
  const theirs = (answer.sequence + 1) >>> 0;
  r.tcp({ flags: ACK, sequence: 1001, acknowledgment: theirs, window: more.window ?? 0xffff });
  return { r, c, mine: 1001, theirs };
}

describe("TCP", () => {
  test("a connection, data both ways, and its end by both sides", () => {
    const { r, c, mine, theirs } = opened();
    expect(c.to).toBe("93.184.216.34:80");
    r.tcp({ flags: ACK | PSH, sequence: mine, acknowledgment: theirs, payload: text("GET") });
    expect(c.written).toBe("GET");
    expect(r.segment()).toMatchObject({ flags: ACK, acknowledgment: mine + 3 });
    c.events.data(text("hello"));
    expect(r.segment()).toMatchObject({ sequence: theirs, payload: text("hello") });
    r.tcp({ flags: ACK | FIN, sequence: mine + 3, acknowledgment: theirs + 5 });
    expect(c.did).toEqual(["end"]);
    expect(r.segment()).toMatchObject({ flags: ACK, acknowledgment: mine + 4 });
    // Half closed: the other side goes on.
    c.events.data(text("more"));
    expect(r.segment()).toMatchObject({ payload: text("more") });
    c.events.ended();
    expect(r.segment()).toMatchObject({ flags: ACK | FIN, sequence: theirs + 9 });
    r.tcp({ flags: ACK, sequence: mine + 4, acknowledgment: theirs + 10 });
    r.wait(2);
    expect(c.did).toEqual(["end", "destroy"]);
    // What comes now is of no connection.
    r.tcp({ flags: ACK, sequence: mine + 4, acknowledgment: theirs + 10 });
    expect(r.segment().flags).toBe(RST);
  });

  test("what is refused on the host is refused here", () => {
    const r = new Rig();
    r.tcp({ flags: SYN, sequence: 1000 });
    r.connections[0]?.events.failed("refused");
    expect(r.segment()).toMatchObject({ flags: RST | ACK, acknowledgment: 1001 });
  });

  test("a reset of either side is the other's", () => {
    const one = opened();
    one.c.events.failed("reset");
    expect(one.r.segment().flags & RST).toBe(RST);
    const two = opened();
    two.r.tcp({ flags: RST, sequence: two.mine });
    expect(two.c.did).toEqual(["destroy"]);
    two.c.events.data(text("late"));
    expect(two.r.segments()).toEqual([]);
  });

  test("no more is sent than the guest's window and its longest segment allow", () => {
    const { r, c, mine, theirs } = opened({ mss: 500, window: 1200 });
    c.events.data(new Uint8Array(5000).fill(65));
    expect(r.segments().map(({ payload }) => payload.length)).toEqual([500, 500]);
    r.tcp({ flags: ACK, sequence: mine, acknowledgment: theirs + 1000, window: 2000 });
    expect(r.segments().map(({ payload }) => payload.length)).toEqual([500, 500, 500, 500]);
    // The window closes, is asked after, and opens again.
    r.tcp({ flags: ACK, sequence: mine, acknowledgment: theirs + 3000, window: 0 });
    expect(r.segments()).toEqual([]);
    r.wait(1);
    expect(r.segments().some(({ payload }) => payload.length === 1)).toBe(true);
    r.tcp({ flags: ACK, sequence: mine, acknowledgment: theirs + 3000, window: 5000 });
    expect(r.segments().reduce((sum, { payload }) => sum + payload.length, 0)).toBe(2000);
  });

  test("scaled windows", () => {
    const { r, c } = opened({ scale: 7, window: 1000 });
    c.events.data(new Uint8Array(200_000));
    const bytes = r.segments().reduce((sum, { payload }) => sum + payload.length, 0);
    expect(bytes).toBeGreaterThan(65536);
    expect(bytes).toBeLessThanOrEqual(128_000);
  });

  test("what is lost is sent again, less and less often, and at last given up", () => {
    const { r, c, mine, theirs } = opened();
    c.events.data(text("hello"));
    r.segments();
    r.wait(0.5);
    expect(r.segment()).toMatchObject({ sequence: theirs, payload: text("hello") });
    r.wait(4);
    expect(r.segments().length).toBeLessThan(5);
    r.tcp({ flags: ACK, sequence: mine, acknowledgment: theirs + 5 });
    r.wait(10);
    expect(r.segments()).toEqual([]);
    c.events.data(text("anybody?"));
    r.wait(400);
    expect(r.segment().flags & RST).toBe(RST);
    expect(c.did).toContain("destroy");
  });

  test("the third acknowledgment of the same sends at once what is missing", () => {
    const { r, c, mine, theirs } = opened();
    c.events.data(new Uint8Array(5000));
    r.segments();
    for (let i = 0; i < 3; i++) r.tcp({ flags: ACK, sequence: mine, acknowledgment: theirs });
    expect(r.segments()).toMatchObject([{ sequence: theirs }]);
  });

  test("segments that come twice or out of order change nothing", () => {
    const { r, c, mine, theirs } = opened();
    const at = (offset: number, value: string): void =>
      r.tcp({ flags: ACK, sequence: mine + offset, acknowledgment: theirs, payload: text(value) });
    at(3, "def");
    expect(r.segment().acknowledgment).toBe(mine);
    at(0, "abc");
    at(0, "abcde");
    at(0, "abc");
    expect(c.written).toBe("abcde");
    expect(r.segment().acknowledgment).toBe(mine + 5);
  });

  test("a host that takes no more closes the window, and opens it", () => {
    const { r, c, mine, theirs } = opened();
    c.takes = false;
    r.tcp({ flags: ACK, sequence: mine, acknowledgment: theirs, payload: text("abc") });
    expect(r.segment()).toMatchObject({ acknowledgment: mine + 3, window: 0 });
    r.tcp({ flags: ACK, sequence: mine + 3, acknowledgment: theirs, payload: text("d") });
    expect(c.written).toBe("abc");
    c.takes = true;
    c.events.drained();
    expect(r.segment().window).toBeGreaterThan(0);
    r.tcp({ flags: ACK, sequence: mine + 3, acknowledgment: theirs, payload: text("d") });
    expect(c.written).toBe("abcd");
  });

  test("a host that sends more than the guest takes has to wait", () => {
    const { r, c, mine, theirs } = opened({ window: 1000 });
    c.events.data(new Uint8Array(300_000));
    expect(c.did).toEqual(["stop"]);
    let acknowledged = 0;
    for (let i = 0; i < 200 && !c.did.includes("flow"); i++) {
      acknowledged += r.segments().reduce((sum, { payload }) => sum + payload.length, 0);
      r.tcp({ flags: ACK, sequence: mine, acknowledgment: theirs + acknowledged, window: 1000 });
    }
    expect(c.did).toEqual(["stop", "flow"]);
  });

  test("connections have a limit, and each its own port", () => {
    const r = new Rig();
    for (let port = 1; port <= 1030; port++) r.tcp({ flags: SYN, sequence: 1 }, port);
    expect(r.connections).toHaveLength(1024);
    expect(r.segments().filter(({ flags }) => flags & RST)).toHaveLength(6);
  });

  test("a port of the host leads to the guest, which is asked for by ARP first", async () => {
    const r = new Rig({
      dhcpStart: GUEST + 5,
      forwards: [{ protocol: "tcp", host: "127.0.0.1", port: 8080, guestPort: 80 }],
    });
    await r.network.listen();
    const { connection, stream } = r.stream("peer", undefined as unknown as StreamEvents);
    const events = r.accept?.(stream) as StreamEvents;
    expect(r.got()).toEqual(["arp 1 10.0.2.2 for 10.0.2.20"]);
    r.network.send(arpRequest("10.0.2.2", "10.0.2.20"));
    const syn = r.segments()[0] as Segment;
    expect(syn).toMatchObject({ flags: SYN, destinationPort: 80 });
    events.data(text("hello"));
    const answer = tcpFrame(80, "10.0.2.2", syn.sourcePort, {
      ...{ flags: SYN | ACK, sequence: 77, acknowledgment: syn.sequence + 1, mss: 1460 },
    });
    // The guest's address is another one here.
    const { payload } = P.readIpv4(answer.subarray(14)) as P.Ipv4;
    P.view(payload).setUint16(16, P.view(payload).getUint16(16) - 5);
    r.network.send(ipFrame(P.TCP, DEFAULT_NETWORK.gateway, payload, GUEST + 5));
    expect(r.segment()).toMatchObject({ payload: text("hello"), acknowledgment: 78 });
    expect(connection.did).toEqual([]);
  });

  test("segments that are none, of any kind", () => {
    const { r, c } = opened();
    let seed = 7;
    for (let i = 0; i < 3000; i++) {
      const bytes = Uint8Array.from({ length: 60 }, () => {
        seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
        return seed >>> 16;
      });
      r.network.send(ipFrame(P.TCP, 0x5db8_d822, bytes));
      r.network.send(ipFrame(i & 0xff, 0x5db8_d822, bytes.subarray(i % 40)));
      r.network.send(bytes);
      r.tcp({ flags: i & 0x3f, sequence: seed, acknowledgment: seed >>> 3, payload: bytes });
    }
    expect(c.written).not.toContain("undefined");
  });
});

describe("what can be reached", () => {
  const reaches = (r: Rig, target: string): boolean => {
    const before = r.connections.length;
    r.tcp({ flags: SYN, sequence: 1 }, 6000 + before, target);
    return r.connections.length > before;
  };
  test("the host's loopback interface only where that is said", () => {
    const usual = new Rig();
    for (const target of [
      "10.0.2.2",
      "127.0.0.1",
      "0.0.0.0",
      "10.0.2.77",
      "224.0.0.1",
      "10.0.2.3",
    ]) {
      expect([target, reaches(usual, target)]).toEqual([target, false]);
    }
    expect(reaches(usual, "192.0.2.1")).toBe(true);
    const open = new Rig({ hasLoopback: true });
    expect(reaches(open, "10.0.2.2")).toBe(true);
    expect(open.connections[0]?.to).toBe("127.0.0.1:80");
    expect(reaches(open, "127.0.0.1")).toBe(false);
  });

  test("nothing at all where the network is restricted", () => {
    const r = new Rig({ isRestricted: true, hasLoopback: true });
    for (const target of ["10.0.2.2", "192.0.2.1"]) expect(reaches(r, target)).toBe(false);
    r.network.send(udpFrame(4000, "10.0.2.3", 53, text("name?")));
    expect(r.datagramsSent).toEqual([]);
    r.frames.length = 0;
    r.network.send(dhcp(1));
    expect(r.frames).toHaveLength(1);
  });
});

describe("UDP", () => {
  test("names are the host's resolver's to find", () => {
    const r = new Rig();
    r.network.send(udpFrame(4000, "10.0.2.3", 53, text("name?")));
    expect(r.datagramsSent).toEqual(["192.0.2.53:53 name?"]);
    r.takers[0]?.(text("address"), "192.0.2.53", 53);
    expect(r.got()).toEqual(["udp 10.0.2.3 to 10.0.2.15 53 4000 address"]);
    // Nobody else may answer.
    r.takers[0]?.(text("lie"), "192.0.2.54", 53);
    expect(r.got()).toEqual([]);
  });

  test("one socket a port, closed after silence", () => {
    const r = new Rig();
    for (const target of ["192.0.2.1", "192.0.2.2"]) {
      r.network.send(udpFrame(4000, target, 123, text("time?")));
    }
    expect(r.takers).toHaveLength(1);
    r.takers[0]?.(text("now"), "192.0.2.2", 123);
    expect(r.got()).toEqual(["udp 192.0.2.2 to 10.0.2.15 123 4000 now"]);
    r.network.poll(300e9);
    expect(r.datagramsSent.at(-1)).toBe("closed");
  });

  test("long ones come in fragments", () => {
    const r = new Rig();
    r.network.send(udpFrame(4000, "192.0.2.1", 123, text("more")));
    r.takers[0]?.(new Uint8Array(4000), "192.0.2.1", 123);
    const packets = r.frames.splice(0).map((frame) => P.view(frame.subarray(14)));
    expect(packets.map((p) => [p.getUint16(2), p.getUint16(6)])).toEqual([
      [1500, 0x2000],
      [1500, 0x2000 | 185],
      [1068, 370],
    ]);
  });

  test("a port of the host leads to the guest, and answers go back", async () => {
    const r = new Rig({
      forwards: [{ protocol: "udp", host: "127.0.0.1", port: 9, guestPort: 7 }],
    });
    await r.network.listen();
    r.takers[0]?.(text("hello"), "127.0.0.1", 3333);
    const [line = ""] = r.got();
    const port = Number(/ (\d+) 7 hello$/.exec(line)?.[1]);
    expect(line).toContain("udp 10.0.2.2 to 10.0.2.15");
    r.network.send(udpFrame(7, "10.0.2.2", port, text("and you")));
    expect(r.datagramsSent).toEqual(["127.0.0.1:3333 and you"]);
  });

  test("what leads nowhere is told", () => {
    const r = new Rig();
    r.network.send(udpFrame(4000, "10.0.2.2", 99, text("anybody?")));
    r.network.send(ping("192.0.2.1"));
    for (const everybody of ["10.0.2.255", "255.255.255.255"]) {
      r.network.send(udpFrame(137, everybody, 137, text("who?")));
    }
    expect(r.got()).toEqual(["icmp 3.3 10.0.2.2 to 10.0.2.15", "icmp 3.13 10.0.2.2 to 10.0.2.15"]);
  });
});

test("who looks for a router of IPv6 is told that there is none", () => {
  const r = new Rig();
  const solicitation = new Uint8Array(70);
  solicitation.set([0x33, 0x33, 0, 0, 0, 2, 0x52, 0x54, 0, 1, 2, 3, 0x86, 0xdd, 0x60], 0);
  solicitation.set([0, 16, 58, 255], 18);
  solicitation[54] = 133;
  r.network.send(solicitation);
  const [answer] = r.frames.splice(0);
  // Its lifetime, behind type, code, checksum, hop limit and flags; by RFC 4861, 4.2.
  expect([...(answer as Uint8Array).subarray(54)]).toEqual([
    ...[134, 0, 0x3c, 0x2e, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  ]);
  solicitation[54] = 135;
  r.network.send(solicitation);
  expect(r.frames).toEqual([]);
});

test("TFTP gives files in blocks of the size that is agreed on, and again where one is lost", () => {
  const r = new Rig();
  r.files.set("boot", text("x".repeat(1000)));
  const asked = text("\0\x01boot\0octet\0tsize\x000\0blksize\x00600\0");
  r.network.send(udpFrame(2000, "10.0.2.2", 69, asked));
  expect(r.got()).toEqual([
    "udp 10.0.2.2 to 10.0.2.15 69 2000 \0\x06tsize\x001000\0blksize\x00600\0",
  ]);
  const acknowledge = (block: number): void =>
    r.network.send(udpFrame(2000, "10.0.2.2", 69, Uint8Array.of(0, 4, 0, block)));
  acknowledge(0);
  expect(r.got()).toEqual([`udp 10.0.2.2 to 10.0.2.15 69 2000 \0\x03\0\x01${"x".repeat(600)}`]);
  r.wait(1.5);
  expect(r.got()).toHaveLength(1);
  acknowledge(1);
  expect(r.got()).toEqual([`udp 10.0.2.2 to 10.0.2.15 69 2000 \0\x03\0\x02${"x".repeat(400)}`]);
  acknowledge(2);
  expect(r.got()).toEqual([]);
});
