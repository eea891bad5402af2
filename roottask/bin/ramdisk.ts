// A native program that serves a block device whose contents are its memory: /dev/ramdisk, of as many KiB as its argument
// says, 1024 where there is none. It shows what a disk's driver has to do (libhrstd/block.ts).

import { load64 } from "../libhedron/x86";
import { calloc } from "../libhrstd/allocator";
import { BlockServer } from "../libhrstd/block";
import { REQUEST_READ, REQUEST_WRITE, SECTOR_BYTES } from "../libhrstd/block_layout";
import { error, LOG_INFO, startLog } from "../libhrstd/log";
import { parseLimit } from "../libhrstd/measure";
import { exit } from "../libhrstd/services";

const NAME: string = "ramdisk";
const DEFAULT_KIB: u32 = 1024;
/** Kibibytes at the most: what the allocator gives in one piece, and leaves room for others. */
const KIB_MAX: u32 = 1 << 20;
const SECTORS_A_KIB: u32 = 1024 / SECTOR_BYTES;

function fail(message: string): void {
  error().text(message).line();
  exit(1);
}

function serve(server: BlockServer, contents: usize): void {
  while (server.next()) {
    const at = contents + (server.sector as usize) * SECTOR_BYTES;
    if (server.kind === REQUEST_READ) memory.copy(server.toRead, at, server.bytes);
    else if (server.kind === REQUEST_WRITE) memory.copy(at, server.written, server.bytes);
    if (!server.answer(0)) fail("an answer is refused");
  }
}

/** `start` is the address of argc and argv. */
export function main(start: u64): void {
  startLog(NAME, LOG_INFO);
  const kib = load64(start) < 2 ? DEFAULT_KIB : parseLimit(load64(start + 16));
  if (kib === 0 || kib > KIB_MAX) fail("the size is a number of KiB from 1 to 1048576");
  const contents = calloc(kib, 1024);
  if (contents === 0) fail("out of memory");
  const server = BlockServer.offer(NAME, (kib * SECTORS_A_KIB) as u64, 0);
  if (server === null) fail("the device is refused");
  serve(server as BlockServer, contents);
  exit(0);
}

/** First address behind the static data; the linker needs it. */
export function staticEnd(): usize {
  return __heap_base;
}
