// Sieve of Eratosthenes: byte stores in nested loops.

const LIMIT: i32 = 2000000;
const flags: usize = memory.data(2000000);

export function run(): i64 {
  let count: i64 = 0;
  for (let round = 0; round < 3; round++) {
    memory.fill(flags, 1, LIMIT);
    count = 0;
    for (let i: i32 = 2; i < LIMIT; i++) {
      if (load<u8>(flags + <usize>i)) {
        count++;
        for (let j: i32 = i + i; j < LIMIT; j += i) store<u8>(flags + <usize>j, 0);
      }
    }
  }
  return count;
}
