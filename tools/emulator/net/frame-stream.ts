// Frames in a stream of bytes, as QEMU's -netdev socket has them: the length in four bytes, the highest first, then
// the frame (QEMU net/net.c, net_fill_rstate).

const LENGTH_BYTES = 4;
/** QEMU's limit: 64 KiB and what headers there may be before it. */
export const MAX_STREAM_FRAME = 4096 + 65536;

export function framed(frame: Uint8Array): Uint8Array {
  const out = new Uint8Array(LENGTH_BYTES + frame.length);
  new DataView(out.buffer).setUint32(0, frame.length);
  out.set(frame, LENGTH_BYTES);
  return out;
}

/** Takes a stream apart. */
export class FrameReader {
  #rest = new Uint8Array(0);

  /** The frames that end in these bytes. Throws `RangeError` for one that is too long: the stream is none of this kind. */
  read(bytes: Uint8Array): Uint8Array[] {
    const all = new Uint8Array(this.#rest.length + bytes.length);
    all.set(this.#rest);
    all.set(bytes, this.#rest.length);
    const view = new DataView(all.buffer);
    const frames: Uint8Array[] = [];
    let at = 0;
    while (at + LENGTH_BYTES <= all.length) {
      const length = view.getUint32(at);
      if (length > MAX_STREAM_FRAME) throw new RangeError(`a frame of ${length} bytes`);
      if (at + LENGTH_BYTES + length > all.length) break;
      frames.push(all.slice(at + LENGTH_BYTES, at + LENGTH_BYTES + length));
      at += LENGTH_BYTES + length;
    }
    this.#rest = all.slice(at);
    return frames;
  }
}
