// The checks of structure that `npm run lint` makes besides Biome: one line for each complaint, exit status 1 if
// there is any.

import { fileURLToPath } from "node:url";
import { readSources } from "./imports.ts";
import { checkPortable, PORTABLE_ENTRIES } from "./portable.ts";
import { BUILDINGS, checkStoreys } from "./storeys.ts";

const sources = readSources(fileURLToPath(new URL("../..", import.meta.url)));
const complaints = [
  ...BUILDINGS.flatMap((building) => checkStoreys(sources, building)),
  ...PORTABLE_ENTRIES.flatMap((entry) => checkPortable(sources, ...entry)),
];
for (const complaint of complaints) console.error(complaint);
if (complaints.length > 0) process.exitCode = 1;
else console.log(`structure: ${sources.size} files, no complaint`);
