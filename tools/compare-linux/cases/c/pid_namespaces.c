// PID namespaces: clone(2), unshare(2), setns(2), the numbers that calls take and tell, signals to the first process of one and
// its end, files in /proc/PID/ns, depth, clone3(2) with numbers that it chooses.
#include "say.h"
#include <linux/nsfs.h>
#include <linux/sched.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>

static int pipes[2];
static pid_t ours;
static int received;
static siginfo_t info;

static void note(int number, siginfo_t *about, void *context) {
  (void)context;
  received = number;
  info = *about;
}

static long begin(unsigned long flags) {
  fflush(stdout);
  return syscall(SYS_clone, flags, 0, 0, 0, 0);
}

static unsigned long number(const char *name) {
  struct stat about = {0};
  return stat(name, &about) == 0 ? about.st_ino : 0;
}

static void *threaded(void *unused) {
  (void)unused;
  printf("thread %ld of %d\n", syscall(SYS_gettid), getpid());
  SAY(kill(syscall(SYS_gettid), 0));
  return NULL;
}

static void sleeper(void) {
  for (;;) pause();
}

static void inside(void) {
  SAY(getpid());
  SAY(syscall(SYS_gettid));
  SAY(getppid());
  SAY(getpgrp());
  SAY(getsid(0));
  SAY(kill(ours, 0));
  SAY(kill(1, 0));
  SAY(kill(2, 0));
  SAY(kill(-1, 0));
  SAY(kill(1, SIGKILL));
  SAY(kill(1, SIGTERM));
  SAY(raise(SIGSTOP));
  SAY(sched_getparam(1, &(struct sched_param){0}));
  SAY(sched_getscheduler(ours));
  SAY(syscall(SYS_pidfd_open, ours, 0));
  SAY(setpgid(0, 0));
  SAY(setsid());
  SAY(getpgrp());
  SAY(getsid(1));
  SAY(begin(CLONE_PARENT | SIGCHLD));
  pipe(pipes);
  pid_t child = fork();
  if (child == 0) {
    printf("child %d of %d, session %d group %d\n", getpid(), getppid(), getsid(0), getpgrp());
    fflush(stdout);
    pid_t orphan = fork();
    if (orphan == 0) {
      char go;
      read(pipes[0], &go, 1);
      while (getppid() != 1) usleep(1000);
      printf("orphan %d of %d\n", getpid(), getppid());
      fflush(stdout);
      _exit(5);
    }
    printf("its child %d\n", orphan);
    fflush(stdout);
    _exit(4);
  }
  printf("made %d\n", child);
  say_wait("child", child);
  write(pipes[1], "g", 1);
  say_wait("orphan", 3);
  pthread_t thread;
  pthread_create(&thread, NULL, threaded, NULL);
  pthread_join(thread, NULL);
  child = fork();
  if (child == 0) sleeper();
  printf("made %d\n", child);
  on(SIGCHLD, note, SA_RESTART);
  SAY(kill(child, SIGKILL));
  while (received == 0) usleep(1000);
  printf("SIGCHLD of %d\n", info.si_pid);
  siginfo_t about = {0};
  SAY(waitid(P_PID, child, &about, WEXITED));
  printf("waited for %d\n", about.si_pid);
  received = 0;
  on(SIGUSR1, note, 0);
  SAY(kill(getpid(), SIGUSR1));
  printf("SIGUSR1 of %d\n", info.si_pid);
  struct flock lock = {.l_type = F_WRLCK};
  int file = open("/tmp/lock", O_RDWR | O_CREAT, 0600);
  SAY(fcntl(file, F_SETLK, &lock));
  child = fork();
  if (child == 0) {
    struct flock asked = {.l_type = F_WRLCK};
    fcntl(file, F_GETLK, &asked);
    printf("lock of %d\n", asked.l_pid);
    fflush(stdout);
    _exit(0);
  }
  say_wait("asked", child);
  int pair[2];
  socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
  struct ucred whose;
  socklen_t length = sizeof whose;
  SAY(getsockopt(pair[0], SOL_SOCKET, SO_PEERCRED, &whose, &length));
  printf("peer %d\n", whose.pid);
  SAY(fcntl(pair[0], F_SETOWN, getpid()));
  SAY(fcntl(pair[0], F_GETOWN));
  SAY(fcntl(pair[0], F_SETOWN, 77));
  int segment = shmget(IPC_PRIVATE, 4096, 0600);
  struct shmid_ds state;
  SAY(shmctl(segment, IPC_STAT, &state));
  printf("segment of %d\n", state.shm_cpid);
  shmctl(segment, IPC_RMID, NULL);
  fflush(stdout);
}

