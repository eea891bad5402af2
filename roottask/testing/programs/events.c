// Waiting for descriptors, and descriptors for events: poll, select, epoll, eventfd, timerfd. What each call answers,
// what it leaves in its arguments, and who is woken.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static char *edge;
#define BAD ((void *)8)

static void show(const char *what, long value) {
  if (value >= 0) printf("%s: %ld\n", what, value);
  else printf("%s: error %d\n", what, errno);
  fflush(stdout);
}
#define S(call) show(#call, (long)(call))

static long milliseconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/** The call, and whether it took at least so long, and not for ever. */
#define T(least, call) do { \
  long begin = milliseconds(); \
  long value = (call); \
  int error = errno; \
  long took = milliseconds() - begin; \
  errno = error; \
  show(#call, value); \
  if (took < least || took > least + 5000) printf("took %ld ms\n", took); \
} while (0)

static int events(int fd) {
  struct pollfd p = {fd, ~0};
  poll(&p, 1, 0);
  return p.revents;
}

static volatile int signals;
static void count(int number) { signals++; }

struct job { int what, fd; pthread_t main; uint64_t value; };
static void *later(void *argument) {
  struct job *job = argument;
  usleep(30000);
  uint64_t n;
  switch (job->what) {
    case 0: write(job->fd, &job->value, 8); break;
    case 1: pthread_kill(job->main, SIGUSR1); break;
    case 2: read(job->fd, &n, 8); break;
    case 3: close(job->fd); break;
    case 4: timerfd_settime(job->fd, 0, &(struct itimerspec){{0, 0}, {0, 1000}}, 0); break;
  }
  return 0;
}

/** The call while another thread does something in between. */
#define W(what, fd, number, call) do { \
  struct job job = {what, fd, pthread_self(), number}; \
  pthread_t thread; \
  pthread_create(&thread, 0, later, &job); \
  T(0, call); \
  pthread_join(thread, 0); \
} while (0)

static void eventfds(void) {
  uint64_t n = 7;
  S(eventfd(0, 2));
  S(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC | EFD_SEMAPHORE | 4));
  int e = eventfd(3, EFD_NONBLOCK | EFD_CLOEXEC);
  struct stat s;
  fstat(e, &s);
  printf("mode %o links %ld size %ld\n", s.st_mode & ~S_IFMT, (long)s.st_nlink, (long)s.st_size);
  S(syscall(SYS_fcntl, e, F_GETFL, 0));
  S(fcntl(e, F_GETFD));
  S(events(e));
  S(read(e, &n, 7));
  S(read(e, &n, 100));
  S(n);
  S(read(e, &n, 8));
  S(events(e));
  S(read(e, BAD, 8));
  S(write(e, &n, 7));
  S(write(e, BAD, 8));
  n = -1;
  S(write(e, &n, 8));
  n = -2;
  S(write(e, &n, 8));
  S(events(e));
  n = 0;
  S(write(e, &n, 8));
  n = 1;
  S(write(e, &n, 8));
  S(read(e, BAD, 8));
  S(events(e));
  S(lseek(e, 0, 0));
  S(pread(e, &n, 8, 0));
  S(pwrite(e, &n, 8, 0));
  S(ftruncate(e, 0));
  S(fsync(e));
  S(ioctl(e, FIONREAD, &n));
  S((long)mmap(0, 4096, PROT_READ, MAP_SHARED, e, 0) == -1 ? -1 : 0);
  close(e);
  e = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK);
  for (int i = 0; i < 3; i++) {
    n = 0;
    S(read(e, &n, 8));
    S(n);
  }
  close(e);
  e = eventfd(0, 0);
  W(0, e, 5, read(e, &n, 8));
  S(n);
  W(1, e, 5, read(e, &n, 8));
  n = -2;
  S(write(e, &n, 8));
  W(2, e, 0, write(e, &n, 8));
  W(1, e, 0, write(e, &n, 8));
  close(e);
}

static long left(struct timespec *t) { return t->tv_sec * 1000 + t->tv_nsec / 1000000; }

