// Pipes with and without a name: what each call answers, what is in the pipe then, who is woken. The argument is a
// folder for files.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static char big[1 << 20], back[1 << 20];
static char *edge;

static void show(const char *what, long value) {
  if (value >= 0) printf("%s: %ld\n", what, value);
  else printf("%s: error %d\n", what, errno);
  fflush(stdout);
}
#define S(call) show(#call, (long)(call))
#define BAD ((void *)8)

static int pending(int fd) {
  int n = -1;
  return ioctl(fd, FIONREAD, &n) ? -errno : n;
}

static int events(int fd) {
  struct pollfd p = {fd, POLLIN | POLLOUT | POLLPRI | POLLRDNORM | POLLWRNORM};
  poll(&p, 1, 0);
  return p.revents;
}

static void arguments(void) {
  int p[2];
  S(syscall(SYS_pipe2, p, 1));
  S(syscall(SYS_pipe2, p, O_APPEND));
  S(syscall(SYS_pipe2, BAD, 0));
  S(syscall(SYS_pipe2, BAD, O_CLOEXEC));
  S(syscall(SYS_pipe, 0L));
  S(syscall(SYS_pipe, edge - 4));
  S(syscall(SYS_pipe2, p, O_NONBLOCK | O_CLOEXEC | O_DIRECT));
  S(fcntl(p[0], F_GETFD));
  S(fcntl(p[1], F_GETFD));
  S(syscall(SYS_fcntl, p[0], F_GETFL, 0));
  S(syscall(SYS_fcntl, p[1], F_GETFL, 0));
  close(p[0]), close(p[1]);
  S(pipe(p));
  printf("%d %d\n", p[0], p[1]);
  struct stat s;
  S(fstat(p[0], &s));
  printf("mode %o links %ld size %ld blocks %ld blksize %ld rdev %ld\n", s.st_mode, (long)s.st_nlink,
         (long)s.st_size, (long)s.st_blocks, (long)s.st_blksize, (long)s.st_rdev);
  struct stat t;
  fstat(p[1], &t);
  printf("same %d\n", s.st_ino == t.st_ino && s.st_dev == t.st_dev);
  S(lseek(p[0], 0, SEEK_CUR));
  S(lseek(p[0], 0, 77));
  S(pread(p[0], back, 1, 0));
  S(pwrite(p[1], big, 1, 0));
  S(pread(p[0], back, 1, -1));
  S(read(p[1], back, 1));
  S(write(p[0], big, 1));
  S(ftruncate(p[1], 0));
  S(ftruncate(p[0], 0));
  S(fallocate(p[1], 0, 0, 1));
  S(fsync(p[1]));
  S(fdatasync(p[0]));
  S((long)mmap(0, 4096, PROT_READ, MAP_SHARED, p[0], 0) == -1 ? -1 : 0);
  S(syscall(SYS_getdents64, p[0], back, 1000));
  S(fchdir(p[0]));
  S(ioctl(p[0], 0x5401, back));
  S(ioctl(p[0], FIONREAD, BAD));
  S(fchmod(p[0], 0640));
  fstat(p[1], &s);
  printf("mode %o\n", s.st_mode);
  S(openat(p[0], "x", O_RDONLY));
  S(read(p[0], back, 0));
  S(write(p[1], big, 0));
  S(write(p[1], BAD, 0));
  S(write(p[1], BAD, 1));
  S(pending(p[0]));
  S(write(p[1], edge - 3, 10));
  S(pending(p[0]));
  S(write(p[1], edge - 4096, 5000));
  S(pending(p[0]));
  S(read(p[0], back, 10000));
  S(write(p[1], "hello", 5));
  S(read(p[0], BAD, 3));
  S(pending(p[0]));
  S(read(p[0], edge - 2, 4));
  S(pending(p[0]));
  S(read(p[0], edge - 2, 2));
  S(pending(p[0]));
  struct iovec v[3] = {{"ab", 2}, {"", 0}, {"cde", 3}};
  S(writev(p[1], v, 3));
  struct iovec w[2] = {{back, 1}, {back + 1, 100}};
  S(readv(p[0], w, 2));
  printf("%.8s\n", back);
  close(p[0]), close(p[1]);
}

