// The end of the firmware's services, after which only the serial line is left to print on.

import { leaveScreen, print } from "./console";
import { beginError, endError, fail, printStatus } from "./failure";
import { firmware } from "./firmware";
import { readMap } from "./memory_map";

/** Whether the firmware can still do something. */
export let hasFirmware: bool = true;

/** Ends them and reads the final memory map; false after an error has been printed. */
export function leaveFirmware(): bool {
  const status = firmware.leave();
  if (status !== 0) {
    beginError();
    print("the firmware does not end its services: ");
    printStatus(status);
    return endError();
  }
  hasFirmware = false;
  leaveScreen();
  return readMap() || fail("the firmware's last memory map cannot be read");
}
