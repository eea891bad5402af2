// Messages as bytes, for a WebSocket: the length of the header (32 bits, little endian), the header as JSON in UTF-8, and
// what is in the field `bytes`. Blanks behind the header bring these to a multiple of four.

import { MessageError } from "./messages.ts";

const LENGTH_BYTES = 4;
const BLANK = 0x20;

/** `message` as bytes: its field `bytes`, or that of its `event`, is the payload. */
export function encodeMessage(message: {
  kind: string;
  bytes?: Uint8Array;
  event?: object;
}): Uint8Array<ArrayBuffer> {
  const event = message.event as { bytes?: Uint8Array } | undefined;
  const payload = message.bytes ?? event?.bytes ?? new Uint8Array(0);
  const text = JSON.stringify(message, (key, value) => (key === "bytes" ? undefined : value));
  const encoded = new TextEncoder().encode(text);
  const header = new Uint8Array(Math.ceil(encoded.length / 4) * 4).fill(BLANK);
  header.set(encoded);
  const out = new Uint8Array(LENGTH_BYTES + header.length + payload.length);
  new DataView(out.buffer).setUint32(0, header.length, true);
  out.set(header, LENGTH_BYTES);
  out.set(payload, LENGTH_BYTES + header.length);
  return out;
}

/** The message in `data`, not yet checked; `bytes` is a view of them. Throws `MessageError`. */
export function decodeMessage(data: Uint8Array): Record<string, unknown> {
  if (data.length < LENGTH_BYTES) throw new MessageError("a message of less than 4 bytes");
  const length = new DataView(data.buffer, data.byteOffset).getUint32(0, true);
  if (length > data.length - LENGTH_BYTES) {
    throw new MessageError(`a header of ${length} bytes in a message of ${data.length}`);
  }
  const header = data.subarray(LENGTH_BYTES, LENGTH_BYTES + length);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(header));
  } catch {
    throw new MessageError("a header that is no JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new MessageError("a header that is no object");
  }
  return { ...value, bytes: data.subarray(LENGTH_BYTES + length) };
}
