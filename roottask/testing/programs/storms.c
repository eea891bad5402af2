// Programs that take all they can get of one thing, several at once, beside an innocent one: storms [-l] NAME…. For each
// it prints why the takers came to an end, whether the innocent one came to its end unharmed, and whether as much memory
// is free as before. With -l takers are users of their own with limits (setrlimit(2)). Each storm comes twice, and what
// the second one leaves is told, since stacks of threads and the like are kept to be used again; where both leave much,
// that is told as well.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096ul
#define TAKERS 3
/** Bytes that may be kept to be used again by a storm that has been there before, and by both together. */
#define KEPT (128ul << 10)
#define KEPT_BY_BOTH (2ul << 20)
/** Ends of who has executed the program with "-e", and of who could not. */
#define EXECUTED 77
#define NOT_EXECUTED 78

static int limited, seed = 1;
static char here[64];
static char large[1 << 16];

static unsigned long free_bytes(void) {
  struct sysinfo info;
  sysinfo(&info);
  return info.freeram * info.mem_unit;
}

/** Takers end with the error of the call that failed. */
static int failed(void) { return errno; }

static int anonymous(int taker) {
  for (;;) {
    char *at = mmap(0, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) return failed();
    memset(at, taker + 1, 64 * PAGE);
  }
}

/** As `anonymous`, but calls touch the memory. */
static int reads(int taker) {
  int zero = open("/dev/zero", O_RDONLY);
  for (;;) {
    char *at = mmap(0, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) return failed();
    if (read(zero, at, 64 * PAGE) < 0 || pread(zero, at, 64 * PAGE, 0) < 0) return failed();
  }
}

static int areas(int taker) {
  for (;;) {
    char *at = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED || mprotect(at, PAGE, PROT_READ)) return failed();
  }
}

static int tables(int taker) {
  for (unsigned long at = 1ul << 40;; at += 1ul << 30) {
    if (at >= 1ul << 46) return 0;
    char *got = mmap((void *)at, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (got == MAP_FAILED) return failed();
    *(volatile char *)got = 1;
  }
}

static int fill(int fd) {
  if (fd < 0) return failed();
  for (;;) {
    if (write(fd, large, sizeof large) <= 0) return failed();
  }
}

static int files(int taker) {
  char name[100];
  snprintf(name, sizeof name, "%s/fill%d", here, taker);
  return fill(open(name, O_RDWR | O_CREAT, 0600));
}

static int memfds(int taker) { return fill(memfd_create("storm", 0)); }

static int shared(int taker) {
  for (;;) {
    char *at = mmap(0, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) return failed();
    memset(at, 1, 64 * PAGE);
  }
}

static int names(int taker) {
  char name[300];
  memset(name, 'n', 200);
  for (long i = 0;; i++) {
    snprintf(name + 180, 100, "%d-%ld", taker, i);
    char path[400];
    snprintf(path, sizeof path, "%s/%s", here, name);
    if (i % 4 == 0 ? mkdir(path, 0700) : i % 4 == 1 ? symlink(path, path) : i % 4 == 2 ? mknod(path, S_IFIFO | 0600, 0) : link(here[0] ? "/tmp/linked" : "", path)) return failed();
  }
}

static int depth(int taker) {
  char name[100];
  snprintf(name, sizeof name, "%s/deep%d", here, taker);
  if (mkdir(name, 0700) || chdir(name)) return failed();
  for (long i = 0; i < 500; i++) {
    if (mkdir("d", 0700) || chdir("d")) return failed();
  }
  return 0;
}

static int attributes(int taker) {
  for (long i = 0;; i++) {
    char name[100], path[100];
    snprintf(path, sizeof path, "%s/file%d-%ld", here, taker, i / 100);
    snprintf(name, sizeof name, "user.%ld", i % 100);
    if (i % 100 == 0 && close(creat(path, 0600))) return failed();
    if (setxattr(path, name, large, i % 100 == 0 ? 60000 : 30, 0)) {
      if (errno == ENOSPC && i % 100 > 1) { i += 99 - i % 100; continue; }
      return failed();
    }
  }
}

static int pipes(int taker) {
  for (;;) {
    int fd[2];
    if (pipe2(fd, O_NONBLOCK)) return failed();
    fcntl(fd[1], F_SETPIPE_SZ, 1 << 20);
    while (write(fd[1], large, sizeof large) > 0);
  }
}

static int sockets(int type, int bytes) {
  for (;;) {
    int fd[2];
    if (socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, fd)) return failed();
    int size = 1 << 20;
    setsockopt(fd[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    while (write(fd[1], large, bytes) > 0);
    if (errno != EAGAIN) return failed();
  }
}

static int streams(int taker) { return sockets(SOCK_STREAM, sizeof large); }
static int datagrams(int taker) { return sockets(SOCK_DGRAM, 1); }
static int packets(int taker) { return sockets(SOCK_SEQPACKET, 2000); }

static int pass(int over, int fd) {
  char data = 'x', control[CMSG_SPACE(sizeof(int))] = {0};
  struct iovec piece = {&data, 1};
  struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  struct cmsghdr *head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(head), &fd, sizeof fd);
  return sendmsg(over, &message, MSG_DONTWAIT) < 0;
}

/** Pairs of sockets, each in a message to the other, that nobody has any more. */
static int cycles(int taker) {
  for (int i = 0; i < 300; i++) {
    int fd[2];
    if (socketpair(AF_UNIX, i % 2 ? SOCK_STREAM : SOCK_DGRAM, 0, fd)) return failed();
    if (pass(fd[0], fd[0]) || pass(fd[0], fd[1]) || pass(fd[1], fd[1])) return failed();
    if (i % 100 == 0) write(fd[0], large, 30000);
    close(fd[0]), close(fd[1]);
  }
  return 0;
}

/** Open files that are in messages alone, as many as may be. */
static int passed(int taker) {
  for (;;) {
    int fd[2];
    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, fd)) return failed();
    for (;;) {
      int event = eventfd(0, 0);
      if (event < 0) return failed();
      int full = pass(fd[0], event);
      close(event);
      if (full) { if (errno != EAGAIN) return failed(); break; }
    }
  }
}

