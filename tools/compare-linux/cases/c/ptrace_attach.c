// Tracing others: attaching, seizing, interrupting, listening, single steps, register sets, threads, filters of calls, and ends of
// tracers. Who traces waits for each stop before it goes on, so that one process speaks at a time.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/audit.h>
#include <linux/elf.h>
#include <linux/filter.h>
#include <linux/ptrace.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

static long ptrace(long request, pid_t pid, unsigned long address, unsigned long data) {
  return syscall(SYS_ptrace, request, pid, address, data);
}

static const char *error(long result) { return result < 0 ? strerrorname_np(errno) : "done"; }

static int tell(const char *what, pid_t child) {
  int status = 0;
  pid_t found = waitpid(child, &status, __WALL);
  if (found < 0) printf("%s: %s\n", what, error(-1));
  else if (WIFSTOPPED(status)) printf("%s: stop %d, event %d\n", what, WSTOPSIG(status), status >> 16);
  else if (WIFSIGNALED(status)) printf("%s: signal %d\n", what, WTERMSIG(status));
  else printf("%s: exit %d\n", what, WEXITSTATUS(status));
  fflush(stdout);
  return status;
}

/** What both sides of a fork share. */
static volatile struct {
  int go, count, place;
} *shared;

static pid_t run(void (*body)(void)) {
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    body();
    _exit(0);
  }
  return child;
}

/** Waits until the state of `child` in /proc is `letter`. */
static void await(pid_t child, char letter) {
  char name[64], text[256];
  snprintf(name, sizeof name, "/proc/%d/stat", child);
  for (;;) {
    FILE *file = fopen(name, "r");
    if (!file) return;
    int bytes = fread(text, 1, 255, file);
    fclose(file);
    text[bytes > 0 ? bytes : 0] = 0;
    char *end = strrchr(text, ')');
    if (end && end[2] == letter) return;
    usleep(1000);
  }
}

static void sleepLong(void) {
  pause();
}

static void spin(void) {
  while (!shared->go) shared->count++;
  _exit(shared->go);
}

static void readNothing(void) {
  int fd[2];
  char byte;
  pipe(fd);
  long result = read(fd[0], &byte, 1);
  _exit(result < 0 ? errno : 99);
}

/** PTRACE_ATTACH stops by SIGSTOP. */
static void attaching(void) {
  pid_t child = run(readNothing);
  await(child, 'S');
  printf("attach: %s\n", error(ptrace(PTRACE_ATTACH, child, 0, 0)));
  tell("attached", child);
  siginfo_t info;
  ptrace(PTRACE_GETSIGINFO, child, 0, (long)&info);
  printf("signal %d code %x\n", info.si_signo, info.si_code);
  struct user_regs_struct regs;
  ptrace(PTRACE_GETREGS, child, 0, (long)&regs);
  printf("in call %lld, result %lld\n", (long long)regs.orig_rax, (long long)regs.rax);
  ptrace(PTRACE_SYSCALL, child, 0, 0);
  tell("again", child);
  ptrace(PTRACE_GETREGS, child, 0, (long)&regs);
  printf("in call %lld, result %lld\n", (long long)regs.orig_rax, (long long)regs.rax);
  kill(child, SIGUSR1);
  ptrace(PTRACE_SYSCALL, child, 0, 0);
  tell("behind", child);
  ptrace(PTRACE_GETREGS, child, 0, (long)&regs);
  printf("in call %lld, result %lld\n", (long long)regs.orig_rax, (long long)regs.rax);
  ptrace(PTRACE_CONT, child, 0, 0);
  tell("signal", child);
  ptrace(PTRACE_GETREGS, child, 0, (long)&regs);
  printf("in call %lld, result %lld\n", (long long)regs.orig_rax, (long long)regs.rax);
  // It does not begin again then.
  regs.orig_rax = -1;
  regs.rax = -EDOM;
  ptrace(PTRACE_SETREGS, child, 0, (long)&regs);
  printf("detach: %s\n", error(ptrace(PTRACE_DETACH, child, 0, 0)));
  tell("end", child);
}

