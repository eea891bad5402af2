// The boot loader as an application for UEFI: fills in the firmware's side of the seam and starts the core.

import { initConsole } from "../../core/console";
import { ApmInfo, firmware } from "../../core/firmware";
import { runLoader } from "../../core/loader";
import { initClock, milliseconds } from "./clock";
import { ACPI_10, ACPI_20, SMBIOS, SMBIOS_3 } from "./guid";
import { readKey } from "./keyboard";
import { findMedium, readBlocks } from "./medium";
import { allocate, claim, efiInfo, initMemory, leave, readMemoryMap } from "./memory";
import {
  initScreen,
  isOnSerialLine,
  screenAt,
  screenClear,
  screenColor,
  screenColumns,
  screenPut,
  screenRows,
} from "./screen";
import { bootService, configurationTable, SET_WATCHDOG_TIMER } from "./services";
import { LOAD_ERROR, statusName } from "./status";
import { stop } from "./stop";
import { call4 } from "./uefi";
import { setVideo } from "./video";

function rsdp(): u64 {
  const table = configurationTable(ACPI_20);
  return table !== 0 ? table : configurationTable(ACPI_10);
}

function smbios(): u64 {
  const table = configurationTable(SMBIOS);
  return table !== 0 ? table : configurationTable(SMBIOS_3);
}

/** Firmware for UEFI numbers no drives. */
function bootDrive(): i32 {
  return -1;
}

/** APM is a thing of the BIOS. */
function apm(_out: ApmInfo): bool {
  return false;
}

function fillIn(): void {
  firmware.readBlocks = readBlocks;
  firmware.statusName = statusName;
  firmware.screenColumns = screenColumns;
  firmware.screenRows = screenRows;
  firmware.screenClear = screenClear;
  firmware.screenAt = screenAt;
  firmware.screenColor = screenColor;
  firmware.screenPut = screenPut;
  firmware.consoleOnSerialLine = isOnSerialLine();
  firmware.readKey = readKey;
  firmware.milliseconds = milliseconds;
  firmware.readMemoryMap = readMemoryMap;
  firmware.allocate = allocate;
  firmware.claim = claim;
  firmware.setVideo = setVideo;
  firmware.rsdp = rsdp;
  firmware.smbios = smbios;
  firmware.apm = apm;
  firmware.bootDrive = bootDrive;
  firmware.efi = efiInfo;
  firmware.leave = leave;
  firmware.stop = stop;
}

/** Returns to the firmware only where nothing was started. */
export function main(): u64 {
  // A person may take as long as they like in the menu.
  call4(bootService(SET_WATCHDOG_TIMER), 0, 0, 0, 0);
  initClock();
  initMemory();
  initScreen();
  fillIn();
  initConsole();
  if (findMedium()) runLoader();
  else stop();
  return LOAD_ERROR;
}