/** Sockets in messages to each other, a chain as long as may be. */
static int chain(int taker) {
  int before = -1;
  for (int i = 0; i < 2000; i++) {
    int fd[2];
    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, fd)) return failed();
    if (before >= 0) {
      if (pass(fd[0], before)) return failed();
      close(before);
    }
    close(fd[0]);
    before = fd[1];
  }
  return 0;
}

static int segments(int taker) {
  // Who gives back what it takes comes to no end of its own.
  for (int i = 0; taker % 2 || i < 50; i++) {
    int id = shmget(IPC_PRIVATE, 1 << 20, 0600 | IPC_CREAT);
    if (id < 0) return failed();
    char *at = shmat(id, 0, 0);
    if (at == (void *)-1) return failed();
    memset(at, 1, 1 << 20);
    shmdt(at);
    if (taker % 2) continue;
    shmctl(id, IPC_RMID, 0);
  }
  return 0;
}

static void end_ipc(void) {
  struct shm_info shm;
  struct shmid_ds segment;
  for (int i = shmctl(0, SHM_INFO, (void *)&shm); i >= 0; i--) shmctl(shmctl(i, SHM_STAT, &segment), IPC_RMID, 0);
  struct msginfo msg;
  struct msqid_ds queue;
  for (int i = msgctl(0, MSG_INFO, (void *)&msg); i >= 0; i--) msgctl(msgctl(i, MSG_STAT, &queue), IPC_RMID, 0);
  struct seminfo sem;
  struct semid_ds set;
  for (int i = semctl(0, 0, SEM_INFO, &sem); i >= 0; i--) semctl(semctl(i, 0, SEM_STAT, &set), 0, IPC_RMID);
}

static int messages(int taker) {
  for (;;) {
    int id = msgget(IPC_PRIVATE, 0600 | IPC_CREAT);
    if (id < 0) return failed();
    // Empty ones alone would be more calls than anything else here makes.
    struct { long type; char text[2000]; } message = {1};
    while (msgsnd(id, &message, taker * 900, IPC_NOWAIT) == 0);
    if (errno != EAGAIN) return failed();
  }
}

static int semaphores(int taker) {
  for (;;) {
    int id = semget(IPC_PRIVATE, 250, 0600 | IPC_CREAT);
    if (id < 0) return failed();
    struct sembuf up = {taker, 1, SEM_UNDO};
    if (semop(id, &up, 1)) return failed();
  }
}

static int queues(int taker) {
  for (int i = 0;; i++) {
    char name[50];
    snprintf(name, sizeof name, "/storm%d-%d", taker, i);
    struct mq_attr attributes = {.mq_maxmsg = 10, .mq_msgsize = 8192};
    mqd_t queue = mq_open(name, O_RDWR | O_CREAT | O_NONBLOCK, 0600, &attributes);
    if (queue == (mqd_t)-1) return failed();
    mq_unlink(name);
    while (mq_send(queue, large, 8192, 0) == 0);
  }
}

static int watches(int taker) {
  for (int i = 0;; i++) {
    char path[100];
    int fd = inotify_init1(0);
    if (fd < 0) return failed();
    for (int k = 0; k < 300; k++) {
      snprintf(path, sizeof path, "%s/w%d-%d", here, taker, k);
      close(creat(path, 0600));
      if (inotify_add_watch(fd, path, IN_ALL_EVENTS) < 0) return failed();
    }
  }
}

static int interests(int taker) {
  int events[300];
  for (int i = 0; i < 300; i++) events[i] = eventfd(0, 0);
  for (;;) {
    int fd = epoll_create1(0);
    if (fd < 0) return failed();
    for (int k = 0; k < 300; k++) {
      struct epoll_event event = {EPOLLIN | EPOLLOUT};
      if (epoll_ctl(fd, EPOLL_CTL_ADD, events[k], &event)) return failed();
    }
  }
}

static int timers(int taker) {
  for (;;) {
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN};
    if (timer_create(CLOCK_MONOTONIC, &event, &timer)) return failed();
    struct itimerspec soon = {{0, 1000}, {0, 1000}};
    sigset_t set;
    sigfillset(&set);
    sigprocmask(SIG_BLOCK, &set, 0);
    timer_settime(timer, 0, &soon, 0);
  }
}

static int locks(int taker) {
  char path[100];
  snprintf(path, sizeof path, "%s/locked", here);
  int fd = open(path, O_RDWR | O_CREAT, 0600);
  for (long i = 0; i < 500; i++) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (i * TAKERS + taker) * 2, .l_len = 1};
    if (fcntl(fd, F_SETLK, &lock)) return failed();
  }
  return 0;
}

static int descriptors(int taker) {
  for (;;) {
    if (eventfd(0, 0) < 0) return failed();
  }
}

static int terminals(int taker) {
  for (;;) {
    int fd = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) return failed();
    int unlock = 0, number;
    ioctl(fd, 0x40045431, &unlock);
    ioctl(fd, 0x80045430, &number);
    char name[30];
    snprintf(name, sizeof name, "/dev/pts/%d", number);
    int slave = open(name, O_RDWR | O_NOCTTY | O_NONBLOCK);
    while (write(fd, large, 4096) > 0);
    while (slave >= 0 && write(slave, large, 4096) > 0);
    close(slave);
  }
}

static int queued(int taker) {
  sigset_t set;
  sigfillset(&set);
  sigprocmask(SIG_BLOCK, &set, 0);
  for (;;) {
    union sigval value = {.sival_int = 1};
    if (sigqueue(getpid(), SIGRTMIN + taker, value)) return failed();
  }
}

