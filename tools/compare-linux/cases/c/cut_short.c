// Copies that RLIMIT_FSIZE cuts short (setrlimit(2), sendfile(2), splice(2), copy_file_range(2)): what was copied, and SIGXFSZ.
#include "say.h"
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
static volatile int signals;
static char bytes[200000];
static void count(int number, siginfo_t *info, void *context) {
  (void)number, (void)info, (void)context;
  signals++;
}
static void limit(long size) {
  struct rlimit l = {size, RLIM_INFINITY};
  setrlimit(RLIMIT_FSIZE, &l);
}
static int fresh(const char *name, int size) {
  int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
  if (size > 0 && write(fd, bytes, size) != size) puts("no file");
  lseek(fd, 0, SEEK_SET);
  return fd;
}
/** What the last copy has left: signals, size and position of the target, position of the source. */
static void left(int from, int to) {
  struct stat s;
  fstat(to, &s);
  printf("  signals %d size %ld to %ld from %ld\n", signals, (long)s.st_size, (long)lseek(to, 0, SEEK_CUR), (long)lseek(from, 0, SEEK_CUR));
  fflush(stdout);
  signals = 0, ftruncate(to, 0), lseek(to, 0, SEEK_SET), lseek(from, 0, SEEK_SET);
}
static void filled(int p[2], int size) {
  pipe(p);
  fcntl(p[1], F_SETPIPE_SZ, 1 << 18);
  if (write(p[1], bytes, size) != size) puts("no pipe");
}
int main(void) {
  int p[2];
  memset(bytes, 'x', sizeof bytes);
  on(SIGXFSZ, count, 0);
  int from = fresh("/tmp/from", sizeof bytes), to = fresh("/tmp/to", 0);
  const long limits[] = {0, 100, 4096, 65536, 65537, 131072, 199999, 200000, 200001};
  for (int i = 0; i < 9; i++) {
    printf("limit %ld\n", limits[i]);
    limit(limits[i]);
    SAY(sendfile(to, from, 0, sizeof bytes)), left(from, to);
    off_t at = 10;
    SAY(sendfile(to, from, &at, 150)), SAY(at), left(from, to);
    SAY(copy_file_range(from, 0, to, 0, sizeof bytes, 0)), left(from, to);
    off_t beyond = limits[i] + 1;
    SAY(copy_file_range(from, 0, to, &beyond, 10, 0)), left(from, to);
    SAY(copy_file_range(from, 0, to, &beyond, 0, 0)), left(from, to);
    filled(p, 60000), SAY(splice(p[0], 0, to, 0, sizeof bytes, 0)), left(from, to), close(p[0]), close(p[1]);
    filled(p, 1000), SAY(splice(p[0], 0, to, 0, 90, 0)), left(from, to), close(p[0]), close(p[1]);
    off_t there = 50;
    filled(p, 1000), SAY(splice(p[0], 0, to, &there, 200, 0)), SAY(there), left(from, to), close(p[0]), close(p[1]);
    struct iovec v[2] = {{bytes, 80}, {bytes, 80}};
    SAY(writev(to, v, 2)), left(from, to);
    SAY(write(to, bytes, 150)), left(from, to);
    SAY(pwrite(to, bytes, 10, limits[i])), left(from, to);
    SAY(ftruncate(to, limits[i] + 1)), left(from, to);
    SAY(fallocate(to, 0, 0, limits[i] + 1)), left(from, to);
  }
  limit(100), signal(SIGXFSZ, SIG_DFL);
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    sendfile(to, from, 0, 1000);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  SAY(WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ), left(from, to);
  unlink("/tmp/from"), unlink("/tmp/to"), unlink("/tmp/core");
  return 0;
}
