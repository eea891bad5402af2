// The kernel's lines on the text screen, in the emulator: which lines are there, when the kernel leaves the screen
// to a program, and the option that keeps it away. That the emulated VGA is one is shown by the emulator's tests.

import { beforeAll, describe, expect, it } from "vitest";
import { guestModule } from "../tools/asc/guest.ts";
import { Machine } from "../tools/emulator/host/machine.ts";
import * as abi from "./abi.ts";
import { buildKernel } from "./build.ts";
import { KERNEL_GUEST } from "./options.ts";
import { crd } from "./testing/crd.ts";
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
    const source = crd(abi.CRD_MEM, page >> 12, 0, abi.MEM_R | abi.MEM_W);
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

  async function boot(file?: Uint8Array, append = ""): Promise<{ rows: string[]; serial: string }> {
    const modules = file ? [{ file, name: "taker" }] : [];
    const machine = await Machine.create({ kernel, modules, append });
    try {
      machine.runSync({ until: "its last lines say why\n", nanoseconds: 5e9 });
    } catch {
      // Every CPU halts with interrupts off: the kernel has stopped.
    }
    const rows = machine.screenText() ?? [];
    return { rows: rows.filter((row) => row !== ""), serial: machine.serialOutput };
  }

  /** Lines as the screen has them: in rows of 80 cells, without blanks at their ends. */
  const cut = (lines: string[]) =>
    lines.flatMap((line) => line.match(/.{1,80}/g) ?? []).map((row) => row.trimEnd());

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
});