/** Lets a child that waits end with its parent `taker`, which may be ended for memory. */
static void end_with(pid_t taker) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != taker) _exit(0);
}

/** Processes that do nothing but wait, in a group that is killed as one. */
static int processes(int taker) {
  pid_t self = getpid();
  setpgid(0, 0);
  for (;;) {
    pid_t pid = fork();
    if (pid < 0) {
      int error = errno;
      signal(SIGTERM, SIG_IGN);
      kill(0, SIGTERM);
      while (wait(0) > 0);
      return error;
    }
    if (pid == 0) {
      signal(SIGTERM, SIG_DFL);
      end_with(self);
      for (;;) pause();
    }
  }
}

/** Processes one after the other, each of which executes this program anew: STORMS_GENERATIONS of each taker. */
static int generations(int taker) {
  const char *wanted = getenv("STORMS_GENERATIONS");
  for (int i = wanted ? atoi(wanted) : 200; i > 0; i--) {
    pid_t pid = fork();
    if (pid < 0) return failed();
    if (pid == 0) {
      execl("/bin/storms", "storms", "-e", (char *)0);
      _exit(errno);
    }
    int status;
    if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != EXECUTED) return EBADMSG;
  }
  return 0;
}

/** Every process makes two and goes on; all are killed from outside. */
static int bomb(int taker) {
  for (;;) fork();
}

static int sleeper(void *unused) { for (;;) pause(); }
static int threads(int taker) {
  for (;;) {
    char *stack = mmap(0, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack == MAP_FAILED) return failed();
    int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
    if (clone(sleeper, stack + 4 * PAGE, flags, 0) < 0) return failed();
  }
}

/** Bytes go round through pipes between processes, until a time in rounds. */
static int ring(int taker) {
  int first[2], before[2];
  pipe(first);
  before[0] = first[0];
  for (int i = 0; i < 20; i++) {
    int next[2];
    if (pipe(next)) return failed();
    if (fork() == 0) {
      char bytes[64];
      long got;
      close(first[1]);
      close(next[0]);
      while ((got = read(before[0], bytes, sizeof bytes)) > 0) write(next[1], bytes, got);
      _exit(0);
    }
    close(before[0]), close(next[1]);
    before[0] = next[0];
  }
  long sum = 0;
  for (int i = 0; i < 50; i++) {
    char byte = (char)i, back;
    write(first[1], &byte, 1);
    if (read(before[0], &back, 1) != 1) return failed();
    sum += (unsigned char)back == (i & 255);
  }
  close(first[1]);
  while (wait(0) > 0);
  return sum == 50 ? 0 : EBADMSG;
}

static volatile int seen;
static void count(int number) { seen++; }
/** Two processes send each other signals as fast as they can. */
static int signals(int taker) {
  signal(SIGUSR1, count);
  signal(SIGRTMIN, count);
  pid_t self = getpid(), pid = fork();
  if (pid < 0) return failed();
  pid_t other = pid ? pid : self;
  for (int i = 0; i < 300; i++) {
    kill(other, SIGUSR1);
    sigqueue(other, SIGRTMIN, (union sigval){.sival_int = i});
  }
  if (pid == 0) for (;;) pause();
  kill(pid, SIGKILL);
  waitpid(pid, 0, 0);
  return 0;
}

/** A socket on a port of its own at 127.0.0.1, which listens where it is one of streams, and its address; less than 0 for none. */
static int loopback(int type, int backlog, struct sockaddr_in *at) {
  int fd = socket(AF_INET, type | SOCK_NONBLOCK, 0);
  socklen_t size = sizeof *at;
  memset(at, 0, size);
  at->sin_family = AF_INET;
  at->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || bind(fd, (void *)at, size) || getsockname(fd, (void *)at, &size)) return -1;
  return type == SOCK_STREAM && listen(fd, backlog) ? -1 : fd;
}

/** A socket that is being connected to `at`; less than 0 for none. */
static int client(const struct sockaddr_in *at) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  return connect(fd, (const void *)at, sizeof *at) == 0 || errno == EINPROGRESS ? fd : -1;
}

/** Connections, full of data that nobody reads, in both directions. */
static int connections(int taker) {
  struct sockaddr_in at;
  int listener = loopback(SOCK_STREAM, 10, &at);
  if (listener < 0) return failed();
  for (;;) {
    int fd = client(&at);
    if (fd < 0) return failed();
    int other = accept4(listener, 0, 0, SOCK_NONBLOCK);
    if (other < 0) return failed();
    while (write(fd, large, sizeof large) > 0);
    if (errno != EAGAIN) return failed();
    while (write(other, large, sizeof large) > 0);
    if (errno != EAGAIN) return failed();
  }
}

/** Connections to one queue that is full, of which some give up. */
static int halves(int taker) {
  struct sockaddr_in at;
  if (loopback(SOCK_STREAM, 5, &at) < 0) return failed();
  for (int i = 0;; i++) {
    int fd = client(&at);
    if (fd < 0) return failed();
    write(fd, large, 1000);
    if (i % 3 == 1) close(fd);
    if (i == 5000) return 0;
  }
}

/** Queues that are full of connections whose clients have sent something and gone. */
static int backlogs(int taker) {
  for (;;) {
    struct sockaddr_in at;
    if (loopback(SOCK_STREAM, 100, &at) < 0) return failed();
    for (int i = 0; i < 100; i++) {
      int fd = client(&at);
      if (fd < 0) return failed();
      if (write(fd, large, 30000) < 0 && errno != EAGAIN) return failed();
      close(fd);
    }
  }
}