static void capacity(void) {
  int p[2];
  S(pipe2(p, O_NONBLOCK));
  S(fcntl(p[0], F_GETPIPE_SZ));
  S(events(p[0]));
  S(events(p[1]));
  S(write(p[1], big, sizeof big));
  S(events(p[1]));
  S(events(p[0]));
  S(write(p[1], big, 1));
  S(read(p[0], back, 1));
  S(events(p[1]));
  S(write(p[1], big, 1));
  S(read(p[0], back, 4095));
  S(events(p[1]));
  S(write(p[1], big, 5000));
  S(pending(p[0]));
  S(fcntl(p[0], F_SETPIPE_SZ, 4096));
  S(fcntl(p[1], F_SETPIPE_SZ, 131073));
  S(fcntl(p[1], F_GETPIPE_SZ));
  S(write(p[1], big, 300000));
  S(pending(p[1]));
  S(read(p[0], back, sizeof back));
  S(fcntl(p[0], F_SETPIPE_SZ, 0));
  S(fcntl(p[0], F_SETPIPE_SZ, -1));
  S(fcntl(p[0], F_SETPIPE_SZ, 5000));
  S(write(p[1], big, 100));
  S(write(p[1], big, 4000));
  S(write(p[1], big, 4000));
  S(write(p[1], big, 96));
  S(read(p[0], back, 100));
  S(write(p[1], big, 96));
  S(write(p[1], big, 97));
  S(pending(p[0]));
  int f = open("/dev/null", O_RDWR);
  S(fcntl(f, F_GETPIPE_SZ));
  S(fcntl(f, F_SETPIPE_SZ, 4096));
  close(f);
  close(p[0]), close(p[1]);
  // Pieces of any size, what fits and what is read again.
  pipe2(p, O_NONBLOCK);
  unsigned x = 1, sum = 0;
  for (int i = 0; i < 4000; i++) {
    x = x * 1103515245 + 12345;
    long n = (x >> 8) % (i % 7 ? 900 : 20000), r;
    if (x >> 31) r = write(p[1], big + (x >> 16) % 1000, n);
    else r = read(p[0], back, n);
    sum = sum * 31 + (r < 0 ? -errno : r);
    for (long j = 0; !(x >> 31) && j < r; j += 97) sum = sum * 33 + (unsigned char)back[j];
    if (i % 500 == 499) printf("%d: %08x %d %d %d\n", i, sum, pending(p[0]), events(p[0]), events(p[1]));
  }
  close(p[0]), close(p[1]);
}

static void packets(void) {
  int p[2];
  S(pipe2(p, O_DIRECT | O_NONBLOCK));
  S(write(p[1], "one", 3));
  S(write(p[1], "three", 5));
  S(pending(p[0]));
  S(read(p[0], back, 2));
  S(read(p[0], back, 100));
  S(write(p[1], big, 10000));
  S(read(p[0], back, 100000));
  S(read(p[0], back, 100000));
  S(read(p[0], back, 100000));
  S(read(p[0], back, 100000));
  S(write(p[1], "x", 1));
  S(fcntl(p[1], F_SETFL, O_NONBLOCK));
  S(write(p[1], "y", 1));
  S(write(p[1], "z", 1));
  S(read(p[0], back, 100));
  S(read(p[0], back, 100));
  close(p[0]), close(p[1]);
}

static volatile int signals;
static void count(int number) { signals++; }

