// A qcow2 image of 32 KiB in clusters of 512 bytes, put together by hand: header, refcount table and block, L1 and L2
// table; on its disk a cluster of ones, a hole, and a cluster of zeros.

const CLUSTER = 512;

export function smallImage(): Uint8Array {
  const bytes = new Uint8Array(8 * CLUSTER);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x514649fb);
  view.setUint32(4, 3);
  view.setUint32(20, 9);
  view.setUint32(28, 32 << 10);
  view.setUint32(36, 1); // entries of L1
  view.setUint32(44, 3 * CLUSTER);
  view.setUint32(52, CLUSTER);
  view.setUint32(56, 1); // clusters of the refcount table
  view.setUint32(96, 4);
  view.setUint32(100, 104);
  view.setUint32(CLUSTER + 4, 2 * CLUSTER);
  for (let cluster = 0; cluster < 7; cluster++) view.setUint16(2 * CLUSTER + cluster * 2, 1);
  view.setUint32(3 * CLUSTER, 0x80000000);
  view.setUint32(3 * CLUSTER + 4, 5 * CLUSTER);
  view.setUint16(2 * CLUSTER + 4 * 2, 0); // cluster 4 is free
  view.setUint32(5 * CLUSTER, 0x80000000);
  view.setUint32(5 * CLUSTER + 4, 6 * CLUSTER);
  view.setUint32(5 * CLUSTER + 2 * 8 + 4, 1);
  bytes.fill(1, 6 * CLUSTER, 7 * CLUSTER);
  return bytes;
}
