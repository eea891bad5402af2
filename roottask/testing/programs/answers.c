// What small system calls leave behind: registers, flags, red zone, vector registers, errors for bad addresses, and
// signals that arrive in the middle of them. The output has to be the same on Linux and on the roottask, whoever
// answers the calls.

#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/ucontext.h>
#include <time.h>
#include <unistd.h>

/** Registers around a call: what goes in, what has to come out. */
struct registers {
  uint64_t rax, rbx, rdx, rbp, rsi, rdi, r8, r9, r10, r12, r13, r14, r15, rflags, rsp_shift;
};

/** Makes a system call with all these registers, RSP moved by `rsp_shift`; red zone and XMM registers are checked. */
long full_call(struct registers *in_out);
asm(".globl full_call\n"
    "full_call:\n"
    "  push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
    "  push %rdi\n"
    "  mov %rsp, saved_rsp(%rip)\n"
    "  mov %rdi, %rax\n"
    "  sub $1024, %rsp\n"
    "  sub 112(%rax), %rsp\n"
    "  movabs $0x1122334455667788, %rcx\n"
    "  mov %rcx, -8(%rsp); mov %rcx, -64(%rsp); mov %rcx, -128(%rsp)\n"
    "  movq %rcx, %xmm0; movq %rcx, %xmm7; movq %rcx, %xmm15\n"
    "  mov 8(%rax), %rbx; mov 16(%rax), %rdx; mov 24(%rax), %rbp; mov 32(%rax), %rsi\n"
    "  mov 40(%rax), %rdi; mov 48(%rax), %r8; mov 56(%rax), %r9; mov 64(%rax), %r10\n"
    "  mov 72(%rax), %r12; mov 80(%rax), %r13; mov 88(%rax), %r14; mov 96(%rax), %r15\n"
    "  mov %rsp, call_rsp(%rip)\n"
    "  mov %rsp, %r11\n"
    "  lea flags_stack_end(%rip), %rsp\n"
    "  push 104(%rax)\n"
    "  mov 0(%rax), %rax\n"
    "  popfq\n"
    "  mov %r11, %rsp\n"
    "  syscall\n"
    "  mov %rsp, %r11\n"
    "  lea flags_stack_end(%rip), %rsp\n"
    "  pushfq\n"
    "  push $2\n"
    "  popfq\n"
    "  pop %rcx\n"
    "  mov %rcx, after_flags(%rip)\n"
    "  mov %r11, after_rsp(%rip)\n"
    "  mov %r11, %rsp\n"
    "  mov -8(%rsp), %rcx; mov %rcx, zone(%rip)\n"
    "  mov -64(%rsp), %rcx; mov %rcx, 8+zone(%rip)\n"
    "  mov -128(%rsp), %rcx; mov %rcx, 16+zone(%rip)\n"
    "  mov saved_rsp(%rip), %rsp\n"
    "  mov (%rsp), %rcx\n"
    "  mov %rax, 0(%rcx); mov %rbx, 8(%rcx); mov %rdx, 16(%rcx); mov %rbp, 24(%rcx)\n"
    "  mov %rsi, 32(%rcx); mov %rdi, 40(%rcx); mov %r8, 48(%rcx); mov %r9, 56(%rcx)\n"
    "  mov %r10, 64(%rcx); mov %r12, 72(%rcx); mov %r13, 80(%rcx); mov %r14, 88(%rcx)\n"
    "  mov %r15, 96(%rcx)\n"
    "  movq %xmm0, 24+zone(%rip); movq %xmm7, 32+zone(%rip); movq %xmm15, 40+zone(%rip)\n"
    "  pop %rdi\n"
    "  pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
    "  ret\n");
__attribute__((used)) uint64_t saved_rsp, call_rsp, after_rsp, after_flags, zone[6];
asm(".local flags_stack\n.comm flags_stack, 65536, 16\n.set flags_stack_end, flags_stack + 65536\n");

static uint64_t state = 12345;

static uint64_t any(void) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

/** CF, PF, AF, ZF, SF, DF, OF, AC, ID. */
static const uint64_t FLAGS = 0x240cd5;

