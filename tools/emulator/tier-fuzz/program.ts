// A guest program as plain data: what the generator makes, the shrinker takes apart and a file keeps. Everything that
// was random is in it, so that removing a part leaves the others as they are.

import type { Sweep } from "./sweeps.ts";

/** How the CPUs execute. Code size, privilege, paging and segments follow from it (environment.ts). */
export const MODES = [
  "long",
  "long-user",
  "compatibility",
  "protected",
  "protected-user",
  "segmented",
  "segmented-16",
  "real",
] as const;
export type Mode = (typeof MODES)[number];

/** A register that is set before an instruction. */
export interface Load {
  /** 0–15, as encoded. */
  register: number;
  /** Hexadecimal digits. */
  value: string;
  /** The value comes from a variable that moves on by so many bytes each time. */
  stride?: number;
}

/** An instruction of the pool (encodings.ts) with what it wants. */
export interface Operation {
  /** Hexadecimal digits. */
  bytes: string;
  loads: Load[];
  /** RIP-relative operand: byte of its displacement, and the linear address that it is to reach. */
  relative?: { at: number; target: number };
}

export type Statement =
  | ({ kind: "op" } & Operation)
  /** A string instruction: DF is set for it with `down`. */
  | ({ kind: "string"; down: boolean } & Operation)
  /** The body so many times; the counter lives in a register of its own, in memory, or in CX. */
  | { kind: "loop"; count: number; counter: "register" | "memory" | "cx"; body: Statement[] }
  /** Accesses by pointers that move on in each round. */
  | Sweep
  /** A forward branch on the flags as they are. */
  | { kind: "if"; condition: number; taken: Statement[]; otherwise: Statement[] }
  /** A call, as long as its fuel lasts; without fuel always. */
  | { kind: "call"; target: number; how: "direct" | "register" | "memory"; fuel?: number }
  /** An indirect jump on the low bits of a register; as many cases as a power of two. */
  | { kind: "switch"; register: number; cases: Statement[][] }
  /** A conditional jump to a place of the same function, before or behind, as long as its fuel lasts. */
  | { kind: "jump"; condition: number; place: number; fuel: number }
  /** A target of such jumps. */
  | { kind: "place"; place: number }
  /**
   * Leaves the function: by RET; by POP and JMP; by RET with arguments dropped; by RET to the caller's caller. "push"
   * stays in it and jumps over nothing by PUSH and RET.
   */
  | { kind: "return"; how: "plain" | "jump" | "drop" | "skip" | "push" }
  /** An instruction that is rewritten: one of these encodings, which have one length. */
  | { kind: "site"; site: number; encodings: string[] }
  /** Writes an encoding over a site, so many bytes at a time, through the code's own address or another one. */
  | { kind: "patch"; site: number; encoding: number; width: 1 | 2 | 4; alias: boolean }
  /** Registers are pushed before the body and popped behind it. */
  | { kind: "save"; registers: number[]; body: Statement[] }
  /** A page of the data window gets another entry; the translation is dropped by INVLPG or a load of CR3. */
  | { kind: "map"; page: number; frame: number; flags: number; by: "invlpg" | "cr3" }
  /**
   * Far control transfers around instructions without memory: by a near call and a far return in one code segment, or
   * by far jumps to code of another size and back (64 and 32 bits, 32 and 16 bits, real and protected mode).
   */
  | { kind: "far"; to: "same" | "other"; body: Operation[] }
  /** Something with privileges or a side effect, by name (system-actions.ts). */
  | { kind: "system"; action: string };

export interface Program {
  mode: Mode;
  /** CPU model: with AVX2 and all else, or the default one. */
  model: "default" | "max";
  /** Seed of registers and data, and of what is done to the machines at the stops (stop-actions.ts). */
  data: number;
  /** Period of each CPU's timer interrupt, bus cycles; 0 for none. */
  timer: number;
  /** Bodies of functions; CPU n begins with function `entries[n]`. */
  functions: Statement[][];
  entries: number[];
  /** Virtual time between two stops, ns; the program has come to its end at the last one, or is given up. */
  stops: number[];
}

/** The lists of statements inside a statement. */
export function bodiesOf(statement: Statement): Statement[][] {
  switch (statement.kind) {
    case "loop":
    case "save":
      return [statement.body];
    case "if":
      return [statement.taken, statement.otherwise];
    case "switch":
      return statement.cases;
    default:
      return [];
  }
}

/** Statements of a list, those inside others included. */
export function countStatements(list: readonly Statement[]): number {
  return list.reduce(
    (sum, s) => sum + 1 + bodiesOf(s).reduce((inner, body) => inner + countStatements(body), 0),
    0,
  );
}
