// For pages: files come as bytes, and the report goes to `onReport`, which the page has.

import { Machine } from "trihedron";

declare const onReport: (text: string) => void;

// MOV AX,0E41h; INT 10h; MOV AL,21h; OUT F4h,AL: an "A" on the screen, then status 0x43.
const disk = new Uint8Array(512);
disk.set([0xb8, 0x41, 0x0e, 0xcd, 0x10, 0xb0, 0x21, 0xe6, 0xf4]);
disk.set([0x55, 0xaa], 510);

const machine = await Machine.create({
  memory: "16M",
  debugExit: { iobase: 0xf4, iosize: 4 },
  disks: [{ kind: "disk", image: disk }],
});
const stop = await machine.run();
onReport(`${stop.kind} ${machine.screenText()?.[0]} ${machine.stateHash().length > 0}`);
