#!/usr/bin/env node
// The command trihedron-make of the npm package.

import { runShippedMake } from "../make.ts";

process.exitCode = await runShippedMake(process.argv.slice(2));
