// Multiplication of two matrices of 96 by 96 doubles a round. Most products and sums are rounded.

#include "guest.h"

#define N 96

static double a[N][N], b[N][N], c[N][N];

u64 workload(u32 rounds) {
  u32 seed = 7;
  for (int i = 0; i < N; i++) {
    for (int j = 0; j < N; j++) {
      a[i][j] = (int)(next_random(&seed) >> 20) / 63.0 - 30;
      b[i][j] = (int)(next_random(&seed) >> 20) / 127.0 - 15;
    }
  }
  u64 hash = 0;
  for (u32 round = 0; round < rounds; round++) {
    for (int i = 0; i < N; i++) {
      for (int j = 0; j < N; j++) c[i][j] = 0;
      for (int k = 0; k < N; k++) {
        double x = a[i][k];
        for (int j = 0; j < N; j++) c[i][j] += x * b[k][j];
      }
    }
    union {
      double number;
      u64 bits;
    } corner = {c[round % N][(round * 5) % N]};
    hash = mixed(hash, corner.bits);
    a[round % N][round % 7] += 0.125;
  }
  return hash;
}
