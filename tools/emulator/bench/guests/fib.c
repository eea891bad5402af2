// Fibonacci numbers by the definition: calls and returns. fib(38) is 199 rounds.

#include "guest.h"

__attribute__((noinline)) static u32 fib(u32 n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }

u64 workload(u32 rounds) {
  u64 sum = 0;
  for (u32 round = 0; round < rounds; round++) sum += fib(27) + round;
  return sum;
}
