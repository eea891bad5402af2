// Floating-point and vector state, switched eagerly with the EC: the kernel itself uses none of it, and
// no EC ever sees another one's registers. XSAVE (with XSAVEOPT where it exists) for x87, SSE, AVX and
// AVX-512; FXSAVE on CPUs without. Intel SDM vol. 1, 13. AMX state is not enabled.

import { PAGE_SIZE } from "./abi";
import { allocPage, freePage } from "./page";
import { allocObject, freeObject } from "./slab";
import {
  cpuid,
  cr0,
  cr4,
  fxrstor,
  fxsave,
  set_cr0,
  set_cr4,
  window,
  xrstor,
  xsave,
  xsaveopt,
  xsetbv,
} from "./x86";

const CR0_MP: u64 = 1 << 1;
const CR0_EM: u64 = 1 << 2;
const CR0_TS: u64 = 1 << 3;
const CR0_NE: u64 = 1 << 5;
const CR4_OSFXSR: u64 = 1 << 9;
const CR4_OSXMMEXCPT: u64 = 1 << 10;
const CR4_OSXSAVE: u64 = 1 << 18;
/** x87, SSE, AVX, AVX-512 (three components). */
const SUPPORTED: u64 = 0xe7;
const FXSAVE_BYTES: u32 = 512;
/** Offsets in the FXSAVE image, and their values after FNINIT and reset. */
const FCW: usize = 0;
const MXCSR: usize = 24;
const FCW_INITIAL: u16 = 0x37f;
const MXCSR_INITIAL: u32 = 0x1f80;

/** The mask with which XSAVE and XRSTOR mean all components that XCR0 enables. */
export const ALL_STATE: u64 = ~(<u64>0);

let mask: u64 = 0;
let stateBytes: u32 = FXSAVE_BYTES;
let useXsaveopt: bool = false;

/** Finds out what there is to save; on the boot CPU. */
export function detectFpu(): void {
  const out = memory.data(16);
  cpuid(1, 0, out);
  if ((load<u32>(out, 8) & (1 << 26)) === 0) return;
  cpuid(0xd, 0, out);
  mask = <u64>load<u32>(out) & SUPPORTED;
  // The standard-format size of the components enabled, which enableFpu does first.
  enableFpu();
  cpuid(0xd, 0, out);
  stateBytes = load<u32>(out, 4);
  cpuid(0xd, 1, out);
  useXsaveopt = (load<u32>(out) & 1) !== 0;
}

export function fpuHasXsaveopt(): bool {
  return useXsaveopt;
}

/** On every CPU. */
export function enableFpu(): void {
  set_cr0((cr0() & ~(CR0_EM | CR0_TS)) | CR0_MP | CR0_NE);
  const base = cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT;
  if (mask === 0) {
    set_cr4(base);
    return;
  }
  set_cr4(base | CR4_OSXSAVE);
  xsetbv(0, mask);
}

/** State as after reset, or 0 when memory is out. */
export function allocFpu(): usize {
  if (stateBytes > <u32>PAGE_SIZE) return 0;
  const state = fpuIsPage() ? allocPage() : allocObject(stateBytes);
  if (state === 0) return 0;
  store<u16>(state + FCW, FCW_INITIAL);
  store<u32>(state + MXCSR, MXCSR_INITIAL);
  return state;
}

/** Whether the state takes a page of its own. */
export function fpuIsPage(): bool {
  return stateBytes > 1024;
}

export function freeFpu(state: usize): void {
  if (fpuIsPage()) freePage(state);
  else freeObject(state);
}

/** What has been saved at `from` is the state at `to`, too. */
export function copyFpu(to: usize, from: usize): void {
  memory.copy(to, from, stateBytes);
}

export function saveFpu(state: usize): void {
  const address = window() + <u64>state;
  if (useXsaveopt) xsaveopt(address, ALL_STATE);
  else if (mask !== 0) xsave(address, ALL_STATE);
  else fxsave(address);
}

export function loadFpu(state: usize): void {
  const address = window() + <u64>state;
  if (mask !== 0) xrstor(address, ALL_STATE);
  else fxrstor(address);
}
