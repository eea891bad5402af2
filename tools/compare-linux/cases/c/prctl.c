// prctl(2): what it sets, tells and refuses, and what a child and an executed program have of it.
#include "say.h"
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#define PR(...) syscall(SYS_prctl, __VA_ARGS__)
#define CHILD(name, ...) do { fflush(stdout); pid_t child = fork(); \
  if (child == 0) { __VA_ARGS__; fflush(stdout); _exit(0); } say_wait(name, child); } while (0)
static int got;
static void show(const char *what) {
  char name[16] = "";
  int reaper = 9, death = 9;
  PR(PR_GET_NAME, name, 0, 0, 0), PR(PR_GET_CHILD_SUBREAPER, &reaper, 0, 0, 0), PR(PR_GET_PDEATHSIG, &death, 0, 0, 0);
  printf("%s: name %s dumpable %ld nnp %ld slack %ld reaper %d death %d keepcaps %ld securebits %ld thp %ld\n", what,
         name, PR(PR_GET_DUMPABLE, 0, 0, 0, 0), PR(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), PR(PR_GET_TIMERSLACK, 0, 0, 0, 0),
         reaper, death, PR(PR_GET_KEEPCAPS, 0, 0, 0, 0), PR(PR_GET_SECUREBITS, 0, 0, 0, 0), PR(PR_GET_THP_DISABLE, 0, 0, 0, 0));
  fflush(stdout);
}
static void caps(const char *what) {
  struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct d[2];
  syscall(SYS_capget, &h, d);
  printf("%s: effective %d %d permitted %d %d inheritable %d ambient %ld\n", what, d[0].effective != 0, d[0].effective >> CAP_KILL & 1,
         d[0].permitted != 0, d[0].permitted >> CAP_KILL & 1, d[0].inheritable >> CAP_KILL & 1, PR(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0));
  fflush(stdout);
}
static void inherit(int capability) {
  struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct d[2];
  syscall(SYS_capget, &h, d);
  d[0].inheritable |= 1 << capability;
  SAY(syscall(SYS_capset, &h, d));
}
static void unknown(void) {
  SAY(PR(9999, 0, 0, 0, 0)), SAY(PR(-1, 0, 0, 0, 0)), SAY(PR(0, 0, 0, 0, 0)), SAY(PR(PR_GET_UNALIGN, &got, 0, 0, 0)), SAY(PR(PR_SET_FPEMU, 1, 0, 0, 0)), SAY(PR(PR_GET_ENDIAN, &got, 0, 0, 0));
  SAY(PR(PR_SET_DUMPABLE, 2, 0, 0, 0)), SAY(PR(PR_SET_DUMPABLE, -1, 0, 0, 0)), SAY(PR(PR_SET_PDEATHSIG, 65, 0, 0, 0)), SAY(PR(PR_SET_PDEATHSIG, -1, 0, 0, 0));
  SAY(PR(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0)), SAY(PR(PR_SET_NO_NEW_PRIVS, 1, 1, 0, 0)), SAY(PR(PR_GET_NO_NEW_PRIVS, 1, 0, 0, 0)), SAY(PR(PR_SET_KEEPCAPS, 2, 0, 0, 0));
  SAY(PR(PR_SET_NAME, 0, 0, 0, 0)), SAY(PR(PR_GET_NAME, 8, 0, 0, 0)), SAY(PR(PR_GET_PDEATHSIG, 8, 0, 0, 0)), SAY(PR(PR_GET_CHILD_SUBREAPER, 8, 0, 0, 0));
  SAY(PR(PR_GET_TIMING, 0, 0, 0, 0)), SAY(PR(PR_SET_TIMING, 1, 0, 0, 0)), SAY(PR(PR_SET_TIMING, 0, 0, 0, 0)), SAY(PR(PR_GET_SECCOMP, 0, 0, 0, 0));
  SAY(PR(PR_SET_THP_DISABLE, 1, 1, 0, 0)), SAY(PR(PR_GET_THP_DISABLE, 1, 0, 0, 0)), SAY(PR(PR_CAPBSET_READ, 99, 0, 0, 0)), SAY(PR(PR_CAPBSET_READ, CAP_KILL, 0, 0, 0)), SAY(PR(PR_CAPBSET_DROP, 99, 0, 0, 0));
  SAY(PR(PR_GET_TSC, &got, 0, 0, 0)), SAY(got);
  SAY(PR(PR_CAP_AMBIENT, 9, 0, 0, 0)), SAY(PR(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 99, 0, 0)), SAY(PR(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0)), SAY(PR(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, CAP_KILL, 1, 0)), SAY(PR(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 1, 0, 0));
}
static void values(char *self) {
  SAY(PR(PR_SET_NAME, "a name that is too long", 0, 0, 0)), SAY(PR(PR_SET_DUMPABLE, 0, 0, 0, 0)), SAY(PR(PR_SET_TIMERSLACK, 7, 0, 0, 0)), SAY(PR(PR_SET_CHILD_SUBREAPER, 5, 0, 0, 0)), SAY(PR(PR_SET_PDEATHSIG, SIGUSR1, 0, 0, 0)), SAY(PR(PR_SET_THP_DISABLE, 1, 0, 0, 0)), SAY(PR(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)), SAY(PR(PR_SET_KEEPCAPS, 1, 0, 0, 0));
  show("set");
  CHILD("child", show("child"); SAY(PR(PR_SET_TIMERSLACK, 0, 0, 0, 0)); show("slack"); execl(self, self, "show", NULL));
  SAY(PR(PR_SET_TIMERSLACK, 0, 0, 0, 0)), SAY(PR(PR_SET_DUMPABLE, 1, 0, 0, 0));
  show("again");
  execl(self, self, "show", NULL);
}
static void identities(char *self) {
  CHILD("dumpable", syscall(SYS_setuid, 1000); show("setuid"); SAY(PR(PR_SET_DUMPABLE, 1, 0, 0, 0)); show("set"); execl(self, self, "show", NULL));
  CHILD("dumpable, group", PR(PR_SET_PDEATHSIG, SIGUSR1, 0, 0, 0); syscall(SYS_setgid, 1000); show("setgid"));
  CHILD("dumpable, real", PR(PR_SET_PDEATHSIG, SIGUSR1, 0, 0, 0); syscall(SYS_setresuid, 1000, 0, 0); show("real"); execl(self, self, "show", NULL));
  CHILD("keepcaps", PR(PR_SET_KEEPCAPS, 1, 0, 0, 0); syscall(SYS_setuid, 1000); caps("kept"); show("kept"); execl(self, self, "show", NULL));
  CHILD("locked", SAY(PR(PR_SET_SECUREBITS, 0x1000, 0, 0, 0)); SAY(PR(PR_SET_SECUREBITS, SECBIT_KEEP_CAPS_LOCKED, 0, 0, 0)); SAY(PR(PR_SET_KEEPCAPS, 1, 0, 0, 0)); SAY(PR(PR_SET_SECUREBITS, 0, 0, 0, 0)); show("locked"));
  CHILD("noroot", SAY(PR(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED, 0, 0, 0)); show("noroot"); execl(self, self, "show", NULL));
  CHILD("no fixup", SAY(PR(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0)); syscall(SYS_setuid, 1000); caps("no fixup"); show("no fixup"));
  CHILD("securebits without rights", syscall(SYS_setuid, 1000); SAY(PR(PR_SET_SECUREBITS, SECBIT_NOROOT, 0, 0, 0)); SAY(PR(PR_CAPBSET_DROP, CAP_KILL, 0, 0, 0)));
  CHILD("bounding", SAY(PR(PR_CAPBSET_DROP, CAP_KILL, 0, 0, 0)); SAY(PR(PR_CAPBSET_READ, CAP_KILL, 0, 0, 0)); caps("dropped"); execl(self, self, "show", NULL));
  CHILD("ambient", inherit(CAP_KILL); SAY(PR(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0)); PR(PR_SET_KEEPCAPS, 1, 0, 0, 0); caps("raised"); syscall(SYS_setuid, 1000); caps("setuid"); SAY(PR(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0)); caps("raised again"); execl(self, self, "show", NULL));
  CHILD("ambient, lowered", inherit(CAP_KILL); SAY(PR(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0)); SAY(PR(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, CAP_KILL, 0, 0)); caps("lowered"); SAY(PR(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0)); SAY(PR(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)); caps("cleared"));
}
static void died(int number, siginfo_t *info, void *context) {
  printf("parent died: signal %d code %d from its parent %d\n", number, info->si_code, info->si_pid != getppid());
  fflush(stdout);
  (void)context;
}
// The grandchild is told of its parent's end, and then is the subreaper's.
static void reaping(void) {
  int ready[2];
  char byte;
  SAY(PR(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
  SAY(pipe(ready));
  on(SIGUSR1, died, 0);
  pid_t self = getpid();
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    if (fork() == 0) {
      sigset_t usr1, old;
      sigemptyset(&usr1), sigaddset(&usr1, SIGUSR1), sigprocmask(SIG_BLOCK, &usr1, &old);
      PR(PR_SET_PDEATHSIG, SIGUSR1, 0, 0, 0);
      if (write(ready[1], "x", 1) != 1) _exit(1);
      sigsuspend(&old);
      printf("reaped by the subreaper: %d\n", getppid() == self);
      fflush(stdout);
      _exit(7);
    }
    if (read(ready[0], &byte, 1) != 1) _exit(1);
    _exit(3);
  }
  int ended = 0;
  waitpid(child, &ended, 0);
  int status = 0;
  pid_t grandchild = wait(&status);
  printf("child: status %d, grandchild: %d, status %d\n", WEXITSTATUS(ended), grandchild > 0, WEXITSTATUS(status));
}
int main(int argc, char **argv) {
  if (argc > 1) {
    show("executed"), caps("executed");
    return 0;
  }
  SAY(PR(PR_SET_NAME, "prctl", 0, 0, 0));
  show("begin"), caps("begin");
  unknown();
  identities(argv[0]);
  reaping();
  values(argv[0]);
  return 0;
}
