// Physical memory of the model: RAM from 0 on, and the loader's linear memory in a window far above it.

export const WINDOW = 0x2_0000_0000n;

export class PhysicalMemory {
  readonly ram: Uint8Array;
  linear: WebAssembly.Memory | undefined;

  constructor(bytes: number) {
    this.ram = new Uint8Array(bytes);
  }

  /** The bytes at an address; throws where there is no memory. */
  bytes(address: bigint, length: bigint): Uint8Array {
    const at = BigInt.asUintN(64, address);
    const inWindow = at >= WINDOW && this.linear;
    const buffer = inWindow ? inWindow.buffer : this.ram.buffer;
    const start = inWindow ? at - WINDOW : at;
    if (start + length > BigInt(buffer.byteLength)) {
      throw new RangeError(`access to 0x${at.toString(16)}, ${length} bytes`);
    }
    return new Uint8Array(buffer, Number(start), Number(length));
  }

  load(address: bigint, size: number): bigint {
    return this.bytes(address, BigInt(size)).reduceRight(
      (sum, byte) => (sum << 8n) | BigInt(byte),
      0n,
    );
  }

  store(address: bigint, size: number, value: bigint): void {
    const data = this.bytes(address, BigInt(size));
    for (let i = 0; i < size; i++) data[i] = Number((value >> BigInt(8 * i)) & 0xffn);
  }
}
