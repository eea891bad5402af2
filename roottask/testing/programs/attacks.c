// A program that attacks what the roottask has put into its address space: the mediator's code and pages, the clocks'
// page, the vDSO. Each argument is an attack; what comes of it is printed, and the program has to come to its end or
// die like any program with such a bug. Not for Linux, which has nothing at these addresses.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// roottask/libhrstd/mediator_layout.ts
#define TIME_PAGE 0x7ffff4800000UL
#define MEDIATOR 0x7ffff4820000UL
#define PAGES 0x7ffff5000000UL
#define WORDS 0x7ffff4841000UL
#define WINDOWS 0x7ffef0000000UL
#define SLOTS 64

static sigjmp_buf back;
static volatile sig_atomic_t last;
static char alternate[65536];

static void caught(int number, siginfo_t *info, void *context) {
  (void)info;
  (void)context;
  last = number;
  siglongjmp(back, 1);
}

static void catch_all(void) {
  stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
  sigaltstack(&stack, 0);
  struct sigaction action = {.sa_sigaction = caught, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
  const int numbers[] = {SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE};
  for (int i = 0; i < 5; i++) sigaction(numbers[i], &action, 0);
}

/** The page of the first thread: the one that can be written to. */
static char *own_page(void) {
  for (int slot = 0; slot < SLOTS; slot++) {
    char *page = (char *)PAGES + slot * 4096;
    if (sigsetjmp(back, 1) == 0) {
      *(volatile char *)page = *(volatile char *)page;
      return page;
    }
  }
  return 0;
}

static const char *result(long value) {
  static char text[32];
  if (value < 0) snprintf(text, sizeof text, "-%d", errno);
  else snprintf(text, sizeof text, "%ld", value);
  return text;
}

static void remap(void) {
  const uint64_t places[] = {TIME_PAGE, MEDIATOR, PAGES, (uint64_t)own_page()};
  for (int i = 0; i < 4; i++) {
    void *at = (void *)places[i];
    printf("place %d:", i);
    printf(" %s", result(munmap(at, 4096)));
    printf(" %s", result(mprotect(at, 4096, PROT_READ | PROT_WRITE | PROT_EXEC)));
    printf(" %s", result((long)mmap(at, 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0)));
    printf(" %s", result((long)mremap(at, 4096, 8192, MREMAP_MAYMOVE)));
    printf(" %s", result(madvise(at, 4096, MADV_DONTNEED)));
    printf(" %s", result(write(1, at, 16)));
    printf(" %s", result(syscall(SYS_clock_gettime, 0, at)));
    printf(" %s\n", result(syscall(SYS_getrandom, at, 16, 0)));
  }
  printf("vdso: %s", result(munmap((void *)getauxval(AT_SYSINFO_EHDR), 8192)));
  struct timespec time;
  printf(" %ld\n", syscall(SYS_clock_gettime, 0, &time));
  printf("same process %d\n", getpid() == syscall(SYS_gettid));
}

static void overwrite(void) {
  const uint64_t readonly[] = {TIME_PAGE, MEDIATOR, MEDIATOR + 64};
  for (int i = 0; i < 3; i++) {
    last = 0;
    if (sigsetjmp(back, 1) == 0) *(volatile char *)readonly[i] = 0;
    printf("write to place %d: signal %d\n", i, last);
  }
  char *page = own_page();
  for (int value = 0; value < 256; value += 51) {
    memset(page, value, 4096);
    long call = syscall(SYS_lseek, -1, 0, 0);
    if (call != -1 || errno != EBADF) puts("a forwarded call went wrong");
    struct timespec time = {-1, -1};
    if (syscall(SYS_clock_gettime, 0, &time) != 0 || time.tv_nsec < 0) puts("a clock went wrong");
    memset(page, value, 2048);
    char bytes[16];
    if (syscall(SYS_getrandom, bytes, sizeof bytes, 0) != sizeof bytes) puts("random bytes went wrong");
  }
  puts("overwritten");
}

static volatile int over;

static void *scribble(void *page) {
  uint64_t state = 88172645463325252;
  while (!over) {
    for (int i = 0; i < 4096; i += 8) {
      state ^= state << 13;
      state ^= state >> 7;
      state ^= state << 17;
      ((volatile uint64_t *)page)[i / 8] = state;
    }
  }
  return 0;
}

/** Another thread scribbles while this one makes calls: whatever this one does then, it does to itself. */
static void race(void) {
  pthread_t thread;
  char *page = own_page();
  pthread_create(&thread, 0, scribble, page);
  static volatile int round;
  for (round = 0; round < 2000; round++) {
    if (sigsetjmp(back, 0) == 0) {
      syscall(SYS_getpid);
      syscall(SYS_lseek, -1, 0, 0);
      if (round % 20 == 0) syscall(SYS_nanosleep, &(struct timespec){0, 1000}, 0);
    }
  }
  over = 1;
  puts("raced");
}

static void *scribble_words(void *argument) {
  volatile uint64_t *words = (volatile uint64_t *)(WORDS + 0x808);
  for (uint64_t state = 88172645463325252; !over;) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    words[state >> 63] = state & 1 ? state : words[state >> 63] - (state >> 50) * 4096;
  }
  return argument;
}

