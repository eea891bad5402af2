// Standard input as what is typed at a shell of the guest: behind its end "exit" is typed, on a line of its own, as nobody is
// there to do it, and the end-of-file character for a program that reads the rest. That character alone would be lost where
// it is typed before the shell edits lines itself.

import { fstatSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { Transform } from "node:stream";

const NEWLINE = 10;
/** VEOF of a terminal that nobody has set. */
const END_OF_FILE = 4;

/** What is typed behind bytes of which `last` is the last one. */
function ending(last: number | undefined): Uint8Array {
  const isLine = last === undefined || last === NEWLINE;
  return Uint8Array.from([...(isLine ? [] : [NEWLINE]), ...Buffer.from("exit\n"), END_OF_FILE]);
}

/** Passes bytes on and ends them. */
export function typing(): Transform {
  let last: number | undefined;
  return new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      last = chunk.at(-1) ?? last;
      done(null, chunk);
    },
    flush(done) {
      done(null, ending(last));
    },
  });
}

/** Whether standard input is a file, which a program reads at once so that its run can be repeated. */
export function isFile(): boolean {
  try {
    return fstatSync(0).isFile();
  } catch {
    return false;
  }
}

/** Opens a copy of the file that standard input is, with its end typed; the copy is at `path` until it is open. */
export function openTyped(path: string): number {
  const bytes = readFileSync(0);
  writeFileSync(path, Buffer.concat([bytes, ending(bytes.at(-1))]));
  const descriptor = openSync(path, "r");
  rmSync(path);
  return descriptor;
}
