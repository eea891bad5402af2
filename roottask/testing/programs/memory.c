// What brk, mmap, munmap, mprotect, mremap and madvise come to: random calls with what memory holds afterwards, one line
// each, without addresses; then threads that map at once. Output is compared with Linux line by line. Nothing here calls
// malloc, whose own calls differ. Arguments: a seed, and how many calls.

#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE 4096L
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define MAPPINGS 12
#define HEAP_PAGES 300
#define THREADS 4

static uint64_t state;

static long random_below(uint64_t *of, long below) {
  *of ^= *of << 13;
  *of ^= *of >> 7;
  *of ^= *of << 17;
  return (long)((*of >> 11) % (uint64_t)below);
}

static sigjmp_buf back;

static void caught(int number) { siglongjmp(back, number); }

static char text[1 << 16];
static int used;

static void flush(void) {
  write(1, text, used);
  used = 0;
}

static void add(const char *format, long value) {
  used += snprintf(text + used, sizeof text - used, format, value);
}

/** What is at `at`: nothing, or a byte and whether it may be changed. */
static void show(char *at) {
  volatile char *byte = at;
  if (sigsetjmp(back, 1) != 0) {
    add(" -", 0);
    return;
  }
  char value = *byte;
  add(" %ld", (unsigned char)value);
  if (sigsetjmp(back, 1) == 0) {
    *byte = value;
    add("w", 0);
  }
}

static void show_all(char *at, long pages) {
  for (long page = 0; page < pages; page++) show(at + page * PAGE);
}

static void set(char *at, int value) {
  if (sigsetjmp(back, 1) == 0) *(volatile char *)at = (char)value;
}

static long heap_break(long address) { return syscall(SYS_brk, address); }

static void result(const char *name, long value) {
  add(name, 0);
  add(" %ld", value == -1 ? -errno : value);
}

static struct {
  char *at;
  long pages;
} mappings[MAPPINGS];
static int count;

static void *map(long length, int protection, int flags) {
  return mmap(0, length, protection, flags, -1, 0);
}

static void add_mapping(int round) {
  const int flags[] = {ANON, ANON | MAP_NORESERVE, ANON | MAP_STACK, ANON, ANON | MAP_POPULATE};
  const int protections[] = {3, 3, 3, 3, 3, 1, 0};
  long pages = 1 + random_below(&state, random_below(&state, 20) == 0 ? 200 : 12);
  long length = pages * PAGE - random_below(&state, PAGE);
  char *at = map(length, protections[random_below(&state, 7)], flags[random_below(&state, 5)]);
  result("mmap", at == MAP_FAILED ? -1 : 0);
  if (at == MAP_FAILED) return;
  for (int i = 0; i < count; i++) {
    char *end = mappings[i].at + mappings[i].pages * PAGE;
    if (at < end && mappings[i].at < at + pages * PAGE) add(" overlap", 0);
  }
  show_all(at, pages < 12 ? pages : 12);
  for (long page = 0; page < pages; page++) set(at + page * PAGE, round);
  mappings[count].at = at;
  mappings[count++].pages = pages;
}

/** Takes a mapping away, or its first or last pages. */
static void cut(int which) {
  char *at = mappings[which].at;
  long pages = 1 + random_below(&state, mappings[which].pages);
  int first = (int)random_below(&state, 2);
  if (first) mappings[which].at += pages * PAGE;
  mappings[which].pages -= pages;
  char *from = first ? at : at + mappings[which].pages * PAGE;
  result("munmap", munmap(from, pages * PAGE - random_below(&state, PAGE)));
  show_all(from, pages < 6 ? pages : 6);
  if (mappings[which].pages == 0) mappings[which] = mappings[--count];
}

static void resize(int which) {
  long pages = 1 + random_below(&state, 30);
  char *at = mremap(mappings[which].at, mappings[which].pages * PAGE, pages * PAGE, MREMAP_MAYMOVE);
  result("mremap", at == MAP_FAILED ? -1 : 0);
  if (at == MAP_FAILED) return;
  mappings[which].at = at;
  mappings[which].pages = pages;
  show_all(at, pages);
}

/** Whole mappings: of a part, Linux tells a shrinking mremap apart. */
static void protect(int which) {
  const int protections[] = {0, 1, 3, 3};
  result("mprotect", mprotect(mappings[which].at, mappings[which].pages * PAGE, protections[random_below(&state, 4)]));
}

static void map_fixed(int which) {
  char *at = mappings[which].at;
  char *got = mmap(at, mappings[which].pages * PAGE, 3, ANON | MAP_FIXED, -1, 0);
  result("fixed", got == at ? 0 : -1);
  show(got);
}