static void polls(void) {
  int p[2], e = eventfd(1, 0);
  pipe(p);
  int file = open("/dev/null", O_RDWR), path = open("/", O_PATH);
  struct pollfd f[8] = {{p[0], ~0}, {p[1], ~0}, {e, POLLIN}, {file, ~0}, {-1, ~0}, {99, 0}, {path, 0}, {e, 0}};
  S(poll(f, 8, -1));
  for (int i = 0; i < 8; i++) printf("%x ", f[i].revents);
  puts("");
  S(poll(BAD, 1, 0));
  S(poll(f, 100000, 0));
  S(poll(0, 0, 0));
  S(syscall(SYS_poll, edge - 8, 2L, 0L));
  struct pollfd one = {p[0], POLLIN};
  T(20, poll(&one, 1, 20));
  S(one.revents);
  W(0, p[1], 5, poll(&one, 1, -1));
  S(one.revents);
  W(1, 0, 0, poll(f, 0, -1));
  struct pollfd three[3] = {{p[0], 0}, {-3, POLLIN}, {p[0], 0}};
  W(3, p[1], 0, poll(three, 3, 10000));
  printf("%x %x\n", three[0].revents, three[2].revents);
  S(poll(&one, 1, -1));
  S(one.revents);
  uint64_t n;
  S(read(p[0], &n, 8));
  S(poll(&one, 1, -1));
  S(one.revents);
  close(p[0]);
  S(poll(&one, 1, -1));
  S(one.revents);
  struct timespec t = {0, 20000000}, x = {0, 1000000000}, z = {-1, 0};
  T(20, syscall(SYS_ppoll, 0L, 0L, &t, 0L, 0L));
  printf("%ld %ld\n", t.tv_sec, t.tv_nsec);
  S(syscall(SYS_ppoll, 0L, 0L, &x, 0L, 0L));
  S(syscall(SYS_ppoll, 0L, 0L, &z, 0L, 0L));
  S(syscall(SYS_ppoll, 0L, 0L, BAD, 0L, 0L));
  t = (struct timespec){5, 0};
  one = (struct pollfd){e, POLLIN};
  S(syscall(SYS_ppoll, &one, 1L, &t, 0L, 0L));
  printf("%d\n", left(&t) <= 5000 && left(&t) > 3000);
  uint64_t mask = 0, all = ~0;
  S(syscall(SYS_ppoll, &one, 1L, &t, &mask, 7L));
  S(syscall(SYS_ppoll, &one, 1L, &t, 8L, 8L));
  // A signal that only the mask of the call lets in.
  sigset_t usr, old;
  sigemptyset(&usr);
  sigaddset(&usr, SIGUSR1);
  sigprocmask(SIG_BLOCK, &usr, &old);
  raise(SIGUSR1);
  signals = 0;
  one.fd = e;
  S(syscall(SYS_ppoll, &one, 1L, 0L, &mask, 8L));
  S(signals);
  one.events = 0;
  S(syscall(SYS_ppoll, &one, 1L, 0L, &mask, 8L));
  S(signals);
  one.events = POLLIN;
  S(syscall(SYS_ppoll, &one, 1L, 0L, &all, 8L));
  raise(SIGUSR1);
  sigprocmask(SIG_SETMASK, &old, 0);
  S(signals);
  close(e), close(file), close(path);
}