static void ends(void) {
  int p[2], q;
  pipe(p);
  S(write(p[1], "left", 4));
  close(p[1]);
  S(events(p[0]));
  S(read(p[0], back, 2));
  S(read(p[0], back, 20));
  S(read(p[0], back, 20));
  S(events(p[0]));
  close(p[0]);
  pipe(p);
  q = dup(p[0]);
  close(p[0]);
  S(write(p[1], "x", 1));
  close(q);
  S(events(p[1]));
  signal(SIGPIPE, count);
  S(write(p[1], "x", 1));
  S(signals);
  S(write(p[1], "x", 0));
  S(write(p[1], BAD, 1));
  S(signals);
  struct iovec v[2] = {{"ab", 2}, {"c", 1}};
  S(writev(p[1], v, 2));
  S(signals);
  signal(SIGPIPE, SIG_IGN);
  S(write(p[1], "x", 1));
  signal(SIGPIPE, SIG_DFL);
  close(p[1]);
}

static int at;
static void *later(void *what) {
  int *fds = what;
  usleep(20000);
  switch (fds[2]) {
    case 0: write(fds[1], "late", 4); break;
    case 1: close(fds[1]); break;
    case 2: for (long n, all = 0; all < 200000; all += n) n = read(fds[0], back, 30000); break;
    case 3: read(fds[0], back, 4096), usleep(20000), close(fds[0]); break;
    case 4: pthread_kill(*(pthread_t *)&fds[4], SIGUSR1); break;
    case 5: read(fds[0], back, 5000), usleep(20000), pthread_kill(*(pthread_t *)&fds[4], SIGUSR1); break;
  }
  return 0;
}

/** Waits for what another thread does to `call`. */
#define W(what, call) do { \
  int fds[8]; \
  pipe(fds); \
  fds[2] = what; \
  *(pthread_t *)&fds[4] = pthread_self(); \
  pthread_t thread; \
  pthread_create(&thread, 0, later, fds); \
  long value = (call); \
  show(#call, value); \
  pthread_join(thread, 0); \
  S(pending(fds[0])); \
  close(fds[0]), close(fds[1]); \
} while (0)

static void waits(void) {
  struct sigaction a = {.sa_handler = count};
  sigaction(SIGUSR1, &a, 0);
  signal(SIGPIPE, SIG_IGN);
  W(0, read(fds[0], back, 100));
  W(1, read(fds[0], back, 100));
  W(2, write(fds[1], big, 200000));
  W(3, write(fds[1], big, 200000));
  W(4, read(fds[0], back, 100));
  W(4, write(fds[1], big, 200000));
  W(5, write(fds[1], big, 200000));
  signal(SIGPIPE, SIG_DFL);
}

static int shared[2];
static void *produce(void *number) {
  char record[64];
  memset(record, 'a' + (long)number, sizeof record);
  for (int i = 0; i < 3000; i++) {
    if (write(shared[1], record, sizeof record) != sizeof record) perror("write");
  }
  return 0;
}

/** Writes of at most PIPE_BUF bytes stay together. */
static void atomic(void) {
  pthread_t threads[4];
  pipe(shared);
  for (long i = 0; i < 4; i++) pthread_create(&threads[i], 0, produce, (void *)i);
  long counts[4] = {0}, wrong = 0, have = 0;
  for (long all = 0, n; all < 4 * 3000 * 64; all += n) {
    n = read(shared[0], back + have, 5000);
    if (n <= 0) { perror("read"); break; }
    have += n;
    long i = 0;
    for (; i + 64 <= have; i += 64) {
      for (int j = 1; j < 64; j++) wrong += back[i + j] != back[i];
      counts[back[i] - 'a']++;
    }
    memmove(back, back + i, have -= i);
  }
  for (int i = 0; i < 4; i++) pthread_join(threads[i], 0);
  printf("%ld %ld %ld %ld wrong %ld\n", counts[0], counts[1], counts[2], counts[3], wrong);
  close(shared[0]), close(shared[1]);
}