static void move_break(long start, int round) {
  long wanted = start + random_below(&state, HEAP_PAGES * PAGE);
  if (random_below(&state, 3) != 0) wanted = heap_break(0) + random_below(&state, 5 * PAGE);
  if (wanted > start + HEAP_PAGES * PAGE) wanted = start + random_below(&state, 8 * PAGE);
  long now = heap_break(wanted);
  result("brk", now - start);
  add(" %ld", heap_break(0) - start);
  char *end = (char *)((now + PAGE - 1) & -PAGE);
  show(end);
  result(" above", mprotect(end, PAGE, 1));
  result("", madvise(end, PAGE, MADV_DONTNEED));
  result("", msync(end, PAGE, MS_ASYNC));
  for (char *at = (char *)start; at < end; at += (1 + random_below(&state, 9)) * PAGE) {
    if (random_below(&state, 4) == 0) show(at);
    set(at, round);
  }
}

static void fail(void) {
  result("none", (long)map(0, 3, ANON));
  result("", (long)map(-1, 3, ANON));
  result("", (long)map(1L << 47, 3, ANON));
  result("", (long)map(PAGE, 3, MAP_ANONYMOUS));
  result("", syscall(SYS_mmap, 0, PAGE, 3, ANON, -1, 1));
  result("", (long)mmap((void *)1, PAGE, 3, ANON | MAP_FIXED, -1, 0));
  long before = heap_break(0);
  add(" %ld", heap_break(1) - before);
  add(" %ld", heap_break(-1) - before);
  add(" %ld", heap_break(1L << 47) - before);
}

static void random_calls(int rounds) {
  long start = heap_break(0);
  for (int round = 1; round <= rounds; round++) {
    long kind = random_below(&state, 16);
    int which = count == 0 ? 0 : (int)random_below(&state, count);
    if (kind < 5) move_break(start, round);
    else if (kind == 5) fail();
    else if (count == 0 || (kind < 10 && count < MAPPINGS)) add_mapping(round);
    else if (kind < 12) cut(which);
    else if (kind == 12) resize(which);
    else if (kind == 13) protect(which);
    else if (kind == 14) map_fixed(which);
    else result("madvise", madvise(mappings[which].at, mappings[which].pages * PAGE, MADV_DONTNEED));
    for (int i = 0; i < count; i++) {
      show(mappings[i].at);
      show(mappings[i].at + (mappings[i].pages - 1) * PAGE);
    }
    add("\n", 0);
    flush();
  }
  for (int i = 0; i < count; i++) munmap(mappings[i].at, mappings[i].pages * PAGE);
}

static long heap_grown;

/** Maps, marks, looks whether its marks are still there, and unmaps; and moves the break up now and then. */
static void *map_at_once(void *argument) {
  uint64_t of = (uint64_t)argument * 7919 + 1;
  enum { HELD = 6 };
  struct {
    long *at, pages;
  } held[HELD] = {0};
  long wrong = 0;
  for (long round = 1; round <= 300; round++) {
    int slot = (int)random_below(&of, HELD);
    long mark = (long)argument << 32 | round;
    if (held[slot].at != 0) {
      long *at = held[slot].at;
      for (long page = 0; page < held[slot].pages; page++) wrong += at[page * 512] != at[0] || at[0] >> 32 != (long)argument;
      if (random_below(&of, 4) == 0) wrong += mprotect(at, held[slot].pages * PAGE, PROT_READ) != 0;
      wrong += munmap(at, held[slot].pages * PAGE) != 0;
    }
    long pages = 1 + random_below(&of, 8);
    long *at = map(pages * PAGE, 3, ANON);
    for (long page = 0; page < pages; page++) {
      wrong += at[page * 512] != 0;
      at[page * 512] = mark;
    }
    held[slot].at = at;
    held[slot].pages = pages;
    long now = heap_break(0);
    // Another may have moved it on; it is never below.
    if (round % 3 == 0) wrong += heap_break(now + 5000) < now;
    if (round % 16 == 0) syscall(SYS_sched_yield);
  }
  for (int slot = 0; slot < HELD; slot++)
    if (held[slot].at != 0) munmap(held[slot].at, held[slot].pages * PAGE);
  return (void *)wrong;
}

static void threads(void) {
  pthread_t thread[THREADS];
  long wrong = 0;
  long start = heap_break(0);
  for (long i = 0; i < THREADS; i++) pthread_create(&thread[i], 0, map_at_once, (void *)(i + 1));
  for (int i = 0; i < THREADS; i++) {
    void *more;
    pthread_join(thread[i], &more);
    wrong += (long)more;
  }
  for (char *at = (char *)((start + PAGE - 1) & -PAGE); at < (char *)heap_break(0); at += PAGE) {
    wrong += *at != 0;
    *at = 1;
    heap_grown++;
  }
  add("threads, wrong %ld", wrong);
  add(", grown %ld\n", heap_grown > 0);
  flush();
}

int main(int argc, char **argv) {
  struct sigaction action = {.sa_handler = caught, .sa_flags = SA_NODEFER};
  sigaction(SIGSEGV, &action, 0);
  sigaction(SIGBUS, &action, 0);
  state = strtoul(argc > 1 ? argv[1] : "1", 0, 10) * 2654435761u + 88172645463325252;
  random_calls(argc > 2 ? atoi(argv[2]) : 400);
  threads();
  return 0;
}
