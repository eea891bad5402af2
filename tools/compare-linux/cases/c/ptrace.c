// Tracing a child: stops at execve(2), for signals, at system calls, for events; memory and registers; ends. Who traces waits for
// each stop before it goes on, so that one process speaks at a time.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/ptrace.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define EACH(i, list) for (unsigned i = 0; i < sizeof(list) / sizeof *(list); i++)

static long ptrace(long request, pid_t pid, unsigned long address, unsigned long data) {
  return syscall(SYS_ptrace, request, pid, address, data);
}

static const char *error(long result) { return result < 0 ? strerrorname_np(errno) : "done"; }

/** Waits for `child` and tells what has become of it. */
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

static void handle(int signal) { (void)signal; }

/** A child that is traced and stands in the stop of its SIGSTOP. */
static pid_t begin(void (*body)(void)) {
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    raise(SIGSTOP);
    body();
    _exit(0);
  }
  int status;
  waitpid(child, &status, 0);
  return child;
}

static void nothing(void) {}

static void arguments(void) {
  printf("a request of nobody: %s\n", error(ptrace(PTRACE_CONT, getpid(), 0, 0)));
  printf("attach to nobody: %s\n", error(ptrace(PTRACE_ATTACH, 0, 0, 0)));
  printf("attach to itself: %s\n", error(ptrace(PTRACE_ATTACH, getpid(), 0, 0)));
  pid_t child = begin(nothing);
  printf("seize with an address: %s\n", error(ptrace(PTRACE_SEIZE, child, 1, 0)));
  printf("seize with options: %s\n", error(ptrace(PTRACE_SEIZE, child, 0, 0x1000)));
  printf("attach twice: %s\n", error(ptrace(PTRACE_ATTACH, child, 0, 0)));
  printf("an unknown request: %s\n", error(ptrace(999, child, 0, 0)));
  printf("options: %s\n", error(ptrace(PTRACE_SETOPTIONS, child, 0, 0x1000)));
  printf("a signal: %s\n", error(ptrace(PTRACE_CONT, child, 0, 65)));
  printf("peek at nothing: %s\n", error(ptrace(PTRACE_PEEKDATA, child, 8, (long)&child)));
  printf("poke at nothing: %s\n", error(ptrace(PTRACE_POKEDATA, child, 8, 0)));
  printf("peek to nowhere: %s\n", error(ptrace(PTRACE_PEEKDATA, child, (long)&child, 8)));
  long word;
  unsigned long places[] = {0, 4, 120, 216, 848, 920, 928, 1 << 20};
  EACH(i, places) printf("word %lu of struct user: %s\n", places[i], error(ptrace(PTRACE_PEEKUSR, child, places[i], (long)&word)));
  EACH(i, places) if (places[i] > 800) printf("set word %lu of struct user: %s\n", places[i], error(ptrace(PTRACE_POKEUSR, child, places[i], places[i] == 848 ? 1ul << 63 : 0)));
  printf("registers to nowhere: %s\n", error(ptrace(PTRACE_GETREGS, child, 0, 8)));
  printf("interrupt: %s\n", error(ptrace(PTRACE_INTERRUPT, child, 0, 0)));
  printf("listen: %s\n", error(ptrace(PTRACE_LISTEN, child, 0, 0)));
  struct iovec iov = {&word, 8};
  printf("a set that is not there: %s\n", error(ptrace(PTRACE_GETREGSET, child, 77, (long)&iov)));
  iov.iov_len = 7;
  printf("7 bytes of a set: %s\n", error(ptrace(PTRACE_GETREGSET, child, 1, (long)&iov)));
  printf("a mask of 4 bytes: %s\n", error(ptrace(PTRACE_GETSIGMASK, child, 4, (long)&word)));
  printf("go on: %s\n", error(ptrace(PTRACE_CONT, child, 0, 0)));
  tell("child", child);
  printf("after its end: %s\n", error(ptrace(PTRACE_CONT, child, 0, 0)));
}

/** The stop of execve() is a SIGTRAP. */
static void execution(void) {
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    execl("/proc/self/exe", "ptrace", "7", (char *)0);
    _exit(99);
  }
  tell("exec", child);
  siginfo_t info;
  ptrace(PTRACE_GETSIGINFO, child, 0, (long)&info);
  printf("signal %d, code %d, by itself %d\n", info.si_signo, info.si_code, info.si_pid == child);
  struct user_regs_struct regs;
  ptrace(PTRACE_GETREGS, child, 0, (long)&regs);
  printf("call %lld, rax %lld, rbx %lld, cs %llx, ss %llx\n", (long long)regs.orig_rax, (long long)regs.rax, (long long)regs.rbx, (long long)regs.cs, (long long)regs.ss);
  long count = 0;
  ptrace(PTRACE_PEEKDATA, child, regs.rsp, (long)&count);
  printf("argc %ld\n", count);
  ptrace(PTRACE_CONT, child, 0, 0);
  tell("program", child);
}

