// A bytecode interpreter running a loop of arithmetic: interpreter.ts in C.

#include <stdint.h>

static uint8_t code[64];
static int64_t registers[8];

static void emit(uint32_t at, uint8_t op, uint8_t x, uint8_t y, uint8_t z) {
  code[at * 4] = op;
  code[at * 4 + 1] = x;
  code[at * 4 + 2] = y;
  code[at * 4 + 3] = z;
}

static int64_t interpret(void) {
  uint32_t pc = 0;
  for (;;) {
    const uint8_t *p = code + (pc << 2);
    uint32_t op = p[0], x = p[1], y = p[2], z = p[3];
    pc++;
    switch (op) {
      case 0:
        return registers[x];
      case 1:
        registers[x] = (int64_t)((uint64_t)registers[y] + (uint64_t)registers[z]);
        break;
      case 2:
        registers[x] = (int64_t)((uint64_t)registers[y] - (uint64_t)registers[z]);
        break;
      case 3:
        registers[x] = (int64_t)((uint64_t)registers[y] * (uint64_t)registers[z]);
        break;
      case 4:
        registers[x] = registers[y] ^ registers[z];
        break;
      case 5:
        registers[x] = (int64_t)((uint64_t)registers[y] << (z & 63));
        break;
      case 6:
        registers[x] = y;
        break;
      case 7:
        if (registers[x] != 0) pc = y;
        break;
      case 8:
        registers[x] = registers[y] >> (z & 63);
        break;
      default:
        __builtin_trap();
    }
  }
}

int64_t run(void) {
  emit(0, 6, 0, 1, 0);
  emit(1, 6, 1, 200, 0);
  emit(2, 5, 1, 1, 13);
  emit(3, 6, 2, 3, 0);
  emit(4, 6, 3, 1, 0);
  emit(5, 3, 2, 2, 2);
  emit(6, 1, 2, 2, 1);
  emit(7, 8, 4, 2, 7);
  emit(8, 4, 2, 2, 4);
  emit(9, 2, 1, 1, 3);
  emit(10, 7, 1, 5, 0);
  emit(11, 0, 2, 0, 0);
  return interpret();
}
