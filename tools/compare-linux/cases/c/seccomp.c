// Filters of system calls, strict mode, and what becomes of calls and threads. A host may have filters already, which
// forbid nothing that is asked for here but strict mode.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define DATA(field) offsetof(struct seccomp_data, field)
#define LOAD(offset) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset)
#define ANSWER(value) BPF_STMT(BPF_RET | BPF_K, value)
/** `answer` for call `number`, and all others go on. */
#define ON(number, answer) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1), ANSWER(answer)
#define LENGTH(list) (sizeof(list) / sizeof *(list))

static long seccomp(unsigned operation, unsigned flags, void *arguments) {
  return syscall(SYS_seccomp, operation, flags, arguments);
}

static const char *error(long result) { return result < 0 ? strerrorname_np(errno) : "done"; }
static int code(long result) { return result < 0 ? errno : 0; }

static long put(unsigned flags, struct sock_filter *list, unsigned short length) {
  struct sock_fprog program = {length, list};
  return seccomp(SECCOMP_SET_MODE_FILTER, flags, &program);
}

static void check(const char *what, struct sock_filter *list, unsigned short length) {
  printf("%s: %s\n", what, error(put(0, list, length)));
}
#define CHECK(what, ...) do { struct sock_filter list[] = {__VA_ARGS__}; check(what, list, LENGTH(list)); } while (0)

/** Runs `body` in a process of its own that may not gain privileges, and tells how it ends. */
static void apart(const char *what, void (*body)(void)) {
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    body();
    fflush(stdout);
    _exit(0);
  }
  int status;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) printf("%s: signal %d\n", what, WTERMSIG(status));
  else printf("%s: status %d\n", what, WEXITSTATUS(status));
}

static void arguments(void) {
  struct sock_filter allow[] = {ANSWER(SECCOMP_RET_ALLOW)};
  struct sock_fprog program = {1, allow}, none = {0, allow}, nowhere = {1, (void *)8};
  printf("operation: %s\n", error(seccomp(9, 0, 0)));
  printf("flags: %s\n", error(seccomp(SECCOMP_SET_MODE_FILTER, 64, &program)));
  printf("strict with flags: %s\n", error(seccomp(SECCOMP_SET_MODE_STRICT, 1, 0)));
  printf("strict with arguments: %s\n", error(seccomp(SECCOMP_SET_MODE_STRICT, 0, &program)));
  printf("no structure: %s\n", error(seccomp(SECCOMP_SET_MODE_FILTER, 0, (void *)8)));
  printf("no instructions: %s\n", error(seccomp(SECCOMP_SET_MODE_FILTER, 0, &none)));
  printf("nowhere: %s\n", error(seccomp(SECCOMP_SET_MODE_FILTER, 0, &nowhere)));
  printf("mode: %s\n", error(prctl(PR_SET_SECCOMP, 3, &program, 0, 0)));
  printf("mode 0: %s\n", error(prctl(PR_SET_SECCOMP, 0, 0, 0, 0)));
  unsigned actions[] = {SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_KILL_THREAD, SECCOMP_RET_TRAP, SECCOMP_RET_ERRNO, SECCOMP_RET_TRACE, SECCOMP_RET_LOG, SECCOMP_RET_ALLOW, 0x10000, 0x50001};
  for (unsigned i = 0; i < LENGTH(actions); i++) printf("action %x: %s\n", actions[i], error(seccomp(SECCOMP_GET_ACTION_AVAIL, 0, &actions[i])));
  printf("action nowhere: %s\n", error(seccomp(SECCOMP_GET_ACTION_AVAIL, 0, (void *)8)));
  printf("action with flags: %s\n", error(seccomp(SECCOMP_GET_ACTION_AVAIL, 1, actions)));
  struct seccomp_notif_sizes sizes = {0};
  printf("sizes: %s", error(seccomp(SECCOMP_GET_NOTIF_SIZES, 0, &sizes)));
  printf(" %d %d %d\n", sizes.seccomp_notif, sizes.seccomp_notif_resp, sizes.seccomp_data);
}

