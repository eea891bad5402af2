// What kind of kernel a file is, as its first 32 KiB tell: Multiboot (specification 0.6.96, 3.1), Multiboot 2
// (specification 2.0, 3.1) or Linux (Documentation/arch/x86/boot.rst). Anything else is refused in words that
// say what it is instead.

import type { BootProtocol } from "./config.ts";

/** A Multiboot 2 header lies within as many bytes. */
export const KERNEL_HEADER_BYTES = 32_768;
const MULTIBOOT1_BYTES = 8192;
const MULTIBOOT1_MAGIC = 0x1bad_b002;
const MULTIBOOT1_ADDRESSES = 1 << 16;
/** Of the flags that a loader must know: page alignment, memory, video mode. */
const MULTIBOOT1_KNOWN = 0b111;
const MULTIBOOT2_MAGIC = 0xe852_50d6;
const LINUX_MAGIC = "HdrS";
const LINUX_LEAST_VERSION = 0x0206;
const LINUX_LOADED_HIGH = 1;

export interface KernelFile {
  /** Protocols that start it, the loader's choice first. */
  protocols: BootProtocol[];
  /** With Linux: most bytes of a command line, without the zero at its end. */
  longestCommandLine?: number;
}

/** What the beginning of a file says of it, or, in words that go on with its name, why nothing starts it. */
export function examineKernel(beginning: Uint8Array): KernelFile | string {
  const bytes = beginning.subarray(0, KERNEL_HEADER_BYTES);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const multiboot1 = findMultiboot1(view);
  const linux = examineLinux(view);
  const protocols: BootProtocol[] = [];
  if (hasMultiboot2(view)) protocols.push("multiboot2");
  if (typeof multiboot1 === "number") protocols.push("multiboot1");
  if (typeof linux === "object") protocols.push("linux");
  if (protocols.length > 0) {
    return typeof linux === "object" ? { ...linux, protocols } : { protocols };
  }
  if (typeof multiboot1 === "string") return multiboot1;
  if (typeof linux === "string") return linux;
  return `is no kernel: ${whatItIs(bytes)}; Multiboot, Multiboot 2 and Linux bzImage kernels can be started`;
}

/** Offset of a Multiboot 1 header, or what is wrong with the only one. */
function findMultiboot1(view: DataView): number | string | undefined {
  const end = Math.min(view.byteLength, MULTIBOOT1_BYTES);
  for (let at = 0; at + 12 <= end; at += 4) {
    if (view.getUint32(at, true) !== MULTIBOOT1_MAGIC) continue;
    const flags = view.getUint32(at + 4, true);
    if ((MULTIBOOT1_MAGIC + flags + view.getUint32(at + 8, true)) % 2 ** 32 !== 0) continue;
    const unknown = flags & 0xffff & ~MULTIBOOT1_KNOWN;
    if (unknown !== 0) {
      return `has a Multiboot header that asks for what no loader knows (flags 0x${flags.toString(16)})`;
    }
    if ((flags & MULTIBOOT1_ADDRESSES) === 0 && !isElf(view)) {
      return "has a Multiboot header without addresses, but is no ELF file that would have them";
    }
    return at;
  }
  return undefined;
}

function hasMultiboot2(view: DataView): boolean {
  for (let at = 0; at + 16 <= view.byteLength; at += 8) {
    if (view.getUint32(at, true) !== MULTIBOOT2_MAGIC) continue;
    let sum = 0;
    for (let word = 0; word < 4; word++) sum += view.getUint32(at + 4 * word, true);
    // Architecture 0: i386 in protected mode.
    if (sum % 2 ** 32 === 0 && view.getUint32(at + 4, true) === 0) return true;
  }
  return false;
}

function examineLinux(view: DataView): { longestCommandLine: number } | string | undefined {
  if (view.byteLength < 0x260 || view.getUint16(0x1fe, true) !== 0xaa55) return undefined;
  if (asciiAt(view, 0x202, 4) !== LINUX_MAGIC) return undefined;
  const version = view.getUint16(0x206, true);
  const shown = `${version >> 8}.${String(version & 0xff).padStart(2, "0")}`;
  if (version < LINUX_LEAST_VERSION) {
    return `is a Linux kernel of boot protocol ${shown}; 2.06 (Linux 2.6.22) or newer can be started`;
  }
  if ((view.getUint8(0x211) & LINUX_LOADED_HIGH) === 0) {
    return "is a Linux zImage; a bzImage can be started";
  }
  return { longestCommandLine: view.getUint32(0x238, true) };
}

const isElf = (view: DataView): boolean => asciiAt(view, 0, 4) === "\x7fELF";

function asciiAt(view: DataView, at: number, length: number): string {
  if (at + length > view.byteLength) return "";
  return String.fromCharCode(...new Uint8Array(view.buffer, view.byteOffset + at, length));
}

const KINDS: readonly [string, string][] = [
  ["\x7fELF", "an ELF file without a Multiboot header"],
  ["MZ", "a program for Windows or UEFI"],
  ["\x1f\x8b", "a file compressed by gzip"],
  ["\xfd7zXZ", "a file compressed by xz"],
  ["BZh", "a file compressed by bzip2"],
  ["\x28\xb5\x2f\xfd", "a file compressed by zstd"],
  ["#!", "a script"],
  ["\0asm", "a WebAssembly module"],
];

function whatItIs(bytes: Uint8Array): string {
  if (bytes.length === 0) return "the file is empty";
  const beginning = Buffer.from(bytes.subarray(0, 8)).toString("latin1");
  const kind = KINDS.find(([magic]) => beginning.startsWith(magic));
  return kind ? kind[1] : "its first 32 KiB have no header of one";
}
