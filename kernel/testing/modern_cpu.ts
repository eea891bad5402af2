// What the model of the machine has of newer CPUs: segment bases by instructions, and extended state, of which one
// word stands for all (the low half of XMM0). Intel SDM vol. 2: CPUID, RDFSBASE, WRFSBASE, SWAPGS, XSAVE, XRSTOR.

import { IA32_FS_BASE, IA32_KERNEL_GS_BASE } from "../msr_number.ts";

/** CPUID by leaf and subleaf: EAX, EBX, ECX, EDX. */
const LEAVES: Readonly<Record<string, readonly number[]>> = {
  "0.0": [0xd, 0, 0, 0],
  // ECX: TSC deadline timer, XSAVE.
  "1.0": [0, 0, (1 << 24) | (1 << 26), 0],
  // EBX: FSGSBASE.
  "7.0": [0, 1, 0, 0],
  // x87, SSE and AVX, in so many bytes.
  "13.0": [7, 832, 832, 0],
  // EAX: XSAVEOPT.
  "13.1": [1, 0, 0, 0],
};

/** XMM0 in an FXSAVE or XSAVE area. */
const XMM0 = 160n;

/** Registers of the CPU that no frame holds. */
export class ExtendedState {
  /** The low half of XMM0. */
  xmm0 = 0n;
  private readonly msrs: Map<number, bigint>;
  private readonly view: () => DataView;
  private readonly window: bigint;
  private isSwapped = false;

  constructor(msrs: Map<number, bigint>, view: () => DataView, window: bigint) {
    this.msrs = msrs;
    this.view = view;
    this.window = window;
  }

  private at(address: bigint): number {
    return Number(BigInt.asUintN(64, address) - this.window + XMM0);
  }

  /** What older CPUs have of it. */
  oldInstructions(): Record<string, (...args: never[]) => unknown> {
    const save = (address: bigint) => {
      this.view().setBigUint64(this.at(address), this.xmm0, true);
    };
    const restore = (address: bigint) => {
      this.xmm0 = this.view().getBigUint64(this.at(address), true);
    };
    return { fxsave: save, fxrstor: restore, xsave: save, xsaveopt: save, xrstor: restore };
  }

  /** The rest, with the CPUID that says so. `write` stores words in linear memory. */
  modernInstructions(
    write: (at: number, words: number[]) => void,
  ): Record<string, (...args: never[]) => unknown> {
    // The kernel's own GS base is in use all the time but between two SWAPGS.
    const userGs = (): number => {
      if (!this.isSwapped) throw new Error("the kernel's GS base is not the user's");
      return IA32_KERNEL_GS_BASE;
    };
    return {
      cpuid: (leaf: number, subleaf: number, out: number) => {
        write(out, [...(LEAVES[`${leaf >>> 0}.${subleaf}`] ?? [0, 0, 0, 0])]);
      },
      swapgs: () => {
        this.isSwapped = !this.isSwapped;
      },
      rdfsbase: () => this.msrs.get(IA32_FS_BASE) ?? 0n,
      wrfsbase: (value: bigint) => {
        this.msrs.set(IA32_FS_BASE, value);
      },
      rdgsbase: () => this.msrs.get(userGs()) ?? 0n,
      wrgsbase: (value: bigint) => {
        this.msrs.set(userGs(), value);
      },
    };
  }
}
