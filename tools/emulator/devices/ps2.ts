// What PS/2 devices have in common behind the 8042: answers to commands, which come before data that
// waits and are forgotten with the next command, and the data itself (IBM Personal System/2 hardware
// interface technical reference, "Keyboard and auxiliary device controller").

export const ACK = 0xfa;
export const RESEND = 0xfe;
export const SELF_TEST_PASSED = 0xaa;
/** Bytes of data that wait at most; what is pressed or moved beyond is lost. */
export const QUEUE_LIMIT = 256;

export interface Ps2State {
  /** What is left of the answer to the last command. */
  replies: number[];
  queue: number[];
  /** The byte that was sent last. */
  last: number;
}

export abstract class Ps2Device {
  abstract state: Ps2State;
  /** Data appeared. */
  onData: () => void = () => {};

  hasData(): boolean {
    return this.state.replies.length > 0 || this.state.queue.length > 0;
  }

  /** The next byte; the last one again if there is none. */
  takeByte(): number {
    const s = this.state;
    s.last = s.replies.shift() ?? s.queue.shift() ?? s.last;
    return s.last;
  }

  /** A byte from the host. */
  abstract command(value: number): void;

  protected reply(...bytes: number[]): void {
    this.state.replies = bytes;
    this.onData();
  }
}
