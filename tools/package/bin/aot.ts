#!/usr/bin/env node
// The command trihedron-aot of the npm package.

import "../../aot/cli.ts";
