// Mandelbrot set in double precision: mandelbrot.ts in C.

#include <stdint.h>

int64_t run(void) {
  int64_t total = 0;
  for (int32_t y = 0; y < 160; y++) {
    for (int32_t x = 0; x < 160; x++) {
      double cr = x * (3.0 / 160.0) - 2.0;
      double ci = y * (2.0 / 160.0) - 1.0;
      double zr = 0.0;
      double zi = 0.0;
      int32_t n = 0;
      while (n < 200 && zr * zr + zi * zi < 4.0) {
        double t = zr * zr - zi * zi + cr;
        zi = 2.0 * zr * zi + ci;
        zr = t;
        n++;
      }
      total += n;
    }
  }
  return total;
}