/** One that spins has no call to look at. */
static void spinning(void) {
  shared->go = 0;
  pid_t child = run(spin);
  while (!shared->count) usleep(1000);
  printf("attach: %s\n", error(ptrace(PTRACE_ATTACH, child, 0, 0)));
  tell("attached", child);
  struct user_regs_struct regs;
  ptrace(PTRACE_GETREGS, child, 0, (long)&regs);
  printf("in call %lld\n", (long long)regs.orig_rax);
  int before = shared->count;
  usleep(3000);
  printf("it stands %d\n", before == shared->count);
  shared->go = 6;
  ptrace(PTRACE_CONT, child, 0, 0);
  tell("end", child);
}

static void event(pid_t child) {
  siginfo_t info = {0};
  printf("  information %s:", error(ptrace(PTRACE_GETSIGINFO, child, 0, (long)&info)));
  printf(" signal %d code %x\n", info.si_signo, info.si_code);
}

static void seizing(void) {
  pid_t child = run(sleepLong);
  await(child, 'S');
  printf("seize: %s\n", error(ptrace(PTRACE_SEIZE, child, 0, PTRACE_O_TRACESYSGOOD)));
  int status;
  printf("nothing to wait for %d\n", waitpid(child, &status, WNOHANG));
  printf("while it runs: %s\n", error(ptrace(PTRACE_CONT, child, 0, 0)));
  printf("interrupt: %s\n", error(ptrace(PTRACE_INTERRUPT, child, 0, 0)));
  tell("interrupted", child);
  event(child);
  printf("listen: %s\n", error(ptrace(PTRACE_LISTEN, child, 0, 0)));
  printf("while it listens: %s\n", error(ptrace(PTRACE_CONT, child, 0, 0)));
  printf("interrupt: %s\n", error(ptrace(PTRACE_INTERRUPT, child, 0, 0)));
  tell("interrupted", child);
  ptrace(PTRACE_CONT, child, 0, 0);
  await(child, 'S');
  kill(child, SIGSTOP);
  tell("stopped", child);
  event(child);
  ptrace(PTRACE_CONT, child, 0, SIGSTOP);
  tell("group", child);
  event(child);
  printf("listen: %s\n", error(ptrace(PTRACE_LISTEN, child, 0, 0)));
  kill(child, SIGCONT);
  tell("continued", child);
  event(child);
  ptrace(PTRACE_CONT, child, 0, 0);
  tell("signal", child);
  event(child);
  ptrace(PTRACE_CONT, child, 0, SIGCONT);
  await(child, 'S');
  kill(child, SIGTERM);
  tell("signal", child);
  ptrace(PTRACE_CONT, child, 0, SIGTERM);
  tell("end", child);
}

static void stopFirst(void) {
  raise(SIGSTOP);
  _exit(8);
}

/** One that stands with its group already is asked without a wait. */
static void askStopped(void) {
  pid_t child = run(stopFirst);
  siginfo_t info = {0};
  long word = 0;
  waitid(P_PID, child, &info, WSTOPPED);
  printf("attach: %s\n", error(ptrace(PTRACE_ATTACH, child, 0, 0)));
  printf("at once: %s\n", error(ptrace(PTRACE_PEEKUSR, child, 0, (long)&word)));
  tell("stands", child);
  ptrace(PTRACE_KILL, child, 0, 0);
  tell("end", child);
}

/** One that stands with its group already. */
static void attachStopped(void) {
  pid_t child = run(stopFirst);
  siginfo_t info = {0};
  waitid(P_PID, child, &info, WSTOPPED);
  printf("stopped: code %d, status %d\n", info.si_code, info.si_status);
  printf("seize: %s\n", error(ptrace(PTRACE_SEIZE, child, 0, 0)));
  tell("stands", child);
  event(child);
  kill(child, SIGCONT);
  ptrace(PTRACE_CONT, child, 0, 0);
  tell("continued", child);
  event(child);
  ptrace(PTRACE_CONT, child, 0, 0);
  tell("signal", child);
  ptrace(PTRACE_CONT, child, 0, 0);
  tell("end", child);
}

