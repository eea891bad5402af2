// Product of two 192 × 192 matrices of doubles in the textbook order: matmul.ts in C.

#include <stdint.h>
#include <string.h>

#define N 192
static double a[N][N], b[N][N], c[N][N];

int64_t run(void) {
  for (int32_t i = 0; i < N; i++) {
    for (int32_t j = 0; j < N; j++) {
      a[i][j] = (i - j) * 0.5;
      b[i][j] = (i + j) * 0.25;
    }
  }
  for (int32_t i = 0; i < N; i++) {
    for (int32_t j = 0; j < N; j++) {
      double sum = 0.0;
      for (int32_t k = 0; k < N; k++) sum += a[i][k] * b[k][j];
      c[i][j] = sum;
    }
  }
  double trace = 0.0;
  for (int32_t i = 0; i < N; i++) trace += c[i][i];
  int64_t bits;
  memcpy(&bits, &trace, sizeof bits);
  return bits;
}