static void keeps(const char *name, long number, uint64_t first, uint64_t second) {
  int wrong = 0;
  for (int round = 0; round < 200; round++) {
    struct registers regs = {(uint64_t)number, any(), any(), any(), second, first, any(), any(), any(),
                             any(), any(), any(), any(), (any() & FLAGS) | 2, any() % 16};
    struct registers before = regs;
    full_call(&regs);
    regs.rax = before.rax;
    if (memcmp(&regs, &before, offsetof(struct registers, rflags)) != 0) wrong |= 1;
    if ((after_flags & FLAGS) != (before.rflags & FLAGS)) wrong |= 2;
    if (after_rsp != call_rsp) wrong |= 4;
    for (int i = 0; i < 6; i++)
      if (zone[i] != 0x1122334455667788) wrong |= 8;
  }
  printf("%s keeps everything: %d\n", name, wrong);
}

static void errors(void) {
  char *pages = mmap(0, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  mprotect(pages + 4096, 4096, PROT_READ);
  munmap(pages + 2 * 4096, 4096);
  const uint64_t places[] = {
      0, 1, 4096, (uint64_t)pages, (uint64_t)pages + 4088, (uint64_t)pages + 4080, (uint64_t)pages + 4085,
      (uint64_t)pages + 4096, (uint64_t)pages + 8192, (uint64_t)&errors, 0x7fffffffeff8, 0x800000000000,
      0x8000000000000000, 0xffff800000000000, 0xfffffffffffffff8,
  };
  for (unsigned i = 0; i < sizeof places / sizeof *places; i++) {
    uint64_t at = places[i];
    printf("place %u:", i);
    long result;
#define TRY(...) result = syscall(__VA_ARGS__), printf(" %ld", result < 0 ? -(long)errno : 0)
    TRY(SYS_clock_gettime, CLOCK_MONOTONIC, at);
    TRY(SYS_gettimeofday, at, 0);
    TRY(SYS_gettimeofday, pages, at == 0 ? 8 : at);
    TRY(SYS_time, at);
    TRY(SYS_clock_gettime, CLOCK_PROCESS_CPUTIME_ID, at);
    puts("");
  }
  // Clocks 8, 9, those behind 11 and those of descriptors depend on the machine.
  static const long numbers[] = {0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 1000};
  for (int i = 0; i < 11; i++) {
    struct timespec time;
    long clock = numbers[i];
    long result = syscall(SYS_clock_gettime, clock, &time);
    printf("clock %ld: %ld %d\n", clock, result, result < 0 ? errno : time.tv_nsec >= 0);
  }
  printf("clock with upper half: %ld\n", syscall(SYS_clock_gettime, 0xffffffff00000001, pages));
}

static void clocks(void) {
  struct timespec time, before = {0, 0};
  int backwards = 0;
  for (int i = 0; i < 2000; i++) {
    // By the C library (vDSO), by the system call, in turns.
    if (i & 1) syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &time);
    else clock_gettime(CLOCK_MONOTONIC, &time);
    if (time.tv_sec < before.tv_sec || (time.tv_sec == before.tv_sec && time.tv_nsec < before.tv_nsec)) backwards++;
    before = time;
  }
  struct timeval now;
  struct timespec real;
  gettimeofday(&now, 0);
  clock_gettime(CLOCK_REALTIME, &real);
  time_t seconds = syscall(SYS_time, 0);
  printf("backwards %d, same second %d %d\n", backwards, real.tv_sec - now.tv_sec <= 1, seconds - real.tv_sec <= 1);
}

// --- Signals in the middle of calls ---

enum { SIGNALS = 25 };
static atomic_int handled, wrong, over;
static atomic_long expected_thread;

