// A capture file of frames (pcap 2.4, draft-ietf-opsawg-pcap, 4 and 5), as QEMU's filter-dump writes it.

const MAGIC = 0xa1b2_c3d4;
const ETHERNET = 1;
/** Bytes of a frame that are kept unless it is said otherwise. */
export const CAPTURED_BYTES = 65536;

const HEADER_BYTES = 24;
const RECORD_BYTES = 16;

export function captureHeader(bytes = CAPTURED_BYTES): Uint8Array {
  const view = new DataView(new ArrayBuffer(HEADER_BYTES));
  view.setUint32(0, MAGIC, true);
  view.setUint16(4, 2, true);
  view.setUint16(6, 4, true);
  view.setUint32(16, bytes, true);
  view.setUint32(20, ETHERNET, true);
  return new Uint8Array(view.buffer);
}

/** A frame at `time`, ns since 1970. */
export function captureRecord(frame: Uint8Array, time: number, bytes = CAPTURED_BYTES): Uint8Array {
  const kept = frame.subarray(0, bytes);
  const out = new Uint8Array(RECORD_BYTES + kept.length);
  const view = new DataView(out.buffer);
  view.setUint32(0, Math.floor(time / 1e9), true);
  view.setUint32(4, Math.floor((time % 1e9) / 1e3), true);
  view.setUint32(8, kept.length, true);
  view.setUint32(12, frame.length, true);
  out.set(kept, RECORD_BYTES);
  return out;
}

/** The frames of a capture file, for tests. Throws `Error` where it is none. */
export function capturedFrames(file: Uint8Array): Uint8Array[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (file.length < HEADER_BYTES || view.getUint32(0, true) !== MAGIC)
    throw new Error("no capture");
  const frames: Uint8Array[] = [];
  for (let at = HEADER_BYTES; at + RECORD_BYTES <= file.length; ) {
    const length = view.getUint32(at + 8, true);
    frames.push(file.slice(at + RECORD_BYTES, at + RECORD_BYTES + length));
    at += RECORD_BYTES + length;
  }
  return frames;
}
