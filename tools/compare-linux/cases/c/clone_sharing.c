// clone(2) and unshare(2): what processes share of memory, files, directory and umask, and signal actions.
#include "say.h"
#include <linux/close_range.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>

static int shared_value;
static char *stack;

static void quiet(int number) { (void)number; }
static void other(int number) { (void)number; }

static const char *handler(void) {
  struct sigaction action;
  sigaction(SIGUSR1, 0, &action);
  if (action.sa_handler == SIG_DFL) return "default";
  if (action.sa_handler == SIG_IGN) return "ignored";
  return action.sa_handler == quiet ? "quiet" : "other";
}

// Changes all that can be shared.
static int change(void *unused) {
  (void)unused;
  shared_value = 1;
  mkdir("/tmp/clone_d", 0700);
  chdir("/tmp/clone_d");
  umask(077);
  struct sigaction action = {.sa_handler = other};
  sigaction(SIGUSR1, &action, 0);
  dup2(1, 100);
  return 0;
}

static void look(const char *what) {
  char path[256];
  if (getcwd(path, sizeof path) == 0) strcpy(path, "none");
  int mask = umask(022);
  printf("%s: memory %d, directory %s, umask %o, handler %s, descriptor %s\n", what, shared_value, path, mask,
         handler(), fcntl(100, F_GETFD) >= 0 ? "open" : "closed");
  fflush(stdout);
}

static void reset(void) {
  shared_value = 0;
  chdir("/");
  umask(022);
  struct sigaction action = {.sa_handler = quiet};
  sigaction(SIGUSR1, &action, 0);
  close(100);
}

static void combine(int flags) {
  char text[64];
  reset();
  pid_t pid = clone(change, stack, flags | SIGCHLD, 0);
  snprintf(text, sizeof text, "flags %x", flags);
  if (pid < 0) {
    printf("%s: %s\n", text, strerrorname_np(errno));
    return;
  }
  waitpid(pid, 0, 0);
  look(text);
}

static int unshares(void *flags) {
  if (unshare((long)flags) != 0) {
    printf("unshare: %s\n", strerrorname_np(errno));
    fflush(stdout);
  }
  return change(0);
}

static void part(int shared, long parted) {
  char text[64];
  reset();
  pid_t pid = clone(unshares, stack, shared | SIGCHLD, (void *)parted);
  waitpid(pid, 0, 0);
  snprintf(text, sizeof text, "flags %x without %lx", shared, parted);
  look(text);
}

static int sibling(void *unused) {
  (void)unused;
  return 9;
}

static int executes(void *unused) {
  (void)unused;
  execl("/bin/busybox", "sh", "-c", "exec 100>&-; cd /tmp; umask 0; exit 0", (char *)0);
  return 1;
}

static int closes(void *flags) {
  syscall(SYS_close_range, 50, 200, (long)flags);
  return fcntl(100, F_GETFD) >= 0;
}

static int closes_for_exec(void *flags) {
  syscall(SYS_close_range, 50, 200, (long)flags | CLOSE_RANGE_CLOEXEC);
  return fcntl(100, F_GETFD);
}

static void range(int shared, long flags) {
  reset();
  dup2(1, 100);
  pid_t pid = clone(closes, stack, shared | SIGCHLD, (void *)flags);
  say_wait("closes", pid);
  look("range");
  dup2(1, 100);
  pid = clone(closes_for_exec, stack, shared | SIGCHLD, (void *)flags);
  say_wait("closes for exec", pid);
  SAY(fcntl(100, F_GETFD));
}

static void *plain;
static int cleared_tid(void *unused) {
  (void)unused;
  usleep(1000);
  return 0;
}

int main(void) {
  stack = (char *)mmap(0, 1 << 18, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) + (1 << 18);
  for (int i = 0; i < 16; i++) {
    combine((i & 1 ? CLONE_VM : 0) | (i & 2 ? CLONE_FS : 0) | (i & 4 ? CLONE_FILES : 0) |
            (i & 8 ? CLONE_SIGHAND : 0));
  }
  combine(CLONE_VM | CLONE_VFORK);
  combine(CLONE_VM | CLONE_VFORK | CLONE_FS | CLONE_FILES | CLONE_SIGHAND);
  part(CLONE_FS | CLONE_FILES, CLONE_FS);
  part(CLONE_FS | CLONE_FILES, CLONE_FILES);
  part(CLONE_FS | CLONE_FILES, CLONE_FS | CLONE_FILES);
  part(CLONE_VM, CLONE_VM);
  part(CLONE_VM | CLONE_SIGHAND, CLONE_SIGHAND);
  part(CLONE_FS, CLONE_THREAD | CLONE_SIGHAND | CLONE_VM | CLONE_SYSVSEM);
  part(0, CLONE_PARENT);
  part(0, 1);
  SAY(unshare(0));
  SAY(unshare(CLONE_FS | CLONE_FILES));
  // What executes a program has its own.
  reset();
  dup2(1, 100);
  pid_t pid = clone(executes, stack, CLONE_FS | CLONE_FILES | SIGCHLD, 0);
  say_wait("executes", pid);
  look("executed");
  range(0, 0);
  range(CLONE_FILES, 0);
  range(CLONE_FILES, CLOSE_RANGE_UNSHARE);
  SAY(syscall(SYS_close_range, 5, 4, 0));
  SAY(syscall(SYS_close_range, 50, 60, 8));
  // A child of the same parent: this process has none to wait for.
  if ((pid = fork()) == 0) {
    SAY(clone(sibling, stack, CLONE_PARENT | SIGCHLD, 0) > 0);
    SAY(waitpid(-1, 0, 0));
    _exit(0);
  }
  int sum = 0, status, count = 0;
  while (wait(&status) > 0) sum += WEXITSTATUS(status), count++;
  SAY(sum);
  SAY(count);
  // The id of a child that ends is cleared where its memory is shared.
  int tid = -1;
  pid = clone(cleared_tid, stack, CLONE_VM | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD, 0, 0, plain, &tid);
  SAY(tid == pid || tid == 0 || tid == -1);
  waitpid(pid, 0, 0);
  SAY(tid);
  tid = -1;
  pid = clone(cleared_tid, stack, CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD, 0, 0, plain, &tid);
  waitpid(pid, 0, 0);
  SAY(tid);
  int told = 0;
  pid = clone(sibling, stack, CLONE_PARENT_SETTID | SIGCHLD, 0, &told);
  SAY(told == pid);
  say_wait("told", pid);
  return 0;
}