static void selects(void) {
  int p[2], e = eventfd(1, 0);
  pipe(p);
  fd_set r, w, x;
#define ONLY(fd, set) do { FD_ZERO(set); FD_SET(fd, set); } while (0)
#define SETS() do { \
  ONLY(p[0], &r); \
  FD_SET(e, &r); \
  ONLY(p[1], &w); \
  FD_SET(e, &w); \
  ONLY(e, &x); \
} while (0)
#define BITS() printf("%lx %lx %lx\n", *(long *)&r >> p[0], *(long *)&w >> p[0], *(long *)&x >> p[0])
  struct timeval t = {0, 0};
  printf("%d %d\n", p[0] - e, p[1] - e);
  SETS();
  S(select(20, &r, &w, &x, &t));
  BITS();
  SETS();
  S(select(20, &r, &w, 0, 0));
  SETS();
  S(select(p[0], &r, &w, &x, &t));
  BITS();
  S(select(-1, &r, &w, &x, &t));
  S(syscall(SYS_select, 20L, 8L, 0L, 0L, &t));
  S(syscall(SYS_select, 0L, 8L, 0L, 0L, &t));
  S(syscall(SYS_select, 20L, 0L, edge - 4, 0L, &t));
  S(syscall(SYS_select, 0L, 0L, 0L, 0L, 8L));
  t = (struct timeval){-1, 0};
  S(syscall(SYS_select, 0L, 0L, 0L, 0L, &t));
  t = (struct timeval){0, -1};
  S(syscall(SYS_select, 0L, 0L, 0L, 0L, &t));
  t = (struct timeval){0, 1020000};
  T(1020, syscall(SYS_select, 0L, 0L, 0L, 0L, &t));
  printf("%ld %ld\n", t.tv_sec, (long)t.tv_usec);
  t = (struct timeval){5, 3000000};
  SETS();
  S(syscall(SYS_select, 20L, &r, &w, 0L, &t));
  printf("%d\n", t.tv_sec >= 6 && t.tv_sec < 8);
  ONLY(p[0], &r);
  t = (struct timeval){0, 20000};
  T(20, syscall(SYS_select, 20L, &r, 0L, 0L, &t));
  BITS();
  ONLY(p[0], &r);
  W(0, p[1], 1, syscall(SYS_select, 20L, &r, 0L, 0L, 0L));
  ONLY(15, &r);
  t = (struct timeval){4, 0};
  S(syscall(SYS_select, 20L, &r, 0L, 0L, &t));
  printf("%d\n", t.tv_sec == 3 || t.tv_sec == 4);
  struct timespec z = {0, 20000000};
  struct { uint64_t *mask; long size; } arg = {0, 8}, seven = {(void *)&r, 7}, bad = {BAD, 8};
  FD_ZERO(&r);
  T(20, syscall(SYS_pselect6, 0L, 0L, 0L, 0L, &z, &arg));
  printf("%ld %ld\n", z.tv_sec, z.tv_nsec);
  S(syscall(SYS_pselect6, 0L, 0L, 0L, 0L, &z, &seven));
  S(syscall(SYS_pselect6, 0L, 0L, 0L, 0L, &z, &bad));
  S(syscall(SYS_pselect6, 0L, 0L, 0L, 0L, &z, 8L));
  z = (struct timespec){10, 0};
  W(1, 0, 0, syscall(SYS_pselect6, 0L, 0L, 0L, 0L, &z, 0L));
  printf("%d\n", left(&z) < 10000 && left(&z) > 5000);
  ONLY(p[1], &w);
  close(p[0]);
  S(select(20, 0, &w, 0, 0));
  close(p[1]), close(e);
}

static struct epoll_event got[16];
static int wait_for(int e, int most, int time) {
  memset(got, 0, sizeof got);
  int n = epoll_wait(e, got, most, time);
  printf("[");
  for (int i = 0; i < n; i++) printf(" %lu:%x", (long)got[i].data.u64, got[i].events);
  printf(" ] ");
  return n;
}

static int control(int e, int operation, int fd, unsigned wanted, uint64_t data) {
  struct epoll_event event = {wanted, {.u64 = data}};
  return epoll_ctl(e, operation, fd, &event);
}
#define ADD EPOLL_CTL_ADD
#define MOD EPOLL_CTL_MOD
#define DEL EPOLL_CTL_DEL

