// Sieve of Eratosthenes: sieve.ts in C.

#include <stdint.h>
#include <string.h>

#define LIMIT 2000000
static uint8_t flags[LIMIT];

int64_t run(void) {
  int64_t count = 0;
  for (int32_t round = 0; round < 3; round++) {
    memset(flags, 1, LIMIT);
    count = 0;
    for (int32_t i = 2; i < LIMIT; i++) {
      if (flags[i]) {
        count++;
        for (int32_t j = i + i; j < LIMIT; j += i) flags[j] = 0;
      }
    }
  }
  return count;
}
