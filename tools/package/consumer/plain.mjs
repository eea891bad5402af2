// Plain JavaScript in Node.

import { Machine } from "trihedron";

const machine = await Machine.create({
  kernel: "build/kernel.elf32",
  modules: "build/roottask-bin roottask,build/userland.tar userland",
  memory: "256M",
});
const stop = await machine.run();
console.log(
  stop.kind === "power-off" && machine.serialOutput.includes("exit status 0") ? "good" : stop,
);