/** Datagrams of all sizes to sockets that nobody reads from. */
static int floods(int taker) {
  for (;;) {
    struct sockaddr_in at;
    int fd = loopback(SOCK_DGRAM, 0, &at);
    if (fd < 0) return failed();
    for (int i = 0; i < 300; i++) {
      if (sendto(fd, large, i % 3 ? 1 : 60000, MSG_DONTWAIT, (void *)&at, sizeof at) < 0 && errno != EAGAIN) return failed();
    }
  }
}

/** Ports, as many as processes can have, of both kinds. */
static int ports(int taker) {
  int ready[2], end[2];
  pid_t self = getpid();
  if (pipe(ready) || pipe(end)) return failed();
  for (int i = 0; i < 12; i++) {
    pid_t pid = fork();
    if (pid < 0) return failed();
    if (pid > 0) continue;
    close(end[1]);
    end_with(self);
    struct sockaddr_in at;
    while (loopback(i % 2 ? SOCK_STREAM : SOCK_DGRAM, 1, &at) >= 0);
    unsigned char error = (unsigned char)errno, byte;
    write(ready[1], &error, 1);
    read(end[0], &byte, 1);
    _exit(0);
  }
  unsigned char error = 0;
  // A child that is ended for memory says nothing.
  close(ready[1]);
  for (int i = 0; i < 12; i++) read(ready[0], &error, 1);
  return error;
}

/** What random calls leave out: what ends or stops others, changes what others see, or ends who calls. */
static const short left_out[] = {
  SYS_exit, SYS_exit_group, SYS_kill, SYS_tkill, SYS_tgkill, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo,
  SYS_pidfd_send_signal, SYS_pidfd_getfd, SYS_reboot, SYS_prlimit64, SYS_process_vm_writev, SYS_ptrace, SYS_mount,
  SYS_umount2, SYS_pivot_root, SYS_setpgid, SYS_setsid, SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_setitimer, SYS_alarm,
  SYS_rt_sigreturn, SYS_vfork, SYS_sethostname, SYS_setdomainname, SYS_chroot, SYS_mq_open,
};

static unsigned next(unsigned long *state, unsigned limit) {
  *state = *state * 6364136223846793005ul + 1442695040888963407ul;
  return (unsigned)(*state >> 33) % limit;
}

static unsigned long state;
static unsigned below(unsigned limit) { return next(&state, limit); }

static char *pages;
static unsigned long argument(void) {
  static const char *const names[] = {"a", "b", "d", "d/e", ".", "", "d/..", "/nowhere"};
  switch (below(14)) {
    case 0: return 0;
    case 1: return below(16);
    case 2: return -1ul;
    case 3: return -below(200);
    case 4: case 5: return (unsigned long)pages + below(64) * 8;
    case 6: return (unsigned long)pages + 2 * PAGE - below(16);
    case 7: return (unsigned long)names[below(8)];
    case 8: return 1ul << below(64);
    case 9: return (unsigned long)below(1u << 31) << below(33);
    case 10: return 0xffff800000000000ul + below(4096);
    case 11: return 0x7fffffffe000ul + below(8192);
    case 12: return below(5000);
    default: return below(8);
  }
}

static void nothing(int number) {}