static void programs(void) {
  CHECK("no answer", LOAD(0));
  CHECK("a misaligned load", LOAD(2), ANSWER(SECCOMP_RET_ALLOW));
  CHECK("a load beyond the end", LOAD(64), ANSWER(SECCOMP_RET_ALLOW));
  CHECK("a load of a half-word", BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 0), ANSWER(SECCOMP_RET_ALLOW));
  CHECK("an indexed load", BPF_STMT(BPF_LD | BPF_W | BPF_IND, 0), ANSWER(SECCOMP_RET_ALLOW));
  CHECK("the length", BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0), BPF_STMT(BPF_LDX | BPF_W | BPF_LEN, 0), ANSWER(SECCOMP_RET_ALLOW));
  CHECK("a jump out", BPF_STMT(BPF_JMP | BPF_JA, 1), ANSWER(SECCOMP_RET_ALLOW));
  CHECK("a far jump", BPF_STMT(BPF_JMP | BPF_JA, -1), ANSWER(SECCOMP_RET_ALLOW));
  CHECK("a test out", BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1), ANSWER(SECCOMP_RET_ALLOW));
  CHECK("division by the constant 0", BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0), ANSWER(SECCOMP_RET_ALLOW));
  CHECK("a remainder", BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, 3), ANSWER(SECCOMP_RET_ALLOW));
  CHECK("a shift by 32", BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 32), ANSWER(SECCOMP_RET_ALLOW));
  CHECK("a shift by 31", BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 31), ANSWER(SECCOMP_RET_ALLOW));
  CHECK("word 16", BPF_STMT(BPF_ST, 16), ANSWER(SECCOMP_RET_ALLOW));
  CHECK("a word that is not written", BPF_STMT(BPF_LD | BPF_MEM, 3), ANSWER(SECCOMP_RET_ALLOW));
  CHECK("one that is", BPF_STMT(BPF_ST, 3), BPF_STMT(BPF_LDX | BPF_MEM, 3), ANSWER(SECCOMP_RET_ALLOW));
  CHECK("one that is on one way", BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 1, 0, 1), BPF_STMT(BPF_STX, 2), BPF_STMT(BPF_LD | BPF_MEM, 2), ANSWER(SECCOMP_RET_ALLOW));
  CHECK("the index as an answer", BPF_STMT(BPF_RET | BPF_X, 0));
  CHECK("the accumulator", BPF_STMT(BPF_LD | BPF_IMM, SECCOMP_RET_ALLOW), BPF_STMT(BPF_RET | BPF_A, 0));
  CHECK("a code of nothing", BPF_STMT(0x1000, 0), ANSWER(SECCOMP_RET_ALLOW));
  CHECK("another test", BPF_JUMP(BPF_JMP | 0x50 | BPF_K, 0, 0, 0), ANSWER(SECCOMP_RET_ALLOW));
  static struct sock_filter many[4097];
  for (int i = 0; i < 4097; i++) many[i] = (struct sock_filter)ANSWER(SECCOMP_RET_ALLOW);
  check("4097 instructions", many, 4097);
  int count = 0;
  while (count < 100 && put(0, many, 4096) == 0) count++;
  printf("filters of 4096 answers: %d, then %s\n", count, strerrorname_np(errno));
}

/** Answers what is calculated of the first argument of getpgid(). */
static void calculate(void) {
  struct sock_filter list[] = {
      LOAD(DATA(nr)), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpgid, 1, 0), ANSWER(SECCOMP_RET_ALLOW),
      LOAD(DATA(args[0])), BPF_STMT(BPF_ST, 0), BPF_STMT(BPF_MISC | BPF_TAX, 0),
      BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, 70), BPF_STMT(BPF_ALU | BPF_SUB | BPF_X, 0), BPF_STMT(BPF_ALU | BPF_MUL | BPF_X, 0), BPF_STMT(BPF_ALU | BPF_DIV | BPF_X, 0),
      BPF_STMT(BPF_ALU | BPF_OR | BPF_K, 8), BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xff), BPF_STMT(BPF_ALU | BPF_XOR | BPF_X, 0), BPF_STMT(BPF_ALU | BPF_LSH | BPF_X, 0),
      BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 1), BPF_STMT(BPF_ALU | BPF_NEG, 0), BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xfff), BPF_STMT(BPF_STX, 1), BPF_STMT(BPF_LDX | BPF_MEM, 0),
      BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 3000, 0, 1), BPF_STMT(BPF_ALU | BPF_SUB | BPF_K, 3000), BPF_JUMP(BPF_JMP | BPF_JGE | BPF_X, 0, 0, 1), BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, 1),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 4, 1, 0), BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, 100), BPF_STMT(BPF_ALU | BPF_OR | BPF_K, SECCOMP_RET_ERRNO), BPF_STMT(BPF_RET | BPF_A, 0)};
  printf("calculating: %s\n", error(put(0, list, LENGTH(list))));
  for (long i = 1; i < 40; i += 3) printf(" %d", code(syscall(SYS_getpgid, i)));
  printf("\n");
  fflush(stdout);
  syscall(SYS_getpgid, 0);
  printf("divided by 0\n");
}

