// Keyboard, mouse and tablet on USB by Linux's own drivers: what comes out of its event devices, here and on QEMU, for the same
// things that a user does (testdata/linux.ts says where a kernel is looked for).

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { hasQemu } from "../../../testing/host-tools.ts";
import { RunControl } from "../../debug/run-control.ts";
import { Machine } from "../../host/machine.ts";
import { Monitor } from "../../monitor/monitor.ts";
import { Pointer } from "../../monitor/pointer.ts";
import { QmpSession } from "../../monitor/qmp.ts";
import { QemuMonitor } from "../../monitor/testdata/qemu-monitor.ts";
import { BUSYBOX, busyboxInitrd, findLinux, type Linux } from "../../platform/testdata/linux.ts";
import { KEYS } from "../keys.ts";

const MODULES = ["xhci_pci", "usbhid", "hid_generic", "evdev"];
const linux = findLinux(MODULES);
const READY = "waiting for the user";
/** A key that no other action presses. */
const LAST = "f12";

/** An event a line: time, type, code and value as they lie in memory. */
const DUMP = `$B hexdump -v -e '24/1 "%02x" "\\n"'`;
const SCRIPT = `$B mount -t sysfs sys /sys
usb() { $B grep -l usb /sys/class/input/event*/device/phys; }
i=0; while [ $(usb | $B wc -l) -lt 3 -a $i -lt 200 ]; do $B sleep 0.1; i=$((i+1)); done
for p in $(usb); do
  d=\${p%/device/phys}; read name < $d/device/name; n=/dev/input/\${d##*/}
  case "$name" in *[Kk]eyboard) k=$n;; *[Mm]ouse) m=$n;; *[Tt]ablet) t=$n;; esac
done
$B cat $k > /event-k & $B cat $m > /event-m & $B cat $t > /event-t &
$B sleep 1; echo ${READY}
i=0; while ! ${DUMP} /event-k | $B grep -q 0100580000000000$ && [ $i -lt 600 ]; do $B sleep 0.5; i=$((i+1)); done
$B sleep 1
for f in k m t; do echo "device $f:"; ${DUMP} /event-$f; done
$B poweroff -f
`;

type Action = { type: string; data: object };
const key = (name: string, down: boolean): Action => ({
  type: "key",
  data: { down, key: { type: "qcode", data: name } },
});
const press = (name: string): Action[] => [key(name, true), key(name, false)];
const button = (name: string, down: boolean): Action => ({
  type: "btn",
  data: { down, button: name },
});
const move = (axis: string, value: number): Action => ({ type: "rel", data: { axis, value } });
const place = (axis: string, value: number): Action => ({ type: "abs", data: { axis, value } });

/** Of these QEMU has no usage, or that of another key. */
const NOT_QEMUS = ["pause", "menu", "kp_comma", "kp_equals"];
const names = KEYS.map(({ name }) => name).filter((n) => n !== LAST && !NOT_QEMUS.includes(n));
const chord = ["shift", "ctrl_r", "q", "w", "e", "r", "t", "y"];

const ACTIONS: readonly Action[] = [
  ...names.flatMap(press),
  // More than a report has room for, and down again in another order.
  ...chord.map((name) => key(name, true)),
  ...chord.map((name) => key(name, false)),
  ...[3, -120, 127].map((value) => move("x", value)),
  ...[-4, 90].map((value) => move("y", value)),
  ...["left", "right", "middle"].flatMap((name) => [button(name, true), button(name, false)]),
  ...["wheel-up", "wheel-down"].flatMap((name) => [button(name, true), button(name, false)]),
  ...[0, 1, 16384, 32767].flatMap((value) => [place("x", value), place("y", 32767 - value)]),
  ...press(LAST),
];

const request = (action: Action) => ({
  execute: "input-send-event",
  arguments: { events: [action] },
});

const DEVICES = ["qemu-xhci", "usb-kbd", "usb-tablet", "usb-mouse"].flatMap((n) => ["-device", n]);
const APPEND = "console=ttyS0 quiet panic=-1";

/** Type, code and value of events, without their time and reports' ends. */
function eventsOf(serial: string): string[] {
  const lines = serial.slice(serial.indexOf("device k:")).replaceAll("\r", "").split("\n");
  return lines.flatMap((line) => {
    if (line.startsWith("device")) return line;
    const event = /^[\da-f]{32}([\da-f]{16})$/.exec(line)?.[1];
    return event === undefined || event.startsWith("0000") ? [] : event;
  });
}

async function onQemu(kernel: string, initrd: string): Promise<string[]> {
  const extra = ["-initrd", initrd, "-m", "256M", "-append", APPEND, ...DEVICES];
  const qemu = await QemuMonitor.until(READY, readFileSync(kernel), true, extra);
  try {
    for (const action of ACTIONS) {
      await qemu.ask(request(action));
      await qemu.ask({ execute: "query-status" });
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
    await qemu.ended();
    return eventsOf(qemu.serial);
  } finally {
    qemu.close();
  }
}

async function here(kernel: string, initrd: string): Promise<string[]> {
  const machine = await Machine.create({
    kernel,
    modules: [{ file: readFileSync(initrd) }],
    append: APPEND,
    memory: "256M",
    usb: ["keyboard", "tablet", "mouse"],
  });
  expect(machine.runSync({ until: READY, nanoseconds: 60e9 })).toEqual({ kind: "matched" });
  const control = new RunControl(machine, false);
  const monitor = new Monitor(control, { quit() {} });
  const said: string[] = [];
  const session = new QmpSession(
    { control, monitor, host: { quit() {} }, pointer: new Pointer() },
    { write: (text) => said.push(text), quit() {} },
  );
  const send = async (command: object): Promise<void> => {
    session.receive(new TextEncoder().encode(`${JSON.stringify(command)}\n`));
    await session.answered;
  };
  await send({ execute: "qmp_capabilities" });
  for (const action of ACTIONS) {
    await send(request(action));
    machine.runSync({ nanoseconds: 40_000_000 });
  }
  expect(said.filter((text) => text.includes('"error"'))).toEqual([]);
  expect(machine.runSync({ nanoseconds: 60e9 })).toEqual({ kind: "power-off" });
  return eventsOf(machine.serialOutput);
}

test.skipIf(linux === undefined || !existsSync(BUSYBOX) || !hasQemu)(
  "Linux sees the same of a user as on QEMU",
  async () => {
    const found = linux as Linux;
    const folder = mkdtempSync(join(tmpdir(), "emu-usb-input-"));
    try {
      const initrd = join(folder, "initrd");
      writeFileSync(initrd, busyboxInitrd(found, MODULES, SCRIPT));
      const ours = await here(found.kernel, initrd);
      expect(ours.length).toBeGreaterThan(names.length * 4);
      expect(ours).toEqual(await onQemu(found.kernel, initrd));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
);
