// Boots the system that `trihedron-make` left in build/, as docs/emulator.md says: for TypeScript, tsx and vitest.

import { LoadError, Machine, type MachineOptions, type Stop } from "trihedron";
import { type CompileOptions, compile, linkLinux } from "trihedron/aot";
import { BootImageError, makeBootImage, type SystemsOptions } from "trihedron/bootimage";
import { Machine as WebMachine, type MachineOptions as WebOptions } from "trihedron/web";

const options: MachineOptions = {
  kernel: "build/kernel.elf32",
  modules: "build/roottask-bin roottask,build/userland.tar userland",
  memory: "256M",
  cpus: 2,
};

export async function boot(): Promise<{ stop: Stop; again: Stop; serial: string }> {
  const machine = await Machine.create(options);
  await machine.run({ until: "summary" });
  const saved = machine.snapshot();
  const stop = await machine.run();
  const serial = machine.serialOutput;
  machine.restore(saved);
  return { stop, again: await machine.run(), serial };
}

export async function refusal(): Promise<string> {
  const error = await Machine.create({ kernel: "nowhere" }).catch((problem: unknown) => problem);
  return error instanceof LoadError ? error.message : `not refused: ${String(error)}`;
}

/** The kernel's bytes in the machine of browsers, which is here too. */
export async function webSerial(kernel: Uint8Array): Promise<string> {
  const given: WebOptions = { kernel, memory: 128 * 1024 * 1024 };
  const machine = await WebMachine.create(given);
  await machine.run({ until: "[kernel]" });
  return machine.serialOutput;
}

/** An executable for Linux from the smallest module with a main that returns 42. */
export function compiled(): Uint8Array {
  const wasm = new Uint8Array([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...[1, 5, 1, 0x60, 0, 1, 0x7f],
    ...[3, 2, 1, 0],
    ...[7, 8, 1, 4, 0x6d, 0x61, 0x69, 0x6e, 0, 0],
    ...[10, 6, 1, 4, 0, 0x41, 42, 0x0b],
  ]);
  const target: CompileOptions = { target: "linux", name: "answer" };
  return linkLinux(compile(wasm, target));
}

/** Bytes of a boot image of the kernel, or what is wrong with one of nothing. */
export async function bootImage(kernel: string): Promise<number | string> {
  const image: SystemsOptions = {
    output: "build/own.img",
    systems: [{ kernel: { file: kernel } }],
  };
  try {
    return (await makeBootImage(image)).size;
  } catch (error) {
    return error instanceof BootImageError ? error.message : `not refused: ${String(error)}`;
  }
}
