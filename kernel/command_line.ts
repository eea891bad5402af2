// The kernel's options: words of the command line from the boot loader, separated by spaces. Those of the reference
// that mean something here are `novga`, `nodl` (no TSC deadline timer) and `nopcid`; `serial` is taken and changes
// nothing, because the serial line is always used. Words that are no options are left alone.

import { commandLine } from "./boot_info";

const SPACE: u8 = 32;

/** Whether the word at `at` is `name`, which is ASCII. */
function isWord(at: usize, name: string): bool {
  const text = changetype<usize>(name);
  for (let i = 0; i < name.length; i++) {
    if (load<u8>(at + i) !== load<u16>(text + ((<usize>i) << 1))) return false;
  }
  const after = load<u8>(at + name.length);
  return after === 0 || after === SPACE;
}

/** Whether the option was given. */
export function hasOption(name: string): bool {
  let at = commandLine();
  if (at === 0) return false;
  while (load<u8>(at) === SPACE) at++;
  while (load<u8>(at) !== 0) {
    if (isWord(at, name)) return true;
    while (load<u8>(at) !== 0 && load<u8>(at) !== SPACE) at++;
    while (load<u8>(at) === SPACE) at++;
  }
  return false;
}