static void epolls(void) {
  struct epoll_event event;
  uint64_t n = 1;
  S(epoll_create(0));
  S(epoll_create(-1));
  S(epoll_create1(1));
  int e = epoll_create1(EPOLL_CLOEXEC), p[2], v = eventfd(0, EFD_NONBLOCK);
  pipe2(p, O_NONBLOCK);
  int file = open("/tmp", O_RDONLY), null = open("/dev/null", O_RDWR), chance = open("/dev/urandom", O_RDONLY), path = open("/tmp", O_PATH);
  S(fcntl(e, F_GETFD));
  S(syscall(SYS_fcntl, e, F_GETFL, 0));
  S(events(e));
  S(control(e, ADD, file, EPOLLIN, 1));
  S(control(e, ADD, null, EPOLLIN, 1));
  S(control(e, ADD, chance, EPOLLIN, 1));
  S(control(e, DEL, chance, EPOLLIN, 1));
  S(control(e, ADD, path, EPOLLIN, 1));
  S(control(e, ADD, 99, EPOLLIN, 1));
  S(control(99, ADD, v, EPOLLIN, 1));
  S(control(v, ADD, p[0], EPOLLIN, 1));
  S(control(e, ADD, e, EPOLLIN, 1));
  S(control(e, 0, v, EPOLLIN, 1));
  S(control(e, 77, v, EPOLLIN, 1));
  S(control(e, MOD, v, EPOLLIN, 1));
  S(control(e, DEL, v, EPOLLIN, 1));
  S(epoll_ctl(e, ADD, v, BAD));
  S(epoll_ctl(e, DEL, v, BAD));
  S(epoll_ctl(99, ADD, v, BAD));
  S(control(e, ADD, v, EPOLLIN, 7));
  S(control(e, ADD, v, EPOLLIN, 7));
  S(epoll_wait(e, got, 0, 0));
  S(epoll_wait(e, got, -1, 0));
  S(epoll_wait(e, got, 0x7fffffff, 0));
  S(epoll_wait(v, got, 1, 0));
  S(epoll_wait(99, got, 1, 0));
  S(epoll_wait(e, BAD, 1, 0));
  S(wait_for(e, 4, 0));
  T(20, wait_for(e, 4, 20));
  write(v, &n, 8);
  S(epoll_wait(e, BAD, 1, 0));
  S(syscall(SYS_epoll_wait, e, (void *)-4096, 1, 0));
  S(events(e));
  S(wait_for(e, 4, -1));
  S(wait_for(e, 4, -1));
  S(control(e, MOD, v, 0, 8));
  S(wait_for(e, 4, 0));
  S(control(e, MOD, v, EPOLLOUT | EPOLLIN, 8));
  S(wait_for(e, 4, 0));
  S(control(e, MOD, v, EPOLLIN | EPOLLET, 9));
  S(wait_for(e, 4, 0));
  S(wait_for(e, 4, 0));
  write(v, &n, 8);
  S(wait_for(e, 4, 0));
  read(v, &n, 8);
  n = 1;
  S(wait_for(e, 4, 0));
  S(control(e, MOD, v, EPOLLIN | EPOLLONESHOT, 10));
  write(v, &n, 8);
  S(wait_for(e, 4, 0));
  write(v, &n, 8);
  S(wait_for(e, 4, 0));
  S(control(e, MOD, v, EPOLLIN | EPOLLONESHOT, 11));
  S(wait_for(e, 4, 0));
  // Several, in the order in which they became ready.
  S(control(e, MOD, v, EPOLLIN, 20));
  S(control(e, ADD, p[0], EPOLLIN | EPOLLRDHUP, 21));
  S(control(e, ADD, p[1], EPOLLOUT | EPOLLET, 22));
  write(p[1], "x", 1);
  S(wait_for(e, 8, 0));
  S(wait_for(e, 1, 0));
  S(wait_for(e, 1, 0));
  S(wait_for(e, 1, 0));
  static char page[4096];
  while (write(p[1], page, sizeof page) > 0);
  S(wait_for(e, 8, 0));
  read(p[0], page, 4096);
  S(wait_for(e, 8, 0));
  while (read(p[0], page, 4096) > 0);
  S(wait_for(e, 8, 0));
  read(v, &n, 8);
  n = 1;
  S(wait_for(e, 8, 0));
  // Descriptors that are duplicated and closed.
  int d = dup(p[0]);
  S(control(e, ADD, d, EPOLLIN, 23));
  close(p[0]);
  write(p[1], "x", 1);
  S(wait_for(e, 8, 0));
  S(control(e, DEL, p[0], 0, 0));
  close(d);
  S(wait_for(e, 8, 0));
  S(control(e, DEL, p[1], 0, 0));
  close(p[1]);
  pipe(p);
  S(control(e, ADD, p[0], EPOLLIN, 30));
  W(0, p[1], 5, wait_for(e, 8, -1));
  read(p[0], page, 4096);
  W(3, p[1], 5, wait_for(e, 8, -1));
  W(1, 0, 0, (close(p[0]), wait_for(e, 8, -1)));
  W(0, v, 5, wait_for(e, 8, 10000));
  // Masks and limits.
  uint64_t mask = 0;
  struct timespec t = {0, 20000000}, bad = {0, -1};
  read(v, &n, 8);
  T(20, syscall(SYS_epoll_pwait2, e, got, 4, &t, 0L, 0L));
  S(syscall(SYS_epoll_pwait2, e, got, 4, &bad, 0L, 0L));
  S(syscall(SYS_epoll_pwait2, e, got, 4, 8L, 0L, 0L));
  S(syscall(SYS_epoll_pwait, e, got, 4, 0, &mask, 7L));
  S(syscall(SYS_epoll_pwait, e, got, 4, 0, 8L, 8L));
  S(syscall(SYS_epoll_pwait, 99, got, 4, 0, &mask, 8L));
  sigset_t usr, old;
  sigemptyset(&usr);
  sigaddset(&usr, SIGUSR1);
  sigprocmask(SIG_BLOCK, &usr, &old);
  raise(SIGUSR1);
  signals = 0;
  S(syscall(SYS_epoll_pwait, e, got, 4, -1, &mask, 8L));
  S(signals);
  sigprocmask(SIG_SETMASK, &old, 0);
  // Exclusive entries.
  S(control(e, MOD, v, EPOLLIN | EPOLLEXCLUSIVE, 1));
  S(control(e, DEL, v, 0, 0));
  S(control(e, ADD, v, EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT, 1));
  S(control(e, ADD, v, EPOLLIN | EPOLLEXCLUSIVE | EPOLLPRI, 1));
  S(control(e, ADD, v, EPOLLIN | EPOLLOUT | EPOLLEXCLUSIVE | EPOLLET, 1));
  S(control(e, MOD, v, EPOLLIN, 1));
  n = 1;
  write(v, &n, 8);
  S(wait_for(e, 8, 0));
  close(v), close(file), close(null), close(chance), close(path), close(e);
}

