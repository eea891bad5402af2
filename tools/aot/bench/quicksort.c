// Quicksort of 300,000 pseudo-random numbers: quicksort.ts in C.

#include <stdint.h>

#define COUNT 300000
static int32_t array[COUNT];

static void sort(int32_t low, int32_t high) {
  while (low < high) {
    int32_t pivot = array[(low + high) >> 1];
    int32_t i = low;
    int32_t j = high;
    while (i <= j) {
      while (array[i] < pivot) i++;
      while (array[j] > pivot) j--;
      if (i <= j) {
        int32_t t = array[i];
        array[i++] = array[j];
        array[j--] = t;
      }
    }
    if (j - low < high - i) {
      sort(low, j);
      low = i;
    } else {
      sort(i, high);
      high = j;
    }
  }
}

int64_t run(void) {
  uint32_t seed = 12345;
  for (int32_t i = 0; i < COUNT; i++) {
    seed = seed * 1664525 + 1013904223;
    array[i] = (int32_t)seed;
  }
  sort(0, COUNT - 1);
  uint64_t sum = 0;
  for (int32_t i = 0; i < COUNT; i++) sum = sum * 31 + (uint64_t)(int64_t)array[i];
  return (int64_t)sum;
}
