// CPUID. Follows Intel SDM vol. 2, CPUID, and AMD64 APM vol. 3, appendix E. What the model has is in processor/model.ts.

import {
  RAX,
  RBX,
  RCX,
  RDX,
  S_APIC_BASE,
  S_CPL,
  S_CPU,
  S_CR4,
  S_MISC_FEATURES,
  S_XCR0,
} from "../../state";
import { linearBits } from "../memory/canonical";
import { failed } from "../op/leave";
import { Op } from "../op/op";
import { CR4_PKE, PHYSICAL_BITS } from "../processor/control_bits";
import { cpuCount } from "../processor/cpus";
import { GP } from "../processor/fault";
import { CPUID, charge } from "../processor/latency";
import {
  BRAND,
  EXTENDED_ECX,
  EXTENDED_EDX,
  EXTENDED_LEVEL,
  HYPERVISOR_BIT,
  hasBit,
  isAmd,
  LEAF1_ECX,
  LEAF1_EDX,
  LEAF7_EBX,
  LEAF7_ECX,
  LEVEL,
  modelWord,
  SIGNATURE,
  VENDOR,
} from "../processor/model";
import { AVX_OFFSET, areaSize, PKRU_OFFSET, stateComponents } from "../simd/fxsave";

const HYPERVISOR_LEAF: u32 = 0x40000000;

function leaf7(): void {
  const ecx = modelWord(LEAF7_ECX);
  // OSPKE: the system has turned protection keys on.
  const enabled: u32 = (load<u64>(S_CR4) & CR4_PKE) != 0 ? 0x10 : 0;
  result(0, modelWord(LEAF7_EBX), ecx | enabled, 0);
}

/** XSAVE: sizes, features, and where each component is. */
function leafD(sub: u32): void {
  const components = stateComponents();
  if (sub == 0) result(<u32>components, areaSize(load<u64>(S_XCR0)), areaSize(components), 0);
  else if (sub == 1)
    result(1, 0, 0, 0); // XSAVEOPT
  else if (sub == 2) result(256, <u32>AVX_OFFSET, 0, 0);
  else if (sub == 9 && (components & 0x200) != 0) result(8, <u32>PKRU_OFFSET, 0, 0);
  else result(0, 0, 0, 0);
}

function result(a: u32, b: u32, c: u32, d: u32): void {
  store<u64>(RAX, <u64>a);
  store<u64>(RBX, <u64>b);
  store<u64>(RCX, <u64>c);
  store<u64>(RDX, <u64>d);
}

/** The leaves that hypervisors have: the last of them and a name of 12 characters, "TrihedronEmu"; and nothing. */
function hypervisorLeaf(leaf: u32): void {
  if (leaf == HYPERVISOR_LEAF) result(HYPERVISOR_LEAF + 1, 0x68697254, 0x6f726465, 0x756d456e);
  else result(0, 0, 0, 0);
}

/** Bits needed for `n` logical CPUs in an APIC ID. */
function idBits(): u32 {
  return cpuCount <= 1 ? 0 : 32 - clz<u32>(cpuCount - 1);
}

/** CPUID; #GP(0) outside ring 0 while MISC_FEATURES_ENABLES says so. */
export function cpuid(op: Op): usize {
  if ((load<u32>(S_MISC_FEATURES) & 1) != 0 && load<u32>(S_CPL) != 0) return failed(op, GP, 0);
  charge(CPUID);
  let leaf = load<u32>(RAX);
  const sub = load<u32>(RCX);
  // The initial APIC ID, whatever software has written to the register.
  const id = load<u32>(S_CPU);
  const last = modelWord(LEVEL);
  if (hasBit(LEAF1_ECX, HYPERVISOR_BIT) && leaf >> 1 == HYPERVISOR_LEAF >> 1) {
    hypervisorLeaf(leaf);
    return op.next();
  }
  // Leaves beyond the last answer like the last basic leaf.
  if (leaf > (leaf < 0x80000000 ? last : modelWord(EXTENDED_LEVEL))) leaf = last;
  switch (leaf) {
    case 0:
      result(last, modelWord(VENDOR), modelWord(VENDOR + 2), modelWord(VENDOR + 1));
      break;
    case 1: {
      let c = modelWord(LEAF1_ECX);
      if ((load<u64>(S_CR4) & 0x40000) != 0) c |= 0x08000000; // OSXSAVE
      let d = modelWord(LEAF1_EDX) | (cpuCount > 1 ? 0x10000000 : 0);
      if ((load<u64>(S_APIC_BASE) & 0x800) == 0) d &= ~0x200;
      result(modelWord(SIGNATURE), (id << 24) | ((<u32>cpuCount) << 16) | 0x0800, c, d);
      break;
    }
    case 2:
      result(0x76035a01, 0x00f0b2ff, 0, 0x00ca0000);
      break;
    case 4: {
      if (isAmd()) {
        result(0, 0, 0, 0);
        break;
      }
      const cores = (<u32>(cpuCount - 1)) << 26;
      if (sub == 0) result(0x121 | cores, 0x01c0003f, 63, 0);
      else if (sub == 1) result(0x122 | cores, 0x01c0003f, 63, 0);
      else if (sub == 2) result(0x143 | cores, 0x01c0003f, 511, 0);
      else if (sub == 3) result(0x163 | cores | ((<u32>cpuCount - 1) << 14), 0x03c0003f, 4095, 6);
      else result(0, 0, 0, 0);
      break;
    }
    case 5:
      result(64, 64, 3, 0);
      break;
    case 6:
      result(4, 0, 0, 0); // ARAT
      break;
    case 7:
      if (sub == 0) leaf7();
      else result(0, 0, 0, 0);
      break;
    case 0xb:
      // SMT level of one thread, core level of all CPUs.
      if (sub == 0) result(0, 1, 0x100, id);
      else if (sub == 1) result(idBits(), <u32>cpuCount, 0x201, id);
      else result(0, 0, sub & 0xff, id);
      break;
    case 0xd:
      leafD(sub);
      break;
    case 0x80000000:
      result(modelWord(EXTENDED_LEVEL), 0, 0, 0);
      break;
    case 0x80000001:
      // AMD's processors tell there, too, what leaf 1 does.
      if (isAmd()) {
        const both = modelWord(LEAF1_EDX) & 0x0183f3ff;
        result(modelWord(SIGNATURE), 0, modelWord(EXTENDED_ECX), modelWord(EXTENDED_EDX) | both);
      } else result(0, 0, modelWord(EXTENDED_ECX), modelWord(EXTENDED_EDX));
      break;
    case 0x80000002:
    case 0x80000003:
    case 0x80000004: {
      const at = BRAND + 4 * <i32>(leaf - 0x80000002);
      result(modelWord(at), modelWord(at + 1), modelWord(at + 2), modelWord(at + 3));
      break;
    }
    case 0x80000006:
      result(0, 0, 0x01006040, 0);
      break;
    case 0x80000007:
      result(0, 0, 0, 0x100); // invariant TSC
      break;
    case 0x80000008:
      result(<u32>PHYSICAL_BITS | (linearBits() << 8), 0, isAmd() ? <u32>cpuCount - 1 : 0, 0);
      break;
    default:
      result(0, 0, 0, 0);
  }
  return op.next();
}
