// REP MOVSB and REP STOSB on buffers that lie a power of two apart, 4 KiB to 8 MiB: a copy and a fill of 64 KiB a round
// (or as far as the other buffer), and now and then one that overlaps, downwards.

#include "guest.h"

u64 workload(u32 rounds) {
  u8 *base = DATA_AREA;
  for (u32 i = 0; i < 65536; i++) base[i] = i * 31 + (i >> 8);
  u64 hash = 0;
  for (u32 round = 0; round < rounds; round++) {
    u32 distance = 4096u << (round % 12);
    u32 length = distance < 65536 ? distance : 65536;
    u8 *to = base + distance;
    const u8 *from = base;
    size_t count = length;
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
    hash = mixed(hash, base[distance + round % length]);
    to = base + 2 * distance, count = length;
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(count) : "a"(round) : "memory");
    hash = mixed(hash, base[2 * distance + length - 1]);
    if (round % 12 == 5) {
      to = base + 9000, from = base + 8900, count = 4000;
      __asm__ volatile("std\n rep movsb\n cld" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
      hash = mixed(hash, base[7000]);
    }
  }
  return hash;
}
