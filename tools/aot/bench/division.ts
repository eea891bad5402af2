// Division and remainder by constants: decimal digits, hashing, dates.

export function run(): i64 {
  let sum: i64 = 0;
  for (let i: u32 = 1; i < 400000; i++) {
    let n = i * 2654435761;
    while (n != 0) {
      sum += <i64>(n % 10);
      n /= 10;
    }
    const days = <i32>(i * 37) - 5000000;
    sum += <i64>(days / 146097) + <i64>(days % 7);
    sum ^= (<i64>i * 0x123456789) / 1000003;
  }
  return sum;
}
