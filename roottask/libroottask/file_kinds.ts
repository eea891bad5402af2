// Which kinds of file there are: what an open file can do depends on them.

import { initCharacterDevices } from "./character_devices";
import { initRegularFiles } from "./regular_file";
import { initStandardStreams } from "./standard_streams";

/** Must be called before a file is opened. False when memory is out. */
export function initFileKinds(): bool {
  initRegularFiles();
  initCharacterDevices();
  return initStandardStreams();
}