static void on_signal(int number, siginfo_t *info, void *context) {
  ucontext_t *state = context;
  uint64_t rip = state->uc_mcontext.gregs[REG_RIP];
  uint64_t rsp = state->uc_mcontext.gregs[REG_RSP];
  extern char __executable_start, etext;
  // The interrupted program is where its own code is, on its own stack.
  if (rip < (uint64_t)&__executable_start || rip > (uint64_t)&etext) {
    if (getauxval(AT_SYSINFO_EHDR) == 0 || rip - getauxval(AT_SYSINFO_EHDR) > 0x4000) wrong |= 1;
  }
  if (rsp > (uint64_t)&state + (1 << 20)) wrong |= 2;
  int error = errno;
  if (number != SIGUSR1 || info->si_code != SI_TKILL) wrong |= 4;
  // Calls work inside a handler, too.
  if (syscall(SYS_gettid) != expected_thread) wrong |= 8;
  struct timespec time;
  if (syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &time) != 0) wrong |= 16;
  if (syscall(SYS_clock_gettime, CLOCK_MONOTONIC, 8) != -1) wrong |= 32;
  errno = error;
  handled++;
}

static void *busy(void *argument) {
  (void)argument;
  expected_thread = syscall(SYS_gettid);
  long process = getpid();
  while (!over) {
    struct registers regs = {SYS_getpid, any(), any(), any(), any(), any(), any(), any(), any(),
                             any(), any(), any(), any(), (any() & FLAGS) | 2, any() % 16};
    struct registers before = regs;
    full_call(&regs);
    if (regs.rax != (uint64_t)process) wrong |= 64;
    regs.rax = before.rax;
    if (memcmp(&regs, &before, offsetof(struct registers, rflags)) != 0) wrong |= 128;
    if ((after_flags & FLAGS) != (before.rflags & FLAGS)) wrong |= 256;
    struct timespec time = {-1, -1};
    regs = (struct registers){SYS_clock_gettime, any(), any(), any(), (uint64_t)&time, CLOCK_REALTIME, any(), any(),
                              any(), any(), any(), any(), any(), (any() & FLAGS) | 2, any() % 16};
    before = regs;
    full_call(&regs);
    if (regs.rax != 0 || time.tv_nsec < 0 || time.tv_nsec >= 1000000000) wrong |= 512;
    regs.rax = before.rax;
    if (memcmp(&regs, &before, offsetof(struct registers, rflags)) != 0) wrong |= 1024;
    if (syscall(SYS_clock_gettime, CLOCK_REALTIME, 16) != -1 || errno != EFAULT) wrong |= 2048;
    if (syscall(SYS_lseek, -1, 0, 0) != -1 || errno != EBADF) wrong |= 4096;
  }
  return 0;
}

/** Calls without anything between them: number in RAX, result in RDX, constant registers; 0 where all is right. */
static long burst(long number, long first, long second, long expected) {
  long bad = 0;
  for (int i = 0; i < 1000 && !over; i++) {
    long left = 100;
    register long r12 asm("r12") = 0x1212, r13 asm("r13") = 0x1313, r10 asm("r10") = 0x1010, r8 asm("r8") = 0x88;
    long result = 0;
    asm volatile("1: mov %[number], %%rax; syscall; xor %[expected], %%rax; or %%rax, %[result]; dec %[left]; jne 1b"
                 : [result] "+b"(result), [left] "+r"(left), "+r"(r12), "+r"(r13), "+r"(r10), "+r"(r8), "+D"(first),
                   "+S"(second)
                 : [number] "r"(number), [expected] "r"(expected), "d"(0L)
                 : "rax", "rcx", "r11", "memory", "cc");
    if (result != 0 || r12 != 0x1212 || r13 != 0x1313 || r10 != 0x1010 || r8 != 0x88) bad = 1;
  }
  return bad;
}

static void *busier(void *argument) {
  struct timespec time;
  expected_thread = syscall(SYS_gettid);
  while (!over) {
    if (burst(SYS_getpid, 1, 2, getpid())) wrong |= 8192;
    if (burst(SYS_clock_gettime, CLOCK_MONOTONIC, (long)&time, 0)) wrong |= 16384;
    if (burst(SYS_clock_gettime, CLOCK_MONOTONIC, 8, -EFAULT)) wrong |= 32768;
    if (burst(SYS_lseek, -1, 0, -EBADF)) wrong |= 65536;
    char random[40];
    if (burst(SYS_getrandom, (long)random, sizeof random, sizeof random)) wrong |= 131072;
    if (burst(SYS_getrandom, 8, sizeof random, -EFAULT)) wrong |= 262144;
  }
  return argument;
}

