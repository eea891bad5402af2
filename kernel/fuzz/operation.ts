// One step of the fuzzer as plain data, so that a failing run can be cut down, kept and run again.

/** The message of a call or reply, and the windows for what comes back. */
export interface Message {
  words: number;
  typed: [bigint, bigint][];
  translateWindow: bigint;
  delegateWindow: bigint;
  /** UTCB flag: the next system call of a foreign domain is a hypercall. */
  hypercall: boolean;
  mtd: bigint;
}

/** A system call of whoever runs on the CPU. */
export interface Call {
  kind: "call";
  cpu: number;
  /** Whether the roottask makes it: the others would harm it, and it them, in a sequence that has been cut down. */
  byRoot: boolean;
  id: number;
  flags: number;
  selector: bigint;
  rsi: bigint;
  rdx: bigint;
  rax: bigint;
  r8: bigint;
  message: Message;
}

export type Operation =
  | Call
  /** The timer's deadline has come. */
  | { kind: "timer"; cpu: number }
  /** An exception of user code; `address` is CR2. */
  | { kind: "trap"; cpu: number; vector: number; error: number; address: bigint }
  /** A device's interrupt. */
  | { kind: "gsi"; cpu: number; gsi: number }
  /** The roottask, if it runs, makes (again) what is at this place. */
  | { kind: "spawn"; slot: number };

/** JSON with bigints as hexadecimal strings. */
export function toText(operation: Operation): string {
  return JSON.stringify(operation, (_key, value) =>
    typeof value === "bigint" ? `0x${value.toString(16)}` : value,
  );
}

export function fromText(text: string): Operation {
  return JSON.parse(text, (_key, value) =>
    typeof value === "string" && value.startsWith("0x") ? BigInt(value) : value,
  ) as Operation;
}