/** Random calls with random arguments, without an end. */
static void call_randomly(void) {
  // Those of who waits for the takers: a pipe that is full of other bytes, or smaller, would stop a taker for good.
  for (int fd = 3; fd < 200; fd++) close(fd);
  int none = open("/dev/null", O_RDWR);
  for (int fd = 0; fd < 3; fd++) dup2(none, fd);
  signal(SIGALRM, nothing);
  siginterrupt(SIGALRM, 1);
  signal(SIGPIPE, SIG_IGN);
  pages = mmap(0, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  mprotect(pages + 2 * PAGE, PAGE, PROT_NONE);
  // What waits is woken up.
  struct itimerval often = {{0, 500}, {0, 500}};
  setitimer(ITIMER_REAL, &often, 0);
  pid_t self = getpid();
  for (;;) {
    long number = below(452);
    int skipped = 0;
    for (unsigned i = 0; i < sizeof left_out / sizeof *left_out; i++) skipped |= number == left_out[i];
    // Threads without a stack of their own are soon the end of a process.
    int clones = number == SYS_clone || number == SYS_clone3 || number == SYS_munmap || number == SYS_brk;
    if (skipped || (clones && below(20))) continue;
    for (int i = 0; i < 64; i++) ((volatile unsigned long *)pages)[i] = below(3) ? below(64) : argument();
    long result = syscall(number, argument(), argument(), argument(), argument(), argument(), argument());
    if (result == 0 && syscall(SYS_getpid) != self) _exit(0);
  }
}

/** Several processes at once that make random calls, and are ended and made anew. */
static int randomly(int taker) {
  char name[100];
  snprintf(name, sizeof name, "%s/random%d", here, taker);
  if (mkdir(name, 0700) || chdir(name) || mkdir("d", 0700)) return failed();
  for (int round = 0; round < 8; round++) {
    pid_t pids[3];
    for (int i = 0; i < 3; i++) {
      pids[i] = fork();
      if (pids[i] < 0) return failed();
      if (pids[i] > 0) continue;
      setpgid(0, 0);
      state = (unsigned long)(seed * 1000 + taker * 100 + round * 10 + i);
      call_randomly();
    }
    usleep(30000);
    for (int i = 0; i < 3; i++) {
      int status;
      for (int k = 0; k < 20; k++) kill(-pids[i], SIGKILL);
      kill(pids[i], SIGKILL);
      waitpid(pids[i], &status, 0);
    }
  }
  return 0;
}

/** Processes that a process of the storm "clashes" has at a time, and threads beside its first. */
#define CLASH_CHILDREN 3
#define CLASH_THREADS 3

/** Children that nobody has waited for. */
static int children;
static int line_ends[2];
/** Each process has bytes of its own in it. */
static unsigned char own_bytes[2 * PAGE];

/** Something is not as it should be: the taker looks for the file. */
static void tell_broken(const char *what) {
  char name[100];
  snprintf(name, sizeof name, "%s/broken-%s", here, what);
  close(creat(name, 0666));
}

static void check_bytes(const char *what) {
  for (unsigned i = 1; i < sizeof own_bytes; i += 509) if (own_bytes[i] != own_bytes[0]) tell_broken(what);
}

static void reaped(int status) {
  if (__atomic_load_n(&children, __ATOMIC_RELAXED) > 0) __atomic_sub_fetch(&children, 1, __ATOMIC_RELAXED);
  if (WIFEXITED(status) && WEXITSTATUS(status) != EXECUTED && WEXITSTATUS(status) != NOT_EXECUTED) tell_broken("status");
}

static void execute(const char *option, unsigned long from, int depth, int life) {
  char numbers[3][30];
  snprintf(numbers[0], 30, "%lu", from), snprintf(numbers[1], 30, "%d", depth), snprintf(numbers[2], 30, "%d", life);
  execl("/bin/storms", "storms", option, numbers[0], numbers[1], numbers[2], (char *)0);
}

/** A child that is hung up on by who has its terminal, in a session of its own, which its group's end leaves alone. */
static pid_t on_terminal(int *master) {
  int number, unlock = 0;
  char name[30];
  *master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  if (*master < 0 || ioctl(*master, TIOCSPTLCK, &unlock) || ioctl(*master, TIOCGPTN, &number)) return -1;
  snprintf(name, sizeof name, "/dev/pts/%d", number);
  pid_t pid = fork();
  if (pid) return pid;
  alarm(2);
  close(*master);
  setsid();
  int slave = open(name, O_RDWR);
  char byte;
  read(slave, &byte, 1);
  execute("-e", 0, 0, 0);
  _exit(NOT_EXECUTED);
}

static void clash_as_process(unsigned long from, int depth, int life);

static void child_of_clash(unsigned long *state, int depth) {
  children = 0;
  check_bytes("copy");
  memset(own_bytes, getpid(), sizeof own_bytes);
  if (next(state, 3) == 0) prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (depth < 1 && next(state, 2)) clash_as_process(*state + (unsigned long)getpid(), depth + 1, 2 + (int)next(state, 12));
  if (next(state, 2)) execute("-e", 0, 0, 0);
  _exit(NOT_EXECUTED);
}

/** Does one of the things that get into each other's way. */
static void clash(unsigned long *state, int depth, int life) {
  int status, fd[2], master = -1;
  unsigned char bytes[200];
  pid_t pid = 0;
  unsigned kind = next(state, 16);
  int forks = kind < 6;
  if (forks && __atomic_fetch_add(&children, 1, __ATOMIC_RELAXED) >= CLASH_CHILDREN) {
    __atomic_sub_fetch(&children, 1, __ATOMIC_RELAXED);
    forks = 0;
    kind = 15;
  }
  switch (kind) {
    case 0: case 1: case 2:
      if ((pid = fork()) == 0) child_of_clash(state, depth);
      break;
    case 3:
      if ((pid = vfork()) == 0) {
        execute("-e", 0, 0, 0);
        _exit(NOT_EXECUTED);
      }
      break;
    case 4:
      pid = on_terminal(&master);
      if (master >= 0) write(master, next(state, 2) ? "\003" : "\n", 1), write(master, large, 3000);
      close(master);
      break;
    case 5:
      // A reader whose writer goes away.
      if (pipe2(fd, O_CLOEXEC)) { pid = -1; break; }
      if ((pid = fork()) == 0) {
        close(fd[1]);
        while (read(fd[0], bytes, sizeof bytes) > 0);
        _exit(NOT_EXECUTED);
      }
      close(fd[0]);
      write(fd[1], large, 1 + next(state, 9000));
      close(fd[1]);
      break;
    case 6: kill(0, next(state, 2) ? SIGUSR1 : SIGCONT); break;
    case 7: sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 1}); break;
    case 8: syscall(SYS_tgkill, getpid(), getpid() + next(state, 8), SIGUSR1); break;
    case 9: if (next(state, 20) == 0) kill(0, SIGKILL); break;
    case 10: if (next(state, 4) == 0) execute("-f", *state, depth, life); break;
    case 11: write(line_ends[1], large, 1 + next(state, 5000)); break;
    case 12: read(line_ends[0], bytes, sizeof bytes); break;
    case 13:
      if (pipe2(fd, O_NONBLOCK | O_CLOEXEC)) break;
      if (next(state, 2)) dup3(fd[0], line_ends[0], O_CLOEXEC), dup3(fd[1], line_ends[1], O_CLOEXEC);
      close(fd[0]), close(fd[1]);
      break;
    case 14: {
      volatile char *at = mmap(0, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (at == MAP_FAILED) break;
      at[0] = at[3 * PAGE] = 1;
      mprotect((char *)at, PAGE, PROT_READ);
      munmap((char *)at, 4 * PAGE);
      break;
    }
    default: if ((pid = waitpid(-1, &status, WNOHANG)) > 0) reaped(status); pid = 0;
  }
  if (!forks) return;
  if (pid < 0) { __atomic_sub_fetch(&children, 1, __ATOMIC_RELAXED); return; }
  unsigned way = next(state, 4);
  if (way == 0) kill(pid, SIGSTOP), kill(pid, SIGCONT);
  if (way == 1) kill(pid, SIGKILL);
  // Another thread may wait for it as well.
  if (way != 2 && waitpid(pid, &status, 0) == pid) reaped(status);
}

struct clasher { unsigned long state; int depth, life; };
static void *clash_as_thread(void *argument) {
  struct clasher own = *(struct clasher *)argument;
  for (int i = 0; i < 40; i++) clash(&own.state, own.depth, own.life);
  return 0;
}

