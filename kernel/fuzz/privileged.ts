// The model's side of what passthrough domains alone may do: model-specific registers and machine_ctrl
// (doc/kernel-interface.md of the reference, "pd_ctrl_msr_access" and "machine_ctrl").

import * as abi from "../abi.ts";
import { KERNEL_END, KERNEL_START } from "../layout.ts";
import * as msr from "../msr_number.ts";

/** Ranges of MSRs, first and last, that nobody is given: what the kernel itself lives on, and virtualization. */
const KEPT: readonly (readonly [first: number, last: number])[] = [
  [msr.IA32_TSC, msr.IA32_TSC],
  [msr.IA32_APIC_BASE, msr.IA32_APIC_BASE],
  [msr.IA32_TSC_ADJUST, msr.IA32_TSC_ADJUST],
  [msr.IA32_SYSENTER_CS, msr.IA32_SYSENTER_EIP],
  [msr.IA32_VMX_BASIC, msr.IA32_VMX_VMFUNC],
  [msr.IA32_DS_AREA, msr.IA32_DS_AREA],
  [msr.IA32_TSC_DEADLINE, msr.IA32_TSC_DEADLINE],
  [msr.IA32_X2APIC, msr.IA32_X2APIC_END],
  [msr.IA32_EFER, msr.IA32_EFER],
  [msr.IA32_GS_BASE, msr.IA32_TSC_AUX],
  [msr.VM_HSAVE_PA, msr.VM_HSAVE_PA],
];
/** Those that can be read but not written. */
const READ_ONLY: readonly (readonly [first: number, last: number])[] = [
  [msr.IA32_FEATURE_CONTROL, msr.IA32_FEATURE_CONTROL],
  [msr.IA32_PAT, msr.IA32_PAT],
  [msr.IA32_MTRR_DEF_TYPE, msr.IA32_MTRR_DEF_TYPE],
  [msr.IA32_MTRR_PHYSBASE0, msr.IA32_MTRR_FIX4K_F8000],
];
/** Not in any of the lists. */
const OTHERS = [0x17, msr.IA32_BIOS_UPDT_TRIG, 0x1a0, 0x8b, 0x12345, 0xc000_0100];

const isIn = (ranges: typeof KEPT, number: number) =>
  ranges.some(([first, last]) => number >= first && number <= last);

/** Both ends of all ranges, what is beside them, and some that are free. */
export const MSRS: readonly number[] = [
  ...[...KEPT, ...READ_ONLY].flatMap(([first, last]) => [first - 1, first, last, last + 1]),
  ...OTHERS,
];

export interface Answer {
  status: number;
  rsi?: bigint;
}

/** The MSRs of the machine; every other one of `MSRS` exists. */
export class Msrs {
  readonly values = new Map<number, bigint>();

  constructor() {
    for (const [i, number] of MSRS.entries()) {
      if (i % 4 !== 3) this.values.set(number, BigInt(number) << 24n);
    }
  }

  read(number: number): Answer {
    const value = isIn(KEPT, number) ? undefined : this.values.get(number);
    return value === undefined
      ? { status: abi.BAD_PAR, rsi: 0n }
      : { status: abi.SUCCESS, rsi: value };
  }

  write(number: number, value: bigint): Answer {
    if (isIn(KEPT, number) || isIn(READ_ONLY, number) || !this.values.has(number)) {
      return { status: abi.BAD_PAR };
    }
    this.values.set(number, value);
    return { status: abi.SUCCESS };
  }
}

/** machine_ctrl of a passthrough domain on a machine whose firmware describes no sleep states. */
export function machineControl(flags: number, arg1: bigint, arg2: bigint): Answer {
  const operation = flags & 3;
  if (operation === abi.MACHINE_CTRL_SUSPEND) {
    const types = [arg1 & 0xffn, (arg1 >> 8n) & 0xffn];
    return { status: types.some((type) => type > 7n) ? abi.BAD_PAR : abi.BAD_FTR, rsi: 0n };
  }
  if (operation !== abi.MACHINE_CTRL_UPDATE_MICROCODE) return { status: abi.BAD_PAR };
  // An update has 48 bytes of header at least, and is where the kernel can hand it to the CPU.
  const size = arg1 & 0xf_ffffn;
  const end = arg2 + (size > 48n ? size : 48n);
  const isKernels = arg2 < BigInt(KERNEL_END) && end > BigInt(KERNEL_START);
  return { status: end > 1n << 32n || isKernels ? abi.BAD_PAR : abi.SUCCESS };
}
