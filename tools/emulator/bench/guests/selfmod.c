// A function of six bytes whose constant is rewritten before each call: MOV EAX, imm32; RET.

#include "guest.h"

u64 workload(u32 rounds) {
  u8 *code = DATA_AREA;
  code[0] = 0xb8;
  code[5] = 0xc3;
  u64 sum = 0;
  for (u32 round = 0; round < rounds; round++) {
    *(volatile u32 *)(code + 1) = round * 3;
    sum += ((u32(*)(void))code)();
  }
  return sum;
}