static uint64_t registers[8];
__attribute__((used)) char *landing_stack;

/** Jumps to `target` with RSP, RDI, RCX, R11, RAX, RSI from `registers`. */
_Noreturn void jump(uint64_t target, const uint64_t *registers);
asm("jump: mov %rdi, %rbx; mov %rsi, %rdx\n"
    "  mov 8(%rdx), %rdi; mov 16(%rdx), %rcx; mov 24(%rdx), %r11; mov 32(%rdx), %rax; mov 40(%rdx), %rsi\n"
    "  mov 0(%rdx), %rsp; jmp *%rbx");

__attribute__((used)) void landed(void) {
  last = 100;
  siglongjmp(back, 1);
}
asm("landing: mov landing_stack(%rip), %rsp; call landed");
extern char landing[];

/** A sleep that nobody has meant must not last for ever. */
static void *end_soon(void *argument) {
  syscall(SYS_nanosleep, &(struct timespec){2, 0}, 0);
  syscall(SYS_exit_group, 9);
  return argument;
}

/**
 * Jumps everywhere into the code, with registers and stacks of all kinds. What this may lead to are system calls that
 * nobody has meant, with numbers and arguments from wherever: the program may do anything a program may.
 */
static void leap(void) {
  pthread_t thread;
  char *page = own_page();
  pthread_create(&thread, 0, end_soon, 0);
  const uint64_t stacks[] = {0, 8, (uint64_t)page + 4096, (uint64_t)page + 4096 - 0x90, 0x800000000000, ~0UL, MEDIATOR + 64,
                             (uint64_t)landing_stack};
  const uint64_t pointers[] = {0, (uint64_t)page + 4096 - 0x90, 0x800000000000, MEDIATOR};
  for (unsigned offset = 0; offset < 4096; offset += offset < 256 ? 1 : 7) {
    for (unsigned s = 0; s < 8; s++) {
      static uint64_t frame[18];
      // No number that does anything, and a way back.
      for (int i = 0; i < 18; i++) frame[i] = -1;
      frame[0] = 100000 + offset;
      frame[1] = (uint64_t)landing;
      frame[4] = (uint64_t)landing_stack;
      frame[17] = 2;
      memcpy(page + 4096 - sizeof frame, frame, sizeof frame);
      memset(page, 0xa5, 256);
      registers[0] = stacks[s];
      registers[1] = pointers[(offset + s) % 4];
      registers[2] = (uint64_t)landing;
      registers[3] = (uint64_t)landing_stack;
      registers[4] = 100000;
      registers[5] = pointers[(offset / 3 + s) % 4];
      last = 0;
      if (sigsetjmp(back, 1) == 0) jump(MEDIATOR + offset, registers);
    }
  }
}

/** Calls with stacks that are none: RSP is not looked at. */
static void stacks(void) {
  const uint64_t places[] = {0, 7, 0x800000000000, 0xffff800000000000, ~0UL, MEDIATOR, PAGES};
  long id = getpid(), wrong = 0;
  for (int i = 0; i < 7; i++) {
    const long numbers[] = {SYS_getpid, SYS_lseek};
    for (int call = 0; call < 2; call++) {
      long answer, stack;
      asm volatile("mov %%rsp, %%r12; mov %[place], %%rsp; syscall; mov %%rsp, %%rbx; mov %%r12, %%rsp"
                   : "=a"(answer), "=b"(stack)
                   : "a"(numbers[call]), "D"(-1L), "S"(0L), "d"(0L), [place] "r"(places[i])
                   : "rcx", "r11", "r12", "memory");
      wrong += answer != (call ? -EBADF : id) || stack != (long)places[i];
    }
  }
  printf("stacks, wrong %ld\n", wrong);
}

/** What a forged frame makes the roottask return to is the program's own address. */
static void forge(void) {
  char *page = own_page();
  const uint64_t places[] = {0, 0x800000000000, 0xfffffffe00200000, (uint64_t)MEDIATOR, TIME_PAGE};
  for (int i = 0; i < 5; i++) {
    // The SYSCALL that forwards is found by its bytes.
    unsigned char *code = (unsigned char *)MEDIATOR;
    while (code[0] != 0x0f || code[1] != 0x05) code++;
    *(uint64_t *)(page + 4096 - 0x90 + 8) = places[i];
    registers[0] = registers[3] = (uint64_t)landing_stack;
    registers[4] = 100000;
    last = 0;
    if (sigsetjmp(back, 1) == 0) jump((uint64_t)code, registers);
    printf("forged %d: signal %d\n", i, last);
  }
}

