// Advanced Power Management, for kernels that want to use it: connected to its 32-bit interface. APM BIOS Interface
// Specification 1.2, 4.6: functions of INT 15h, AH = 53h, for the device of the BIOS itself.

import { ApmInfo } from "../../core/firmware";
import { bios } from "./bios";
import { clear, registers } from "./registers";

const SERVICES: i32 = 0x15;
const INSTALLATION_CHECK: u32 = 0x5300;
const CONNECT_32: u32 = 0x5303;
const DISCONNECT: u32 = 0x5304;
/** "PM" */
const SIGNATURE: u32 = 0x504d;
/** Of the flags: the 32-bit interface is supported. */
const HAS_32: u32 = 2;

function call(service: u32): bool {
  clear();
  registers.eax = service;
  return bios(SERVICES);
}

export function apm(out: ApmInfo): bool {
  if (!call(INSTALLATION_CHECK) || (registers.ebx & 0xffff) !== SIGNATURE) return false;
  if ((registers.ecx & HAS_32) === 0) return false;
  out.version = <u16>registers.eax;
  out.flags = <u16>registers.ecx;
  // Whoever was connected before; nobody is an error of no account.
  call(DISCONNECT);
  if (!call(CONNECT_32)) return false;
  out.codeSegment = <u16>registers.eax;
  out.offset = registers.ebx;
  out.codeSegment16 = <u16>registers.ecx;
  out.dataSegment = <u16>registers.edx;
  out.codeSegmentBytes = <u16>registers.esi;
  out.codeSegment16Bytes = <u16>(registers.esi >> 16);
  out.dataSegmentBytes = <u16>registers.edi;
  return true;
}
