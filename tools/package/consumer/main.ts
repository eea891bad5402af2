// Run by tsx, and by Node where it strips types.

import { boot, compiled, refusal } from "./boot.ts";

const { stop, again, serial } = await boot();
const good =
  stop.kind === "power-off" &&
  again.kind === "power-off" &&
  serial.includes("exit status 0") &&
  (await refusal()).includes("nowhere") &&
  compiled()[0] === 0x7f;
console.log(good ? "good" : JSON.stringify({ stop, again, serial }));
