// -smbios and -uuid: what the machine says of itself, as QEMU takes it (qemu-options.hx, -smbios).

import { type SmbiosOptions, smbiosFault } from "../platform/firmware/smbios.ts";
import { number, onlyKeys, properties, UsageError } from "./cli-values.ts";

/** Properties of the types that have strings alone, and which part they are of. */
const PARTS = {
  "1": ["system", ["manufacturer", "product", "version", "serial", "uuid", "sku", "family"]],
  "2": ["baseboard", ["manufacturer", "product", "version", "serial", "asset", "location"]],
  "3": ["chassis", ["manufacturer", "version", "serial", "asset", "sku"]],
} as const;
const BIOS_KEYS = ["vendor", "version", "date", "release"] as const;
const TYPES = ["0", ...Object.keys(PARTS), "11"];

function checked(option: string, smbios: SmbiosOptions): SmbiosOptions {
  const fault = smbiosFault(smbios);
  if (fault !== undefined) throw new UsageError(`${option}: ${fault}`);
  return smbios;
}

function release(text: string): readonly [number, number] {
  const [, major = "", minor = ""] = /^(\d+)\.(\d+)$/.exec(text) ?? [];
  const part = (value: string): number => number(`-smbios type=0: release=${text}`, value, 0, 255);
  return [part(major), part(minor)];
}

/** -smbios type=N,…; a property that comes again counts. Throws `UsageError`. */
export function withSmbios(smbios: SmbiosOptions, text: string): SmbiosOptions {
  const props = properties(text);
  const type = props.get("type") ?? "";
  const option = `-smbios type=${type}`;
  if (!TYPES.includes(type)) {
    throw new UsageError(`-smbios ${text}: expected type=${TYPES.join(", type=")}`);
  }
  if (type === "11") {
    onlyKeys(option, props, ["type", "value"]);
    const value = props.get("value");
    if (value === undefined) throw new UsageError(`${option}: expected value=TEXT`);
    return checked(option, { ...smbios, oemStrings: [...(smbios.oemStrings ?? []), value] });
  }
  const said = (keys: readonly string[]) => {
    onlyKeys(option, props, ["type", ...keys]);
    return Object.fromEntries([...props].filter(([key]) => key !== "type"));
  };
  if (type === "0") {
    const { release: number, ...texts } = said(BIOS_KEYS);
    const version = number === undefined ? {} : { release: release(number) };
    return checked(option, { ...smbios, bios: { ...smbios.bios, ...texts, ...version } });
  }
  const [part, keys] = PARTS[type as keyof typeof PARTS];
  return checked(option, { ...smbios, [part]: { ...smbios[part], ...said(keys) } });
}

/** -uuid: type 1's. Throws `UsageError`. */
export const withUuid = (smbios: SmbiosOptions, uuid: string): SmbiosOptions =>
  checked("-uuid", { ...smbios, system: { ...smbios.system, uuid } });
