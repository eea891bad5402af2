// Points of the Mandelbrot set in 80-bit numbers, one a round.

#include "guest.h"

u64 workload(u32 rounds) {
  u64 hash = 0;
  for (u32 round = 0; round < rounds; round++) {
    long double re = (int)(round % 80) / 32.0L - 2, im = (int)(round / 80 % 64) / 32.0L - 1;
    long double x = 0, y = 0;
    u32 steps = 0;
    while (steps < 200 && x * x + y * y < 4) {
      long double next = x * x - y * y + re;
      y = 2 * x * y + im;
      x = next;
      steps++;
    }
    hash = mixed(hash, steps);
  }
  return hash;
}
