// The hypercalls about the machine: assign_pci, assign_gsi and machine_ctrl. doc/kernel-interface.md of the
// reference, "assign_gsi" and "machine_ctrl".

import {
  ARG1_SELECTOR_SHIFT,
  ASSIGN_GSI_RECONFIGURE,
  BAD_CAP,
  BAD_CPU,
  BAD_DEV,
  BAD_PAR,
  MACHINE_CTRL_SUSPEND,
  MACHINE_CTRL_UPDATE_MICROCODE,
  PERM_SM_UP,
  SUCCESS,
} from "./abi";
import { facsWakingVector } from "./acpi";
import { cpuById, isOnline } from "./cpu";
import { Ec, flagsOf, selectorOf, UNFINISHED } from "./ec";
import { gsiOf, routeGsi } from "./gsi";
import { IA32_BIOS_UPDT_TRIG } from "./msr_number";
import { isKernelMemory } from "./pool";
import { bindInterrupt, Sm } from "./sm";
import { lookupPd, lookupSm } from "./space_obj";
import { wrmsr_safe } from "./stub";
import { suspend } from "./suspend";
import { window } from "./x86";

/** ARG4 of assign_gsi: the interrupt's semaphore stays bound to what it is bound to. */
const NO_SIGNAL: u64 = ~(<u64>0);
/** Bytes of a microcode update before the data that the CPU wants. Intel SDM vol. 3A, 9.11.1. */
const MICROCODE_HEADER: u64 = 48;
const WINDOW_BYTES: u64 = 0x1_0000_0000;
/** SLP_TYP has three bits. ACPI Specification 6.5, 4.8.3.2.1. */
const SLEEP_TYPE_MAX: u32 = 7;

/** There is no IOMMU: no device can be assigned. */
export function sysAssignPci(ec: Ec): i32 {
  if (changetype<usize>(lookupPd(ec.domain, selectorOf(ec), 0)) === 0) return BAD_CAP;
  return BAD_DEV;
}

/**
 * Routes an IOAPIC pin or a message-signalled interrupt; OUT2 and OUT3 are the address and data of the latter.
 * ARG4 binds its semaphore to another one, or to none if it is its own.
 */
export function sysAssignGsi(ec: Ec): i32 {
  const target = ec.rdx & 0xffffffff;
  if (!isOnline(target)) return BAD_CPU;
  const sm = lookupSm(ec.domain, selectorOf(ec), 0);
  if (changetype<usize>(sm) === 0 || !sm.isInterrupt) return BAD_CAP;
  if (ec.rax !== NO_SIGNAL) {
    const signal = lookupSm(ec.domain, ec.rax, 0);
    if (changetype<usize>(signal) === 0) return BAD_CAP;
    if (signal === sm) {
      bindInterrupt(sm, changetype<Sm>(0));
      return SUCCESS;
    }
    // Every interrupt will up it: that takes the permission.
    if (signal.isInterrupt || lookupSm(ec.domain, ec.rax, PERM_SM_UP) !== signal) return BAD_CAP;
    if (!bindInterrupt(sm, signal)) return UNFINISHED;
  }
  return routeGsi(
    ec,
    gsiOf(sm),
    cpuById(<u32>target),
    (flagsOf(ec) & ASSIGN_GSI_RECONFIGURE) !== 0,
  );
}

/** Sleep states, with the SLP_TYP values in ARG1. OUT2 is the waking vector that the FACS has. */
function enterSleep(ec: Ec): i32 {
  const typeA = <u32>selectorOf(ec) & 0xff;
  const typeB = <u32>(selectorOf(ec) >> 8) & 0xff;
  ec.rsi = facsWakingVector();
  if (typeA > SLEEP_TYPE_MAX || typeB > SLEEP_TYPE_MAX) return BAD_PAR;
  return suspend(typeA, typeB);
}

/**
 * Loads microcode into this CPU: ARG1[31:12] bytes at the physical address ARG2. The CPU decides whether it is an
 * update for it; what the caller asks for is done, whatever came of it.
 */
function updateMicrocode(ec: Ec): i32 {
  const bytes = <u64>(<u32>ec.rdi >> ARG1_SELECTOR_SHIFT);
  const start = ec.rsi;
  const end = start + max<u64>(bytes, MICROCODE_HEADER);
  // The kernel reaches the first 4 GiB, and its own memory is nobody's.
  if (end > WINDOW_BYTES || end < start) return BAD_PAR;
  if (isKernelMemory(start, end)) return BAD_PAR;
  wrmsr_safe(IA32_BIOS_UPDT_TRIG, window() + start + MICROCODE_HEADER);
  return SUCCESS;
}

export function sysMachineCtrl(ec: Ec): i32 {
  if (!ec.domain.passthrough) return BAD_CAP;
  switch (flagsOf(ec) & 3) {
    case MACHINE_CTRL_SUSPEND:
      return enterSleep(ec);
    case MACHINE_CTRL_UPDATE_MICROCODE:
      return updateMicrocode(ec);
    default:
      return BAD_PAR;
  }
}
