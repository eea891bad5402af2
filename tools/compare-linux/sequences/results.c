// Drawing numbers and telling results.
#include "results.h"
#include <setjmp.h>
#include <stdarg.h>

char base[64], buffer[1 << 17];
int fds[SLOTS] = {-1, -1, -1, -1, -1, -1, -1, -1};

static uint64_t state, *hash;
static int verbose;
static volatile int caught[64], caught_count, touching;
static sigjmp_buf back;

void begin_results(uint64_t *to, int is_verbose) {
  hash = to;
  verbose = is_verbose;
}

void position(uint64_t seed, int index) {
  state = seed * 0xd1342543de82ef95 + (uint64_t)index * 0x2545f4914f6cdd1d;
}

unsigned draw(unsigned n) {
  state += 0x9e3779b97f4a7c15;
  uint64_t z = state;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return (unsigned)((z ^ z >> 31) >> 32) % n;
}

unsigned long some(unsigned long bits) {
  unsigned long chosen = 0;
  unsigned rarely = 2 + draw(6);
  for (int i = 0; i < 64; i++)
    if (bits >> i & 1 && draw(rarely) == 0) chosen |= 1ul << i;
  return chosen;
}

long call(long number, long a, long b, long c, long d, long e, long f) {
  long result;
  register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
  return result;
}

void tell(const char *format, ...) {
  char text[4096];
  va_list list;
  va_start(list, format);
  vsnprintf(text, sizeof text, format, list);
  va_end(list);
  for (char *c = text; *c; c++) *hash = (*hash ^ (unsigned char)*c) * 0x100000001b3;
  if (verbose) fputs(text, stdout);
}

unsigned sum(const void *bytes, long n) {
  unsigned value = 1;
  for (long i = 0; i < n; i++) value = value * 31 + ((const unsigned char *)bytes)[i];
  return value;
}

int slot(void) { return draw(30) == 0 ? (int)ONE(-1, 999, AT_FDCWD, 1 << 30) : fds[draw(SLOTS)]; }
void keep(long fd) { if (fd > 2 && fd < MOST_FDS) fds[draw(SLOTS)] = (int)fd; }

long writable_bytes(int fd, long n) {
  char path[40], target[40];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  long length = readlink(path, target, sizeof target - 1);
  int counts = length > 0 && (target[length] = 0, strcmp(target, "anon_inode:[eventfd]") == 0);
  return counts && n > 8 ? 8 : n;
}

void *spoiled(void *place) {
  return draw(24) ? place : (void *)ONE(0, 8, 0x1ffff0000, (long)(1ul << 63), -1, -4096);
}

void note_signal(int number, siginfo_t *info, void *context) {
  (void)context;
  if ((number == SIGSEGV || number == SIGBUS) && touching) {
    touching = 0;
    siglongjmp(back, number * 16 + info->si_code);
  }
  if (caught_count < 64) caught[caught_count++] = number;
}

void handle(int number, void *action, int flags) {
  struct sigaction set = {.sa_flags = SA_SIGINFO | flags};
  set.sa_sigaction = action;
  sigaction(number, &set, 0);
}

int touched(volatile char *at, int write, int *value) {
  int fault = sigsetjmp(back, 1);
  if (fault == 0) {
    touching = 1;
    if (write) *at = (char)*value;
    else *value = *at;
    touching = 0;
  }
  return fault;
}

void end_call(void) {
  for (int i = 0; i < caught_count; i++) tell(" signal %d", caught[i]);
  caught_count = 0;
  tell("\n");
  if (verbose) fflush(stdout);
}
