// How the bytes of data commands travel: by DMA, or sector by sector through the data register.

import type { DmaChannel } from "../dma8237.ts";
import type { Transfer } from "./commands.ts";
import type { FloppyDrive } from "./drive.ts";
import { type Ending, failed, ST1 } from "./registers.ts";
import { advance, bytesOf, consume, directionOf, ending, obstacle, produce } from "./transfer.ts";

/** Performs a command by DMA, or one that moves no data. Without a channel nobody hears its requests. */
export function moveAll(
  t: Transfer,
  drive: FloppyDrive,
  rate: number,
  dma: DmaChannel | undefined,
): Ending {
  for (;;) {
    const moved = obstacle(t, drive, rate) ?? moveSector(t, drive, dma);
    if (typeof moved !== "boolean") return moved;
    const end = advance(t);
    if (moved) return ending(t);
    if (end !== undefined) return end;
  }
}

/** One sector: whether it was the last one by terminal count, or how the command ends. */
function moveSector(
  t: Transfer,
  drive: FloppyDrive,
  dma: DmaChannel | undefined,
): boolean | Ending {
  const direction = directionOf(t);
  if (direction === "none") return false;
  if (direction === "to host") {
    const bytes = produce(t, drive);
    if (!(bytes instanceof Uint8Array)) return bytes;
    if (bytes.length === 0) return false;
    const outcome = dma?.put(bytes);
    const over = outcome?.terminalCount ?? false;
    return over || outcome?.moved === bytes.length ? over : failed(ST1.overrun);
  }
  const wanted = bytesOf(t);
  const outcome = dma?.take(wanted);
  const over = outcome?.terminalCount ?? false;
  // What terminal count leaves of a sector is written as zeros.
  if (outcome === undefined || (outcome.moved < wanted && !over)) return failed(ST1.overrun);
  return consume(t, drive, outcome.bytes) ?? over;
}

/** Makes the next sector's bytes ready for the data register; how the command ends, if there is none. */
export function openSector(t: Transfer, drive: FloppyDrive, rate: number): Ending | undefined {
  for (;;) {
    const wrong = obstacle(t, drive, rate);
    if (wrong !== undefined) return wrong;
    const bytes = directionOf(t) === "to host" ? produce(t, drive) : new Uint8Array(bytesOf(t));
    if (!(bytes instanceof Uint8Array)) return bytes;
    t.data = bytes;
    t.position = 0;
    if (bytes.length > 0) return undefined;
    const end = advance(t);
    if (end !== undefined) return end;
  }
}
