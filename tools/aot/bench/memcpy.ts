// Copies of many sizes by memory.copy and by a loop.

const a: usize = memory.data(1 << 16);
const b: usize = memory.data(1 << 16);

function copyWords(to: usize, from: usize, bytes: usize): void {
  const end = from + bytes;
  while (from < end) {
    store<u64>(to, load<u64>(from));
    to += 8;
    from += 8;
  }
}

export function run(): i64 {
  for (let i: usize = 0; i < 1 << 16; i++) store<u8>(a + i, <u8>(i * 13));
  let sum: i64 = 0;
  for (let round: i32 = 0; round < 400; round++) {
    for (let size: usize = 1; size < 4096; size += 61) memory.copy(b + size, a, size);
    copyWords(b, a, 1 << 15);
    memory.copy(b + 8, b, 1 << 15);
    memory.fill(b + 100, <u8>round, 3000);
    sum = sum * 31 + load<i64>(b + 4096) + load<i64>(b + 120);
  }
  return sum;
}