static int counted;
static void count(int signal) { counted++; }

static void steppedCode(void) {
  ptrace(PTRACE_TRACEME, 0, 0, 0);
  signal(SIGUSR1, count);
  raise(SIGSTOP);
  asm volatile("nop; nop; mov $110, %%eax; syscall; nop; int3; nop; nop" ::: "rax", "rcx", "r11", "memory");
  asm volatile("mov $39, %%eax; syscall; nop; nop" ::: "rax", "rcx", "r11", "memory");
  _exit(counted);
}

/** Bytes from one instruction to the next, up to the end of what is stepped through. */
static void stepping(void) {
  pid_t child = run(steppedCode);
  tell("child", child);
  struct user_regs_struct regs;
  siginfo_t info;
  unsigned long last = 0;
  int found = 0, tells = 0;
  for (int i = 0; i < 4000 && tells < 14; i++) {
    ptrace(PTRACE_SINGLESTEP, child, 0, 0);
    int status = 0;
    waitpid(child, &status, 0);
    if (!WIFSTOPPED(status)) {
      printf("status %x\n", status);
      return;
    }
    ptrace(PTRACE_GETREGS, child, 0, (long)&regs);
    unsigned long code = 0;
    ptrace(PTRACE_PEEKTEXT, child, regs.rip, (long)&code);
    if (!found && (code & 0xffffffffffff) == 0x00006eb89090) found = 1;
    if (found) {
      ptrace(PTRACE_GETSIGINFO, child, 0, (long)&info);
      printf("stop %d code %d, call %lld, %ld bytes on, flags %d", WSTOPSIG(status), info.si_code, (long long)regs.orig_rax, last ? (long)(regs.rip - last) : 0l, !!(regs.eflags & 0x100));
      printf(" address %d\n", (unsigned long)info.si_addr == regs.rip);
      last = regs.rip;
      tells++;
    }
  }
  // With a signal, the first stop is at the handler.
  ptrace(PTRACE_SINGLESTEP, child, 0, SIGUSR1);
  tell("handler", child);
  ptrace(PTRACE_GETREGS, child, 0, (long)&regs);
  ptrace(PTRACE_GETSIGINFO, child, 0, (long)&info);
  printf("at it %d, argument %lld, code %d\n", regs.rip == (unsigned long)count, (long long)regs.rdi, info.si_code);
  // Its end, too, is stepped through, up to where it was.
  int steps = 0;
  do {
    ptrace(PTRACE_SINGLESTEP, child, 0, 0);
    waitpid(child, 0, 0);
    ptrace(PTRACE_GETREGS, child, 0, (long)&regs);
  } while (regs.rip != last && ++steps < 100);
  printf("back %d, call %lld\n", regs.rip == last, (long long)regs.orig_rax);
  ptrace(PTRACE_CONT, child, 0, 0);
  tell("end", child);
}

static void floats(void) {
  ptrace(PTRACE_TRACEME, 0, 0, 0);
  double in[2] = {1.5, 2.5}, out[2];
  asm volatile("movupd %1, %%xmm9; mov %2, %%edi; mov $62, %%eax; mov %3, %%esi; xchg %%esi, %%edi; xchg %%esi, %%edi; syscall; movupd %%xmm9, %0" : "=m"(out) : "m"(in), "r"(getpid()), "r"(SIGSTOP) : "rax", "rcx", "r11", "rdi", "rsi", "xmm9", "memory");
  _exit(out[0] + out[1]);
}

