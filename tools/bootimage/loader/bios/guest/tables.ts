// Where the BIOS has put tables for systems: the ACPI RSDP (ACPI Specification 6.5, 5.2.5.1: in the first KiB of the
// extended BIOS data area or below 1 MiB) and the SMBIOS entry point (SMBIOS Specification 3.7, 5.2).

import { load8, load16, load32, load64 } from "../../core/x86";

/** BIOS data area: segment of the extended one. */
const EBDA_SEGMENT: u64 = 0x40e;
const EBDA_SEARCHED: u64 = 0x400;
const CONVENTIONAL_END: u64 = 0xa_0000;
const ROM: u64 = 0xe_0000;
const SMBIOS_ROM: u64 = 0xf_0000;
const ROM_END: u64 = 0x10_0000;
/** Such tables begin on multiples of this. */
const STEP: u64 = 16;

/** "RSD PTR ". */
const RSDP_SIGNATURE: u64 = 0x2052_5450_2044_5352;
const RSDP_BYTES: u32 = 20;
const RSDP_REVISION: u64 = 15;
const RSDP_LENGTH: u64 = 20;
const RSDP_LONGEST: u32 = 4096;

/** "_SM_", and "_SM3" of "_SM3_". */
const SMBIOS_SIGNATURE: u32 = 0x5f4d535f;
const SMBIOS3_SIGNATURE: u32 = 0x334d535f;
const SMBIOS_BYTES: u64 = 5;
const SMBIOS3_BYTES: u64 = 6;
const SMBIOS_LONGEST: u32 = 64;

function sumsToZero(address: u64, bytes: u32): bool {
  let sum: u32 = 0;
  for (let i: u32 = 0; i < bytes; i++) sum += <u32>load8(address + i);
  return (sum & 0xff) === 0;
}

function isRsdp(address: u64): bool {
  if (load64(address) !== RSDP_SIGNATURE || !sumsToZero(address, RSDP_BYTES)) return false;
  if (load8(address + RSDP_REVISION) < 2) return true;
  const bytes = <u32>load32(address + RSDP_LENGTH);
  return bytes >= RSDP_BYTES && bytes <= RSDP_LONGEST && sumsToZero(address, bytes);
}

function findRsdp(start: u64, end: u64): u64 {
  for (let at = start; at < end; at += STEP) if (isRsdp(at)) return at;
  return 0;
}

/** Physical address of the RSDP, or 0. */
export function rsdp(): u64 {
  const ebda = load16(EBDA_SEGMENT) << 4;
  if (ebda >= STEP && ebda + EBDA_SEARCHED <= CONVENTIONAL_END) {
    const found = findRsdp(ebda, ebda + EBDA_SEARCHED);
    if (found !== 0) return found;
  }
  return findRsdp(ROM, ROM_END);
}

function findSmbios(signature: u32, lengthAt: u64): u64 {
  for (let at = SMBIOS_ROM; at < ROM_END; at += STEP) {
    if (<u32>load32(at) !== signature) continue;
    const bytes = <u32>load8(at + lengthAt);
    if (bytes > lengthAt && bytes <= SMBIOS_LONGEST && sumsToZero(at, bytes)) return at;
  }
  return 0;
}

/** Physical address of the SMBIOS entry point, the 32-bit one where there are both; or 0. */
export function smbios(): u64 {
  const old = findSmbios(SMBIOS_SIGNATURE, SMBIOS_BYTES);
  return old !== 0 ? old : findSmbios(SMBIOS3_SIGNATURE, SMBIOS3_BYTES);
}