static void signals(void *(*task)(void *)) {
  struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
  sigaction(SIGUSR1, &action, 0);
  pthread_t thread;
  handled = wrong = over = 0;
  expected_thread = 0;
  pthread_create(&thread, 0, task, 0);
  while (expected_thread == 0) sched_yield();
  for (int i = 1; i <= SIGNALS; i++) {
    // The processor is shared: the other thread runs, some odd time, while this one spins.
    struct timespec pause = {0, 1000 + (long)(any() % 50000)};
    nanosleep(&pause, 0);
    syscall(SYS_tgkill, getpid(), expected_thread, SIGUSR1);
    while (handled < i) sched_yield();
  }
  over = 1;
  pthread_join(thread, 0);
  printf("signals handled %d, wrong %d\n", handled, wrong);
}

// --- Random bytes ---

static void randomness(void) {
  // Far from the end of the address space: the largest sizes are no bad addresses.
  char *pages = mmap((void *)0x20000000, 3 * 4096, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  munmap(pages + 2 * 4096, 4096);
  char *end = pages + 2 * 4096;
#define RANDOM(...) \
  do { \
    long count = syscall(SYS_getrandom, __VA_ARGS__); \
    printf(" %ld", count < 0 ? -(long)errno : count); \
  } while (0)
  printf("random sizes:");
  static const long sizes[] = {0, 1, 7, 8, 16, 31, 64, 255, 256, 257, 512, 5000, 8192};
  for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    memset(pages, 0, 2 * 4096);
    RANDOM(pages, sizes[i], 0);
    // Nothing behind the bytes has changed, and in front of it there is something.
    long changed = 2 * 4096;
    while (changed > 0 && pages[changed - 1] == 0) changed--;
    printf("%s", changed <= sizes[i] && changed >= sizes[i] - 8 ? "" : "!");
  }
  printf("\nrandom addresses:");
  RANDOM(end - 8, 16, 0);
  RANDOM(end - 6, 16, 0);
  RANDOM(end - 100, 300, 0);
  RANDOM(end - 600, 5000, 0);
  RANDOM(end, 16, 0);
  RANDOM(end, 0, 0);
  RANDOM(8, 16, 0);
  RANDOM(8, 0, 0);
  RANDOM(&errors, 16, 0);
  RANDOM(0x800000000000, 16, 0);
  RANDOM(0x800000000000, 0, 0);
  RANDOM(-8L, 16, 0);
  RANDOM(-8L, 0, 0);
  RANDOM(pages, -1L, 0);
  RANDOM(pages, 0x8000000000000000, 0);
  printf("\nrandom flags:");
  for (long flags = 0; flags < 18; flags++) RANDOM(pages, 16, flags);
  RANDOM(pages, 16, 0x80000000);
  RANDOM(pages, 16, 0xffffffff00000001);
  RANDOM(8, 16, 8);
  puts("");
  munmap(pages, 2 * 4096);
}

// --- The break ---

/** What brk(2) says, relative to where the break has been. */
static void *breaks(void *argument) {
  long start = syscall(SYS_brk, 0);
  static const long moves[] = {0, 1, 100, 4096, 4097, 100000, 65536, 5000, 5000, 4999, 0, 0x7fffffffffff, -1};
  printf("breaks:");
  for (unsigned i = 0; i < sizeof moves / sizeof *moves; i++) {
    long wanted = moves[i] < 0 ? -1 : start + moves[i];
    long result = syscall(SYS_brk, wanted);
    printf(" %ld %ld %ld", result - start, syscall(SYS_brk, 0) - start, syscall(SYS_brk, result) - start);
    printf(" %ld %ld", syscall(SYS_brk, 1) - start, syscall(SYS_brk, -4096L) - start);
    // What is below the break can be used.
    if (result > start) *(volatile char *)(result - 1) = 1;
  }
  puts("");
  return argument;
}

