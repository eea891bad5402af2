// Entries of foreign system calls into user mode (ec_ctrl entry; docs/kernel-interface.md): which calls go there, and
// what the code there and the handler of messages find.

import { beforeAll, describe, expect, it } from "vitest";
import { guestModule } from "../tools/asc/guest.ts";
import { Machine } from "../tools/emulator/host/machine.ts";
import { buildKernel } from "./build.ts";
import { KERNEL_GUEST } from "./options.ts";
import { buildEntryProbe, ENTRY_END } from "./testing/entry_probe.ts";
import { bootImages, onQemu } from "./testing/qemu.ts";

const EXPECTED = `entry of an EC that is not foreign: status 5
entry of nothing: status 5
entry without permission: status 5
entry beyond user space: status 5
entry in the kernel: status 5
entry in the last page: status 0
entry: status 0
a call
  entered 1
  message 0
  RCX from behind the call 0
  R11 from the caller's RSP 0
  seen_flags 401
  after 401
  RSP at the entry 123456789abcdef0
a call with other flags
  entered 1
  message 0
  RCX from behind the call 0
  R11 from the caller's RSP 0
  seen_flags 80
  after 80
a call of the entry's own
  entered 0
  message 1
  R11 from the caller's RSP 0
  seen_flags 401
  after 401
a call that is stepped through
  entered 0
  message 1
  RCX from behind the call 0
  R11 from the caller's RSP 0
  seen_flags 0
  after 0
a hypercall: status 3
  entered 0
no entry any more: status 0
a call without entry
  entered 0
  message 1
  RCX from behind the call 0
  R11 from the caller's RSP 0
  seen_flags 401
  after 401
`;

const printed = (output: string): string => {
  const text = output.replaceAll("\r\n", "\n");
  const first = EXPECTED.slice(0, EXPECTED.indexOf("\n"));
  // The program's last instruction ends it; what the roottask does is not of interest.
  return text.slice(text.indexOf(first), text.indexOf("[kernel] EC killed"));
};

describe("entries into user mode", () => {
  let kernel: Uint8Array;

  beforeAll(async () => {
    const { wasm, sourceMap } = await guestModule(KERNEL_GUEST);
    kernel = buildKernel(wasm, sourceMap);
  });

  it("get the calls of their EC, with everything as it was", async () => {
    const module = { file: buildEntryProbe(), name: "probe" };
    const machine = await Machine.create({ kernel, memory: "256M", cpu: "max", modules: [module] });
    machine.runSync({ until: `${ENTRY_END}\n`, nanoseconds: 60e9 });
    expect(printed(machine.serialOutput)).toBe(EXPECTED);
  });

  it.skipIf(!onQemu).each(["qemu64", "max"])("do so on QEMU, CPU %s", async (cpu) => {
    const options = ["-m", "256M", "-cpu", cpu];
    const text = await bootImages({ kernel, roottask: buildEntryProbe(), options }, ENTRY_END);
    expect(printed(text)).toBe(EXPECTED);
  });
});
