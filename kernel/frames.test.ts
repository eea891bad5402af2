// The kernel's call frame information: stepping through boot and the roottask's start in the emulator, what readelf
// reads from the symbol file leads from every kernel instruction to the callers that are there, with the registers that
// they had, down to the user's instruction.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Decoder, DecoderOptions, FlowControl } from "iced-x86";
import { describe, expect, it } from "vitest";
import { compileRoottask } from "../roottask/build.ts";
import { guestModule } from "../tools/asc/guest.ts";
import { readElf } from "../tools/elf/index.ts";
import { Machine } from "../tools/emulator/host/machine.ts";
import { type CpuAccess, GENERAL_NAMES } from "../tools/emulator/platform/cpu-access.ts";
import { hasTool } from "../tools/testing/host-tools.ts";
import { buildKernelFiles } from "./build.ts";
import { CPU_EC, EC_REGS, FRAME_SIZE, ISR_STRIDE } from "./layout.ts";
import { KERNEL_GUEST } from "./options.ts";

/** Instructions of the kernel that are looked at: from its start, and once the roottask runs. */
const BOOT_STEPS = 2000;
const STEPS = 8000;
/** The same for one system call or interrupt. */
const ENTRY_STEPS = 500;
/** What a called function gives back, and the stack pointer. */
const PRESERVED = ["rbx", "rbp", "r12", "r13", "r14", "r15", "rsp"] as const;

/** A line of readelf's interpreted frame table: rules by column name. */
interface Row {
  from: bigint;
  rules: Map<string, string>;
}

/** What the CIE says. */
const COMMON = new Map([
  ["CFA", "rsp+8"],
  ["ra", "c-8"],
]);

/** The rows of `readelf --debug-dump=frames-interp`, ascending. */
function frameRows(path: string): Row[] {
  const run = spawnSync("readelf", ["--debug-dump=frames-interp", path], { encoding: "utf8" });
  const rows: Row[] = [];
  let columns: string[] = [];
  let start = 0n;
  let end = 0n;
  let empty = true;
  for (const line of run.stdout.split("\n")) {
    const range = / FDE .*pc=([0-9a-f]+)\.\.([0-9a-f]+)/.exec(line);
    if (range) {
      [start, end, empty] = [BigInt(`0x${range[1]}`), BigInt(`0x${range[2]}`), true];
    }
    const [first = "", ...rest] = line
      .replace(/r\d+ \((\w+)\)/g, "$1")
      .trim()
      .split(/\s+/);
    if (first === "LOC") columns = rest;
    else if (/^[0-9a-f]{16}$/.test(first) && rest.length === columns.length) {
      empty = false;
      rows.push({
        from: BigInt(`0x${first}`),
        rules: new Map(columns.map((c, i) => [c, rest[i] ?? ""])),
      });
    } else if (line === "" && end > 0n) {
      // Where nothing changes readelf prints nothing, and the common part holds.
      if (empty) rows.push({ from: start, rules: COMMON });
      rows.push({ from: end, rules: new Map() });
      end = 0n;
    }
  }
  return rows.sort((a, b) => Number(a.from - b.from) || a.rules.size - b.rules.size);
}

type Registers = Map<string, bigint>;

/** Unwinds by the table; memory is the machine's. */
class Unwinder {
  readonly #rows: Row[];
  readonly #machine: Machine;

  constructor(rows: Row[], machine: Machine) {
    this.#rows = rows;
    this.#machine = machine;
  }

