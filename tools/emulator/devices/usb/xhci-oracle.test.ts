// The USB controller and a stick against QEMU's: the same accesses, performed by a guest, read the same. QEMU's
// nec-usb-xhci can be had with the same ports of USB 2; it is qemu-xhci but for its IDs. What is not compared says why.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { hasQemu } from "../../../testing/host-tools.ts";
import { Machine } from "../../host/machine.ts";
import { busGuest, encodeScript, shown } from "../../platform/testdata/bus-guest.ts";
import { BY_INSTRUCTIONS, runOnQemu } from "../../platform/testdata/qemu.ts";
import {
  BASE,
  CONTROL,
  DATA,
  DOORBELLS,
  dump,
  FIRST_PORT,
  load,
  OPERATIONAL,
  OUTPUT,
  PORTS,
  put,
  RUNTIME,
  Script,
  store,
} from "./testdata/script.ts";
import { XHCI_DEVICE } from "./xhci-registers.ts";

const SECTORS = 2048;

function image(): Uint8Array {
  const view = new DataView(new ArrayBuffer(SECTORS * 512));
  for (let at = 0; at < view.byteLength; at += 4) view.setUint32(at, at + 0x4000_0000, true);
  return new Uint8Array(view.buffer);
}

/** A port that has changed is told in USBSTS too (5.4.2); not in QEMU 7.2. */
const NOT_CHANGED = ~0x10;
/** Its configuration has no name here. */
const UNNAMED = 0xff00_ffff;
/** A request is refused in its data stage (USB 2.0, 8.5.3.4), of which nothing has been moved; QEMU refuses its setup stage. */
const REFUSED = { at: 0, status: 0xff00_0000 } as const;
/** How many ports, slots and interrupters there are differs; and how many ports are of USB 3. */
const COUNTS = 0;
/** QEMU 7.2 tells of changes at ports that nothing is at. */
const UNCHANGED = ~0x2_0000;
/** The pointer of the command ring reads as 0, and its cycle (5.4.5); in QEMU 7.2 as what was written, and never as running. */
const RING = 0;
/** The moderation interval is 4000 at first (5.5.2.2); 0 in QEMU. */
const MODERATION = 0;
/** A command about a slot that is not enabled is one about it; QEMU has 0 there. */
const NO_SLOT = 0xff_ffff;
/** An endpoint that does not run cannot be stopped (4.6.9); QEMU 7.2 says that it was. */
const STOPPED_TWICE = 0;