/** Positions and numbers of windows that the program makes up itself: it reads its own file, wherever. */
static void words(void) {
  int fd = open("/tmp/words", O_RDWR | O_CREAT, 0600);
  static char bytes[100000], piece[4096];
  memset(bytes, 'x', sizeof bytes);
  write(fd, bytes, sizeof bytes);
  long wrong = 0, got = 0;
  uint64_t state = 88172645463325252;
  for (int round = 0; round < 3000; round++) {
    if (round % 500 == 0) {
      // A window that lasts.
      lseek(fd, 0, SEEK_SET);
      for (int i = 0; i < 2000; i++) pread(fd, piece, 16, 0);
    }
    for (int i = 0; i < 8; i++) {
      state ^= state << 13;
      state ^= state >> 7;
      state ^= state << 17;
      uint64_t number = round & 1 ? state >> 32 : ((volatile uint64_t *)WORDS)[i] >> 32;
      uint64_t position = state & (round & 2 ? 0xffffffff : 0x1ffff);
      ((volatile uint64_t *)WORDS)[i] = number << 32 | position;
    }
    memset(piece, 'y', sizeof piece);
    long bytes_read = round % 3 ? read(fd, piece, sizeof piece) : pread(fd, piece, sizeof piece, state & 0x1ffff);
    for (long i = 0; i < (long)sizeof piece; i++) wrong += piece[i] != (i < bytes_read ? 'x' : 'y');
    got += bytes_read > 0;
    long at = lseek(fd, 0, SEEK_CUR);
    wrong += at < 0 || at > 0xffffffff;
    if (round % 100 == 99) wrong += pwrite(fd, "x", 1, state % 90000) != 1;
  }
  last = 0;
  if (sigsetjmp(back, 1) == 0) *(volatile char *)WINDOWS = 0;
  printf("words, wrong %ld, read %d, write to a window: signal %d\n", wrong, got > 0, last);
  close(fd);
  unlink("/tmp/words");
}

/** What has been granted ahead, as the program makes it up: a mapping of the roottask's own choice stays what it is. */
static void grants(void) {
  volatile uint64_t *words = (volatile uint64_t *)(WORDS + 0x808);
  enum { HELD = 24 };
  static char *held[HELD];
  const uint64_t start = (syscall(SYS_brk, 0) + 4095) & -4096;
  const uint64_t places[] = {0, start, (uint64_t)places, MEDIATOR, WORDS, 0x7fffffffe000, 0x7fffffffffff, 0x10000};
  uint64_t state = 88172645463325252;
  long wrong = 0;
  for (int round = 0; round < 4000; round++) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    uint64_t word = words[round & 1], count = state << 47 >> (state & 32 ? 12 : 0);
    const uint64_t values[] = {count | places[state >> 20 & 7], count | (word << 17 >> 17), word ^ 1UL << (state >> 30 & 63),
                               word - (state >> 12 & 63) * 4096};
    words[round & 1] = values[state >> 50 & 3];
    // Whatever comes of these.
    if (state & 1) mmap(0, 1 + (state >> 40 & 0xffff), 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (state & 2) syscall(SYS_brk, start + (state >> 30 & 0xfffff));
    if (state & 4) write(1, (char *)places[state >> 20 & 7], 0);
    if (sigsetjmp(back, 1) == 0) *(volatile char *)(words[1] - 1 & 0x7fffffffffff);
    int slot = state >> 60;
    if (held[slot] != 0) {
      for (int i = 0; i < 3; i++) wrong += held[slot][i * 4096] != slot + 1;
      munmap(held[slot], 3 * 4096);
    }
    held[slot] = mmap(0, 3 * 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    for (int i = 0; i < 3; i++) {
      wrong += held[slot][i * 4096] != 0;
      held[slot][i * 4096] = slot + 1;
    }
    if (state & 8) wrong += mprotect(held[slot], 4096, 3) != 0;
  }
  printf("grants, wrong %ld\n", wrong);
}

/** Another thread scribbles over the words while this one has the roottask take back what is granted. */
static void regrant(void) {
  pthread_t thread;
  pthread_create(&thread, 0, scribble_words, 0);
  char *page = mmap(0, 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (int round = 0; round < 3000; round++) {
    syscall(SYS_brk, 0x10000);
    mmap(0, 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(page, 4096, round & 1 ? 3 : 1);
    if (round % 20 == 0) syscall(SYS_nanosleep, &(struct timespec){0, 1000}, 0);
  }
  over = 1;
  puts("regranted");
}

int main(int argc, char **argv) {
  catch_all();
  landing_stack = malloc(65536) + 65536 - 64;
  const char *attack = argc > 1 ? argv[1] : "";
  if (strcmp(attack, "remap") == 0) remap();
  if (strcmp(attack, "overwrite") == 0) overwrite();
  if (strcmp(attack, "race") == 0) race();
  if (strcmp(attack, "leap") == 0) leap();
  if (strcmp(attack, "stacks") == 0) stacks();
  if (strcmp(attack, "forge") == 0) forge();
  if (strcmp(attack, "words") == 0) words();
  if (strcmp(attack, "grants") == 0) grants();
  if (strcmp(attack, "regrant") == 0) regrant();
  fflush(stdout);
  _exit(9);
}
