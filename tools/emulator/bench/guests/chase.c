// A chain of pointers in random order through BYTES of memory, one cache line each; 1024 steps a round.

#include "guest.h"

#define LINE 64
#define NODES (BYTES / LINE)

static u32 *node(u32 index) { return (u32 *)(DATA_AREA + index * LINE); }

u64 workload(u32 rounds) {
  // Sattolo's algorithm: one cycle through all nodes.
  for (u32 i = 0; i < NODES; i++) *node(i) = i;
  u32 seed = 3;
  for (u32 i = NODES - 1; i > 0; i--) {
    u32 j = (u32)(((u64)next_random(&seed) * i) >> 32);
    u32 t = *node(i);
    *node(i) = *node(j);
    *node(j) = t;
  }
  u32 at = 0;
  u64 sum = 0;
  for (u32 round = 0; round < rounds; round++) {
    for (int i = 0; i < 1024; i++) at = *node(at);
    sum += at;
  }
  return sum;
}
