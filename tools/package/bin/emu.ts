#!/usr/bin/env node
// The command trihedron-emu of the npm package.

import { main } from "../../emulator/host/cli.ts";

await main(process.argv.slice(2));
