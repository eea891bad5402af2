// Where the contents of disk images come from: bytes in memory, or whatever a host reads on demand. A format of images
// (qcow2/) is a source on top of the source of its file.

/** Formats that there is a reader for. */
export type ImageFormat = "raw" | "qcow2";

/** Contents of an image, read on demand. */
export interface ImageSource {
  /** For messages. */
  name: string;
  /** Bytes; of a file that holds a format it grows with what is written behind its end. */
  readonly size: number;
  /** `length` bytes at `offset`; zeros beyond the end. The result belongs to the caller. Throws `Error` where the host cannot. */
  read(offset: number, length: number): Uint8Array;
  /** Changes bytes inside the image, or makes a format's file longer; not there where it cannot be changed. Throws `Error` where the host cannot. */
  write?(offset: number, bytes: Uint8Array): void;
  /** What has been written is on the host's storage when this returns. Throws `Error` where the host cannot. */
  flush?(): void;
  /** Flushes, and gives back what the host holds for the image; nothing may be asked of it afterwards. Throws `Error` where the host cannot. */
  close?(): void;
  /** "raw" where it does not say. */
  readonly format?: ImageFormat;
  /** What stands for parts that are not in the image. */
  readonly backing?: ImageSource;
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