static void sets(void) {
  pid_t child = run(floats);
  tell("child", child);
  struct user_fpregs_struct regs;
  printf("get: %s\n", error(ptrace(PTRACE_GETFPREGS, child, 0, (long)&regs)));
  double *place = (double *)&regs.xmm_space[9 * 4];
  printf("%g %g, control %x %x\n", place[0], place[1], regs.cwd, regs.mxcsr);
  place[0] = 20;
  printf("set: %s\n", error(ptrace(PTRACE_SETFPREGS, child, 0, (long)&regs)));
  static unsigned char state[16384];
  struct iovec iov = {&regs, sizeof regs};
  printf("set of floats: %s", error(ptrace(PTRACE_GETREGSET, child, NT_PRFPREG, (long)&iov)));
  printf(" %zu\n", iov.iov_len);
  printf("%g %g\n", place[0], place[1]);
  iov = (struct iovec){state, sizeof state};
  printf("extended set: %s", error(ptrace(PTRACE_GETREGSET, child, NT_X86_XSTATE, (long)&iov)));
  unsigned long header;
  memcpy(&header, state + 512, 8);
  printf(" with %lx\n", header & 2);
  place = (double *)(state + 160 + 9 * 16);
  printf("%g %g\n", place[0], place[1]);
  place[1] = 4;
  printf("set: %s\n", error(ptrace(PTRACE_SETREGSET, child, NT_X86_XSTATE, (long)&iov)));
  state[512 + 7] = 0x80;
  printf("a component that is not there: %s\n", error(ptrace(PTRACE_SETREGSET, child, NT_X86_XSTATE, (long)&iov)));
  struct user_regs_struct general, same;
  iov = (struct iovec){&general, sizeof general + 80};
  printf("general set: %s", error(ptrace(PTRACE_GETREGSET, child, NT_PRSTATUS, (long)&iov)));
  printf(" %zu\n", iov.iov_len);
  ptrace(PTRACE_GETREGS, child, 0, (long)&same);
  printf("the same %d\n", !memcmp(&same, &general, sizeof same));
  iov.iov_len = 16;
  printf("part of it: %s", error(ptrace(PTRACE_GETREGSET, child, NT_PRSTATUS, (long)&iov)));
  printf(" %zu\n", iov.iov_len);
  general.cs = 0x10;
  printf("another segment: %s\n", error(ptrace(PTRACE_SETREGS, child, 0, (long)&general)));
  same.fs_base = 1ul << 63;
  printf("a base beyond: %s\n", error(ptrace(PTRACE_SETREGS, child, 0, (long)&same)));
  unsigned long base = 0;
  printf("arch_prctl: %s", error(ptrace(PTRACE_ARCH_PRCTL, child, (long)&base, 0x1003)));
  printf(" %d\n", base == general.fs_base);
  ptrace(PTRACE_CONT, child, 0, 0);
  tell("sum", child);
}

static void *thread(void *argument) {
  shared->place = syscall(SYS_gettid);
  if (argument) execl("/proc/self/exe", "ptrace_attach", "12", (char *)0);
  return 0;
}

static void threaded(int executes) {
  ptrace(PTRACE_TRACEME, 0, 0, 0);
  raise(SIGSTOP);
  pthread_t made;
  pthread_create(&made, 0, thread, executes ? &made : 0);
  pthread_join(made, 0);
  // The end of the process would be that of a thread that nobody has waited for.
  while (!shared->go) usleep(100);
  _exit(5);
}
static void threadOnly(void) { threaded(0); }
static void threadExecutes(void) { threaded(1); }