static char name[300];
static void *open_writer(void *delay) {
  usleep(20000);
  int fd = open(name, O_WRONLY);
  write(fd, "through", 7);
  usleep((long)delay);
  close(fd);
  return 0;
}

static void *open_reader(void *delay) {
  usleep(20000);
  int fd = open(name, O_RDONLY);
  usleep((long)delay);
  read(fd, back, 100);
  close(fd);
  return 0;
}

static void *interrupt(void *thread) {
  usleep(20000);
  pthread_kill(*(pthread_t *)thread, SIGUSR1);
  return 0;
}

static void fifos(const char *folder) {
  snprintf(name, sizeof name, "%sfifo", folder);
  umask(022);
  S(mkfifo(name, 0666));
  S(mkfifo(name, 0666));
  S(mknod(name, S_IFIFO | 0600, 0));
  S(mkfifo("/nowhere/fifo", 0600));
  S(mkfifo("", 0600));
  S(syscall(SYS_mknod, BAD, S_IFIFO, 0));
  S(syscall(SYS_mknod, "/x", S_IFDIR, 0));
  S(syscall(SYS_mknod, "/x", 0030000, 0));
  S(syscall(SYS_mknodat, 99, "x", S_IFIFO, 0));
  struct stat s;
  S(stat(name, &s));
  printf("mode %o links %ld size %ld\n", s.st_mode, (long)s.st_nlink, (long)s.st_size);
  S(truncate(name, 0));
  S(open(name, O_WRONLY | O_NONBLOCK));
  S(open(name, O_RDONLY | O_DIRECTORY));
  S(open(name, O_CREAT | O_EXCL | O_RDWR, 0600));
  int r = open(name, O_RDONLY | O_NONBLOCK), w, b;
  S(events(r));
  S(read(r, back, 1));
  w = open(name, O_WRONLY | O_NONBLOCK);
  S(events(r));
  S(read(r, back, 1));
  S(write(w, "abc", 3));
  S(events(r));
  close(w);
  S(events(r));
  S(read(r, back, 100));
  S(events(r));
  S(syscall(SYS_fcntl, r, F_GETFL, 0));
  S(lseek(r, 0, 0));
  S(pending(r));
  w = open(name, O_WRONLY);
  S(write(w, "gone", 4));
  close(r), close(w);
  // What was in it goes with the last one.
  b = open(name, O_RDWR | O_APPEND | O_TRUNC | O_CREAT, 0600);
  S(pending(b));
  S(syscall(SYS_fcntl, b, F_GETFL, 0));
  S(write(b, "both", 4));
  S(events(b));
  S(read(b, back, 10));
  r = open(name, O_RDONLY);
  S(events(r));
  close(b);
  S(events(r));
  close(r);
  int path = open(name, O_PATH);
  S(events(path));
  S(read(path, back, 1));
  close(path);
  pthread_t thread, self = pthread_self();
  pthread_create(&thread, 0, open_writer, (void *)20000);
  r = open(name, O_RDONLY);
  S(read(r, back, 100));
  S(read(r, back, 100));
  pthread_join(thread, 0);
  close(r);
  pthread_create(&thread, 0, open_reader, (void *)20000);
  w = open(name, O_WRONLY);
  S(write(w, "abc", 3));
  pthread_join(thread, 0);
  S(events(w));
  close(w);
  pthread_create(&thread, 0, interrupt, &self);
  S(open(name, O_RDONLY));
  pthread_join(thread, 0);
  pthread_create(&thread, 0, interrupt, &self);
  S(open(name, O_WRONLY));
  pthread_join(thread, 0);
  S(open(name, O_WRONLY | O_NONBLOCK));
  S(rename(name, name));
  r = open(name, O_RDONLY | O_NONBLOCK);
  S(unlink(name));
  S(read(r, back, 1));
  S(fcntl(r, F_GETPIPE_SZ));
  close(r);
  S(mknod(name, S_IFREG | 0644, 0));
  S(stat(name, &s));
  printf("mode %o\n", s.st_mode);
  unlink(name);
  S(mknod(name, 0640, 0));
  stat(name, &s);
  printf("mode %o\n", s.st_mode);
  unlink(name);
}