/** Goes on as a process of several threads that does `life` things, or things without an end for 0. */
static void clash_as_process(unsigned long from, int depth, int life) {
  static struct clasher clashers[CLASH_THREADS];
  struct sigaction restarts = {.sa_handler = count, .sa_flags = SA_RESTART};
  signal(SIGRTMIN, count), siginterrupt(SIGRTMIN, 1);
  sigaction(SIGUSR1, &restarts, 0);
  sigaction(SIGALRM, &restarts, 0);
  memset(own_bytes, getpid(), sizeof own_bytes);
  struct itimerval often = {{0, 700}, {0, 700}};
  setitimer(ITIMER_REAL, &often, 0);
  pipe2(line_ends, O_NONBLOCK | O_CLOEXEC);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, 4 * PAGE);
  unsigned long state = from;
  for (int i = 0;; i++) {
    if (i % 40 == 0 && i / 40 < 50) for (int k = 0; k < CLASH_THREADS; k++) {
      pthread_t thread;
      clashers[k] = (struct clasher){from + 1000 * (k + 1) + i, depth, life};
      if (i == 0 || next(&state, 3) == 0) pthread_create(&thread, &attributes, clash_as_thread, &clashers[k]);
    }
    clash(&state, depth, life);
    if (life && i == life) break;
  }
  check_bytes("own");
  if (next(&state, 2)) execute("-e", 0, 0, 0);
  _exit(NOT_EXECUTED);
}

/**
 * Processes of several threads that fork, execute, send each other signals and close pipes and terminals that others
 * wait for, in groups that end by one signal: nobody of a group may be behind the back of it.
 */
static int clashes(int taker) {
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  for (int round = 0; round < 8; round++) {
    pid_t pids[2];
    for (int i = 0; i < 2; i++) {
      pids[i] = fork();
      if (pids[i] < 0) return failed();
      if (pids[i] == 0) {
        setpgid(0, 0);
        clash_as_process((unsigned long)(seed * 1000 + taker * 100 + round * 10 + i), 0, 0);
      }
      setpgid(pids[i], pids[i]);
    }
    usleep(30000 + 1000 * (taker + round));
    for (int i = 0; i < 2; i++) kill(-pids[i], SIGKILL);
    while (wait(0) > 0);
  }
  static const char *const all[] = {"copy", "own", "status"};
  for (int i = 0; i < 3; i++) {
    char name[100];
    snprintf(name, sizeof name, "%s/broken-%s", here, all[i]);
    if (access(name, F_OK) == 0) return i == 0 ? EBADMSG : i == 1 ? EILSEQ : EPROTO;
  }
  return 0;
}

#define TRACED 12
/** Processes of a group that trace each other; numbers of those that have ended may be there. */
static volatile pid_t *traced;
/** What others may write to. */
static volatile long traced_words[4];

static void *trace_as_thread(void *argument) {
  for (int i = 0; i < 50; i++) syscall(SYS_getppid), traced_words[below(4)]++;
  return 0;
}

/** What tracees do: calls, signals, breakpoints, children, threads, other programs, ends. */
static void be_traced(void) {
  pid_t self = (pid_t)syscall(SYS_getpid);
  pthread_t thread;
  switch (below(12)) {
    case 0: raise(below(2) ? SIGSTOP : SIGUSR1); break;
    case 1: __asm__ volatile("int3"); break;
    case 2: kill(self, below(2) ? SIGTSTP : SIGCONT); break;
    case 3: if (below(4) == 0) execute("-e", 0, 0, 0); break;
    case 4: if (below(4) == 0) _exit(3); break;
    case 5: if (pthread_create(&thread, 0, trace_as_thread, 0) == 0) pthread_detach(thread); break;
    case 6: usleep(below(300)); break;
    case 7: syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0); break;
    case 8: if (fork() == 0) traced[below(TRACED)] = (pid_t)syscall(SYS_getpid); break;
    case 9: {
      pid_t child = vfork();
      if (child == 0) _exit(0);
      break;
    }
    default: for (int i = 0; i < 20; i++) syscall(SYS_umask, 022), traced_words[below(4)]++;
  }
}

/** A request of any kind to any of the group; what could make others call what harms those outside is left alone. */
static void request_randomly(void) {
  static const short requests[] = {
    PTRACE_CONT, PTRACE_SYSCALL, PTRACE_SINGLESTEP, PTRACE_SYSEMU, PTRACE_SYSEMU_SINGLESTEP, PTRACE_CONT, PTRACE_SYSCALL, PTRACE_ATTACH,
    PTRACE_SEIZE, PTRACE_DETACH, PTRACE_INTERRUPT, PTRACE_LISTEN, PTRACE_KILL, PTRACE_SETOPTIONS, PTRACE_PEEKTEXT, PTRACE_PEEKUSER,
    PTRACE_GETREGS, PTRACE_GETFPREGS, PTRACE_SETFPREGS, PTRACE_GETSIGINFO, PTRACE_GETREGSET, PTRACE_PEEKSIGINFO, PTRACE_GETSIGMASK,
    PTRACE_GETEVENTMSG, PTRACE_SETSIGINFO, 0x420e, 99,
  };
  pid_t pid = traced[below(TRACED)];
  int request = requests[below(sizeof requests / sizeof *requests)];
  int status;
  if (pid <= 1) return;
  switch (below(8)) {
    case 0: waitpid(below(2) ? -1 : pid, &status, __WALL | WNOHANG | WUNTRACED | WCONTINUED); return;
    case 1: if (below(6) == 0) kill(pid, below(3) ? SIGKILL : SIGCONT); return;
    case 2: {
      struct user_regs_struct regs;
      if (syscall(SYS_ptrace, PTRACE_GETREGS, pid, 0, &regs)) return;
      switch (below(6)) {
        case 0: regs.rip = argument(); break;
        case 1: regs.rsp = argument(); break;
        case 2: regs.eflags = argument(); break;
        case 3: regs.fs_base = argument(); break;
        case 4: regs.orig_rax = -1ul; break;
        default: regs.cs = argument();
      }
      syscall(SYS_ptrace, PTRACE_SETREGS, pid, 0, &regs);
      return;
    }
    case 3: syscall(SYS_ptrace, PTRACE_POKETEXT, pid, (char *)traced_words + below(24), argument()); return;
    default: break;
  }
  if (request == PTRACE_SETOPTIONS) syscall(SYS_ptrace, request, pid, 0, below(1 << 8) | (unsigned long)below(2) << 20);
  else if (request == PTRACE_SEIZE) syscall(SYS_ptrace, request, pid, 0, below(1 << 8));
  else if (request == PTRACE_GETREGSET) {
    struct iovec vector = {(void *)argument(), argument()};
    syscall(SYS_ptrace, request, pid, below(2) ? 0x202 : below(3), &vector);
  } else if (below(4)) syscall(SYS_ptrace, request, pid, below(3) ? 0 : argument(), below(3) ? below(70) : argument());
  else syscall(SYS_ptrace, request, pid, pages, pages);
}

