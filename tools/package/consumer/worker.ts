// A worker with a machine inside, which tells the page that has started it what came of it.

import { bootDisk } from "./disk.ts";

postMessage(await bootDisk());
