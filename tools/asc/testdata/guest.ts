// A guest program for the tests of the build: two files, one export.

import { remainder } from "./guest_part";

export function gcd(a: i32, b: i32): i32 {
  while (b !== 0) {
    const rest = remainder(a, b);
    a = b;
    b = rest;
  }
  return a;
}