static void trace_randomly(void) {
  prctl(PR_SET_CHILD_SUBREAPER, below(2));
  signal(SIGUSR1, nothing);
  for (int i = 0;; i++) {
    unsigned way = below(10);
    if (way == 0) {
      pid_t child = fork();
      if (child == 0) {
        state += (unsigned long)i + 1, traced[below(TRACED)] = (pid_t)syscall(SYS_getpid);
        if (below(2)) syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0), raise(SIGSTOP);
      }
    } else if (way < 3) be_traced();
    else for (int k = 0; k < 6; k++) request_randomly();
    while (waitpid(-1, 0, __WALL | WNOHANG) > 0);
    // A group that grows without an end has nobody left to run.
    if (i > 40) _exit(0);
  }
}

/** Groups of processes that trace each other, kill each other in their stops and end while they trace, ended by one signal. */
static int tracers(int taker) {
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  pages = mmap(0, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  traced = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  for (int round = 0; round < 8; round++) {
    memset((void *)traced, 0, PAGE);
    pid_t group = fork();
    if (group < 0) return failed();
    if (group == 0) {
      setpgid(0, 0);
      for (int i = 0; i < 4; i++) {
        state = (unsigned long)(seed * 1000 + taker * 100 + round * 10 + i);
        pid_t pid = fork();
        if (pid == 0) trace_randomly();
        traced[i] = pid;
      }
      for (;;) pause();
    }
    setpgid(group, group);
    usleep(30000 + 1000 * (taker + round));
    for (int k = 0; k < 20; k++) kill(-group, SIGKILL);
    // Who traces somebody's child has to go first.
    while (wait(0) > 0);
  }
  return 0;
}

static const struct storm { const char *name; int (*taker)(int); } storms[] = {
  {"anonymous", anonymous}, {"reads", reads}, {"areas", areas}, {"tables", tables}, {"files", files}, {"memfds", memfds}, {"shared", shared},
  {"names", names}, {"depth", depth}, {"attributes", attributes}, {"pipes", pipes}, {"streams", streams},
  {"datagrams", datagrams}, {"packets", packets}, {"cycles", cycles}, {"passed", passed}, {"chain", chain},
  {"segments", segments}, {"messages", messages}, {"semaphores", semaphores}, {"queues", queues}, {"watches", watches},
  {"interests", interests}, {"timers", timers}, {"locks", locks}, {"descriptors", descriptors},
  {"terminals", terminals}, {"queued", queued}, {"processes", processes}, {"generations", generations}, {"bomb", bomb}, {"threads", threads}, {"ring", ring},
  {"signals", signals}, {"connections", connections}, {"halves", halves}, {"backlogs", backlogs}, {"floods", floods},
  {"ports", ports}, {"random", randomly}, {"clashes", clashes}, {"tracers", tracers},
};

/**
 * Computes, touches memory and uses a pipe and a file of its own, which it has before `set` is told, until it is told to
 * end; its last word is whether all was right.
 */
static int innocent(int end, int set) {
  int fd[2];
  char name[100];
  snprintf(name, sizeof name, "/tmp/innocent");
  int file = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
  if (pipe(fd)) return 2;
  write(file, large, 8192);
  close(set);
  long rounds = 0;
  fcntl(end, F_SETFL, O_NONBLOCK);
  char byte;
  while (read(end, &byte, 1) < 0) {
    unsigned hash = 1, wanted = 1;
    char *at = mmap(0, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) return 3;
    for (unsigned i = 0; i < 8 * PAGE; i += 512) at[i] = (char)(i >> 9);
    for (unsigned i = 0; i < 8 * PAGE; i += 512) hash = hash * 31 + (unsigned char)at[i], wanted = wanted * 31 + ((i >> 9) & 255);
    if (hash != wanted) return 4;
    munmap(at, 8 * PAGE);
    if (write(fd[1], &rounds, sizeof rounds) != sizeof rounds) return 5;
    long back;
    if (read(fd[0], &back, sizeof back) != sizeof back || back != rounds) return 6;
    if (pwrite(file, &rounds, sizeof rounds, 4000) != sizeof rounds) return 7;
    if (pread(file, &back, sizeof back, 4000) != sizeof back || back != rounds) return 8;
    rounds++;
    usleep(2000);
  }
  return rounds > 0 ? 0 : 9;
}

static void limit(int which, rlim_t value) {
  struct rlimit both = {value, value};
  if (setrlimit(which, &both)) perror("setrlimit");
}

static void limits(void) {
  limit(RLIMIT_AS, 64 << 20);
  limit(RLIMIT_FSIZE, 8 << 20);
  limit(RLIMIT_NOFILE, 200);
  limit(RLIMIT_SIGPENDING, 100);
  limit(RLIMIT_MSGQUEUE, 200000);
  signal(SIGXFSZ, SIG_IGN);
  // Root has no limit of processes.
  limit(RLIMIT_NPROC, 40);
}

static void tell(const char *path, const char *text) {
  int fd = open(path, O_WRONLY);
  if (fd < 0 || write(fd, text, strlen(text)) < 0) perror(path);
  close(fd);
}

/** Whether who calls may be ended for memory: 0, or -1000 for never. */
static void score(const char *text) { tell("/proc/self/oom_score_adj", text); }

static int drop(const char *path, const struct stat *status, int kind, struct FTW *at) { return remove(path); }

static void wipe(void) { nftw(here, drop, 600, FTW_DEPTH | FTW_PHYS); }

static const char *name_of(int error) { return error == 0 ? "done" : strerror(error); }

static void run(const struct storm *storm, FILE *out) {
  mkdir(here, 0777);
  chmod(here, 0777);
  close(creat("/tmp/linked", 0666));
  unsigned long before = free_bytes();
  // Who is ready says so in a pipe of its own, whose end is read where it has been ended instead.
  int end[2], ready[TAKERS], go[2], set[2];
  pipe(end), pipe(set);
  pid_t watched = fork();
  if (watched < 0) fprintf(out, "fork: %s, ", strerror(errno));
  if (watched == 0) {
    score("0");
    close(end[1]), close(set[0]);
    _exit(innocent(end[0], set[1]));
  }
  close(end[0]), close(set[1]);
  char none;
  read(set[0], &none, 1);
  close(set[0]);
  pipe(go);
  pid_t takers[TAKERS];
  for (int i = 0; i < TAKERS; i++) {
    int says[2];
    pipe(says);
    takers[i] = fork();
    if (takers[i] != 0) {
      // The same as the taker does: who is quicker is nobody's choice, and a group that is not there yet cannot be killed.
      setpgid(takers[i], takers[i]);
      ready[i] = says[0];
      close(says[1]);
      continue;
    }
    setpgid(0, 0);
    score("0");
    close(end[1]), close(says[0]), close(go[1]);
    for (int k = 0; k < i; k++) close(ready[k]);
    if (limited) {
      limits();
      setresgid(1000 + i, 1000 + i, 1000 + i);
      setresuid(1000 + i, 1000 + i, 1000 + i);
    }
    unsigned char error = (unsigned char)storm->taker(i);
    write(says[1], &error, 1);
    // What it has taken it keeps until all have.
    char byte;
    read(go[0], &byte, 1);
    _exit(error);
  }
  close(go[0]);
  if (storm->taker == bomb) usleep(300000);
  else {
    unsigned char error;
    for (int i = 0; i < TAKERS; i++) read(ready[i], &error, 1);
  }
  unsigned long least = free_bytes();
  close(go[1]);
  if (storm->taker == bomb) for (int k = 0; k < 50; k++) for (int i = 0; i < TAKERS; i++) kill(-takers[i], SIGKILL);
  fprintf(out, "%s:", storm->name);
  for (int i = 0; i < TAKERS; i++) {
    int status = -1;
    waitpid(takers[i], &status, 0);
    if (WIFSIGNALED(status)) fprintf(out, " signal %d", WTERMSIG(status));
    else fprintf(out, " %s", name_of(WEXITSTATUS(status)));
  }
  for (int i = 0; i < TAKERS; i++) close(ready[i]);
  int status = -1, early = -1;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) if (pid == watched) early = status;
  status = early;
  close(end[1]);
  if (early < 0) waitpid(watched, &status, 0);
  if (status == 0) fprintf(out, ", innocent unharmed");
  else fprintf(out, ", innocent ended with %x", status);
  while (wait(0) > 0);
  wipe();
  unlink("/tmp/linked"), unlink("/tmp/innocent");
  end_ipc();
  unsigned long after = free_bytes();
  if (after + KEPT >= before) fprintf(out, ", memory is back");
  else fprintf(out, ", %lu KiB lost", (before - after) >> 10);
  if (getenv("STORMS_FIGURES")) fprintf(out, " (%lu KiB taken, %ld KiB less)", (before - least) >> 10, (long)(before - after) / 1024);
  fprintf(out, "\n");
  fflush(out);
}

