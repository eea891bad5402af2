// A thread is interrupted at every instruction of its mediator: what the roottask then takes for its registers must be
// those before the call, or those behind it, and nothing else. The emulator goes through calls and tells the registers
// and the frame at each instruction; the roottask's code, in Node, is asked what it makes of them.

import { createCipheriv } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, it } from "vitest";
import * as abi from "../../kernel/abi.ts";
import { guestModule } from "../../tools/asc/guest.ts";
import { PREGRANTED, traceCalls, type Visit } from "../bench/calls.ts";
import { behindSymbol } from "../bench/program.ts";
import {
  FRAME_BYTES,
  MEDIATOR,
  MEDIATOR_BYTES,
  MEDIATOR_PAGES,
  PAGE_RANDOM,
  PAGE_RANDOM_BYTES,
  PAGE_RANDOM_LEFT,
  RANDOM_BYTES,
} from "../libhrstd/mediator_layout.ts";
import { roottask } from "../programs.ts";
import { makeSystem } from "../testing/boot.ts";
import { Machine } from "../testing/machine.ts";
import { sampleProgram, tarOf } from "../testing/samples.ts";
import { linkMediator, mediatorImage } from "./image.ts";

const GENERAL = [
  "rax",
  "rdx",
  "rbx",
  "rsp",
  "rbp",
  "rsi",
  "rdi",
  "r8",
  "r9",
  "r10",
  "r12",
] as const;
const LAST = ["r13", "r14", "r15"] as const;
/** SYSCALL changes these, whoever answers. */
const CHANGED = ["rcx", "r11"] as const;
type Name = (typeof GENERAL)[number] | (typeof LAST)[number] | (typeof CHANGED)[number];
type Registers = Record<Name | "rip" | "rflags", bigint>;

const UTCB: Record<Name, number> = {
  ...{ rax: abi.UTCB_RAX, rcx: abi.UTCB_RCX, rdx: abi.UTCB_RDX, rbx: abi.UTCB_RBX },
  ...{ rsp: abi.UTCB_RSP, rbp: abi.UTCB_RBP, rsi: abi.UTCB_RSI, rdi: abi.UTCB_RDI },
  ...{ r8: abi.UTCB_R8, r9: abi.UTCB_R8 + 8, r10: abi.UTCB_R8 + 16, r11: abi.UTCB_R8 + 24 },
  ...{ r12: abi.UTCB_R8 + 32, r13: abi.UTCB_R8 + 40, r14: abi.UTCB_R8 + 48, r15: abi.UTCB_R8 + 56 },
};
const NAMES = Object.keys(UTCB) as Name[];
/** Arithmetic flags and DF. */
const FLAGS = 0xcd5n;
/** The program's first thread is the first of all. */
const FRAME = BigInt(MEDIATOR_PAGES + 2 * 4096 - FRAME_BYTES);

interface Moment {
  registers: Registers;
  frame: Uint8Array;
}
interface Trace {
  before?: Registers;
  after?: Registers;
  moments: Moment[];
}

function registersOf({ cpu }: Visit): Registers {
  const general = Object.fromEntries(NAMES.map((name) => [name, cpu.general(name)]));
  return { ...(general as Registers), rip: cpu.wide("rip"), rflags: cpu.rflags };
}

const built = (file: string) =>
  readFileSync(fileURLToPath(new URL(`../../build/${file}`, import.meta.url)));

/** What a call of getrandom(2) has at one instruction: the thread's page, and the program's buffer. */
interface RandomMoment {
  page: Buffer;
  buffer: Buffer;
}

const RANDOM = "getrandom 200";
const RANDOM_SIZE = 200;
const KEY = PAGE_RANDOM + 16;
const KEY_BYTES = 32;
const randomMoments: RandomMoment[] = [];

const traces = new Map<string, Trace>();
let machine: Machine;
let frame = 0;

beforeAll(async () => {
  makeSystem();
  const system = { kernel: built("kernel.elf32"), roottask: built("roottask-bin") };
  await traceCalls(system, `${PREGRANTED}\nlinux calls`, (visit) => {
    const { name, cpu, symbols } = visit;
    if (cpu.cpl === 0) return;
    const trace = traces.get(name) ?? { moments: [] };
    traces.set(name, trace);
    const rip = cpu.wide("rip");
    const behind = symbols.address(behindSymbol(name)) as bigint;
    if (rip === behind - 2n) trace.before = registersOf(visit);
    if (name === RANDOM && trace.before) {
      const { machine } = visit;
      const page = Buffer.from(machine.readLinear(FRAME + BigInt(FRAME_BYTES) - 4096n, 4096));
      const buffer = Buffer.from(machine.readLinear(trace.before.rdi, RANDOM_SIZE));
      randomMoments.push({ page, buffer });
    }
    if (rip === behind) trace.after = registersOf(visit);
    if (rip < MEDIATOR || rip >= MEDIATOR + MEDIATOR_BYTES) return;
    const bytes = visit.machine.readLinear(FRAME, FRAME_BYTES).slice();
    trace.moments.push({ registers: registersOf(visit), frame: bytes });
  });

  machine = await Machine.create();
  machine.unpack(await tarOf([{ name: "bin/sample", mode: 0o755, data: sampleProgram() }]));
  expect(machine.launch("linux bin/sample")).toBe(0);
  const guest = roottask.parts?.mediator;
  if (!guest) throw new Error("the roottask has no mediator");
  const { wasm, sourceMap } = await guestModule(guest);
  machine.mediatorImage = machine.place(mediatorImage(linkMediator(wasm, sourceMap)));
  frame = machine.exports.giveMediatorTo(1);
  expect(frame).not.toBe(0);
});

