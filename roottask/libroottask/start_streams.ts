// What the standard streams of a program are that the start file starts.

import { O_APPEND, O_CREAT, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } from "./open_file";
import { openStandard } from "./open_path";
import { Program } from "./program";
import { startTerminal, streamAppends, streamLength, streamPath } from "./startfile";
import { copyLiteral } from "./text";

const STREAMS: u32 = 3;

const terminal = memory.data(16);

/** What `openStreams` could not open: which stream, its path, and the error. */
export let failedStream: u32 = 0;
export let failedPath: usize = 0;
export let failedLength: u32 = 0;
export let failedError: i64 = 0;

function open(program: Program, stream: u32, path: usize, length: u32, flags: u32): bool {
  failedStream = stream;
  failedPath = path;
  failedLength = length;
  failedError = openStandard(program, stream, path, length, flags);
  return failedError === 0;
}

/** Opens what the line of `program` says of its standard streams; the others stay as they are. False where one cannot be. */
export function openStreams(program: Program): bool {
  if (startTerminal) {
    const length = copyLiteral(terminal, "dev/ttyS0");
    for (let stream: u32 = 0; stream < STREAMS; stream++) {
      if (!open(program, stream, terminal, length, O_RDWR)) return false;
    }
  }
  for (let stream: u32 = 0; stream < STREAMS; stream++) {
    const length = streamLength(stream);
    if (length === 0) continue;
    const writing = O_WRONLY | O_CREAT | (streamAppends(stream) ? O_APPEND : O_TRUNC);
    const flags = stream === 0 ? O_RDONLY : writing;
    if (!open(program, stream, streamPath(stream), length, flags)) return false;
  }
  return true;
}