static void from_outside(void) {
  int ready[2];
  pipe(ready);
  pid_t first = begin(CLONE_NEWPID | SIGCHLD);
  if (first == 0) {
    on(SIGUSR1, note, 0);
    write(ready[1], "r", 1);
    while (received == 0) usleep(1000);
    printf("SIGUSR1 of %d\n", info.si_pid);
    fflush(stdout);
    write(ready[1], "r", 1);
    sleeper();
  }
  char byte;
  read(ready[0], &byte, 1);
  SAY(kill(first, SIGTERM));
  SAY(kill(first, SIGUSR1));
  read(ready[0], &byte, 1);
  SAY(kill(first, SIGSTOP));
  int status = 0;
  printf("stops %d\n", waitpid(first, &status, WUNTRACED) == first && WIFSTOPPED(status));
  SAY(kill(first, SIGKILL));
  say_wait("first", first);
}

static void ends(void) {
  int ready[2];
  pipe(ready);
  pid_t first = begin(CLONE_NEWPID | SIGCHLD);
  if (first == 0) {
    for (int i = 0; i < 3; i++) {
      if (fork() != 0) continue;
      if (i == 2) fork();
      write(ready[1], "r", 1);
      sleeper();
    }
    if (begin(CLONE_NEWPID | SIGCHLD) == 0) {
      fork();
      write(ready[1], "r", 1);
      sleeper();
    }
    char bytes;
    for (int i = 0; i < 6; i++) read(ready[0], &bytes, 1);
    _exit(9);
  }
  say_wait("first", first);
  close(ready[1]);
  char byte;
  SAY(read(ready[0], &byte, 1));
}

static void crashes(void) {
  pid_t first = begin(CLONE_NEWPID | SIGCHLD);
  if (first == 0) {
    fflush(stdout);
    prctl(PR_SET_DUMPABLE, 0);
    *(volatile int *)8 = 1;
  }
  say_wait("crashed", first);
}

static void parted(void) {
  unsigned long own = number("/proc/self/ns/pid");
  SAY(unshare(CLONE_NEWPID));
  SAY(getpid() == ours);
  char target[64];
  SAY(readlink("/proc/self/ns/pid_for_children", target, sizeof target));
  SAY(number("/proc/self/ns/pid") == own);
  SAY(unshare(CLONE_NEWPID));
  SAY(begin(CLONE_NEWPID | SIGCHLD));
  SAY(begin(CLONE_THREAD | CLONE_SIGHAND | CLONE_VM));
  pid_t first = fork();
  if (first == 0) {
    printf("first %d of %d\n", getpid(), getppid());
    fflush(stdout);
    sleeper();
  }
  int done[2];
  pipe(pipes);
  pipe(done);
  pid_t second = fork();
  if (second == 0) {
    printf("second %d of %d\n", getpid(), getppid());
    fflush(stdout);
    pid_t orphan = fork();
    if (orphan == 0) {
      char go;
      read(pipes[0], &go, 1);
      while (getppid() == 2) usleep(1000);
      printf("orphan %d of %d\n", getpid(), getppid());
      fflush(stdout);
      _exit(0);
    }
    _exit(3);
  }
  say_wait("second", second);
  write(pipes[1], "g", 1);
  close(done[1]);
  char none;
  SAY(read(done[0], &none, 1));
  SAY(number("/proc/self/ns/pid_for_children") == own);
  pid_t third = fork();
  if (third == 0) sleeper();
  int about = syscall(SYS_pidfd_open, third, 0);
  SAY(kill(first, SIGKILL));
  struct pollfd asked = {.fd = about, .events = POLLIN};
  SAY(poll(&asked, 1, -1));
  int waited = 0;
  SAY(waitpid(first, &waited, WNOHANG));
  say_wait("third", third);
  say_wait("first", first);
  SAY(fork());
}

