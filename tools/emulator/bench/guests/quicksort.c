// Quicksort (Hoare's partition) of 4096 random numbers a round, insertion sort below 12.

#include "guest.h"

#define COUNT 4096

static void sort(u32 *from, u32 *to) {
  while (to - from > 12) {
    u32 pivot = from[(to - from) / 2];
    u32 *i = from, *j = to;
    while (i <= j) {
      while (*i < pivot) i++;
      while (*j > pivot) j--;
      if (i > j) break;
      u32 t = *i;
      *i++ = *j;
      *j-- = t;
    }
    if (j - from < to - i) {
      sort(from, j);
      from = i;
    } else {
      sort(i, to);
      to = j;
    }
  }
  for (u32 *i = from + 1; i <= to; i++) {
    u32 value = *i, *j = i;
    for (; j > from && j[-1] > value; j--) *j = j[-1];
    *j = value;
  }
}

u64 workload(u32 rounds) {
  u32 *numbers = (u32 *)DATA_AREA;
  u32 seed = 1;
  u64 hash = 0;
  for (u32 round = 0; round < rounds; round++) {
    for (int i = 0; i < COUNT; i++) numbers[i] = next_random(&seed);
    sort(numbers, numbers + COUNT - 1);
    for (int i = 0; i < COUNT; i += 64) hash = mixed(hash, numbers[i]);
  }
  return hash;
}
