// Records what a kernel answers to the interface's probe and to the one that sleeps, on QEMU with one CPU and with two:
// the oracle of interface.test.ts and suspend.test.ts, when KERNEL is the reference (built with HEAP_SIZE_MB=32, so
// that it fits into 256 MiB). It does not always wake up its second CPU; then this has to be tried again.
// Usage: node --import ./tools/loader/register.mjs kernel/testing/record.ts KERNEL

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bootThroughGrub, GRUB_CONFIG } from "./grub.ts";
import { buildInterfaceProbe } from "./interface_probe.ts";
import { bootOnQemu, kernelOptions } from "./qemu.ts";
import { buildSuspendProbe, SUSPEND_END } from "./suspend_probe.ts";

/** The machine of the recordings: without virtualisation, which this kernel does not have. */
export const INTERFACE_MACHINE = ["-m", "256M", "-cpu", "max,-svm"];
export const INTERFACE_END = "probe ends\n";

export const recordingOf = (cpus: number) =>
  new URL(`interface.${cpus}.expected.txt`, import.meta.url);

/**
 * The machine that sleeps: firmware for q35 does not turn its power management on again. All processors in one thread
 * of the host: in several, on a busy host, some never come back from a sleep, in the firmware or in the kernel.
 */
export const SUSPEND_MACHINE = ["-accel", "tcg,thread=single", "-machine", "pc", "-m", "256M"];

export const suspendRecordingOf = (cpus: number) =>
  new URL(`suspend.${cpus}.expected.txt`, import.meta.url);

async function recordSuspend(kernel: string): Promise<void> {
  const image = readFileSync(kernel);
  for (const cpus of [1, 2]) {
    const machine = [...SUSPEND_MACHINE, "-cpu", "max,-svm", "-smp", `${cpus}`];
    const probe = buildSuspendProbe();
    const text = await bootThroughGrub(GRUB_CONFIG, image, probe, machine, SUSPEND_END);
    if (!text.endsWith(SUSPEND_END)) throw new Error(`${kernel}, ${cpus} CPUs:\n${text}`);
    writeFileSync(suspendRecordingOf(cpus), text);
  }
}

async function record(kernel: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "trihedron-record-"));
  try {
    const file = join(folder, "probe");
    writeFileSync(file, buildInterfaceProbe());
    for (const cpus of [1, 2]) {
      const machine = [...INTERFACE_MACHINE, "-smp", `${cpus}`];
      const options = [...kernelOptions(kernel, { file, args: "probe" }), ...machine];
      const text = await bootOnQemu(options, INTERFACE_END);
      if (!text.endsWith(INTERFACE_END)) throw new Error(`${kernel}, ${cpus} CPUs:\n${text}`);
      writeFileSync(recordingOf(cpus), text);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const [, program, kernel] = process.argv;
if (program?.endsWith("record.ts")) {
  if (kernel) {
    await record(kernel);
    await recordSuspend(kernel);
  } else {
    process.stderr.write("record: which kernel? Give the file of its image\n");
    process.exitCode = 1;
  }
}