static volatile int variable = 5;
__attribute__((noinline)) static int constant(void) { return 11; }
static volatile sig_atomic_t handled;
static void count(int signal) { handled += signal; }

static void showVariable(void) { _exit(variable + constant()); }

static void memory(void) {
  pid_t child = begin(showVariable);
  long word = 0;
  ptrace(PTRACE_PEEKDATA, child, (long)&variable, (long)&word);
  printf("variable %d\n", (int)word);
  printf("poke: %s\n", error(ptrace(PTRACE_POKEDATA, child, (long)&variable, (word & ~0xffffffffl) | 20)));
  // Code cannot be written to by the child: it gets a copy of its own.
  unsigned char code[16];
  memcpy(code, (void *)constant, 16);
  int at = 0;
  while (at < 12 && !(code[at] == 0xb8 && code[at + 1] == 11)) at++;
  ptrace(PTRACE_PEEKTEXT, child, (long)constant + at, (long)&word);
  printf("instruction %lx\n", word & 0xffffffffffl);
  printf("poke into code: %s\n", error(ptrace(PTRACE_POKETEXT, child, (long)constant + at, (word & ~0xff00l) | 40 << 8)));
  printf("here it is %d\n", constant());
  char name[64];
  snprintf(name, sizeof name, "/proc/%d/mem", child);
  int fd = open(name, O_RDWR);
  int value = 0;
  ssize_t bytes = pread(fd, &value, 4, (long)&variable);
  printf("read %zd: %d\n", bytes, value);
  value = 30;
  printf("write %zd\n", pwrite(fd, &value, 4, (long)&variable));
  printf("write into code %zd\n", pwrite(fd, "\x32", 1, (long)constant + at + 1));
  printf("read nowhere: %s\n", error(pread(fd, &value, 4, 8)));
  printf("write nowhere: %s\n", error(pwrite(fd, &value, 4, 8)));
  close(fd);
  ptrace(PTRACE_CONT, child, 0, 0);
  tell("sum", child);
}

static void sendSelf(void) {
  signal(SIGUSR1, count);
  signal(SIGUSR2, count);
  signal(SIGCHLD, SIG_IGN);
  raise(SIGUSR1);
  raise(SIGUSR1);
  raise(SIGUSR1);
  raise(SIGCHLD);
  _exit(handled);
}

static void signals(void) {
  pid_t child = begin(sendSelf);
  ptrace(PTRACE_CONT, child, 0, 0);
  tell("first", child);
  siginfo_t info;
  printf("information: %s", error(ptrace(PTRACE_GETSIGINFO, child, 0, (long)&info)));
  printf(" signal %d, code %d, by itself %d\n", info.si_signo, info.si_code, info.si_pid == child);
  ptrace(PTRACE_CONT, child, 0, SIGUSR1);
  tell("second", child);
  ptrace(PTRACE_CONT, child, 0, 0);
  tell("third", child);
  ptrace(PTRACE_CONT, child, 0, SIGUSR2);
  tell("an ignored one", child);
  printf("to nobody: %s\n", error(ptrace(PTRACE_CONT, child, 0, SIGCHLD)));
  tell("sum", child);
}

static void callSome(void) {
  syscall(SYS_getppid);
  syscall(SYS_getpgid, 77777);
  syscall(SYS_umask, 0123);
  _exit(syscall(SYS_umask, 0) == 0123 ? 1 : 2);
}

static void calls(void) {
  pid_t child = begin(callSome);
  ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD);
  for (int i = 0; i < 40; i++) {
    ptrace(PTRACE_SYSCALL, child, 0, 0);
    int status = 0;
    waitpid(child, &status, 0);
    if (WIFEXITED(status)) {
      printf("exit %d\n", WEXITSTATUS(status));
      break;
    }
    struct user_regs_struct regs;
    ptrace(PTRACE_GETREGS, child, 0, (long)&regs);
    struct ptrace_syscall_info info;
    long bytes = ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof info, (long)&info);
    unsigned long message = 0;
    ptrace(PTRACE_GETEVENTMSG, child, 0, (long)&message);
    printf("stop %x, call %lld, message %lu, info %ld op %d, ip %d sp %d arch %x", WSTOPSIG(status), (long long)regs.orig_rax, message, bytes, info.op, info.instruction_pointer == regs.rip, info.stack_pointer == regs.rsp, info.arch);
    printf(" rcx %d r11 %d", regs.rcx == regs.rip, regs.r11 == regs.eflags);
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
      printf(" nr %lld, rax %lld\n", (long long)info.entry.nr, (long long)regs.rax);
      // Another call in place of the first one; none in place of the third one.
      if (info.entry.nr == SYS_getppid) {
        regs.orig_rax = SYS_getpgid;
        regs.rdi = 88888;
        ptrace(PTRACE_SETREGS, child, 0, (long)&regs);
      }
      if (info.entry.nr == SYS_umask && regs.rdi == 0123) ptrace(PTRACE_POKEUSR, child, offsetof(struct user_regs_struct, orig_rax), -1);
    } else {
      printf(" result %lld error %d\n", regs.orig_rax == SYS_exit_group ? 0 : (long long)info.exit.rval, info.exit.is_error);
      if (regs.orig_rax == SYS_umask) ptrace(PTRACE_POKEUSR, child, offsetof(struct user_regs_struct, rax), 0123);
    }
  }
}