static void threads(void) {
  shared->go = 0;
  pid_t child = run(threadOnly);
  tell("child", child);
  ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACECLONE);
  ptrace(PTRACE_CONT, child, 0, 0);
  tell("clone", child);
  unsigned long made = 0;
  ptrace(PTRACE_GETEVENTMSG, child, 0, (long)&made);
  tell("thread", made);
  printf("detach none: %s\n", error(ptrace(PTRACE_DETACH, made, 0, 99)));
  ptrace(PTRACE_CONT, child, 0, 0);
  ptrace(PTRACE_CONT, made, 0, 0);
  tell("thread", made);
  printf("it was it %d\n", shared->place == (int)made);
  shared->go = 1;
  tell("child", child);

  child = run(threadExecutes);
  tell("child", child);
  ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC);
  ptrace(PTRACE_CONT, child, 0, 0);
  tell("clone", child);
  ptrace(PTRACE_GETEVENTMSG, child, 0, (long)&made);
  tell("thread", made);
  ptrace(PTRACE_CONT, child, 0, 0);
  ptrace(PTRACE_CONT, made, 0, 0);
  tell("exec", child);
  unsigned long old = 0;
  ptrace(PTRACE_GETEVENTMSG, child, 0, (long)&old);
  printf("by the thread %d, which is gone: %s\n", old == made, error(ptrace(PTRACE_CONT, made, 0, 0)));
  ptrace(PTRACE_CONT, child, 0, 0);
  tell("end", child);
}

static void filtered(void) {
  struct sock_filter list[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE | 77),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpgid, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 9),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  struct sock_fprog program = {6, list};
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  ptrace(PTRACE_TRACEME, 0, 0, 0);
  raise(SIGSTOP);
  prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
  long first = syscall(SYS_getppid);
  long second = syscall(SYS_getppid);
  int code = errno;
  long third = syscall(SYS_getppid);
  long fourth = syscall(SYS_getppid);
  _exit((first == 1234) + 2 * (second == -1 && code == 9) + 4 * (third == getpid()) + 8 * (fourth == -1 && errno == ENOSYS));
}

static void filters(void) {
  pid_t child = run(filtered);
  tell("child", child);
  ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESECCOMP);
  for (int i = 0; i < 3; i++) {
    ptrace(PTRACE_CONT, child, 0, 0);
    tell("filter", child);
    unsigned long message = 0;
    ptrace(PTRACE_GETEVENTMSG, child, 0, (long)&message);
    struct ptrace_syscall_info info = {0};
    long bytes = ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof info, (long)&info);
    printf("message %lu, %ld bytes of %d: call %lld, %d\n", message, bytes, info.op, (long long)info.seccomp.nr, info.seccomp.ret_data);
    struct user_regs_struct regs;
    ptrace(PTRACE_GETREGS, child, 0, (long)&regs);
    printf("result %lld\n", (long long)regs.rax);
    if (i == 0) {
      regs.orig_rax = -1;
      regs.rax = 1234;
    } else {
      regs.orig_rax = i == 1 ? SYS_getpgid : SYS_getpid;
    }
    ptrace(PTRACE_SETREGS, child, 0, (long)&regs);
  }
  ptrace(PTRACE_SETOPTIONS, child, 0, 0);
  ptrace(PTRACE_CONT, child, 0, 0);
  tell("end", child);
}

/** Queued signals and masks. */
static void blocked(void) {
  ptrace(PTRACE_TRACEME, 0, 0, 0);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigaddset(&set, SIGRTMIN);
  sigprocmask(SIG_BLOCK, &set, 0);
  raise(SIGUSR1);
  sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 5});
  sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 6});
  raise(SIGSTOP);
  _exit(0);
}

