// Runs the roottask of guest.ts on a kernel, in the emulator, in QEMU and under KVM, and says what each path costs.
// A number is that of one round trip without the user's part: from SYSCALL, or the instruction that traps, up to
// SYSRET or IRET, both included. What loop and handler execute in user mode is counted by stepping through a round
// (listing.ts) and taken off.

import { Machine } from "../../tools/emulator/host/machine.ts";
import { HANG_MS } from "../../tools/testing/host-tools.ts";
import { bootImages } from "../testing/qemu.ts";
import { buildPathBench, END, fewLine, manyLine, type Rounds } from "./guest.ts";
import { type PathName, paths } from "./paths.ts";

/** Where a kernel runs: the emulator, QEMU counting instructions, the host's processor counting cycles. */
export type Accelerator = "emu" | "tcg" | "kvm";

/** Ticks of a round of each path, user mode included. */
export type Ticks = ReadonlyMap<PathName, number>;

/** As much as the reference kernel needs. */
const MEMORY = "512M";
/** The emulated machine, without kernel and roottask. */
/** Ticks of the time-stamp counter are instructions. */
export const BENCH_MACHINE = {
  memory: MEMORY,
  cpu: "max",
  icount: true,
  append: "serial",
} as const;

const EXACT: Rounds = { few: 64, more: 256, samples: 3 };
/** Cycles scatter: more rounds, and the best of more of them. */
const SCATTERED: Rounds = { few: 1000, more: 20_000, samples: 10 };
/** Virtual time, ns, in which everything is long over. */
const LIMIT_NS = 60e9;
/** What KVM needs altogether is far below a second; where it cannot run a kernel it may hang. */
const KVM_LIMIT_MS = 60_000;

function ticksOf(output: string, rounds: Rounds): Ticks {
  const failed = /^.*: status (?!0\s).*$/m.exec(output);
  if (failed) throw new Error(`the benchmark's roottask was refused: ${failed[0].trim()}`);
  if (!output.includes(END)) throw new Error(`the benchmark did not come to its end:\n${output}`);
  const lines = output.split(/\r?\n/);
  const least = (start: string) => {
    const values = lines.filter((line) => line.startsWith(start));
    return Math.min(...values.map((line) => Number.parseInt(line.slice(start.length), 16)));
  };
  return new Map(
    paths.map(({ name }) => [name, (least(manyLine(name)) - least(fewLine(name))) / rounds.more]),
  );
}

async function measureHere(kernel: Uint8Array, rounds: Rounds): Promise<Ticks> {
  const module = { file: buildPathBench(rounds), name: "bench" };
  const machine = await Machine.create({ ...BENCH_MACHINE, kernel, modules: [module] });
  machine.runSync({ until: `${END}\n`, nanoseconds: LIMIT_NS });
  return ticksOf(machine.serialOutput, rounds);
}

async function measureInQemu(
  kernel: Uint8Array,
  accelerator: "tcg" | "kvm",
  rounds: Rounds,
): Promise<Ticks> {
  const isCounting = accelerator === "tcg";
  const output = await bootImages(
    {
      kernel,
      roottask: buildPathBench(rounds),
      options: [
        ...["-m", MEMORY, "-append", "serial"],
        ...(isCounting ? ["-cpu", "max", "-icount", "shift=0"] : []),
      ],
      accelerator,
      limit: isCounting ? HANG_MS : KVM_LIMIT_MS,
    },
    END,
  );
  return ticksOf(output, rounds);
}

/** Instructions, or cycles under KVM. Throws an error where the roottask does not come to its end. */
export function measure(
  kernel: Uint8Array,
  accelerator: Accelerator,
  rounds = accelerator === "kvm" ? SCATTERED : EXACT,
): Promise<Ticks> {
  if (accelerator === "emu") return measureHere(kernel, rounds);
  return measureInQemu(kernel, accelerator, rounds);
}
