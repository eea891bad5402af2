// The loader for UEFI on OVMF: an image as CD, disk and stick, and media that are damaged or cannot be read.

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeSystem } from "../../../../roottask/testing/boot.ts";
import { sampleProgram, tarOf } from "../../../../roottask/testing/samples.ts";
import { guestModule } from "../../../asc/guest.ts";
import * as r from "../../../asm/index.ts";
import { linkElf } from "../../../elf/index.ts";
import { standInLoader } from "../../fuzz/stand-in.ts";
import { writeBootImage } from "../../image.ts";
import { bootOnOvmf, hasOvmf, OvmfMachine } from "../../testing/ovmf.ts";
import { elfFile, header1, header2, withHeader } from "../core/testing/kernels.ts";
import { buildUefiLoader } from "./build.ts";
import { UEFI_LOADER_GUEST } from "./options.ts";

const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));
const KERNEL = 0x20_0000;
const MEMTEST = "/boot/memtest86+x64.bin";
const directory = mkdtempSync(join(tmpdir(), "uefi-loader-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const at = (name: string): string => join(directory, name);

/** QEMU's options for the image as each kind of medium. */
const MEDIA: Record<string, (image: string) => string[]> = {
  CD: (image) => ["-cdrom", image],
  disk: (image) => ["-drive", `format=raw,file=${image}`],
  stick: (image) => [
    ...["-drive", `id=stick,if=none,format=raw,file=${image}`],
    ...["-device", "qemu-xhci", "-device", "usb-storage,drive=stick"],
  ],
};

async function builtLoader(): Promise<Uint8Array> {
  const { wasm, sourceMap } = await guestModule(UEFI_LOADER_GUEST);
  return buildUefiLoader(wasm, sourceMap);
}

/** Writes an image that starts UEFI alone; its path. */
async function imageOf(
  name: string,
  configuration: string,
  files: Readonly<Record<string, Uint8Array | string>>,
): Promise<string> {
  const output = at(name);
  await writeBootImage({
    output,
    configuration,
    files: Object.entries(files).map(([path, source]) => ({ path, source })),
    loader: { ...standInLoader(), efi: await builtLoader() },
  });
  return output;
}

/**
 * A Multiboot 2 kernel with the tags for EFI boot services and the EFI amd64 entry (Multiboot2 Specification 2.0, 3.1.10
 * and 3.1.13): it prints `<text>` by the firmware's console and switches the machine off.
 */
function servicesKernel(text: string): Uint8Array {
  const a = new r.Assembler({ bits: 64, name: "services" });
  const entry = 0x1000;
  a.section(".header");
  a.db(header2([7, 0], [9, 0, KERNEL + entry]));
  a.padTo(entry);
  a.label("entry", { global: true });
  a.cmp(r.eax, 0x36d7_6289).jne("entry");
  a.lea(r.r12, r.mem(r.rbx, { disp: 8 }));
  const tag = a.label();
  a.cmp(r.dword(r.r12), 12).je("found");
  a.mov(r.eax, r.dword(r.r12, { disp: 4 }))
    .add(r.eax, 7)
    .and(r.eax, -8)
    .add(r.r12, r.rax)
    .jmp(tag);
  a.label("found");
  a.mov(r.r13, r.qword(r.r12, { disp: 8 }))
    .and(r.rsp, -16)
    .sub(r.rsp, 32);
  // ConOut->OutputString, then RuntimeServices->ResetSystem(EfiResetShutdown, …).
  a.mov(r.rcx, r.qword(r.r13, { disp: 64 })).lea(r.rdx, r.mem(r.rip("text")));
  a.call(r.qword(r.rcx, { disp: 8 }));
  a.mov(r.rax, r.qword(r.r13, { disp: 88 }))
    .mov(r.ecx, 2)
    .xor(r.edx, r.edx)
    .xor(r.r8d, r.r8d);
  a.xor(r.r9d, r.r9d).call(r.qword(r.rax, { disp: 104 }));
  a.align(2);
  a.label("text");
  a.db(Buffer.from(`<${text}>\r\n\0`, "utf16le"));
  return linkElf({
    objects: [a.object()],
    segments: [{ name: "all", flags: "rwx", vaddr: BigInt(KERNEL), sections: [".header"] }],
    entry: "entry",
    class: 64,
  });
}

describe.skipIf(!hasOvmf)("an image on OVMF (needs QEMU and ovmf)", () => {
  describe("with kernel and roottask", () => {
    let image = "";
    beforeAll(async () => {
      makeSystem();
      const start = "linux bin/probe\n";
      const archive = await tarOf([
        { name: "userland.conf", data: start },
        { name: "bin/probe", mode: 0o755, data: sampleProgram() },
      ]);
      image = await imageOf(
        "system.img",
        "timeout 0\ntitle System\nkernel k serial\nmodule r roottask\nmodule u userland\n",
        { k: join(ROOT, "build/kernel.elf32"), r: join(ROOT, "build/roottask-bin"), u: archive },
      );
    });

    test.each(Object.keys(MEDIA))("starts from a %s and runs to its power-off", async (kind) => {
      const media = MEDIA[kind] as (image: string) => string[];
      const text = await bootOnOvmf([...media(image), "-m", "1024"], "power off");
      expect(text).toContain("Trihedron boot loader\nstarting System\nloading k, ");
      expect(text).toMatch(/loading u, .*\n\[kernel\] Trihedron microhypervisor/);
      expect(text).toContain("[roottask] summary: 1 program\n");
      expect(text).not.toContain("error: ");
    });
  });

  test.skipIf(!existsSync(MEMTEST))("starts memtest86+ (needs memtest86+)", async () => {
    const image = await imageOf("memtest.img", "title M\nkernel m console=ttyS0\n", { m: MEMTEST });
    const text = await bootOnOvmf(["-cdrom", image, "-m", "256"], /Memtest86\+ v/);
    expect(text).toContain("starting M\n");
    expect(text).toMatch(/Memtest86\+ v/);
  });

  test("starts what was chosen in the menu, a kernel that keeps the boot services", async () => {
    const configuration = ["One", "Two", "Three"].map(
      (title) => `title ${title}\nkernel ${title}\n`,
    );
    const image = await imageOf("menu.img", configuration.join(""), {
      One: servicesKernel("the first one"),
      Two: servicesKernel("the firmware still prints"),
      Three: servicesKernel("the last one"),
    });
    const machine = new OvmfMachine(["-cdrom", image]);
    try {
      expect(await machine.seen("Three")).toContain("Two");
      // Cursor down as a terminal says it (ECMA-48, CUD), Enter.
      machine.type("\u001b[B\r");
      expect(await machine.seen("QEMU ended")).toMatch(
        /starting Two\n[^<]*<the firmware still prints>/,
      );
    } finally {
      machine.end();
    }
  });

  describe("that cannot be read whole", () => {
    const configuration = "title Broken\nkernel boot/k\nmodule boot/m\n";
    const files = {
      "boot/k": elfFile({
        entry: KERNEL,
        segments: [{ vaddr: KERNEL, data: withHeader(header1(3), 3000) }],
      }),
      "boot/m": Uint8Array.from({ length: 500_000 }, (_, i) => (i * 7) & 255),
    };

    /** First block of the module, which has nothing in common with what is before it. */
    const moduleBlock = (image: string): number =>
      readFileSync(image).indexOf(files["boot/m"].subarray(0, 256)) / 2048;
    /** Types a key once the error is there and waits for the boot manager of EDK II. */
    const comesBack = async (options: string[]): Promise<string> => {
      const machine = new OvmfMachine(options);
      try {
        await machine.seen("error: ");
        machine.type("x");
        return await machine.seen(/failed to start .*\n/);
      } finally {
        machine.end();
      }
    };

    test("a damaged file is said, and the firmware goes on", async () => {
      const image = await imageOf("damaged.img", configuration, files);
      const bytes = readFileSync(image);
      const place = moduleBlock(image) * 2048 + 300_000;
      bytes[place] = (bytes[place] as number) ^ 0x80;
      writeFileSync(image, bytes);
      const text = await comesBack(["-drive", `format=raw,file=${image}`]);
      expect(text).toMatch(/error: boot\/m: damaged: CRC-32C is 0x\w+, expected 0x\w+ /);
      expect(text).toMatch(/failed to start .*: Load Error/);
    });

    test("a block that cannot be read is said with the status' name", async () => {
      const image = await imageOf("unreadable.img", configuration, files);
      const block = moduleBlock(image) + 100;
      const rules = at("blkdebug");
      writeFileSync(
        rules,
        `[inject-error]\nevent = "read_aio"\nerrno = "5"\nsector = "${block * 4}"\n`,
      );
      // Behind AHCI this firmware takes no notice of errors: the checksum does.
      const text = await comesBack([
        ...["-drive", `id=disk,if=none,format=raw,file=blkdebug:${rules}:${image}`],
        ...["-device", "virtio-blk-pci,drive=disk"],
      ]);
      expect(text).toContain(
        `error: boot/m: read error at LBA ${block} (blocks of 2048 bytes), status 0x8000000000000007 (EFI_DEVICE_ERROR)\n`,
      );
      expect(text).toMatch(/failed to start .*: Load Error/);
    });
  });
});
