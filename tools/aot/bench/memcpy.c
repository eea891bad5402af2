// Copies of many sizes by memmove and by a loop: memcpy.ts in C.

#include <stdint.h>
#include <string.h>

static uint8_t a[1 << 16] __attribute__((aligned(16)));
static uint8_t b[1 << 16] __attribute__((aligned(16)));

static void copyWords(uint8_t *to, const uint8_t *from, uint32_t bytes) {
  const uint8_t *end = from + bytes;
  while (from < end) {
    memcpy(to, from, 8);
    to += 8;
    from += 8;
  }
}

static int64_t word(uint32_t at) {
  int64_t value;
  memcpy(&value, b + at, sizeof value);
  return value;
}

int64_t run(void) {
  for (uint32_t i = 0; i < 1 << 16; i++) a[i] = i * 13;
  uint64_t sum = 0;
  for (int32_t round = 0; round < 400; round++) {
    for (uint32_t size = 1; size < 4096; size += 61) memmove(b + size, a, size);
    copyWords(b, a, 1 << 15);
    memmove(b + 8, b, 1 << 15);
    memset(b + 100, round, 3000);
    sum = sum * 31 + (uint64_t)word(4096) + (uint64_t)word(120);
  }
  return (int64_t)sum;
}
