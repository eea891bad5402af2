// Bytes from files to pipes and back without the program's memory: splice, tee, vmsplice, sendfile. The argument is a
// folder for files.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

static char big[300000], back[300000], path[300];
#define BAD ((void *)8)

static void show(const char *what, long value) {
  if (value >= 0) printf("%s: %ld\n", what, value);
  else printf("%s: error %d\n", what, errno);
  fflush(stdout);
}
#define S(call) show(#call, (long)(call))

static int pending(int fd) {
  int n = -1;
  return ioctl(fd, FIONREAD, &n) ? -errno : n;
}

/** Empties the pipe and tells what was in it. */
static void drain(int fd) {
  unsigned sum = 0;
  long n, all = 0;
  while (pending(fd) > 0 && (n = read(fd, back, sizeof back)) > 0) {
    for (long i = 0; i < n; i++) sum = sum * 31 + (unsigned char)back[i];
    all += n;
  }
  printf("  %ld bytes %08x\n", all, sum);
}

static void *write_later(void *fd) {
  usleep(20000);
  write((long)fd, "late", 4);
  return 0;
}

static void *read_later(void *fd) {
  usleep(20000);
  read((long)fd, back, 8192);
  return 0;
}

int main(int argc, char **argv) {
  int p[2], q[2], n[2], e = eventfd(1, 0);
  pthread_t thread;
  snprintf(path, sizeof path, "%sspliced", argc > 1 ? argv[1] : "/tmp/");
  for (int i = 0; i < sizeof big; i++) big[i] = i * 7 + (i >> 8);
  int f = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644), r = open(path, O_RDONLY), a = open(path, O_WRONLY | O_APPEND);
  int null = open("/dev/null", O_RDWR), zero = open("/dev/zero", O_RDWR), folder = open("/tmp", O_RDONLY), o = open("/tmp", O_PATH);
  write(f, big, 10000);
  pipe(p), pipe(q), pipe2(n, O_NONBLOCK);
  loff_t at = 100, beyond = 20000, minus = -1;

  S(splice(f, 0, p[1], 0, 0, 99));
  S(splice(f, 0, p[1], 0, 5, 16));
  S(splice(99, 0, p[1], 0, 5, 0));
  S(splice(f, 0, 99, 0, 5, 0));
  S(splice(o, 0, p[1], 0, 5, 0));
  S(splice(f, 0, null, 0, 5, 0));
  S(splice(p[0], &at, f, 0, 5, 0));
  S(splice(f, 0, p[1], &at, 5, 0));
  S(splice(f, BAD, p[1], 0, 5, 0));
  S(splice(f, &minus, p[1], 0, 5, 0));
  S(splice(p[1], 0, f, 0, 5, 0));
  S(splice(f, 0, p[0], 0, 5, 0));
  S(splice(a, 0, p[1], 0, 5, 0));
  S(splice(e, 0, p[1], 0, 8, 0));
  S(splice(folder, 0, p[1], 0, 8, 0));
  S(splice(f, 0, p[1], 0, 5, 0));
  S(splice(p[0], 0, p[1], 0, 5, 0));
  S(splice(f, &at, p[1], 0, 5000, 0));
  S(at);
  S(splice(f, &beyond, p[1], 0, 5, 0));
  S(beyond);
  S(pending(p[0]));
  drain(p[0]);
  S(splice(r, 0, p[1], 0, 5000, SPLICE_F_MOVE | SPLICE_F_MORE | SPLICE_F_GIFT));
  S(lseek(r, 0, SEEK_CUR));
  S(splice(r, 0, p[1], 0, 50000, 0));
  S(splice(r, 0, p[1], 0, 50000, 0));
  S(write(p[1], "more", 4));
  drain(p[0]);
  ftruncate(f, 0);
  lseek(f, 0, 0);
  write(f, big, sizeof big);
  at = 10;
  S(splice(f, &at, n[1], 0, sizeof big, 0));
  S(splice(f, &at, n[1], 0, sizeof big, 0));
  S(at);
  drain(n[0]);
  S(splice(zero, 0, n[1], 0, 100000, 0));
  drain(n[0]);
  S(splice(null, 0, n[1], 0, 100000, 0));

  // Out of a pipe.
  S(splice(n[0], 0, f, 0, 10, 0));
  S(splice(p[0], 0, f, 0, 10, SPLICE_F_NONBLOCK));
  write(p[1], big, 9000);
  S(splice(p[0], 0, a, 0, 10, 0));
  S(splice(p[0], 0, e, 0, 8, 0));
  S(splice(p[0], 0, folder, 0, 8, 0));
  S(splice(p[0], 0, r, 0, 8, 0));
  at = 5;
  S(splice(p[0], 0, f, BAD, 10, 0));
  S(splice(p[0], 0, f, &minus, 10, 0));
  S(splice(p[0], 0, f, &at, 10, 0));
  S(at);
  ftruncate(f, 0);
  lseek(f, 3, 0);
  S(splice(p[0], 0, f, 0, 5000, 0));
  S(lseek(f, 0, SEEK_CUR));
  S(splice(p[0], 0, null, 0, 100, 0));
  S(splice(p[0], 0, f, 0, 50000, 0));
  S(lseek(f, 0, SEEK_CUR));
  lseek(f, 0, 0);
  S(sendfile(p[1], f, 0, 100000));
  drain(p[0]);
  pthread_create(&thread, 0, write_later, (void *)(long)p[1]);
  S(splice(p[0], 0, f, 0, 50000, 0));
  pthread_join(thread, 0);

  // Between pipes.
  S(splice(p[0], 0, n[1], 0, 10, 0));
  write(p[1], "0123456789", 10);
  S(splice(p[0], 0, q[1], 0, 4, 0));
  S(write(q[1], "ab", 2));
  S(splice(p[0], 0, q[1], 0, 100, 0));
  S(write(q[1], "cd", 2));
  drain(q[0]);
  write(p[1], big, 20000);
  S(splice(p[0], 0, q[1], 0, 5000, 0));
  S(splice(p[0], 0, q[1], 0, 50000, 0));
  drain(q[0]);
  while (write(n[1], big, 4096) > 0);
  write(p[1], "x", 1);
  S(splice(p[0], 0, n[1], 0, 10, 0));
  fcntl(n[1], F_SETFL, 0), fcntl(n[0], F_SETFL, 0);
  pthread_create(&thread, 0, read_later, (void *)(long)n[0]);
  S(splice(p[0], 0, n[1], 0, 10, 0));
  pthread_join(thread, 0);
  drain(n[0]);
  pthread_create(&thread, 0, write_later, (void *)(long)p[1]);
  S(splice(p[0], 0, n[1], 0, 10, 0));
  pthread_join(thread, 0);
  drain(n[0]);

  S(tee(p[0], q[1], 5, 16));
  S(tee(p[0], q[1], 0, 0));
  S(tee(p[0], f, 5, 0));
  S(tee(f, q[1], 5, 0));
  S(tee(99, q[1], 5, 0));
  S(tee(p[1], q[1], 5, 0));
  S(tee(p[0], p[1], 5, 0));
  S(tee(p[0], q[1], 5, SPLICE_F_NONBLOCK));
  write(p[1], "hello", 5);
  S(tee(p[0], q[1], 3, 0));
  S(write(q[1], "X", 1));
  S(tee(p[0], q[1], 300, 0));
  S(write(p[1], "Y", 1));
  drain(p[0]);
  drain(q[0]);
  write(p[1], big, 65536);
  write(q[1], big, 40000);
  S(tee(p[0], q[1], 65536, 0));
  drain(q[0]);
  S(tee(p[0], q[1], 65536, 0));
  drain(p[0]);
  drain(q[0]);

  struct iovec v[2] = {{big, 100}, {big + 4000, 5000}}, w[2] = {{back, 50}, {back + 100, 100000}}, bad = {BAD, 5}, none = {big, 0};
  S(vmsplice(p[1], v, 2, 16));
  S(vmsplice(99, v, 2, 0));
  S(vmsplice(f, v, 2, 0));
  S(vmsplice(o, v, 2, 0));
  S(vmsplice(p[1], BAD, 2, 0));
  S(vmsplice(p[1], v, 2000, 0));
  S(vmsplice(p[1], &bad, 1, 0));
  S(vmsplice(p[1], &none, 1, 0));
  S(vmsplice(p[1], v, 0, 0));
  S(vmsplice(p[1], v, 2, 0));
  S(write(p[1], "Z", 1));
  S(vmsplice(p[0], w, 2, 0));
  printf("%d %d\n", memcmp(back, big, 50), memcmp(back + 100, big + 50, 50));
  S(vmsplice(p[0], w, 2, SPLICE_F_NONBLOCK));
  v[0].iov_len = sizeof big;
  v[0].iov_base = (void *)(((long)big + 4095) & -4096);
  v[0].iov_len = 200000;
  S(vmsplice(p[1], v, 1, 0));
  S(vmsplice(p[1], v, 1, SPLICE_F_NONBLOCK));
  S(pending(p[0]));
  while (pending(p[0])) read(p[0], back, 5000);

  off_t offset = 3;
  lseek(f, 0, 0);
  ftruncate(f, 0);
  write(f, big, 100000);
  S(sendfile(p[1], f, &offset, 1000));
  S(offset);
  S(sendfile(p[1], f, &offset, 100000));
  S(offset);
  drain(p[0]);
  S(sendfile(p[1], q[0], 0, 10));
  S(sendfile(p[1], q[0], &offset, 10));
  signal(SIGPIPE, SIG_IGN);
  close(p[0]);
  S(splice(f, 0, p[1], 0, 5, 0));
  offset = 0;
  S(splice(f, &offset, p[1], 0, 5, 0));
  S(sendfile(p[1], f, &offset, 5));
  S(vmsplice(p[1], v, 1, 0));
  write(q[1], "x", 1);
  S(tee(q[0], p[1], 5, 0));
  S(splice(q[0], 0, p[1], 0, 5, 0));
  close(q[1]);
  S(splice(q[0], 0, n[1], 0, 5, 0));
  S(splice(q[0], 0, n[1], 0, 5, 0));
  S(tee(q[0], n[1], 5, 0));
  S(splice(q[0], 0, f, 0, 5, 0));
  drain(n[0]);
  unlink(path);
  return 0;
}