static void queues(void) {
  pid_t child = run(blocked);
  tell("child", child);
  siginfo_t info[4];
  struct ptrace_peeksiginfo_args args = {0, 0, 4};
  printf("own signals %ld\n", ptrace(PTRACE_PEEKSIGINFO, child, (long)&args, (long)info));
  printf("%d %d\n", info[0].si_signo, info[0].si_code);
  args.flags = PTRACE_PEEKSIGINFO_SHARED;
  printf("shared signals %ld\n", ptrace(PTRACE_PEEKSIGINFO, child, (long)&args, (long)info));
  printf("%d %d, %d %d\n", info[0].si_signo, info[0].si_int, info[1].si_signo, info[1].si_int);
  args.off = 1;
  printf("from the second on %ld\n", ptrace(PTRACE_PEEKSIGINFO, child, (long)&args, (long)info));
  args.flags = 2;
  printf("flags: %s\n", error(ptrace(PTRACE_PEEKSIGINFO, child, (long)&args, (long)info)));
  args.flags = 0;
  args.nr = -1;
  printf("none: %s\n", error(ptrace(PTRACE_PEEKSIGINFO, child, (long)&args, (long)info)));
  unsigned long mask = 0;
  printf("mask: %s", error(ptrace(PTRACE_GETSIGMASK, child, 8, (long)&mask)));
  printf(" %lx\n", mask);
  mask = ~0ul;
  ptrace(PTRACE_SETSIGMASK, child, 8, (long)&mask);
  ptrace(PTRACE_GETSIGMASK, child, 8, (long)&mask);
  printf("mask %lx\n", mask);
  mask = 0;
  ptrace(PTRACE_SETSIGMASK, child, 8, (long)&mask);
  ptrace(PTRACE_CONT, child, 0, 0);
  tell("first", child);
  // What it is told can be changed.
  info[0].si_signo = SIGUSR2;
  info[0].si_code = -9;
  printf("set: %s\n", error(ptrace(PTRACE_SETSIGINFO, child, 0, (long)info)));
  ptrace(PTRACE_CONT, child, 0, SIGUSR2);
  tell("end", child);
}

static void emulated(void) {
  ptrace(PTRACE_TRACEME, 0, 0, 0);
  raise(SIGSTOP);
  _exit(syscall(1000) == 17 ? 1 : 2);
}

static void emulation(void) {
  pid_t child = run(emulated);
  tell("child", child);
  for (int i = 0; i < 20; i++) {
    ptrace(PTRACE_SYSEMU, child, 0, 0);
    tell("call", child);
    struct user_regs_struct regs;
    ptrace(PTRACE_GETREGS, child, 0, (long)&regs);
    if (regs.orig_rax == SYS_exit_group || regs.orig_rax == SYS_exit) {
      printf("exits with %lld\n", (long long)regs.rdi);
      ptrace(PTRACE_KILL, child, 0, 0);
      break;
    }
    printf("number %lld\n", (long long)regs.orig_rax);
    regs.rax = 17;
    ptrace(PTRACE_SETREGS, child, 0, (long)&regs);
  }
  tell("end", child);
}

/** The ends of tracers: tracees go on, or die. */
static void tracersEnd(void) {
  for (int kills = 0; kills < 2; kills++) {
    shared->go = 0;
    pid_t child = run(spin);
    fflush(stdout);
    pid_t tracer = fork();
    if (tracer == 0) {
      ptrace(PTRACE_ATTACH, child, 0, 0);
      waitpid(child, 0, __WALL);
      if (kills) ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_EXITKILL);
      _exit(0);
    }
    waitpid(tracer, 0, 0);
    shared->go = 4;
    tell("let go", child);
  }
  // The end of another's tracee is told to its tracer first.
  shared->go = 0;
  pid_t child = run(spin);
  int in[2];
  pipe(in);
  pid_t tracer = fork();
  if (tracer == 0) {
    char byte;
    ptrace(PTRACE_SEIZE, child, 0, 0);
    shared->go = 3;
    siginfo_t info = {0};
    waitid(P_PID, child, &info, WEXITED | WNOWAIT);
    write(in[1], "", 1);
    usleep(20000);
    waitid(P_PID, child, &info, WEXITED);
    _exit(info.si_code == CLD_EXITED ? info.si_status : 99);
  }
  char byte;
  read(in[0], &byte, 1);
  printf("not yet %d\n", waitpid(child, 0, WNOHANG));
  tell("then", child);
  tell("tracer", tracer);
}

int main(int argc, char **argv) {
  if (argc > 1) return atoi(argv[1]);
  shared = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  attaching();
  spinning();
  seizing();
  attachStopped();
  askStopped();
  stepping();
  sets();
  threads();
  filters();
  queues();
  emulation();
  tracersEnd();
  return 0;
}
