// The kernel's lines on the text screen and on framebuffers, in the emulator: which lines are there, when the kernel
// leaves the screen to a program, and the option that keeps it away. That the emulated VGA is one is shown by the
// emulator's tests.

import { beforeAll, describe, expect, it } from "vitest";
import { guestModule } from "../tools/asc/guest.ts";
import { FRAMEBUFFER_BASE } from "../tools/emulator/devices/vga.ts";
import { Machine } from "../tools/emulator/host/machine.ts";
import { textOfPicture } from "../tools/screen/testing/picture.ts";
import * as abi from "./abi.ts";
import { buildKernel } from "./build.ts";
import { IA32_PAT } from "./msr_number.ts";
import { KERNEL_GUEST } from "./options.ts";
import { crd } from "./testing/crd.ts";
import { type FramebufferWish, withFramebuffer } from "./testing/framebuffer_wish.ts";
import { Machine as Model, rootElf } from "./testing/machine.ts";
import { Probe } from "./testing/probe.ts";

const BANNER = "[kernel] Trihedron microhypervisor, Hedron API 5004";
const END = "taker ends";
const SCREEN_PAGE = 0x3000_0000;

/** Takes a page from the kernel and writes "Hi" to it as cells, then has that many threads die, and itself. */
class Taker extends Probe {
  taker(page: number, deaths: number): Uint8Array {
    this.emitStart();
    for (let i = 0; i < deaths; i++) {
      this.createEc("a thread without portals", 0x100 + 2 * i, abi.CREATE_EC_GLOBAL, {
        r8: 0x5000,
      });
      const time = { rsi: abi.ROOT_SEL_PD, rdx: 0x100 + 2 * i, rax: 0x100_0002 };
      this.hypercall("its time", abi.HC_CREATE_SC, 0x101 + 2 * i, 0, time);
    }
    const source = crd(abi.CRD_MEM, page / 4096, 0, abi.MEM_R | abi.MEM_W);
    const target = crd(abi.CRD_MEM, SCREEN_PAGE >> 12, 0, abi.MEM_R | abi.MEM_W);
    this.delegate("a page", source, target, BigInt(abi.XFER_DELEGATE | abi.XFER_FROM_KERNEL));
    this.poke(SCREEN_PAGE, 0x0769_0748);
    // The kernel says why the roottask has ended, on the screen only if that is still its own.
    this.print(`${END}\n`);
    this.a.ud2();
    this.emitLibrary();
    this.emitData();
    return this.link();
  }
}

describe("the screen", () => {
  let kernel: Uint8Array;

  beforeAll(async () => {
    const { wasm, sourceMap } = await guestModule(KERNEL_GUEST);
    kernel = buildKernel(wasm, sourceMap);
  });

  interface Booted {
    rows: string[];
    serial: string;
    machine: Machine;
  }

  /** Without `wish` the screen is in text mode. */
  async function boot(file?: Uint8Array, append = "", wish?: FramebufferWish): Promise<Booted> {
    const modules = file ? [{ file, name: "taker" }] : [];
    const image = wish ? withFramebuffer(kernel, wish) : kernel;
    const machine = await Machine.create({ kernel: image, modules, append });
    try {
      machine.runSync({ until: "its last lines say why\n", nanoseconds: 5e9 });
    } catch {
      // Every CPU halts with interrupts off: the kernel has stopped.
    }
    const picture = machine.screen();
    const text = wish ? picture && textOfPicture(picture) : machine.screenText();
    const rows = (text ?? []).filter((row) => row !== "");
    return { rows, serial: machine.serialOutput, machine };
  }

  /** Lines as the screen has them: in rows of 80 cells, without blanks at their ends. */
  const cut = (lines: string[], columns = 80) => {
    const row = new RegExp(`.{1,${columns}}`, "g");
    return lines.flatMap((line) => line.match(row) ?? []).map((text) => text.trimEnd());
  };

  it("shows what the serial line gets from the kernel", async () => {
    const { rows, serial } = await boot();
    expect(rows[0]).toBe(BANNER);
    expect(rows).toEqual(cut(serial.split("\n")));
  });

  it.each(["novga", "serial novga", " other  novga "])(
    "stays as it was with %j",
    async (append) => {
      const { rows, serial } = await boot(undefined, append);
      expect(serial).toContain(BANNER);
      expect(rows).toEqual([]);
    },
  );

  it.each(["novgas", "nov", "xnovga"])("takes %j for no option", async (append) => {
    expect((await boot(undefined, append)).rows[0]).toBe(BANNER);
  });

  it("scrolls", async () => {
    const { rows, serial } = await boot(new Taker().taker(0xc00_0000, 20));
    // A kernel's line may come in the middle of one of the program's.
    const lines = serial.split("\n").flatMap((line) => line.match(/\[kernel\].*/) ?? []);
    expect(lines.length).toBeGreaterThan(20);
    expect(rows).toEqual(cut(lines).slice(-24));
  });

  it("is a program's as soon as it has got the text memory", async () => {
    const { rows, serial } = await boot(new Taker().taker(0xb_8000, 1));
    expect(serial).toContain("the roottask has ended");
    expect(rows).toEqual(["Hi"]);
  });

  it.each([
    [1024, 768, 32],
    [800, 600, 24],
    [640, 480, 16],
    [640, 480, 15],
  ])("may be a framebuffer of %i by %i pixels of %i bits", async (width, height, depth) => {
    const { rows, serial } = await boot(undefined, "", { width, height, depth });
    expect(rows[0]).toBe(BANNER);
    expect(rows).toEqual(cut(serial.split("\n"), width / 8));
  });

  const WISH = { width: 640, height: 480, depth: 32 };

  it("is scrolled where it is a framebuffer", async () => {
    const { rows, serial } = await boot(new Taker().taker(0xc00_0000, 40), "", WISH);
    const lines = serial.split("\n").flatMap((line) => line.match(/\[kernel\].*/) ?? []);
    expect(lines.length).toBeGreaterThan(40);
    expect(rows).toEqual(cut(lines).slice(-29));
  });

  it("is a program's as soon as it has got a part of the framebuffer", async () => {
    const taker = new Taker().taker(FRAMEBUFFER_BASE, 1);
    const { rows, serial, machine } = await boot(taker, "", WISH);
    expect(serial).toContain("the roottask has ended");
    expect(machine.screen()?.pixels[0]).toBe(0x69_0748);
    // Nothing of what came behind, and what the kernel had printed is still there.
    const lines = serial.split("a page:")[0]?.match(/\[kernel\].*/g) ?? [];
    expect(rows.slice(1)).toEqual(cut(lines).slice(1));
  });

  it("stays as it was with novga where it is a framebuffer", async () => {
    const { machine } = await boot(undefined, "novga", WISH);
    expect(machine.screen()?.pixels.every((pixel) => pixel === 0)).toBe(true);
  });
});

