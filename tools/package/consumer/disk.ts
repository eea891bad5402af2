// A machine that needs no file, for pages, workers and Node alike: what is executed compiled, shown and asked for.

import { Display, Machine, Monitor, RunControl } from "trihedron";

// MOV AX,0E41h; INT 10h; MOV AL,21h; OUT F4h,AL: an "A" on the screen, then status 0x43.
const disk = new Uint8Array(512);
disk.set([0xb8, 0x41, 0x0e, 0xcd, 0x10, 0xb0, 0x21, 0xe6, 0xf4]);
disk.set([0x55, 0xaa], 510);

const PNG = [0x89, 0x50, 0x4e, 0x47];

/** "debug-exit A 720x400 compiled PNG VM status: paused" if everything is as it should be. */
export async function bootDisk(): Promise<string> {
  const machine = await Machine.create({
    memory: "16M",
    accel: { kind: "jit", threshold: 0 },
    debugExit: { iobase: 0xf4, iosize: 4 },
    disks: [{ kind: "disk", image: disk }],
  });
  const display = Display.of(machine);
  const stop = await machine.run();
  const monitor = new Monitor(new RunControl(machine, true), { quit() {} });
  const { resized } = display?.look() ?? {};
  const picture = machine.screenshot();
  return [
    stop.kind,
    machine.screenText()?.[0],
    resized ? `${display?.width}x${display?.height}` : "no picture",
    machine.tierStatistics?.compilations ? "compiled" : "interpreted",
    PNG.every((byte, i) => picture?.[i] === byte) ? "PNG" : "no PNG",
    (await monitor.execute("info status")).trim(),
  ].join(" ");
}
