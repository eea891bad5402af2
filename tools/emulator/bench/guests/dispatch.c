// Calls through a table of functions in an order that is hard to foresee.

#include "guest.h"

static u32 plus(u32 x) { return x + 0x9e3779b9; }
static u32 times(u32 x) { return x * 5 + 1; }
static u32 turned(u32 x) { return x << 7 | x >> 25; }
static u32 folded(u32 x) { return x ^ x >> 15; }
static u32 swapped(u32 x) { return (x & 0xff00ff) << 8 | (x >> 8 & 0xff00ff); }
static u32 squared(u32 x) { return x * x + x; }
static u32 negated(u32 x) { return ~x; }
static u32 halved(u32 x) { return x / 2 + 0x1234567; }

u64 workload(u32 rounds) {
  static u32 (*const volatile table[])(u32) = {plus,    times,   turned,  folded,
                                               swapped, squared, negated, halved};
  u32 x = 1;
  for (u32 round = 0; round < rounds; round++) {
    u32 order = round * 0x9e3779b1;
    for (int i = 0; i < 10; i++, order >>= 3) x = table[order & 7](x);
  }
  return x;
}
