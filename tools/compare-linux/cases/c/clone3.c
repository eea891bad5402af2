// clone3(2): sizes of its structure, flags that do not go together, stacks, chosen ids.
#include "say.h"
#include <linux/sched.h>
#include <sched.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>

struct big {
  struct clone_args args;
  unsigned char rest[8192];
};
static struct big big;
static struct clone_args *a = &big.args;

static void clear(void) {
  memset(&big, 0, sizeof big);
  a->exit_signal = SIGCHLD;
}

// The number of a child, which exits with `status`, as 1.
static long try(size_t size, int status) {
  long pid = syscall(SYS_clone3, a, size);
  if (pid == 0) _exit(status);
  if (pid < 0) return -1;
  int got;
  errno = 0;
  if (waitpid(pid, &got, __WALL) != pid) return -2;
  return WEXITSTATUS(got) == status ? 1 : -3;
}

#define REFUSED(what, ...) (clear(), ({ __VA_ARGS__; }), errno = 0, say(what, try(sizeof(struct clone_args), 0)))


int main(void) {
  setvbuf(stdout, 0, _IONBF, 0);
  signal(64, SIG_IGN);
  for (size_t size = 0; size < 100; size += 8) {
    clear();
    char text[32];
    snprintf(text, sizeof text, "size %zu", size);
    errno = 0;
    say(text, try(size, 3));
  }
  clear(), errno = 0, say("page", try(4096, 3));
  clear(), errno = 0, say("page and more", try(4097, 3));
  clear(), big.rest[0] = 1, errno = 0, say("rest that is not zero", try(96, 3));
  clear(), big.rest[3000] = 1, errno = 0, say("far rest that is not zero", try(4096, 3));
  SAY(syscall(SYS_clone3, 0, 88));
  SAY(syscall(SYS_clone3, 0, 63));
  SAY(syscall(SYS_clone3, (void *)-4096, 88));
  char *map = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(map + 4096, 4096);
  SAY(syscall(SYS_clone3, map + 4096 - 64, 88));
  clear(), memcpy(map + 4096 - 64, a, 64);
  long pid = syscall(SYS_clone3, map + 4096 - 64, 64);
  if (pid == 0) _exit(4);
  say_wait("at the end of memory", pid);
  REFUSED("flag 34", a->flags = 1ull << 34);
  REFUSED("flag 63", a->flags = 1ull << 63);
  REFUSED("CLONE_DETACHED", a->flags = CLONE_DETACHED);
  REFUSED("signal in flags", a->flags = SIGCHLD);
  REFUSED("signal 65", a->exit_signal = 65);
  REFUSED("signal 64", a->exit_signal = 64);
  REFUSED("signal 256", a->exit_signal = 256 + SIGCHLD);
  REFUSED("signal of 2^32", a->exit_signal = (1ull << 32) + SIGCHLD);
  REFUSED("no signal", a->exit_signal = 0);
  REFUSED("thread without VM", a->flags = CLONE_THREAD | CLONE_SIGHAND, a->exit_signal = 0);
  REFUSED("thread without SIGHAND", a->flags = CLONE_THREAD | CLONE_VM, a->exit_signal = 0);
  REFUSED("thread with a signal", a->flags = CLONE_THREAD | CLONE_SIGHAND | CLONE_VM);
  REFUSED("parent with a signal", a->flags = CLONE_PARENT);
  REFUSED("SIGHAND without VM", a->flags = CLONE_SIGHAND);
  REFUSED("SIGHAND and CLEAR_SIGHAND", a->flags = CLONE_SIGHAND | CLONE_VM | CLONE_CLEAR_SIGHAND);
  REFUSED("NEWNS and FS", a->flags = CLONE_NEWNS | CLONE_FS);
  REFUSED("NEWUSER and FS", a->flags = CLONE_NEWUSER | CLONE_FS);
  REFUSED("thread and NEWPID", a->exit_signal = 0,
          a->flags = CLONE_THREAD | CLONE_SIGHAND | CLONE_VM | CLONE_NEWPID);
  REFUSED("stack without a size", a->stack = (uintptr_t)map);
  REFUSED("size without a stack", a->stack_size = 4096);
  REFUSED("stack beyond memory", a->stack = -4096, a->stack_size = 4096);
  REFUSED("stack that wraps", a->stack = (uintptr_t)map, a->stack_size = -(uintptr_t)map);
  REFUSED("stack too large", a->stack = (uintptr_t)map, a->stack_size = 1ull << 47);
  REFUSED("ids without a list", a->set_tid_size = 1);
  REFUSED("list without ids", a->set_tid = (uintptr_t)map);
  REFUSED("33 ids", a->set_tid = (uintptr_t)map, a->set_tid_size = 33);
  REFUSED("list nowhere", a->set_tid = 8, a->set_tid_size = 1);
  int tid = 0;
  REFUSED("id 0", a->set_tid = (uintptr_t)&tid, a->set_tid_size = 1);
  tid = -1;
  REFUSED("id -1", a->set_tid = (uintptr_t)&tid, a->set_tid_size = 1);
  tid = 1 << 30;
  REFUSED("id 2^30", a->set_tid = (uintptr_t)&tid, a->set_tid_size = 1);
  REFUSED("cgroup of 2^31", a->flags = CLONE_INTO_CGROUP, a->cgroup = 1ull << 31);
  REFUSED("no cgroup", a->flags = CLONE_INTO_CGROUP, a->cgroup = 1000);
  clear(), a->flags = CLONE_INTO_CGROUP, errno = 0, say("cgroup in a short structure", try(80, 0));
  REFUSED("thread-local base beyond memory", a->flags = CLONE_SETTLS, a->tls = -1);
  REFUSED("what tracers ask for", a->flags = CLONE_PTRACE | CLONE_UNTRACED | CLONE_IO | CLONE_SYSVSEM);
  // A child of its own memory keeps the stack that it has where it is given none.
  REFUSED("files and fs", a->flags = CLONE_FILES | CLONE_FS);
  int told = 0;
  REFUSED("id to the parent", a->flags = CLONE_PARENT_SETTID, a->parent_tid = (uintptr_t)&told);
  SAY(told > 0);
  REFUSED("id nowhere", a->flags = CLONE_PARENT_SETTID, a->parent_tid = 8);
  REFUSED("id nowhere for the child", a->flags = CLONE_CHILD_SETTID, a->child_tid = 8);
  return 0;
}
