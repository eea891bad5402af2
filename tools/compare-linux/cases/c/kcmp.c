// kcmp(2): what processes share. Kernels without it say ENOSYS to all, containers may say EPERM: nothing is compared then.
#include "say.h"
#include <linux/kcmp.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>

static int end[2];

static int waits(void *unused) {
  (void)unused;
  char c;
  read(end[0], &c, 1);
  return 0;
}

static int same(pid_t one, pid_t other, int type, unsigned long i, unsigned long j) {
  int result = syscall(SYS_kcmp, one, other, type, i, j);
  return result > 0 ? 1 : result;
}

static void compare(int flags) {
  char *stack = (char *)mmap(0, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) + (1 << 16);
  pid_t self = getpid(), child = clone(waits, stack, flags | SIGCHLD, 0);
  printf("flags %x:", flags);
  for (int type = KCMP_FILE; type <= KCMP_SYSVSEM; type++)
    if (type != KCMP_IO && type != KCMP_SYSVSEM) printf(" %d", same(self, child, type, 0, 0));
  puts("");
  write(end[1], "x", 1);
  waitpid(child, 0, 0);
}

int main(void) {
  int self = getpid();
  setvbuf(stdout, 0, _IONBF, 0);
  if (syscall(SYS_kcmp, self, self, KCMP_VM, 0, 0) != 0) {
    printf("not compared\n");
    return 0;
  }
  pipe(end);
  compare(0);
  compare(CLONE_VM);
  compare(CLONE_VM | CLONE_SIGHAND);
  compare(CLONE_FILES);
  compare(CLONE_FS);
  compare(CLONE_FILES | CLONE_FS | CLONE_VM | CLONE_SIGHAND);
  int copy = dup(1), again = open("/tmp/k", O_CREAT | O_RDWR, 0600);
  SAY(same(self, self, KCMP_FILE, 1, copy));
  SAY(same(self, self, KCMP_FILE, 1, again));
  SAY(same(self, self, KCMP_FILE, 1, 999));
  SAY(same(self, self, KCMP_TYPES + 1, 0, 0));
  SAY(same(self, 0, KCMP_VM, 0, 0));
  SAY(same(1 << 29, self, KCMP_TYPES + 1, 0, 0));
  return 0;
}
