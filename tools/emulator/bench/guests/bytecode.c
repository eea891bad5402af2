// A stack machine's interpreter with computed jumps; its program adds up the lengths of Collatz sequences.

#include "guest.h"

enum { PUSH, LOAD, STORE, ADD, MUL, AND, SHR, LESS, JUMP, JUMP_ZERO, END };

enum { N, X, SUM };

// for (n = 1; n < 100; n++) for (x = n; 1 < x; sum++) x = x & 1 ? 3 * x + 1 : x >> 1; branch targets by hand.
static const u8 program[] = {
    PUSH, 1, STORE, N,
    /* outer: 4 */ LOAD, N, PUSH, 100, LESS, JUMP_ZERO, 66, LOAD, N, STORE, X,
    /* inner: 15 */ PUSH, 1, LOAD, X, LESS, JUMP_ZERO, 57, LOAD, SUM, PUSH, 1, ADD, STORE, SUM, LOAD, X, PUSH, 1, AND, JUMP_ZERO, 48, LOAD, X, PUSH, 3, MUL, PUSH, 1, ADD, STORE, X, JUMP, 15,
    /* even: 48 */ LOAD, X, PUSH, 1, SHR, STORE, X, JUMP, 15,
    /* next: 57 */ LOAD, N, PUSH, 1, ADD, STORE, N, JUMP, 4,
    /* done: 66 */ END,
};

static u32 run(const u8 *code, u32 *variables) {
  static const void *const labels[] = {&&push, &&load, &&store, &&add,  &&mul, &&and_,
                                       &&shr,  &&less, &&jump,  &&zero, &&end};
  u32 stack[16], *top = stack;
  const u8 *at = code;
#define NEXT goto *labels[*at++]
  NEXT;
push:
  *top++ = *at++;
  NEXT;
load:
  *top++ = variables[*at++];
  NEXT;
store:
  variables[*at++] = *--top;
  NEXT;
add:
  top--, top[-1] += *top;
  NEXT;
mul:
  top--, top[-1] *= *top;
  NEXT;
and_:
  top--, top[-1] &= *top;
  NEXT;
shr:
  top--, top[-1] >>= *top;
  NEXT;
less:
  top--, top[-1] = top[-1] < *top;
  NEXT;
jump:
  at = code + *at;
  NEXT;
zero:
  at = *--top ? at + 1 : code + *at;
  NEXT;
end:
  return variables[SUM];
}

u64 workload(u32 rounds) {
  u64 hash = 0;
  for (u32 round = 0; round < rounds; round++) {
    u32 variables[3] = {0, 0, round};
    hash = mixed(hash, run(program, variables));
  }
  return hash;
}