async function answers({ accesses }: Script) {
  const guest = busGuest();
  const encoded = encodeScript(accesses);
  let output = "";
  const machine = await Machine.create({
    kernel: guest,
    modules: [{ file: encoded }],
    disks: [{ kind: "disk", bus: "usb", image: image() }],
    debugExit: { iobase: 0xf4, iosize: 4 },
    onDebugConsole: (b) => {
      output += String.fromCharCode(b);
    },
  });
  machine.runSync({ nanoseconds: 5e9 });
  const directory = mkdtempSync(join(tmpdir(), "emu-usb-"));
  try {
    const file = join(directory, "stick");
    writeFileSync(file, image());
    const oracle = runOnQemu(
      guest,
      [encoded],
      [
        ...[...BY_INSTRUCTIONS, "-nic", "none", "-drive", `if=none,id=s,format=raw,file=${file}`],
        ...["-device", `nec-usb-xhci,p2=8,p3=0,addr=0x${XHCI_DEVICE.toString(16)},id=x`],
        ...["-device", "usb-storage,bus=x.0,drive=s,port=1"],
      ],
    );
    return { ours: shown(accesses, output), theirs: shown(accesses, oracle.debugcon) };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const registers = new Script()
  .add(load(BASE), load(BASE + 4, COUNTS), ...dump(BASE + 8, 10), ...dump(BASE + 0x30, 2))
  .add(...dump(OPERATIONAL, 16), load(PORTS))
  .add(...Array.from({ length: 7 }, (_, i) => load(PORTS + 16 * (i + 1), UNCHANGED)))
  .add(
    ...Array.from({ length: 8 }, (_, i) =>
      [4, 8, 12].map((at) => load(PORTS + 16 * i + at)),
    ).flat(),
  )
  .add(...dump(RUNTIME + 4, 8), load(RUNTIME + 0x24, MODERATION), ...dump(RUNTIME + 0x28, 6))
  .add(["load", BASE, 1], load(DOORBELLS + 4))
  .start()
  .add(
    load(OPERATIONAL),
    load(OPERATIONAL + 4),
    load(OPERATIONAL + 0x18, RING),
    load(OPERATIONAL + 0x30),
  )
  .add(load(RUNTIME + 0x20), ...dump(RUNTIME + 0x28, 6))
  .add(store(OPERATIONAL + 4, 0x18), load(OPERATIONAL + 4))
  .add(store(OPERATIONAL, 0), load(OPERATIONAL + 4), store(OPERATIONAL, 2))
  .add(...dump(OPERATIONAL, 16), load(RUNTIME + 0x20), ...dump(RUNTIME + 0x28, 6), load(PORTS));

const commands = new Script()
  .start()
  .command([0, 0, 0, 23 << 10])
  .command([0, 0, 0, (5 << 24) | (10 << 10)], -1, NO_SLOT)
  .address()
  .add(
    ...dump(OUTPUT, 16),
    load(FIRST_PORT),
    load(OPERATIONAL + 4, NOT_CHANGED),
    load(OPERATIONAL + 0x18, RING),
  )
  .command([0, 0, 0, (1 << 24) | (1 << 16) | (15 << 10)])
  .command([0, 0, 0, (1 << 24) | (1 << 16) | (15 << 10)], STOPPED_TWICE)
  .command([0, 0, 0, (1 << 24) | (5 << 16) | (15 << 10)])
  .command([(CONTROL + 64) | 1, 0, 0, (1 << 24) | (1 << 16) | (16 << 10)])
  .add(...dump(OUTPUT + 32, 4))
  .command([0, 0, 0, (1 << 24) | (10 << 10)])
  .command([0, 0, 0, 9 << 10]);

const requests = new Script()
  .start()
  .address()
  .control(0x0100_0680, 64 << 16)
  .events(2)
  .add(load(DATA), load(DATA + 4), load(DATA + 8), load(DATA + 12, 0xff))
  .control(0x0200_0680, 9 << 16)
  .events(2)
  .add(load(DATA), load(DATA + 4, UNNAMED))
  .control(0x0001_0900, 0)
  .events(1)
  .control(0x0000_0880, 1 << 16)
  .events(2)
  .add(load(DATA, 0xff))
  .control(0x0000_fea1, 1 << 16)
  .events(2)
  .add(load(DATA, 0xff))
  // What is not known halts the endpoint.
  .control(0x0000_0780, 4 << 16)
  .events(1, REFUSED.status, -1, REFUSED.at)
  .add(load(OUTPUT + 32), load(OUTPUT + 36));

const disk = new Script()
  .start()
  .configure()
  .add(...dump(OUTPUT, 3), load(OUTPUT + 12), load(OUTPUT + 96), ...dump(OUTPUT + 128, 4))
  // READ CAPACITY, READ(10), WRITE(10) and what is there then.
  .block(8, true, 0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0)
  .input(8)
  .add(...dump(DATA, 2))
  .status()
  .block(1024, true, 0x28, 0, 0, 0, 0, 7, 0, 0, 2, 0)
  .input(1024)
  .add(...dump(DATA, 4), ...dump(DATA + 0x3f0, 4))
  .status()
  .add(...put(DATA, 1, 2, 3, 4))
  .block(512, false, 0x2a, 0, 0, 0, 0, 9, 0, 0, 1, 0)
  .output(512)
  .status()
  .block(512, true, 0x28, 0, 0, 0, 0, 9, 0, 0, 1, 0)
  .input(512)
  .add(...dump(DATA, 8))
  .status()
  // Nothing to move.
  .block(0, false, 0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0)
  .status();

const cases: [string, Script][] = [
  ["registers", registers],
  ["commands", commands],
  ["requests to a device", requests],
  ["a stick's commands", disk],
];

test.skipIf(!hasQemu).each(cases)("%s", async (_, script) => {
  const { ours, theirs } = await answers(script);
  expect(ours.length).toBeGreaterThan(20);
  expect(ours).toEqual(theirs);
});
