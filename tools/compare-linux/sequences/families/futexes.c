// Futexes of a single thread: what does not wait, and what says why.
#include "../sequence.h"
#include <linux/futex.h>

static uint32_t words[16] __attribute__((aligned(64)));
struct robust { struct robust *next; long offset; void *pending; };
static struct robust robust = {&robust, 0, 0};
struct wait { uint64_t value, address; uint32_t flags, reserved; };

static void begin(void) { memset(words, 0, sizeof words); }

static void *word(void) { return draw(12) ? (void *)&words[draw(8)] : (void *)((char *)words + draw(64)); }

static void step(void) {
  uint32_t *one = spoiled(word()), *two = spoiled(word());
  long private = draw(2) ? FUTEX_PRIVATE_FLAG : 0, value = ONE(0, 1, 2, 5, -1), result, count = ONE(0, 1, 2, -1, 0x7fffffff);
  struct timespec past = {ONE(0, 0, -1), ONE(0, 1, 1000000000)}, relative = {0, 0};
  long clock = draw(3) ? 0 : FUTEX_CLOCK_REALTIME;
  switch (draw(18)) {
  case 0: words[draw(8)] = (uint32_t)ONE(0, 1, 2, 5, -1, getpid() * 0 + 7); return tell("store");
  case 1: case 2: return tell("wait %ld = %ld", value, CALL(futex, one, FUTEX_WAIT | private, value, &relative));
  case 3: case 4: { long bits = ONE(-1, 1, 0); return tell("wait_bitset %ld %lx = %ld", value, bits, CALL(futex, one, FUTEX_WAIT_BITSET | private | clock, value, draw(12) ? (void *)&past : (void *)8, 0, bits)); }
  case 5: return tell("wake = %ld", CALL(futex, one, FUTEX_WAKE | private | (draw(9) ? 0 : FUTEX_CLOCK_REALTIME), value));
  case 6: return tell("wake_bitset = %ld", CALL(futex, one, FUTEX_WAKE_BITSET | private, value, 0, 0, ONE(0, 1, -1)));
  case 7: return tell("requeue = %ld", CALL(futex, one, FUTEX_REQUEUE | private, value, count, two));
  case 8: return tell("cmp_requeue = %ld", CALL(futex, one, FUTEX_CMP_REQUEUE | private, count, draw(3), two, value));
  case 9: case 10: {
    uint32_t operation = (uint32_t)(draw(6) << 28 | draw(7) << 24 | draw(4096) << 12 | draw(4096));
    if (draw(5) == 0) operation |= 8u << 28;
    result = CALL(futex, one, FUTEX_WAKE_OP | private, value, count, two, operation);
    return tell("wake_op %x = %ld %x", operation, result, sum(words, 32));
  }
  case 11: case 12: {
    // An owner's number differs, so only this process is ever one, and a word is told by who that is.
    int i = draw(4);
    long operation = ONE(FUTEX_LOCK_PI, FUTEX_TRYLOCK_PI, FUTEX_UNLOCK_PI, FUTEX_UNLOCK_PI, FUTEX_LOCK_PI2);
    uint32_t *lock = &words[8 + i];
    if (operation == FUTEX_LOCK_PI && *lock != 0 && (*lock & FUTEX_TID_MASK) != (uint32_t)getpid()) *lock = 0;
    result = CALL(futex, lock, operation | private, 0, operation == FUTEX_LOCK_PI || operation == FUTEX_LOCK_PI2 ? &past : 0, 0, 0);
    return tell("pi %ld = %ld %d %x", operation, result, (*lock & FUTEX_TID_MASK) == (uint32_t)getpid(), *lock >> 30);
  }
  case 13: words[8 + draw(4)] = (uint32_t)ONE(0, 0, 0x7fffff, (long)FUTEX_OWNER_DIED, getpid()); return tell("lock word");
  case 14: case 15: {
    struct wait waits[3];
    const struct timespec until = {0, 1};
    long n = draw(10) ? 1 + draw(3) : ONE(0, 129, -1), which = ONE(CLOCK_MONOTONIC, CLOCK_REALTIME, 5);
    for (int i = 0; i < 3; i++) waits[i] = (struct wait){(uint64_t)ONE(0, 1, 5), (uint64_t)spoiled(word()), (uint32_t)ONE(2, 2, 2 | 128, 128, 0, 3), draw(20) == 0};
    return tell("futex_waitv %ld = %ld", n, CALL(futex_waitv, spoiled(waits), n, draw(16) == 0, &until, which));
  }
  case 16: return tell("set_robust_list = %ld", CALL(set_robust_list, spoiled(&robust), draw(8) ? 24 : draw(50)));
  default: {
    void *head = 0;
    long size = 0, pid = ONE(0, 0, 1 << 22, -1);
    result = CALL(get_robust_list, pid, spoiled(&head), spoiled(&size));
    return tell("get_robust_list %ld = %ld %ld", pid, result, size);
  }
  }
}

const struct family futexes_family = {"futexes", begin, step, 0};
