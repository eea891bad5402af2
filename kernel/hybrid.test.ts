// Hypercalls of a foreign program (hybrid programs): which of its system calls are taken for them, and that they do what
// those of other programs do. The lines are what the reference kernel prints, but for its messages.

import { beforeAll, describe, expect, it } from "vitest";
import { guestModule } from "../tools/asc/guest.ts";
import { Machine } from "../tools/emulator/host/machine.ts";
import { buildKernel } from "./build.ts";
import { KERNEL_GUEST } from "./options.ts";
import { buildHybridProbe, HYBRID_END, HYBRID_START } from "./testing/hybrid_probe.ts";
import { bootImages, onQemu } from "./testing/qemu.ts";

const EXPECTED = `the program starts
pt_ctrl
  RDI 0
  messages 0
  calls 0
  RSP moved by 0
pt_ctrl of nothing
  RDI 4
  messages 0
  calls 0
  RSP moved by 0
call
  RDI 47000
  messages 0
  calls 1
  RSP moved by 0
  portal's id 7
  word 41
call of nothing
  RDI 4
  messages 0
  calls 0
  RSP moved by 0
  portal's id 0
  word 40
call without the flag
  RDI 47000
  messages 1
  calls 0
  RSP moved by 0
  portal's id 0
  word 40
call with another flag
  RDI 47000
  messages 1
  calls 0
  RSP moved by 0
  portal's id 0
  word 40
call with both flags
  RDI 47000
  messages 0
  calls 1
  RSP moved by 0
  portal's id 7
  word 41
up
  RDI 0
  messages 0
  calls 0
  RSP moved by 0
down
  RDI 0
  messages 0
  calls 0
  RSP moved by 0
down too late
  RDI 1
  messages 0
  calls 0
  RSP moved by 0
up without the flag
  RDI 4800c
  messages 1
  calls 0
  RSP moved by 0
down of what was not upped
  RDI 1
  messages 0
  calls 0
  RSP moved by 0
up of nothing
  RDI 4
  messages 0
  calls 0
  RSP moved by 0
no hypercall
  RDI 3
  messages 0
  calls 0
  RSP moved by 0
`;

const printed = (output: string): string => {
  const text = output.replaceAll("\r\n", "\n");
  // The program's last instruction ends it.
  return text.slice(text.indexOf(HYBRID_START), text.indexOf("[kernel] EC killed"));
};

describe("hypercalls of a foreign program", () => {
  let kernel: Uint8Array;

  beforeAll(async () => {
    const { wasm, sourceMap } = await guestModule(KERNEL_GUEST);
    kernel = buildKernel(wasm, sourceMap);
  });

  it.each([false, true])("are told by the flag alone, with an entry: %s", async (hasEntry) => {
    const module = { file: buildHybridProbe(hasEntry), name: "probe" };
    const machine = await Machine.create({ kernel, memory: "256M", cpu: "max", modules: [module] });
    machine.runSync({ until: `${HYBRID_END}\n`, nanoseconds: 60e9 });
    expect(printed(machine.serialOutput)).toBe(EXPECTED);
  });

  it.skipIf(!onQemu)("are so on QEMU", async () => {
    const options = ["-m", "256M"];
    const text = await bootImages(
      { kernel, roottask: buildHybridProbe(true), options },
      HYBRID_END,
    );
    expect(printed(text)).toBe(EXPECTED);
  });
});
