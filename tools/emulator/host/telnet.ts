// One end of a Telnet connection (RFC 854 to 858): characters as they are typed, echoed by the guest, eight bits each.

const SE = 240;
const SB = 250;
const WILL = 251;
const WONT = 252;
const DO = 253;
const DONT = 254;
const IAC = 255;

const BINARY = 0;
const ECHO = 1;
const SUPPRESS_GO_AHEAD = 3;

const CR = 13;

/** What a server does, and what it wants of the client; a client does the same without echo, and lets the server echo. */
const SERVER = { does: [ECHO, SUPPRESS_GO_AHEAD, BINARY], wants: [BINARY, SUPPRESS_GO_AHEAD] };
const CLIENT = { does: [SUPPRESS_GO_AHEAD, BINARY], wants: [ECHO, SUPPRESS_GO_AHEAD, BINARY] };

export class Telnet {
  readonly #rules: typeof SERVER;
  readonly #reply: (bytes: Uint8Array) => void;
  /** Options that this end does, and those it has asked the other one to do. */
  readonly #does = new Set<number>();
  readonly #asked = new Set<number>();
  /** The other end's bytes are as they are: CR has no NUL behind it. */
  #isBinary = false;
  #command: number[] = [];
  #isAfterCr = false;

  /** `reply` sends to the other end; a server opens with what it offers, as QEMU does. */
  constructor(isServer: boolean, reply: (bytes: Uint8Array) => void) {
    this.#rules = isServer ? SERVER : CLIENT;
    this.#reply = reply;
    if (!isServer) return;
    for (const option of SERVER.does) this.#say(WILL, option);
    this.#say(DO, BINARY);
  }

  #say(verb: number, option: number): void {
    if (verb === WILL) this.#does.add(option);
    if (verb === WONT) this.#does.delete(option);
    if (verb === DO) this.#asked.add(option);
    if (verb === DONT) this.#asked.delete(option);
    this.#reply(Uint8Array.of(IAC, verb, option));
  }

  /** The bytes among those that have arrived that are no commands. */
  received(bytes: Uint8Array): Uint8Array {
    const plain: number[] = [];
    for (const byte of bytes) {
      if (this.#command.length > 0) {
        if (this.#inCommand(byte)) plain.push(byte);
      } else if (byte === IAC) this.#command = [IAC];
      else {
        const isPadding = byte === 0 && this.#isAfterCr && !this.#isBinary;
        this.#isAfterCr = byte === CR;
        if (!isPadding) plain.push(byte);
      }
    }
    return Uint8Array.from(plain);
  }

  /** Takes a byte of a command; true where it stands for itself. */
  #inCommand(byte: number): boolean {
    const command = this.#command;
    if (command[1] === SB) {
      // Parameters of an option go up to IAC SE; nobody here has any.
      if (byte === SE && command[2] === IAC) this.#command = [];
      else command[2] = byte === IAC && command[2] !== IAC ? IAC : 0;
      return false;
    }
    if (command.length === 1) {
      if (byte >= SB && byte < IAC) command.push(byte);
      else this.#command = [];
      return byte === IAC;
    }
    this.#command = [];
    this.#negotiate(command[1] as number, byte);
    return false;
  }

  /** Answers what changes something, so that two ends come to an end (RFC 854, "general considerations"). */
  #negotiate(verb: number, option: number): void {
    const { does, wants } = this.#rules;
    if (verb === DO && !this.#does.has(option)) {
      this.#say(does.includes(option) ? WILL : WONT, option);
    } else if (verb === DONT && this.#does.has(option)) this.#say(WONT, option);
    else if (verb === WILL) {
      if (option === BINARY) this.#isBinary = true;
      if (!wants.includes(option)) this.#say(DONT, option);
      else if (!this.#asked.has(option)) this.#say(DO, option);
    } else if (verb === WONT) {
      if (option === BINARY) this.#isBinary = false;
      if (this.#asked.has(option)) this.#say(DONT, option);
    }
  }
}

/** Bytes for the other end: IAC stands for itself when it is doubled. */
export function telnetBytes(bytes: Uint8Array): Uint8Array {
  if (!bytes.includes(IAC)) return bytes;
  return Uint8Array.from([...bytes].flatMap((byte) => (byte === IAC ? [IAC, IAC] : [byte])));
}
