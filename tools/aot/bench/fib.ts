// Recursive Fibonacci: call overhead.

function fib(n: i32): i32 {
  return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

export function run(): i64 {
  return fib(32);
}
