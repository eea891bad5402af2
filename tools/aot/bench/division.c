// Division and remainder by constants: division.ts in C.

#include <stdint.h>

int64_t run(void) {
  int64_t sum = 0;
  for (uint32_t i = 1; i < 400000; i++) {
    uint32_t n = i * 2654435761u;
    while (n != 0) {
      sum += n % 10;
      n /= 10;
    }
    int32_t days = (int32_t)(i * 37) - 5000000;
    sum += (int64_t)(days / 146097) + (int64_t)(days % 7);
    sum ^= (int64_t)((uint64_t)i * 0x123456789u) / 1000003;
  }
  return sum;
}
