// CRC-32 (IEEE 802.3, reflected) by table over 4 MiB: crc32.ts in C.

#include <stdint.h>

#define SIZE (1u << 22)
static uint32_t table[256];
static uint8_t input[SIZE];

int64_t run(void) {
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t c = i;
    for (int k = 0; k < 8; k++) c = c & 1 ? (c >> 1) ^ 0xedb88320 : c >> 1;
    table[i] = c;
  }
  for (uint32_t i = 0; i < SIZE; i++) input[i] = i ^ (i >> 8);
  uint32_t crc = 0xffffffff;
  for (uint32_t i = 0; i < SIZE; i++) crc = table[(crc ^ input[i]) & 0xff] ^ (crc >> 8);
  return crc ^ 0xffffffff;
}