static void answers(void) {
  struct sock_filter first[] = {LOAD(DATA(nr)), ON(SYS_getsid, SECCOMP_RET_ERRNO | 5), ON(SYS_getpgid, SECCOMP_RET_ERRNO | 6), ON(SYS_umask, SECCOMP_RET_ERRNO | 5000), ON(SYS_getuid, SECCOMP_RET_ERRNO), ON(SYS_getpriority, SECCOMP_RET_TRACE), ON(SYS_getgroups, SECCOMP_RET_LOG), ON(SYS_getppid, SECCOMP_RET_ERRNO | 9), ANSWER(SECCOMP_RET_ALLOW)};
  struct sock_filter second[] = {LOAD(DATA(nr)), ON(SYS_getpgid, SECCOMP_RET_ERRNO | 7), ON(SYS_getsid, SECCOMP_RET_TRACE), ON(SYS_umask, SECCOMP_RET_LOG), ON(SYS_gettid, SECCOMP_RET_ERRNO | 2), ON(SYS_clock_getres, SECCOMP_RET_ERRNO | 3), ANSWER(SECCOMP_RET_ALLOW)};
  printf("first: %s\n", error(put(0, first, LENGTH(first))));
  printf("mode %d\n", prctl(PR_GET_SECCOMP, 0, 0, 0, 0));
  printf("getsid %s, getpgid %s", error(syscall(SYS_getsid, 0)), error(syscall(SYS_getpgid, 0)));
  printf(", umask %d, getuid %ld", code(syscall(SYS_umask, 0)), syscall(SYS_getuid));
  printf(", getpriority %s, getgroups %s", error(syscall(SYS_getpriority, 0, 0)), error(syscall(SYS_getgroups, 0, 0)));
  printf(", getppid %s\n", error(syscall(SYS_getppid)));
  printf("second: %s\n", error(put(SECCOMP_FILTER_FLAG_LOG, second, LENGTH(second))));
  printf("getsid %s, getpgid %s", error(syscall(SYS_getsid, 0)), error(syscall(SYS_getpgid, 0)));
  printf(", umask %d, gettid %s", code(syscall(SYS_umask, 0)), error(syscall(SYS_gettid)));
  printf(", clock_getres %s\n", error(syscall(SYS_clock_getres, 0, 0)));
  printf("strict after filters: %s\n", error(seccomp(SECCOMP_SET_MODE_STRICT, 0, 0)));
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    printf("child: getsid %s", error(syscall(SYS_getsid, 0)));
    printf(", getppid %s\n", error(syscall(SYS_getppid)));
    fflush(stdout);
    _exit(0);
  }
  waitpid(child, 0, 0);
  char line[200];
  FILE *status = fopen("/proc/self/status", "r");
  while (fgets(line, sizeof line, status)) if (strncmp(line, "NoNewPrivs", 10) == 0 || strncmp(line, "Seccomp:", 8) == 0) fputs(line, stdout);
  fclose(status);
}