static void descriptors(void) {
  int p[2];
  pipe(p);
  S(dup(p[0]) == p[1] + 1 ? 0 : -1);
  S(dup2(p[0], p[0]) == p[0]);
  S(dup2(99, 99));
  S(dup2(p[0], -1));
  S(dup2(p[0], 1 << 20));
  S(dup2(99, p[0]));
  S(dup3(p[0], p[0], 0));
  S(dup3(p[0], p[0], O_CLOEXEC));
  S(dup3(p[0], 50, O_NONBLOCK));
  S(dup3(p[0], 50, O_CLOEXEC));
  S(fcntl(50, F_GETFD));
  S(dup2(50, 51));
  S(fcntl(51, F_GETFD));
  S(fcntl(p[0], F_DUPFD, 60));
  S(fcntl(p[0], F_DUPFD, 60));
  S(fcntl(p[0], F_DUPFD_CLOEXEC, 60));
  S(fcntl(62, F_GETFD));
  S(fcntl(61, F_SETFD, FD_CLOEXEC));
  S(fcntl(61, F_GETFD));
  S(fcntl(p[0], F_GETFD));
  S(fcntl(50, F_SETFL, O_NONBLOCK | O_RDWR | O_CREAT));
  S(syscall(SYS_fcntl, p[0], F_GETFL, 0));
  S(read(62, back, 1));
  int off = 0, on = 1;
  S(ioctl(62, FIONBIO, &off));
  S(syscall(SYS_fcntl, p[0], F_GETFL, 0));
  S(ioctl(p[1], FIONBIO, &on));
  S(syscall(SYS_fcntl, p[1], F_GETFL, 0));
  S(ioctl(p[1], FIONBIO, BAD));
  S(ioctl(p[1], FIOCLEX));
  S(fcntl(p[1], F_GETFD));
  S(ioctl(p[1], FIONCLEX));
  S(fcntl(p[1], F_GETFD));
  S(fcntl(p[1], F_SETFL, O_APPEND));
  S(syscall(SYS_fcntl, p[1], F_GETFL, 0));
  S(fcntl(p[1], 999, 0));
  S(fcntl(99, F_GETFL));
  close(p[1]);
  S(read(50, back, 1));
  for (int fd = p[0]; fd < 70; fd++) close(fd);
}

/** As many as there can be, and then there are as many again. */
static void many(void) {
  struct rlimit limit = {1024, 1024};
  setrlimit(RLIMIT_NOFILE, &limit);
  for (int round = 0; round < 3; round++) {
    int p[2] = {-1, -1}, n = 0, last = 0, from = dup(0);
    close(from);
    while (pipe2(p, O_NONBLOCK) == 0) n += 1 + 0 * (last = p[1]);
    int error = errno;
    long bytes = 0;
    for (int fd = from; fd < last; fd += 2) bytes += write(fd + 1, big, round == 1 ? 5000 : 10);
    printf("%s error %d bytes %s\n", n >= (1020 - from) / 2 ? "many" : "few", error, bytes == (long)n * (round == 1 ? 5000 : 10) ? "all" : "some");
    for (int fd = from; fd <= last; fd++) close(fd);
  }
}

int main(int argc, char **argv) {
  char *pages = mmap(0, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  edge = pages + 8192;
  munmap(edge, 8192);
  for (int fd = 3; fd < 1024; fd++) close(fd);
  for (int i = 0; i < sizeof big; i++) big[i] = i * 7 + (i >> 8);
  arguments();
  capacity();
  packets();
  ends();
  waits();
  atomic();
  fifos(argc > 1 ? argv[1] : "/tmp/");
  descriptors();
  many();
  return 0;
}
