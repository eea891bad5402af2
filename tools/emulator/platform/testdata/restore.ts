// Goes on from a snapshot in a process of its own: node restore.ts SNAPSHOT OPTIONS NANOSECONDS, where SNAPSHOT is a
// file that v8.serialize wrote, OPTIONS are MachineOptions as JSON. Prints the hash of the state at the end.

import { readFileSync } from "node:fs";
import { deserialize } from "node:v8";
import { Machine, type MachineOptions } from "../../host/machine.ts";

const [file = "", options = "", nanoseconds = ""] = process.argv.slice(2);
const machine = await Machine.create(JSON.parse(options) as MachineOptions);
machine.restore(deserialize(readFileSync(file)));
machine.runSync({ nanoseconds: Number(nanoseconds) });
process.stdout.write(machine.stateHash());