/** Devices, which are always ready. */
static void devices(void) {
  static const char *names[] = {"null", "zero", "full", "random", "urandom"};
  int e = epoll_create1(0);
  for (int i = 0; i < 5; i++) {
    char name[30], bytes[8] = "";
    struct stat s;
    sprintf(name, "/dev/%s", names[i]);
    int fd = open(name, O_RDWR);
    fstat(fd, &s);
    printf("%s type %o links %ld size %ld rdev %lx\n", name, s.st_mode & S_IFMT, (long)s.st_nlink, (long)s.st_size, (long)s.st_rdev);
    S(events(fd));
    S(control(e, ADD, fd, EPOLLIN, i));
    S(read(fd, bytes, i < 3 ? 8 : 1));
    S(write(fd, bytes, 1));
    S(write(fd, bytes, 0));
    S(write(fd, BAD, 1));
    S(lseek(fd, 5, SEEK_SET));
    S(pread(fd, bytes, 1, 9));
    S(pwrite(fd, bytes, 1, 9));
    S(ftruncate(fd, 0));
    S(fsync(fd));
    S(ioctl(fd, FIONREAD, bytes));
    S((long)mmap(0, 4096, PROT_READ, MAP_PRIVATE, fd, 0) == -1 ? -1 : 0);
    close(fd);
  }
  close(e);
}

static void nests(void) {
  int e[8], v = eventfd(0, EFD_NONBLOCK);
  uint64_t n = 1;
  for (int i = 0; i < 8; i++) e[i] = epoll_create1(0);
  S(control(e[0], ADD, v, EPOLLIN, 100));
  S(control(e[1], ADD, e[0], EPOLLIN, 0));
  S(control(e[0], ADD, e[1], EPOLLIN, 0));
  S(control(e[2], ADD, e[1], EPOLLIN | EPOLLET, 1));
  S(control(e[0], ADD, e[2], EPOLLIN, 0));
  S(control(e[3], ADD, e[2], EPOLLIN, 2));
  S(control(e[4], ADD, e[3], EPOLLIN, 3));
  S(control(e[5], ADD, e[4], EPOLLIN, 4));
  S(control(e[1], ADD, e[7], EPOLLIN | EPOLLEXCLUSIVE, 4));
  S(events(e[4]));
  write(v, &n, 8);
  S(events(e[3]));
  S(wait_for(e[2], 4, 0));
  S(wait_for(e[2], 4, 0));
  S(wait_for(e[1], 4, 0));
  S(wait_for(e[0], 4, 0));
  write(v, &n, 8);
  S(wait_for(e[2], 4, 0));
  read(v, &n, 8);
  S(events(e[0]));
  S(wait_for(e[1], 4, 0));
  n = 1;
  W(0, v, 1, wait_for(e[1], 4, -1));
  close(e[0]);
  S(wait_for(e[1], 4, 0));
  // A ladder with many ways.
  int ladder[4][5];
  for (int i = 0; i < 4; i++) {
    for (int j = 0; j < 5; j++) {
      ladder[i][j] = epoll_create1(0);
      for (int k = 0; i > 0 && k < 2; k++) control(ladder[i][j], ADD, ladder[i - 1][(j + k) % 5], EPOLLIN, k);
      if (i == 0) control(ladder[i][j], ADD, v, EPOLLIN, j);
    }
  }
  write(v, &n, 8);
  S(wait_for(ladder[3][0], 8, 0));
  read(v, &n, 8);
  S(wait_for(ladder[3][0], 8, 0));
  for (int i = 0; i < 4; i++) for (int j = 0; j < 5; j++) close(ladder[i][j]);
  for (int i = 1; i < 8; i++) close(e[i]);
  close(v);
}