describe("a framebuffer of the boot information", () => {
  const GIB = 2 ** 30;
  const ROOT = 0x410_0000;
  const USER = 0x8000_0000n;

  /** Boots by Multiboot 2 with a framebuffer of 1024 by 768 pixels of 32 bits at an address. */
  async function model(address: number, pitch = 4096): Promise<Model> {
    const root = rootElf();
    const words = (...values: number[]) => [...new Uint8Array(Uint32Array.from(values).buffer)];
    const where = [address % 2 ** 32, Math.floor(address / 2 ** 32)];
    const fields = [32, 1, 0, 0, 16, 8, 8, 8, 0, 8, 0, 0, 0, 0, 0, 0];
    const tags = [
      ...[...words(3, 24, ROOT, ROOT + root.length), ...new Array(8).fill(0)],
      ...words(6, 40, 24, 0, 0x10_0000, 0, 0x7ff0_0000, 0, 1, 0),
      ...[...words(8, 38, ...where, pitch, 1024, 768), ...fields].slice(0, 40),
      ...words(0, 8),
    ];
    return Model.boot2(Uint8Array.from([...words(8 + tags.length, 0), ...tags]), root, ROOT);
  }

  /** The entry of the kernel's mapping of the framebuffer, the GiB below the window. */
  const mapping = (m: Model, index: number): bigint => {
    const directory = m.view.getBigUint64(0x10_9000 + 503 * 8, true);
    return directory === 0n
      ? 0n
      : m.view.getBigUint64(Number(directory & ~0xfffn) + 8 * index, true);
  };
  /** PWT selects entry 1 of the PAT: write-combining. */
  const WRITE_COMBINING = 8n;

  it.each([
    ["below 4 GiB", 0xfd00_0000],
    ["above", 5 * GIB + 0x1000],
    ["far above", 512 * GIB],
  ])("is mapped, write-combining, where it lies %s", async (_where, address) => {
    const m = await model(address);
    const start = BigInt(address) & ~0x1f_ffffn;
    expect(mapping(m, 0) & 0xf_ffff_ffe0_0000n).toBe(start);
    expect(mapping(m, 1) & 0xf_ffff_ffe0_0000n).toBe(start + 0x20_0000n);
    expect(mapping(m, 0) & 0x9fn).toBe(0x8bn);
    expect(mapping(m, 0) >> 63n).toBe(1n);
    expect(mapping(m, 3)).toBe(0n);
    expect(((m.msrs.get(IA32_PAT) ?? 0n) >> 8n) & 0xffn).toBe(1n);
  });

  it("is write-combining for those who get it, and nothing beside it is", async () => {
    const m = await model(5 * GIB);
    const claim = (page: bigint, order: number) => {
      const rights = abi.MEM_R | abi.MEM_W;
      const [from, to] = [
        crd(abi.CRD_MEM, page, order, rights),
        crd(abi.CRD_MEM, USER >> 12n, order, rights),
      ];
      m.delegate(
        abi.ROOT_SEL_PD,
        abi.ROOT_SEL_PD,
        from,
        to,
        BigInt(abi.XFER_DELEGATE | abi.XFER_FROM_KERNEL),
      );
    };
    const first = BigInt(5 * GIB) >> 12n;
    claim(first - 1n, 0);
    expect((m.translate(USER)?.entry ?? -1n) & WRITE_COMBINING).toBe(0n);
    claim(first, 11);
    for (const [page, expected] of [
      [0n, WRITE_COMBINING],
      [767n, WRITE_COMBINING],
      [768n, 0n],
    ] as const) {
      const mapped = m.translate(USER + (page << 12n));
      expect(mapped?.phys).toBe(5 * GIB + Number(page) * 4096);
      expect((mapped?.entry ?? -1n) & WRITE_COMBINING).toBe(expected);
    }
  });

  it.each([
    ["the kernel's image", 0x20_0000, 4096],
    ["the roottask", ROOT - 0x1000, 4096],
    ["the boot information", 0x8000, 4096],
    ["more than is mapped", 0x8000_0000, 0x8000_0000],
  ])("is left alone where it is said to be %s", async (_what, address, pitch) => {
    const m = await model(address, pitch);
    expect(mapping(m, 0)).toBe(0n);
    expect(m.translate(0x40_0000n)?.phys).toBe(ROOT);
  });
});
