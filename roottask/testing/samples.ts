// Inputs for tests: a small static ELF program and tar archives made with tar-stream, an implementation
// that is not ours.

import { pack } from "tar-stream";

export interface SampleFile {
  name: string;
  type?: "file" | "directory" | "symlink" | "link";
  linkname?: string;
  mode?: number;
  data?: Uint8Array | string;
}

export async function tarOf(files: SampleFile[]): Promise<Uint8Array> {
  const archive = pack();
  for (const { name, type = "file", linkname, mode = 0o644, data = "" } of files) {
    const header = { name, type, mode, mtime: new Date(0), ...(linkname ? { linkname } : {}) };
    archive.entry(header, Buffer.from(data));
  }
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

export interface SampleSegment {
  address: bigint;
  flags: number;
  data: Uint8Array;
  memorySize?: number;
}

/** An ELF64 executable with the given segments, each on a page of the file of its own. */
export function elfOf(entry: bigint, segments: SampleSegment[], type = 2): Buffer {
  const page = 4096;
  const sizes = segments.map((segment) => Math.ceil(segment.data.length / page) * page);
  const file = Buffer.alloc(page + sizes.reduce((sum, size) => sum + size, 0));
  file.write("\x7fELF\x02\x01\x01", 0, "latin1");
  file.writeUInt16LE(type, 16);
  file.writeUInt16LE(62, 18);
  file.writeUInt32LE(1, 20);
  file.writeBigUInt64LE(entry, 24);
  file.writeBigUInt64LE(64n, 32);
  file.writeUInt16LE(64, 52);
  file.writeUInt16LE(56, 54);
  file.writeUInt16LE(segments.length, 56);
  let at = page;
  for (const [index, segment] of segments.entries()) {
    const header = 64 + index * 56;
    const congruent = at + Number(segment.address % BigInt(page));
    file.writeUInt32LE(1, header);
    file.writeUInt32LE(segment.flags, header + 4);
    file.writeBigUInt64LE(BigInt(congruent), header + 8);
    file.writeBigUInt64LE(segment.address, header + 16);
    file.writeBigUInt64LE(segment.address, header + 24);
    file.writeBigUInt64LE(BigInt(segment.data.length), header + 32);
    file.writeBigUInt64LE(BigInt(segment.memorySize ?? segment.data.length), header + 40);
    file.writeBigUInt64LE(BigInt(page), header + 48);
    file.set(segment.data, congruent);
    at += sizes[index] as number;
  }
  return file;
}

/** Code at 0x401000, data and 64 KiB of zeros at 0x402000. */
export function sampleProgram(): Buffer {
  return elfOf(0x40_1000n, [
    { address: 0x40_1000n, flags: 5, data: Buffer.from([0x0f, 0x05, 0x0f, 0x0b]) },
    { address: 0x40_2000n, flags: 6, data: Buffer.from("data"), memorySize: 0x1_0000 },
  ]);
}
