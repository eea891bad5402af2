// The sieve of Eratosthenes up to 65536, a round.

#include "guest.h"

#define LIMIT 65536

u64 workload(u32 rounds) {
  u8 *composite = DATA_AREA;
  u64 sum = 0;
  for (u32 round = 0; round < rounds; round++) {
    for (u32 i = 0; i < LIMIT; i++) composite[i] = 0;
    for (u32 i = 2; i * i < LIMIT; i++) {
      if (composite[i]) continue;
      for (u32 j = i * i; j < LIMIT; j += i) composite[j] = 1;
    }
    u32 count = 0;
    for (u32 i = 2; i < LIMIT; i++) count += !composite[i];
    sum += count + round;
  }
  return sum;
}