/** Arguments are looked at with all 64 bits, and the instruction pointer is behind the SYSCALL. */
static void details(void) {
  struct sock_filter list[] = {
      LOAD(DATA(arch)), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0), ANSWER(SECCOMP_RET_ERRNO | 99),
      LOAD(DATA(nr)), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpgid, 1, 0), ANSWER(SECCOMP_RET_ALLOW),
      LOAD(DATA(args[0]) + 4), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x12345678, 0, 1), ANSWER(SECCOMP_RET_ERRNO | 20),
      LOAD(DATA(args[5])), BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 5, 0, 1), ANSWER(SECCOMP_RET_ERRNO | 21),
      LOAD(DATA(instruction_pointer) + 4), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x5, 0, 1), ANSWER(SECCOMP_RET_ERRNO | 22),
      ANSWER(SECCOMP_RET_ERRNO | 23)};
  put(0, list, LENGTH(list));
  syscall(SYS_getpgid, 0x1234567800000000), printf("upper half: %d\n", errno);
  syscall(SYS_getpgid, 0, 0, 0, 0, 0, 6), printf("sixth argument: %d\n", errno);
  unsigned char *code = mmap((void *)0x500000000, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  memcpy(code, "\x0f\x05\xc3", 3);
  register long sixth __asm__("r9") = 0;
  long result = SYS_getpgid;
  __asm__ volatile("call *%1" : "+a"(result) : "b"(code), "D"(0L), "r"(sixth) : "rcx", "r11", "memory");
  printf("from elsewhere: %ld\n", -result);
  result = SYS_getpgid | 7L << 32;
  __asm__ volatile("syscall" : "+a"(result) : "D"(0x1234567800000000), "r"(sixth) : "rcx", "r11", "memory");
  printf("number with an upper half: %ld\n", -result);
}

static volatile int caught;
static void trapped(int number, siginfo_t *info, void *context) {
  ucontext_t *at = context;
  caught++;
  printf("SIGSYS %d: code %d errno %d call %d arch %x, at the call %d, rax %lld\n", number, info->si_code, info->si_errno, info->si_syscall, info->si_arch, info->si_call_addr == (void *)at->uc_mcontext.gregs[REG_RIP], at->uc_mcontext.gregs[REG_RAX]);
  at->uc_mcontext.gregs[REG_RAX] = 1234;
}

static void traps(void) {
  struct sigaction action = {.sa_sigaction = trapped, .sa_flags = SA_SIGINFO};
  sigaction(SIGSYS, &action, 0);
  struct sock_filter list[] = {LOAD(DATA(nr)), ON(SYS_getpgid, SECCOMP_RET_TRAP | 77), ANSWER(SECCOMP_RET_ALLOW)};
  put(0, list, LENGTH(list));
  printf("answer %ld\n", syscall(SYS_getpgid, 0));
  sigset_t set;
  sigemptyset(&set), sigaddset(&set, SIGSYS), sigprocmask(SIG_BLOCK, &set, 0);
  fflush(stdout);
  syscall(SYS_getpgid, 0);
  printf("blocked\n");
}

static void ignored_trap(void) {
  signal(SIGSYS, SIG_IGN);
  struct sock_filter list[] = {LOAD(DATA(nr)), ON(SYS_getpgid, SECCOMP_RET_TRAP), ANSWER(SECCOMP_RET_ALLOW)};
  put(0, list, LENGTH(list));
  syscall(SYS_getpgid, 0);
}

static void killed(void) {
  signal(SIGSYS, SIG_IGN);
  struct sock_filter list[] = {LOAD(DATA(nr)), ON(SYS_getpgid, SECCOMP_RET_KILL_PROCESS), ANSWER(SECCOMP_RET_ALLOW)};
  put(0, list, LENGTH(list));
  syscall(SYS_getpgid, 0);
}

static void unknown_answer(void) {
  struct sock_filter list[] = {LOAD(DATA(nr)), ON(SYS_getpgid, 0x7ffd0000), ANSWER(SECCOMP_RET_ALLOW)};
  put(0, list, LENGTH(list));
  syscall(SYS_getpgid, 0);
}

static void *asks(void *unused) { return syscall(SYS_getpgid, 0), "went on"; }
static void *waits_for_leader(void *main_thread) { return pthread_join(*(pthread_t *)main_thread, 0), printf("the other one goes on\n"), fflush(stdout), _exit(3), NULL; }

