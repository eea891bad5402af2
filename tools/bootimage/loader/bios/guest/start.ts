// What a BIOS is to the boot loader's core, and whether machine and medium are fit for it. Nothing above 1 MiB is
// touched before A20 is on.

import { allocateFromMap, claimFromMap, reserve } from "../../core/allocator";
import { initConsole } from "../../core/console";
import { fail } from "../../core/failure";
import { firmware } from "../../core/firmware";
import { load32 } from "../../core/x86";
import { PAGE_TABLES } from "../layout";
import { enableA20 } from "./a20";
import { apm } from "./apm";
import { milliseconds } from "./clock";
import { diskStatusName } from "./disk_status";
import { driveNumber, openDrive, readBlocks } from "./drive";
import { initFaults } from "./fault";
import { readKey } from "./keyboard";
import { readMemoryMap } from "./memory_services";
import { stop } from "./restart";
import { columns, initScreen, rows, screenAt, screenClear, screenColor, screenPut } from "./screen";
import { boot_drive, loader_end } from "./symbol";
import { rsdp, smbios } from "./tables";
import { setVideo } from "./video";

function bootDrive(): i32 {
  return <i32>driveNumber();
}

/** The BIOS has no services that end. */
function leave(): u64 {
  return 0;
}

function fillIn(): void {
  firmware.readBlocks = readBlocks;
  firmware.statusName = diskStatusName;
  firmware.screenColumns = columns;
  firmware.screenRows = rows;
  firmware.screenClear = screenClear;
  firmware.screenAt = screenAt;
  firmware.screenColor = screenColor;
  firmware.screenPut = screenPut;
  firmware.readKey = readKey;
  firmware.milliseconds = milliseconds;
  firmware.readMemoryMap = readMemoryMap;
  firmware.allocate = allocateFromMap;
  firmware.claim = claimFromMap;
  firmware.setVideo = setVideo;
  firmware.rsdp = rsdp;
  firmware.smbios = smbios;
  firmware.apm = apm;
  firmware.bootDrive = bootDrive;
  firmware.leave = leave;
  firmware.stop = stop;
}

/** After this core can run. Does not return where the machine or the medium is not fit for it. */
export function prepare(): void {
  initFaults();
  initScreen();
  fillIn();
  initConsole();
  if (!enableA20()) {
    fail("address line A20 stays off: neither INT 15h nor port 0x92, 0x64 or 0xee switches it on");
    stop();
  }
  if (!openDrive(<u32>load32(boot_drive()))) stop();
  // The loader with its tables and stacks.
  reserve(PAGE_TABLES, loader_end() - PAGE_TABLES);
}
