// What a signal handler is told of exceptions: signal, si_code, si_addr, trap number, error code. INT1, #SS and the
// error code of INT n are not here: QEMU's CPU has them differently from all others.
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <ucontext.h>

static sigjmp_buf back;
static int number, code;
static long place;
static greg_t seen[NGREG];

static void handler(int signal, siginfo_t *info, void *context) {
  ucontext_t *state = context;
  number = signal;
  code = info->si_code;
  place = (long)info->si_addr;
  __builtin_memcpy(seen, state->uc_mcontext.gregs, sizeof seen);
  siglongjmp(back, 1);
}

static void report(const char *what) {
  const char *where = place == 0 ? "nowhere" : place == seen[REG_RIP] ? "instruction" : "data";
  printf("%s: signal %d code %d at %s, trap %lld error %llx\n", what, number, code, where, seen[REG_TRAPNO],
         (unsigned long long)seen[REG_ERR]);
}

#define TRY(what, statement)      \
  do {                            \
    if (sigsetjmp(back, 1) == 0) { \
      statement;                  \
      printf("%s: nothing\n", what); \
    } else {                      \
      report(what);               \
    }                             \
  } while (0)

int main(void) {
  struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_NODEFER};
  int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
  for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) sigaction(signals[i], &action, 0);
  volatile char *page = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  page[0] = 1;
  mprotect((void *)page, 4096, PROT_READ);
  volatile char *gone = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap((void *)gone, 4096);
  TRY("read of nothing", (void)*(volatile char *)16);
  TRY("write of nothing", *gone = 1);
  TRY("write of read-only", page[0] = 2);
  TRY("run of data", ((void (*)(void))page)());
  TRY("not canonical", (void)*(volatile char *)0x4000000000000000);
  TRY("privileged", asm volatile("cli"));
  TRY("int3", asm volatile("int3"));
  TRY("undefined", asm volatile("ud2"));
  TRY("division", asm volatile("div %0" ::"r"(0) : "rax", "rdx"));
  TRY("step", asm volatile("pushfq; orl $0x100, (%%rsp); popfq; nop; nop" ::: "memory"));
  return 0;
}