static void killed_thread(void) {
  struct sock_filter list[] = {LOAD(DATA(nr)), ON(SYS_getpgid, SECCOMP_RET_KILL_THREAD), ANSWER(SECCOMP_RET_ALLOW)};
  put(0, list, LENGTH(list));
  pthread_t other;
  void *said = 0;
  pthread_create(&other, 0, asks, 0);
  pthread_join(other, &said);
  printf("the thread is gone: %s\n", said ? (char *)said : "no word of it");
  fflush(stdout);
  syscall(SYS_getpgid, 0);
}

static void *returns(void *main_thread) {
  pthread_join(*(pthread_t *)main_thread, 0);
  syscall(SYS_exit, 3);
  return 0;
}

static void killed_leader(void) {
  static pthread_t self;
  self = pthread_self();
  struct sock_filter list[] = {LOAD(DATA(nr)), ON(SYS_getpgid, SECCOMP_RET_KILL_THREAD), ANSWER(SECCOMP_RET_ALLOW)};
  put(0, list, LENGTH(list));
  pthread_t other;
  pthread_create(&other, 0, returns, &self);
  syscall(SYS_getpgid, 0);
}

static void killed_leader_of_group(void) {
  static pthread_t self;
  self = pthread_self();
  struct sock_filter list[] = {LOAD(DATA(nr)), ON(SYS_getpgid, SECCOMP_RET_KILL_THREAD), ANSWER(SECCOMP_RET_ALLOW)};
  put(0, list, LENGTH(list));
  pthread_t other;
  pthread_create(&other, 0, waits_for_leader, &self);
  syscall(SYS_getpgid, 0);
}

static pthread_barrier_t met, go;
static void *synchronized(void *own) {
  if (own) {
    struct sock_filter list[] = {ANSWER(SECCOMP_RET_ALLOW)};
    put(0, list, 1);
  }
  pthread_barrier_wait(&met), pthread_barrier_wait(&go);
  printf("the other thread: getpgid %s, new privileges %d\n", error(syscall(SYS_getpgid, 0)), prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
  return 0;
}

static void synchronize(int own) {
  pthread_t other;
  pthread_barrier_init(&met, 0, 2), pthread_barrier_init(&go, 0, 2);
  pthread_create(&other, 0, synchronized, own ? "" : 0);
  pthread_barrier_wait(&met);
  struct sock_filter list[] = {LOAD(DATA(nr)), ON(SYS_getpgid, SECCOMP_RET_ERRNO | 7), ANSWER(SECCOMP_RET_ALLOW)};
  long result = put(SECCOMP_FILTER_FLAG_TSYNC, list, LENGTH(list));
  printf("for all threads: %s\n", result > 0 ? "a thread is in the way" : error(result));
  if (own) printf("and so: %s\n", error(put(SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_TSYNC_ESRCH, list, LENGTH(list))));
  pthread_barrier_wait(&go);
  pthread_join(other, 0);
  printf("this one: %s\n", error(syscall(SYS_getpgid, 0)));
}
static void alike(void) { synchronize(0); }
static void different(void) { synchronize(1); }

static void kept(void) {
  struct sock_filter list[] = {LOAD(DATA(nr)), ON(SYS_getsid, SECCOMP_RET_ERRNO | 5), ANSWER(SECCOMP_RET_ALLOW)};
  put(0, list, LENGTH(list));
  execl("/proc/self/exe", "seccomp", "kept", (char *)0);
}

int main(int count, char **words) {
  if (count > 1) return printf("after exec: %s, new privileges %d\n", error(syscall(SYS_getsid, 0)), prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)), 0;
  apart("arguments", arguments);
  apart("programs", programs);
  apart("calculating", calculate);
  apart("answers", answers);
  apart("details", details);
  apart("traps", traps);
  apart("an ignored trap", ignored_trap);
  apart("killed", killed);
  apart("an unknown answer", unknown_answer);
  apart("a killed thread", killed_thread);
  apart("a killed first thread", killed_leader);
  apart("a killed first thread of a group", killed_leader_of_group);
  apart("threads alike", alike);
  apart("threads that differ", different);
  apart("kept", kept);
}
