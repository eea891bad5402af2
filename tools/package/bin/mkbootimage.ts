#!/usr/bin/env node
// The command trihedron-mkbootimage of the npm package.

import "../../bootimage/cli.ts";
