// The second file of the test program. Recursion keeps the optimizer from inlining it away.

export function remainder(a: i32, b: i32): i32 {
  return a < b ? a : remainder(a - b, b);
}
