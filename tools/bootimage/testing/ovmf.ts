// UEFI on QEMU: OVMF, from Debian's package of that name or where QEMU_OVMF says, with a store of variables of its own
// for each boot.

import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bootOnQemu } from "../../../kernel/testing/qemu.ts";
import { hasQemu } from "../../testing/host-tools.ts";

const FOLDER = process.env.QEMU_OVMF ?? "/usr/share/OVMF";
const CODE = join(FOLDER, "OVMF_CODE_4M.fd");
const VARIABLES = join(FOLDER, "OVMF_VARS_4M.fd");

export const hasOvmf = hasQemu && existsSync(CODE) && existsSync(VARIABLES);

/** What a terminal acts on: ECMA-48, 5.4. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it is what is looked for
const SEQUENCES = /\u001b\[[0-9;=?]*[A-Za-z]|\r/g;

/** Boots with OVMF; otherwise as `bootOnQemu`. The text comes without control sequences. */
export async function bootOnOvmf(
  options: readonly string[],
  until: string,
  limit?: number,
): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "trihedron-ovmf-"));
  try {
    const variables = join(folder, "variables.fd");
    copyFileSync(VARIABLES, variables);
    const firmware = [
      ...["-drive", `if=pflash,format=raw,readonly=on,file=${CODE}`],
      ...["-drive", `if=pflash,format=raw,file=${variables}`],
    ];
    const text = await bootOnQemu([...firmware, "-net", "none", ...options], until, limit);
    return text.replace(SEQUENCES, "");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