int main(int count, char **arguments) {
  int first = 1;
  if (count > 1 && !strcmp(arguments[1], "-e")) return EXECUTED;
  setvbuf(stdout, 0, _IOLBF, 4096);
  signal(SIGPIPE, SIG_IGN);
  if (count > 1 && !strcmp(arguments[1], "-l")) limited = 1, first++;
  if (getenv("STORMS_SEED")) seed = atoi(getenv("STORMS_SEED"));
  snprintf(here, sizeof here, "/tmp/storm");
  memset(large, 'x', sizeof large);
  if (count > 4 && !strcmp(arguments[1], "-f")) clash_as_process(strtoul(arguments[2], 0, 10), atoi(arguments[3]), atoi(arguments[4]));
  // Segments stay when takers are ended for memory: who removes them has to live.
  score("-1000");
  // Nothing else limits segments, which are nobody's; pages.
  if (limited) tell("/proc/sys/kernel/shmall", "4096");
  for (unsigned i = 0; i < sizeof storms / sizeof *storms; i++) {
    int wanted = first >= count;
    for (int k = first; k < count; k++) wanted |= !strcmp(arguments[k], storms[i].name);
    if (!wanted) continue;
    unsigned long before = free_bytes();
    run(&storms[i], fopen("/dev/null", "w"));
    run(&storms[i], stdout);
    unsigned long after = free_bytes();
    if (after + KEPT_BY_BOTH < before) printf("%s: %lu KiB kept\n", storms[i].name, (before - after) >> 10);
  }
  return 0;
}
