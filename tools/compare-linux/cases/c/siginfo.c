// sigaction(2): who sent a signal, and why a fault happened.
#include "say.h"
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/syscall.h>
static sigjmp_buf back;
static void *expected;
static void fault(int number, siginfo_t *info, void *context) {
  printf("signal %d code %d address %s\n", number, info->si_code,
         info->si_addr == expected ? "right" : "wrong");
  siglongjmp(back, 1);
}
static void sent(int number, siginfo_t *info, void *context) {
  printf("signal %d code %d own %d value %d\n", number, info->si_code,
         info->si_pid == getpid(), info->si_code == SI_QUEUE ? info->si_value.sival_int : 0);
}
int main(void) {
  setvbuf(stdout, 0, _IONBF, 0);
  int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
  for (int i = 0; i < 5; i++) on(faults[i], fault, SA_NODEFER);
  char *page = mmap(0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  expected = 0;
  if (!sigsetjmp(back, 1)) *(volatile char *)0 = 1;
  expected = page + 5;
  if (!sigsetjmp(back, 1)) page[5] = 1;
  if (!sigsetjmp(back, 1)) ((void (*)(void))expected)();
  expected = 0;
  if (!sigsetjmp(back, 1)) *(volatile char *)0x8000000000000000 = 1;
  if (!sigsetjmp(back, 1)) __asm__ volatile("hlt");
  if (!sigsetjmp(back, 1)) __asm__ volatile("int3");
  volatile int zero = 0;
  if (!sigsetjmp(back, 1)) printf("%d\n", 1 / zero);
  if (!sigsetjmp(back, 1)) __asm__ volatile("ud2");
  on(SIGUSR1, sent, 0);
  on(SIGRTMIN, sent, 0);
  kill(getpid(), SIGUSR1);
  raise(SIGUSR1);
  union sigval value = {.sival_int = 77};
  SAY(sigqueue(getpid(), SIGRTMIN, value));
  SAY(kill(getpid(), 65));
  SAY(kill(getpid(), 0));
  SAY(syscall(SYS_tgkill, 0, 0, 0));
  SAY(syscall(SYS_tgkill, getpid(), 999999, SIGUSR1));
  return 0;
}