// --- Futexes: answers where nobody waits, and none lost where somebody does ---

enum { TURNS = 3000 };
static atomic_int turn;

static void futexes(void) {
  static int word = 5;
  struct timespec soon = {0, 1000}, wrong_time = {0, -1};
#define FUTEX(...) printf(" %ld", syscall(SYS_futex, __VA_ARGS__) < 0 ? -(long)errno : 0)
  printf("futexes:");
  FUTEX(&word, 1, 1, 0, 0, 0);
  FUTEX(&word, 1 | 128, 1000, 0, 0, 0);
  FUTEX((char *)&word + 1, 1, 1, 0, 0, 0);
  FUTEX(&word, 0, 6, 0, 0, 0);
  FUTEX(&word, 0 | 128, 6, 0, 0, 0);
  FUTEX((char *)&word + 2, 0, 6, 0, 0, 0);
  FUTEX(8, 0, 6, 0, 0, 0);
  FUTEX(0x800000000000, 0, 6, 0, 0, 0);
  FUTEX(&word, 0, 5, &soon, 0, 0);
  FUTEX(&word, 0, 5, &wrong_time, 0, 0);
  FUTEX(&word, 9, 6, 0, 0, -1);
  FUTEX(&word, 77, 6, 0, 0, 0);
  printf("\nyield %ld\n", syscall(SYS_sched_yield));
}

/** Takes every second turn; whoever waits is woken by the other one alone. */
static void *alternate(void *argument) {
  int own = (int)(long)argument;
  for (int i = 0; i < TURNS; i++) {
    int now;
    while ((now = turn) % 2 != own) syscall(SYS_futex, &turn, 0 | 128, now, 0, 0, 0);
    turn++;
    syscall(SYS_futex, &turn, 1 | 128, 1, 0, 0, 0);
    if (i % 64 == 0) syscall(SYS_sched_yield);
  }
  return 0;
}

static void turns(void) {
  pthread_t other;
  pthread_create(&other, 0, alternate, (void *)1);
  alternate(0);
  pthread_join(other, 0);
  printf("turns %d\n", turn);
}

static void *identify(void *argument) {
  long ids[3] = {getpid(), syscall(SYS_gettid), getppid()};
  memcpy(argument, ids, sizeof ids);
  return 0;
}

static void identities(void) {
  long own = getpid(), other[3], another[3];
  pthread_t thread;
  pthread_create(&thread, 0, identify, other);
  pthread_join(thread, 0);
  pthread_create(&thread, 0, identify, another);
  pthread_join(thread, 0);
  printf("same process %d %d, first thread %d, another thread %d, not the last one %d\n", own == other[0],
         own == another[0], own == syscall(SYS_gettid), own != other[1], other[1] != another[1]);
  printf("process group %d, same parent %d\n", getpgrp() == getpgid(0), getppid() == other[2]);
}

int main(void) {
  static struct timespec time;
  static struct timeval value;
  keeps("getpid", SYS_getpid, any(), any());
  keeps("gettid", SYS_gettid, any(), any());
  keeps("getuid", SYS_getuid, any(), any());
  keeps("clock_gettime", SYS_clock_gettime, CLOCK_MONOTONIC, (uint64_t)&time);
  keeps("clock_gettime, bad address", SYS_clock_gettime, CLOCK_MONOTONIC, 24);
  keeps("gettimeofday", SYS_gettimeofday, (uint64_t)&value, 0);
  keeps("time", SYS_time, 0, any());
  keeps("lseek", SYS_lseek, -1, any());
  keeps("no such call", 100000, any(), any());
  errors();
  clocks();
  identities();
  randomness();
  // Nothing is to be allocated below while the break moves.
  setvbuf(stdout, 0, _IONBF, 0);
  breaks(0);
  pthread_t another;
  pthread_create(&another, 0, breaks, 0);
  pthread_join(another, 0);
  futexes();
  turns();
  signals(busy);
  signals(busier);
  return 0;
}