/** What the roottask makes of a moment. */
function leave({ registers, frame: bytes }: Moment): Registers {
  const utcb = machine.exports.utcbOf(1);
  const { view } = machine;
  new Uint8Array(view.buffer).set(bytes, frame);
  for (const name of NAMES) view.setBigUint64(utcb + UTCB[name], registers[name], true);
  view.setBigUint64(utcb + abi.UTCB_RIP, registers.rip, true);
  view.setBigUint64(utcb + abi.UTCB_RFLAGS, registers.rflags, true);
  machine.exports.leave(1);
  const entries = NAMES.map((name) => [name, view.getBigUint64(utcb + UTCB[name], true)]);
  return {
    ...(Object.fromEntries(entries) as Registers),
    rip: view.getBigUint64(utcb + abi.UTCB_RIP, true),
    rflags: view.getBigUint64(utcb + abi.UTCB_RFLAGS, true),
  };
}

/** What programs can rely on, as text. */
function seen(registers: Registers | undefined): string {
  if (registers === undefined) return "nothing";
  const values = [...GENERAL, ...LAST, "rip" as const].map((name) => `${name} ${registers[name]}`);
  return [...values, `flags ${registers.rflags & FLAGS}`].join(" ");
}

it.each([
  ["getpid", true],
  ["clock_gettime", true],
  ["read 4 KiB", true],
  ["pread 4 KiB", true],
  ["getrandom 16", true],
  ["getrandom 200", true],
  ["brk", true],
  ["brk + 4 KiB", true],
  ["mmap 4 KiB", true],
  ["lseek", false],
])("%s is before the call or behind it at every instruction", (name, isAnswered) => {
  const trace = traces.get(name);
  const [before, after] = [seen(trace?.before), seen(trace?.after)];
  const sides = (trace?.moments ?? []).map((moment) => seen(leave(moment)));
  expect(sides.length).toBeGreaterThan(20);
  const first = sides.findIndex((side) => side !== before);
  const boundary = first < 0 ? sides.length : first;
  expect(new Set(sides.slice(boundary))).toEqual(new Set(isAnswered ? [after] : []));
  // The way back alone is behind the call.
  expect(sides.length - boundary).toBeLessThan(20);
});

/** What the next call with a page like this would get, by OpenSSL's ChaCha20 where bytes have to be made. */
function nextRandom(page: Buffer): Buffer {
  const left = page.readUInt32LE(PAGE_RANDOM_LEFT);
  const ready =
    left >= RANDOM_SIZE
      ? page.subarray(PAGE_RANDOM_BYTES, PAGE_RANDOM_BYTES + left)
      : keyStream(page).subarray(0, RANDOM_BYTES);
  return ready.subarray(-RANDOM_SIZE);
}

/** The bytes of a refill, and the key that follows. */
function keyStream(page: Buffer): Buffer {
  const key = page.subarray(KEY, KEY + KEY_BYTES);
  const cipher = createCipheriv("chacha20", key, Buffer.alloc(16));
  return cipher.update(Buffer.alloc(RANDOM_BYTES + KEY_BYTES));
}

/** Eight bytes of `part` are somewhere in `whole`. */
function shares(whole: Buffer, part: Buffer): boolean {
  for (let at = 0; at + 8 <= part.length; at += 8) {
    if (whole.includes(part.subarray(at, at + 8))) return true;
  }
  return false;
}

it("makes random bytes of a key that it replaces, and erases what it has given", () => {
  const [first, last] = [randomMoments[0] as RandomMoment, randomMoments.at(-1) as RandomMoment];
  // The call is one that makes bytes.
  expect(first.page.readUInt32LE(PAGE_RANDOM_LEFT)).toBeLessThan(RANDOM_SIZE);
  expect(last.buffer).toEqual(nextRandom(first.page));
  const key = last.page.subarray(KEY, KEY + KEY_BYTES);
  expect(key).toEqual(keyStream(first.page).subarray(RANDOM_BYTES));
  expect(shares(last.page, first.page.subarray(KEY, KEY + KEY_BYTES))).toBe(false);
  expect(shares(last.page, last.buffer)).toBe(false);
});

it("gives no random bytes twice, wherever the call is interrupted and made again", () => {
  const again = randomMoments.filter(({ page, buffer }) => shares(nextRandom(page), buffer));
  expect(again).toEqual([]);
});