static void set(int t, int flags, long value, long interval) {
  struct itimerspec s = {{interval / 1000000000, interval % 1000000000}, {value / 1000000000, value % 1000000000}};
  show("settime", timerfd_settime(t, flags, &s, 0));
}

#define MS 1000000L
static void timers(void) {
  uint64_t n = 0;
  struct itimerspec s, zero = {{0}, {0}}, bad = {{0}, {0, 1000000000}}, negative = {{-1, 0}, {0, 0}};
  S(timerfd_create(CLOCK_MONOTONIC, 1));
  S(timerfd_create(CLOCK_PROCESS_CPUTIME_ID, 0));
  S(timerfd_create(77, 0));
  int t = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), v = eventfd(0, 0);
  S(syscall(SYS_fcntl, t, F_GETFL, 0));
  S(fcntl(t, F_GETFD));
  S(timerfd_settime(t, 0, BAD, 0));
  S(timerfd_settime(t, 4, &zero, 0));
  S(timerfd_settime(t, 0, &bad, 0));
  S(timerfd_settime(t, 0, &negative, 0));
  S(timerfd_settime(v, 0, &zero, 0));
  S(timerfd_settime(99, 0, &zero, 0));
  S(timerfd_settime(t, 0, &zero, BAD));
  S(timerfd_gettime(v, &s));
  S(timerfd_gettime(99, &s));
  S(timerfd_gettime(t, BAD));
  S(timerfd_gettime(t, &s));
  printf("%ld %ld %ld %ld\n", s.it_value.tv_sec, s.it_value.tv_nsec, s.it_interval.tv_sec, s.it_interval.tv_nsec);
  S(read(t, &n, 8));
  S(read(t, &n, 7));
  S(write(t, &n, 8));
  S(events(t));
  S(lseek(t, 0, 0));
  set(t, 0, 5000 * MS, 3 * MS);
  S(timerfd_gettime(t, &s));
  printf("%d %ld %ld\n", left(&s.it_value) > 3000 && left(&s.it_value) <= 5000, s.it_interval.tv_sec, s.it_interval.tv_nsec);
  struct itimerspec one = {{0, 0}, {0, 300 * MS}};
  S(timerfd_settime(t, 0, &one, &s));
  printf("%d %ld\n", left(&s.it_value) > 3000 && left(&s.it_value) <= 5000, s.it_interval.tv_nsec);
  S(read(t, &n, 8));
  usleep(320000);
  S(events(t));
  S(read(t, BAD, 8));
  S(read(t, &n, 8));
  set(t, 0, 1 * MS, 0);
  usleep(5000);
  S(timerfd_gettime(t, &s));
  printf("%ld\n", left(&s.it_value));
  S(read(t, &n, 100));
  S(n);
  S(read(t, &n, 8));
  S(events(t));
  // Expirations that nobody reads for a while.
  set(t, 0, 5 * MS, 5 * MS);
  usleep(52000);
  S(events(t));
  S(read(t, &n, 8));
  printf("%d\n", n >= 10 && n < 100000);
  S(timerfd_gettime(t, &s));
  printf("%d\n", s.it_value.tv_nsec > 0 && left(&s.it_value) <= 5);
  set(t, 0, 0, 0);
  S(events(t));
  set(t, 0, 1, 1);
  usleep(2000);
  S(read(t, &n, 8));
  printf("%d\n", n > 1000000);
  close(t);
  t = timerfd_create(CLOCK_MONOTONIC, 0);
  set(t, 0, 30 * MS, 0);
  T(0, read(t, &n, 8));
  S(n);
  set(t, TFD_TIMER_ABSTIME, 1, 0);
  T(0, read(t, &n, 8));
  S(n);
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  set(t, TFD_TIMER_ABSTIME, now.tv_sec * 1000000000 + now.tv_nsec + 30 * MS, 0);
  T(0, read(t, &n, 8));
  W(1, 0, 0, read(t, &n, 8));
  W(4, t, 0, read(t, &n, 8));
  // Those who wait for it.
  struct pollfd f = {t, POLLIN};
  set(t, 0, 30 * MS, 0);
  T(0, poll(&f, 1, -1));
  S(f.revents);
  T(0, poll(&f, 1, -1));
  read(t, &n, 8);
  W(4, t, 0, poll(&f, 1, -1));
  read(t, &n, 8);
  int e = epoll_create1(0), outer = epoll_create1(0);
  control(e, ADD, t, EPOLLIN | EPOLLET, 1);
  control(outer, ADD, e, EPOLLIN, 2);
  set(t, 0, 30 * MS, 30 * MS);
  T(0, wait_for(e, 4, -1));
  S(wait_for(e, 4, 0));
  S(read(t, &n, 8));
  T(0, wait_for(outer, 4, -1));
  set(t, 0, 0, 0);
  S(wait_for(outer, 4, 0));
  T(30, wait_for(outer, 4, 30));
  W(4, t, 0, wait_for(outer, 4, -1));
  close(t);
  S(wait_for(outer, 4, 0));
  t = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK);
  clock_gettime(CLOCK_REALTIME, &now);
  set(t, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, (now.tv_sec + 100) * 1000000000, 0);
  timerfd_gettime(t, &s);
  printf("%d\n", left(&s.it_value) > 95000 && left(&s.it_value) <= 100000);
  S(read(t, &n, 8));
  s = (struct itimerspec){{0, 0}, {INT64_MAX, 999999999}};
  S(timerfd_settime(t, 0, &s, 0));
  S(read(t, &n, 8));
  close(t), close(e), close(outer), close(v);
}

