// The loaders as they are on QEMU, with SeaBIOS or OVMF, and kernels that tell what they were handed.

import { spawnSync } from "node:child_process";
import { copyFileSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { guestModule } from "../../../../asc/guest.ts";
import { HANG_MS, QEMU } from "../../../../testing/host-tools.ts";
import type { LoaderFiles } from "../../../loader-files.ts";
import { OVMF_CODE, OVMF_VARIABLES } from "../../../testing/ovmf.ts";
import { buildBiosLoader } from "../../bios/build.ts";
import { BIOS_LOADER_GUEST } from "../../bios/options.ts";
import { buildUefiLoader } from "../../uefi/build.ts";
import { UEFI_LOADER_GUEST } from "../../uefi/options.ts";
import { Told } from "./teller.ts";

let loader: Promise<LoaderFiles> | undefined;

async function build(): Promise<LoaderFiles> {
  const bios = await guestModule(BIOS_LOADER_GUEST);
  const uefi = await guestModule(UEFI_LOADER_GUEST);
  const { mbr, image } = buildBiosLoader(bios.wasm, bios.sourceMap);
  return { mbr, bios: image, efi: buildUefiLoader(uefi.wasm, uefi.sourceMap) };
}

/** Both loaders, compiled once. */
export function loaderFiles(): Promise<LoaderFiles> {
  loader ??= build();
  return loader;
}

/** What a teller (teller.ts) tells that is started from this CD; `folder` is for files meanwhile. Throws where it does not. */
export function tell(folder: string, image: string, protocol: 1 | 2, uefi: boolean): Told {
  const log = join(folder, "log");
  rmSync(log, { force: true });
  const variables = join(folder, "variables.fd");
  if (uefi) copyFileSync(OVMF_VARIABLES, variables);
  const firmware = uefi
    ? [
        ...["-drive", `if=pflash,format=raw,readonly=on,file=${OVMF_CODE}`],
        ...["-drive", `if=pflash,format=raw,file=${variables}`],
      ]
    : [];
  const serial = join(folder, "serial");
  const { error } = spawnSync(
    QEMU,
    [
      ...["-accel", "tcg", "-machine", "q35", "-m", "256", "-display", "none", "-no-reboot"],
      ...["-net", "none", "-monitor", "none", "-serial", `file:${serial}`, ...firmware],
      ...["-cdrom", image, "-boot", "d", "-debugcon", `file:${log}`],
      ...["-device", "isa-debug-exit,iobase=0xf4,iosize=4"],
    ],
    { timeout: HANG_MS },
  );
  if (error) throw new Error(`${error.message}\n${readFileSync(serial, "latin1")}`);
  const output = readFileSync(log);
  // SeaBIOS talks on this port too: what the teller says begins with the magic number.
  const magic = Buffer.alloc(4);
  magic.writeUInt32LE(protocol === 1 ? 0x2bad_b002 : 0x36d7_6289);
  const at = output.indexOf(magic);
  if (at < 0) throw new Error(`nothing was told:\n${readFileSync(serial, "latin1")}`);
  return new Told(output.subarray(at));
}