static void entered(void) {
  pid_t first = begin(CLONE_NEWPID | SIGCHLD);
  if (first == 0) sleeper();
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/ns/pid", first);
  int file = open(path, O_RDONLY);
  int own = open("/proc/self/ns/pid", O_RDONLY);
  SAY(ioctl(file, NS_GET_NSTYPE) == CLONE_NEWPID);
  int parent = ioctl(file, NS_GET_PARENT);
  struct stat one, other;
  fstat(parent, &one);
  fstat(own, &other);
  SAY(one.st_ino == other.st_ino);
  SAY(setns(file, CLONE_NEWUTS));
  SAY(setns(file, CLONE_NEWPID));
  SAY(number("/proc/self/ns/pid_for_children") == number(path));
  pid_t child = fork();
  if (child == 0) {
    printf("entered as %d of %d\n", getpid(), getppid());
    SAY(setns(own, CLONE_NEWPID));
    SAY(ioctl(file, NS_GET_PARENT));
    SAY(setns(file, 0));
    fflush(stdout);
    _exit(0);
  }
  say_wait("child", child);
  SAY(setns(own, CLONE_NEWPID));
  child = fork();
  if (child == 0) _exit(getppid() == ours ? 1 : 2);
  say_wait("outside", child);
  snprintf(path, sizeof path, "/proc/%d/status", first);
  FILE *status = fopen(path, "r");
  char line[256];
  while (fgets(line, sizeof line, status) != NULL) {
    int outer = 0, inner = 0;
    if (sscanf(line, "NSpid:\t%d\t%d", &outer, &inner) == 2) printf("NSpid ours %d, %d\n", outer == first, inner);
  }
  fclose(status);
  int about = syscall(SYS_pidfd_open, first, 0);
  SAY(setns(about, CLONE_NEWPID));
  SAY(kill(first, SIGKILL));
  say_wait("first", first);
  SAY(setns(file, CLONE_NEWPID));
  SAY(fork());
}

static int deeper(int depth) {
  pid_t child = begin(CLONE_NEWPID | SIGCHLD);
  if (child == -1) return errno == ENOSPC ? 100 : 101;
  if (child == 0) _exit(getpid() != 1 ? 102 : depth == 40 ? 103 : deeper(depth + 1));
  int status;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 104;
}

static long chosen(unsigned long flags, int count, pid_t inner, pid_t outer) {
  pid_t ids[2] = {inner, outer};
  struct clone_args args = {.flags = flags, .exit_signal = SIGCHLD, .set_tid = (unsigned long)ids, .set_tid_size = count};
  fflush(stdout);
  long child = syscall(SYS_clone3, &args, sizeof args);
  if (child == 0) {
    printf("chosen %d\n", getpid());
    fflush(stdout);
    _exit(0);
  }
  if (child > 0) waitpid(child, NULL, 0);
  return child < 0 ? child : child > 0;
}

int main(void) {
  ours = getpid();
  pid_t child = begin(CLONE_NEWPID | SIGCHLD);
  if (child == 0) {
    inside();
    _exit(6);
  }
  printf("in between it is %d\n", child > 1);
  say_wait("inside", child);
  from_outside();
  ends();
  crashes();
  void (*const parts[])(void) = {parted, entered};
  for (int i = 0; i < 2; i++) {
    fflush(stdout);
    pid_t part = fork();
    if (part == 0) {
      ours = getpid();
      parts[i]();
      exit(0);
    }
    say_wait("part", part);
  }
  printf("deepest %d\n", deeper(0));
  SAY(chosen(CLONE_NEWPID, 1, 1, 0));
  SAY(chosen(CLONE_NEWPID, 1, 2, 0));
  SAY(chosen(CLONE_NEWPID, 1, 0, 0));
  SAY(begin(CLONE_NEWPID | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM));
  setresuid(1000, 1000, 1000);
  SAY(unshare(CLONE_NEWPID));
  SAY(begin(CLONE_NEWPID | SIGCHLD));
  return 0;
}
