// Run by tsx, and by Node where it strips types.

import { boot, bootImage, compiled, refusal } from "./boot.ts";

const { stop, again, serial } = await boot();
const good =
  stop.kind === "power-off" &&
  again.kind === "power-off" &&
  serial.includes("exit status 0") &&
  (await refusal()).includes("nowhere") &&
  compiled()[0] === 0x7f &&
  Number(await bootImage("build/kernel.elf32")) > 1_000_000;
console.log(good ? "good" : JSON.stringify({ stop, again, serial }));