static int tokens, results;
static void *worker(void *epoll) {
  struct epoll_event event;
  uint64_t n;
  while (epoll_wait((long)epoll, &event, 1, -1) == 1) {
    if (event.data.u64 == 99) break;
    if (read(tokens, &n, 8) == 8) n = 1, write(results, &n, 8);
  }
  return 0;
}

/** Many threads at one instance: every event is taken by one. */
static void workers(void) {
  pthread_t threads[8];
  int e = epoll_create1(0), stop = eventfd(0, 0);
  uint64_t n = 1, all = 0;
  tokens = eventfd(0, EFD_NONBLOCK | EFD_SEMAPHORE);
  results = eventfd(0, 0);
  control(e, ADD, tokens, EPOLLIN, 1);
  control(e, ADD, stop, 0, 99);
  for (int i = 0; i < 8; i++) pthread_create(&threads[i], 0, worker, (void *)(long)e);
  for (int i = 0; i < 500; i++) n = 1, write(tokens, &n, 8);
  while (all < 500 && read(results, &n, 8) == 8) all += n;
  printf("all %ld\n", (long)all);
  control(e, MOD, stop, EPOLLIN, 99);
  n = 1;
  write(stop, &n, 8);
  for (int i = 0; i < 8; i++) pthread_join(threads[i], 0);
  close(e), close(stop), close(tokens), close(results);
}

static void *waiting(void *what) {
  uint64_t n;
  int p[2];
  struct pollfd f;
  pipe(p);
  f = (struct pollfd){p[0], POLLIN};
  switch ((long)what) {
    case 0: read(p[0], &n, 8); break;
    case 1: poll(&f, 1, -1); break;
    case 2: for (;;) write(p[1], p, 8);
    case 3: { int e = epoll_create1(0); control(e, ADD, p[0], EPOLLIN, 0); epoll_wait(e, got, 1, -1); break; }
    case 4: { int t = timerfd_create(CLOCK_MONOTONIC, 0); timerfd_settime(t, 0, &(struct itimerspec){{0, 0}, {3600, 0}}, 0); read(t, &n, 8); break; }
    case 5: { fd_set r; FD_ZERO(&r); FD_SET(p[0], &r); select(100, &r, 0, 0, 0); break; }
  }
  return 0;
}

int main(void) {
  char *pages = mmap(0, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  edge = pages + 8192;
  munmap(edge, 8192);
  for (int fd = 3; fd < 1024; fd++) close(fd);
  struct sigaction a = {.sa_handler = count};
  sigaction(SIGUSR1, &a, 0);
  eventfds();
  polls();
  selects();
  epolls();
  devices();
  nests();
  timers();
  workers();
  // They wait when the program ends.
  pthread_t thread;
  for (long i = 0; i < 6; i++) pthread_create(&thread, 0, waiting, (void *)i);
  usleep(30000);
  return 0;
}