  #word(address: bigint): bigint {
    const bytes = this.#machine.readLinear(BigInt.asUintN(64, address), 8);
    if (bytes.length < 8) throw new Error(`nothing is mapped at ${address.toString(16)}`);
    return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  }

  #row(address: bigint): Row {
    let low = 0;
    let high = this.#rows.length;
    while (low < high) {
      const mid = (low + high) >> 1;
      if ((this.#rows[mid] as Row).from <= address) low = mid + 1;
      else high = mid;
    }
    const row = this.#rows[low - 1];
    if (!row || row.rules.size === 0) throw new Error(`no frame at ${address.toString(16)}`);
    return row;
  }

  /** The caller's registers, `rip` among them; undefined where nobody called. `called`: rip is behind a call. */
  caller(registers: Registers, called: boolean): Registers | undefined {
    const rip = registers.get("rip") as bigint;
    const { rules } = this.#row(called ? rip - 1n : rip);
    const value = (name: string) => registers.get(name) as bigint;
    const rule = rules.get("CFA") ?? "";
    let cfa: bigint;
    // The one expression there is: by way of the last word of the CPU's stack.
    if (rule === "exp")
      cfa = this.#word(this.#word(value("rsp")) + BigInt(CPU_EC)) + BigInt(EC_REGS + FRAME_SIZE);
    else {
      const [, base = "", offset = ""] = /^(\w+)\+(\d+)$/.exec(rule) ?? [];
      cfa = value(base) + BigInt(offset);
    }
    const next = new Map(registers).set("rsp", cfa);
    for (const [column, how] of rules) {
      if (column === "CFA") continue;
      const name = column === "ra" ? "rip" : column;
      const stored = /^c([-+]\d+)$/.exec(how);
      if (stored) next.set(name, this.#word(cfa + BigInt(stored[1] ?? 0)));
      else if (/^r\w+$/.test(how)) next.set(name, value(how));
      else if (how === "u" && column === "ra") return undefined;
    }
    return next;
  }
}

/** A call that has not returned: where it goes on, and with which registers. */
interface Call {
  registers: Registers;
  /** Interrupted instead of called. */
  signal: boolean;
}

/** Follows CPU 0 by what its instructions do, and compares. */
class Walk {
  readonly #machine: Machine;
  readonly #cpu: CpuAccess;
  readonly #unwinder: Unwinder;
  /** Starts of the tables of interrupt entries. */
  readonly #stubs: bigint[];
  readonly #flow = new Map<bigint, { flow: FlowControl; next: bigint }>();
  #calls: Call[] = [];
  /** Where the user goes on after a system call. */
  #user: bigint | undefined;
  #booting = true;
  /** The machine has come to its end. */
  #ended = false;
  #sinceEntry = 0;
  readonly wrong: string[] = [];
  deepest = 0;
  entries = 0;

  constructor(machine: Machine, unwinder: Unwinder, stubs: bigint[]) {
    this.#machine = machine;
    this.#cpu = machine.cpus[0] as CpuAccess;
    this.#unwinder = unwinder;
    this.#stubs = stubs;
  }

  /** Runs on until somewhere in user code, where there are no calls of the kernel's to know about. */
  skip(): void {
    do this.#ended = this.#machine.runSync({ instructions: 300 }).kind !== "limit";
    while (this.#cpu.cpl !== 3 && !this.#ended);
    this.#calls = [];
    this.#sinceEntry = 0;
    this.#booting = false;
  }

  /** Executes `count` instructions of the kernel, and those of the user between them. */
  steps(count: number): this {
    for (let n = 0; n < count && this.wrong.length < 5 && !this.#ended; ) {
      if (this.#cpu.cpl === 0) {
        this.#compare();
        n++;
        // Delegating all memory takes millions of instructions that tell nothing new.
        if (this.#sinceEntry++ > ENTRY_STEPS && !this.#booting) this.skip();
      }
      this.#step();
    }
    return this;
  }

  #registers(): Registers {
    const registers = new Map(
      GENERAL_NAMES.map((name): [string, bigint] => [name, this.#cpu.general(name)]),
    );
    return registers.set("rip", this.#cpu.wide("rip"));
  }

  #decode(rip: bigint): { flow: FlowControl; next: bigint } {
    let known = this.#flow.get(rip);
    if (!known) {
      const code = this.#machine.readLinear(rip, 15);
      const decoder = new Decoder(64, code, DecoderOptions.None);
      const { flowControl, length } = decoder.decode();
      known = { flow: flowControl, next: rip + BigInt(length) };
      this.#flow.set(rip, known);
    }
    return known;
  }

  #step(): void {
    const fromUser = this.#cpu.cpl === 3;
    const before = fromUser ? new Map<string, bigint>() : this.#registers();
    const { flow, next } = this.#decode(this.#cpu.wide("rip"));
    this.#machine.step();
    if (this.#cpu.cpl === 3) {
      this.#booting = false;
      return;
    }
    const rip = this.#cpu.wide("rip");
    const stub = this.#stubs.some(
      (start) => rip >= start && rip < start + BigInt(256 * ISR_STRIDE),
    );
    if (fromUser) {
      this.#calls = [];
      this.#sinceEntry = 0;
      this.entries++;
      this.#user = stub ? undefined : this.#cpu.general("rcx");
    } else if (stub && (rip & BigInt(ISR_STRIDE - 1)) === 0n) {
      // Only HLT is interrupted; it goes on behind it.
      this.#calls.push({ registers: before.set("rip", next), signal: true });
    } else if (flow === FlowControl.Call || flow === FlowControl.IndirectCall) {
      this.#calls.push({ registers: before.set("rip", next), signal: false });
      this.deepest = Math.max(this.deepest, this.#calls.length);
    } else if (flow === FlowControl.Return) this.#calls.pop();
  }

  #compare(): void {
    const here = this.#registers();
    const place = (here.get("rip") as bigint).toString(16);
    try {
      this.#unwind(here);
    } catch (error) {
      // Before the first program runs nothing is behind the way out.
      if (this.#booting && this.#calls.length === 0) return;
      this.wrong.push(`${place}: ${(error as Error).message}`);
    }
  }

  #unwind(here: Registers): void {
    let registers: Registers | undefined = here;
    let called = false;
    for (const call of [...this.#calls].reverse()) {
      registers = this.#unwinder.caller(registers, called);
      if (!registers) throw new Error("the stack ends early");
      for (const name of ["rip", ...PRESERVED]) {
        const expected = call.registers.get(name) as bigint;
        const found = registers.get(name) as bigint;
        if (found === expected) continue;
        throw new Error(`${name} is ${found.toString(16)}, not ${expected.toString(16)}`);
      }
      called = !call.signal;
    }
    const user = this.#unwinder.caller(registers, called)?.get("rip");
    if (this.#booting) {
      if (user !== undefined) throw new Error("something called the boot code");
    } else if (user === undefined || user >> 47n !== 0n) throw new Error("no user behind it");
    else if (this.#calls.length === 0 && this.#user !== undefined && user !== this.#user)
      this.#user = undefined; // another thread has become the current one
  }
}

describe.skipIf(!hasTool("readelf"))("call frame information of the kernel", () => {
  it("leads to all callers at every instruction", async () => {
    const { wasm, sourceMap } = await guestModule(KERNEL_GUEST);
    const { image, symbols } = buildKernelFiles(wasm, sourceMap);
    const user = await compileRoottask();
    const folder = mkdtempSync(join(tmpdir(), "kernel-frames-"));
    const path = join(folder, "kernel");
    writeFileSync(path, symbols);
    const rows = frameRows(path);
    rmSync(folder, { recursive: true });
    const machine = await Machine.create({
      kernel: image,
      modules: [
        {
          file: user,
          name: "roottask",
          commandLine: "roottask",
        },
      ],
      memory: "256M",
      cpus: 1,
      debugExit: { iobase: 0xf4, iosize: 4 },
    });
    const names = readElf(symbols).readSymbols();
    const address = (name: string) => names.find((symbol) => symbol.name === name)?.value ?? 0n;
    const cpu = machine.cpus[0] as CpuAccess;
    while (cpu.wide("rip") !== address("kernel_entry64")) machine.step();
    const walk = new Walk(machine, new Unwinder(rows, machine), [
      address("isr_stubs"),
      address("isr_stubs_smap"),
    ]);
    expect(walk.steps(BOOT_STEPS).wrong).toEqual([]);
    walk.skip();
    expect(walk.steps(STEPS).wrong).toEqual([]);
    expect(walk.deepest).toBeGreaterThan(3);
    expect(walk.entries).toBeGreaterThan(8);
  });
});