static void make(void) {
  pid_t child = fork();
  if (child == 0) _exit(3);
  waitpid(child, 0, 0);
  child = vfork();
  if (child == 0) _exit(4);
  waitpid(child, 0, 0);
  execl("/proc/self/exe", "ptrace", "9", (char *)0);
}

static void events(void) {
  pid_t child = begin(make);
  ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEVFORKDONE | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL);
  ptrace(PTRACE_CONT, child, 0, 0);
  pid_t made = 0;
  for (int i = 0; i < 40; i++) {
    int status = tell("parent", child);
    if (WIFEXITED(status)) break;
    unsigned long message = 0;
    ptrace(PTRACE_GETEVENTMSG, child, 0, (long)&message);
    siginfo_t info = {0};
    ptrace(PTRACE_GETSIGINFO, child, 0, (long)&info);
    printf("signal %d code %x\n", info.si_signo, info.si_code);
    int event = status >> 16;
    if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK) {
      made = message;
      tell("made", made);
      ptrace(PTRACE_GETSIGINFO, made, 0, (long)&info);
      printf("its signal %d code %x\n", info.si_signo, info.si_code);
      ptrace(PTRACE_CONT, made, 0, 0);
      tell("made", made);
      ptrace(PTRACE_GETEVENTMSG, made, 0, (long)&message);
      printf("ends with %lx\n", message);
      ptrace(PTRACE_CONT, made, 0, 0);
      tell("made", made);
    }
    if (event == PTRACE_EVENT_VFORK_DONE) printf("done with it %d\n", message == (unsigned long)made);
    if (event == PTRACE_EVENT_EXEC) printf("was it %d\n", message == (unsigned long)child);
    if (event == PTRACE_EVENT_EXIT) printf("ends with %lx\n", message);
    ptrace(PTRACE_CONT, child, 0, event == 0 && WSTOPSIG(status) != SIGCHLD ? WSTOPSIG(status) : 0);
  }
}

static void waitSome(void) { pause(); }

static void kill9(void) {
  pid_t child = begin(waitSome);
  printf("kill: %s\n", error(ptrace(PTRACE_KILL, child, 0, 0)));
  tell("killed", child);
  child = begin(waitSome);
  kill(child, SIGKILL);
  tell("killed in its stop", child);
  child = begin(waitSome);
  ptrace(PTRACE_CONT, child, 0, SIGKILL);
  tell("given SIGKILL", child);
  child = begin(nothing);
  printf("detach: %s\n", error(ptrace(PTRACE_DETACH, child, 0, 0)));
  tell("let go", child);
  child = begin(nothing);
  printf("detach with a signal: %s\n", error(ptrace(PTRACE_DETACH, child, 0, SIGTERM)));
  tell("let go", child);
}

static void waitInformation(void) {
  pid_t child = begin(nothing);
  siginfo_t info = {0};
  ptrace(PTRACE_CONT, child, 0, SIGSTOP);
  waitid(P_PID, child, &info, WEXITED | WSTOPPED | WNOWAIT);
  printf("group stop: signal %d, code %d, status %d\n", info.si_signo, info.si_code, info.si_status);
  waitid(P_PID, child, &info, WEXITED | WSTOPPED);
  printf("again: code %d, status %d\n", info.si_code, info.si_status);
  siginfo_t of;
  printf("information: %s\n", error(ptrace(PTRACE_GETSIGINFO, child, 0, (long)&of)));
  printf("not twice: %d\n", waitpid(child, 0, WNOHANG));
  char name[64], line[128];
  snprintf(name, sizeof name, "/proc/%d/status", child);
  FILE *file = fopen(name, "r");
  while (fgets(line, sizeof line, file)) {
    if (!strncmp(line, "State:", 6)) fputs(line, stdout);
    if (!strncmp(line, "TracerPid:", 10)) printf("tracer %d\n", atoi(line + 10) == getpid());
  }
  fclose(file);
  ptrace(PTRACE_CONT, child, 0, 0);
  tell("end", child);
}

int main(int argc, char **argv) {
  if (argc > 1) return atoi(argv[1]);
  signal(SIGTRAP, SIG_DFL);
  signal(SIGALRM, handle);
  arguments();
  execution();
  memory();
  signals();
  calls();
  events();
  kill9();
  waitInformation();
  return 0;
}
