// Where the contents of disk images come from: bytes in memory, or whatever a host reads on demand.

/** Contents of an image, read on demand. */
export interface ImageSource {
  /** For messages. */
  name: string;
  /** Bytes. */
  size: number;
  /** `length` bytes at `offset`; zeros beyond the end. The result belongs to the caller. Throws `Error` where the host cannot. */
  read(offset: number, length: number): Uint8Array;
  /** Changes bytes inside the image; not there where it cannot be changed. Throws `Error` where the host cannot. */
  write?(offset: number, bytes: Uint8Array): void;
  /** What has been written is on the host's storage when this returns. Throws `Error` where the host cannot. */
  flush?(): void;
}

/** An image that is in memory. */
export function bytesImage(name: string, data: Uint8Array): ImageSource {
  return {
    name,
    size: data.length,
    read(offset, length) {
      const out = new Uint8Array(length);
      out.set(data.subarray(offset, offset + length));
      return out;
    },
  };
}
