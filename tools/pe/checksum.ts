// The checksum of a PE file, which IMAGHELP's CheckSumMappedFile defines: the file as words of 16 bits, added with the
// carry brought around, and its length. PE Format, "Optional Header Windows-Specific Fields", CheckSum.

import { DOS_MAGIC, PE_SIGNATURE, Size } from "./constants.ts";

/** Offset of CheckSum in the optional header, and of the offset of the PE signature in the file. */
const CHECKSUM = 64;
export const SIGNATURE_POINTER = 0x3c;

/** Where the checksum of `file` stands. Throws an error where it is no PE file. */
function checksumOffset(file: DataView): number {
  const isPe =
    file.byteLength >= Size.dosHeader &&
    file.getUint16(0, true) === DOS_MAGIC &&
    file.getUint32(SIGNATURE_POINTER, true) + Size.signature + Size.fileHeader + CHECKSUM + 4 <=
      file.byteLength &&
    file.getUint32(file.getUint32(SIGNATURE_POINTER, true), true) === PE_SIGNATURE;
  if (!isPe) throw new Error("not a PE file: the signature PE is not where its DOS header says");
  return file.getUint32(SIGNATURE_POINTER, true) + Size.signature + Size.fileHeader + CHECKSUM;
}

/** Stores the checksum of a PE file into it, after any change of its bytes. Throws an error where it is no PE file. */
export function updateChecksum(file: Uint8Array): void {
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const at = checksumOffset(view);
  view.setUint32(at, 0, true);
  let sum = 0;
  for (let i = 0; i < file.length; i += 2) {
    sum += (file[i] as number) | ((file[i + 1] ?? 0) << 8);
    sum = (sum & 0xffff) + (sum >>> 16);
  }
  view.setUint32(at, (sum & 0xffff) + file.length, true);
}
