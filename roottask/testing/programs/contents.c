// Every way a file's contents change, and what each leaves of size, bytes and times. Left out is what depends
// on the file system: times of access, and what a write from an address that cannot be read leaves.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static char path[300], other[300];
static const char *folder;

static const char *result(long value) {
  static char text[40];
  if (value >= 0) sprintf(text, "%ld", value);
  else sprintf(text, "error %d", errno);
  return text;
}

/** A file with "0123456789", times in the past, position 0. */
static int fresh(int flags) {
  unlink(path);
  int fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0644);
  write(fd, "0123456789", 10);
  struct timespec past[2] = {{1000, 5}, {2000, 7}};
  futimens(fd, past);
  close(fd);
  return open(path, flags);
}

/** What became of it. */
static void show(const char *what, long value, int fd) {
  const char *text = result(value);
  struct stat s;
  char bytes[64];
  fstat(fd, &s);
  printf("%-34s %-9s size %ld position %ld %s", what, text, (long)s.st_size,
         (long)lseek(fd, 0, SEEK_CUR), s.st_mtim.tv_sec == 2000 ? "old" : "new");
  printf(s.st_ctim.tv_sec > 2000 && s.st_ctim.tv_sec >= s.st_mtim.tv_sec ? "" : " ctime?");
  int copy = open(path, O_RDONLY);
  long n = read(copy, bytes, 40);
  printf(" \"");
  for (long i = 0; i < n; i++) putchar(bytes[i] ? bytes[i] : '.');
  printf("\"\n");
  close(copy);
}

static void writers(void) {
  int fd, in;
  char *page = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(page + 4096, 4096);
  memcpy(page + 4092, "abcd", 4);
  struct iovec two[2] = {{"ab", 2}, {"cde", 3}};
  struct iovec bad[2] = {{"ab", 2}, {(void *)8, 3}};
  struct iovec negative[2] = {{"ab", 2}, {"cd", -1}};
#define W(flags, call) do { fd = fresh(flags); long r = (call); show(#call, r, fd); close(fd); } while (0)
  W(O_RDWR, write(fd, "ab", 2));
  W(O_RDWR, write(fd, "ab", 0));
  W(O_RDWR, write(fd, page + 4092, 10));
  W(O_RDWR | O_APPEND, write(fd, page + 4092, 10));
  W(O_RDWR | O_APPEND, write(fd, "ab", 2));
  W(O_RDONLY, write(fd, "ab", 2));
  W(O_RDWR, pwrite(fd, "ab", 2, 3));
  W(O_RDWR, pwrite(fd, "ab", 2, 15));
  W(O_RDWR, pwrite(fd, "ab", 2, -1));
  W(O_RDWR | O_APPEND, pwrite(fd, "ab", 2, 3));
  W(O_RDWR, writev(fd, two, 2));
  W(O_RDWR, writev(fd, bad, 2));
  W(O_RDWR, writev(fd, negative, 2));
  W(O_RDWR, writev(fd, two, 0));
  W(O_RDWR, writev(fd, two, -1));
  W(O_RDWR, writev(fd, (void *)8, 2));
  W(O_RDWR | O_APPEND, pwritev(fd, two, 2, 1));
  W(O_RDWR, pwritev(fd, two, 2, 12));
  W(O_RDWR, ftruncate(fd, 3));
  W(O_RDWR, ftruncate(fd, 10));
  W(O_RDWR, ftruncate(fd, 14));
  W(O_RDWR, ftruncate(fd, -1));
  W(O_RDONLY, ftruncate(fd, 3));
  W(O_RDWR, truncate(path, 3));
  W(O_RDWR, truncate(path, 14));
  W(O_RDWR, truncate(path, -1));
  W(O_RDWR, close(open(path, O_WRONLY | O_TRUNC)));
  W(O_RDWR, close(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600)));
  W(O_RDWR, close(creat(path, 0600)));
  W(O_RDWR, fallocate(fd, 0, 5, 10));
  W(O_RDWR, fallocate(fd, 0, 2, 3));
  W(O_RDWR, fallocate(fd, FALLOC_FL_KEEP_SIZE, 5, 10));
  W(O_RDWR, fallocate(fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 2, 3));
  W(O_RDWR, fallocate(fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 8, 30));
  W(O_RDWR, fallocate(fd, FALLOC_FL_PUNCH_HOLE, 2, 3));
  W(O_RDWR, fallocate(fd, 0, -1, 3));
  W(O_RDWR, fallocate(fd, 0, 1, 0));
  W(O_RDONLY, fallocate(fd, 0, 5, 10));
  W(O_RDWR, posix_fallocate(fd, 5, 10));
  W(O_RDWR, (ftruncate(fd, 3), ftruncate(fd, 6)));
  W(O_RDWR, (lseek(fd, 4, SEEK_SET), write(fd, "ab", 2)));
  W(O_RDWR, (lseek(fd, 20, SEEK_SET), write(fd, "ab", 2)));
  in = open(other, O_RDWR | O_CREAT | O_TRUNC, 0644);
  write(in, "source", 6);
  off_t from, to;
#define IN(position) (lseek(in, position, SEEK_SET), in)
  W(O_RDWR, sendfile(fd, IN(0), 0, 100));
  W(O_RDWR, sendfile(fd, IN(2), 0, 3));
  W(O_RDWR, (from = 1, sendfile(fd, IN(0), &from, 3)));
  W(O_RDWR, (from = -1, sendfile(fd, IN(0), &from, 3)));
  W(O_RDWR, sendfile(fd, IN(6), 0, 3));
  W(O_RDWR | O_APPEND, sendfile(fd, IN(0), 0, 3));
  W(O_RDONLY, sendfile(fd, IN(0), 0, 3));
  W(O_RDWR, sendfile(fd, fd, 0, 3));
  W(O_RDWR, copy_file_range(IN(0), 0, fd, 0, 100, 0));
  W(O_RDWR, (from = 1, to = 12, copy_file_range(IN(0), &from, fd, &to, 3, 0)));
  printf("positions %ld %ld %ld\n", (long)from, (long)to, (long)lseek(in, 0, SEEK_CUR));
  W(O_RDWR, (from = 0, to = 2, copy_file_range(fd, &from, fd, &to, 5, 0)));
  W(O_RDWR, (from = 0, to = 7, copy_file_range(fd, &from, fd, &to, 5, 0)));
  W(O_RDWR, copy_file_range(IN(0), 0, fd, 0, 3, 1));
  W(O_RDWR | O_APPEND, copy_file_range(IN(0), 0, fd, 0, 3, 0));
  W(O_RDONLY, copy_file_range(IN(0), 0, fd, 0, 3, 0));
  W(O_RDWR, copy_file_range(IN(6), 0, fd, 0, 3, 0));
  close(in);
}

static void readers(void) {
  char bytes[40];
  struct iovec two[2] = {{bytes, 2}, {bytes + 10, 30}};
  struct iovec bad[2] = {{bytes, 2}, {(void *)8, 3}};
  int fd, value = -1;
  W(O_RDONLY, read(fd, bytes, 4));
  W(O_RDONLY, read(fd, bytes, 40));
  W(O_RDONLY, read(fd, (void *)8, 4));
  W(O_WRONLY, read(fd, bytes, 4));
  W(O_RDONLY, pread(fd, bytes, 4, 8));
  W(O_RDONLY, pread(fd, bytes, 4, 10));
  W(O_RDONLY, pread(fd, bytes, 4, -1));
  W(O_RDONLY, readv(fd, two, 2));
  W(O_RDONLY, readv(fd, bad, 2));
  W(O_RDONLY, preadv(fd, two, 2, 9));
  W(O_RDONLY, lseek(fd, 3, SEEK_DATA));
  W(O_RDONLY, lseek(fd, 3, SEEK_HOLE));
  W(O_RDONLY, lseek(fd, 10, SEEK_HOLE));
  W(O_RDONLY, lseek(fd, -1, SEEK_END));
  W(O_RDONLY, lseek(fd, 0, 9));
  W(O_RDONLY, (lseek(fd, 4, SEEK_SET), ioctl(fd, FIONREAD, &value)));
  printf("can be read: %d\n", value);
}

/** What is not a file with contents. */
static void kinds(void) {
  char bytes[8] = "1234567";
  struct stat s;
  struct pollfd p;
  const char *names[] = {"/dev/null", "/dev/zero", "/dev/urandom"};
  for (int i = 0; i < 3; i++) {
    int fd = open(names[i], O_RDWR);
    fstat(fd, &s);
    printf("%s: read %s", names[i], result(read(fd, bytes, 4)));
    printf(" pread %s", result(pread(fd, bytes, 4, 100)));
    printf(" write %s", result(write(fd, "ab", 2)));
    printf(" seek %s", result(lseek(fd, 5, SEEK_SET)));
    printf(" position %s", result(lseek(fd, 0, SEEK_CUR)));
    printf(" truncate %s", result(ftruncate(fd, 0)));
    printf(" allocate %s", result(fallocate(fd, 0, 0, 10)));
    p.fd = fd;
    p.events = POLLIN | POLLOUT | POLLPRI;
    printf(" poll %s", result(poll(&p, 1, 0)));
    printf(" events %x device %lx\n", p.revents, (long)s.st_rdev);
    close(fd);
  }
  int directory = open(folder, O_RDONLY);
  printf("directory: read %s", result(read(directory, bytes, 4)));
  printf(" pread %s", result(pread(directory, bytes, 4, 0)));
  printf(" write %s", result(write(directory, bytes, 4)));
  printf(" truncate %s", result(ftruncate(directory, 0)));
  printf(" ioctl %s", result(ioctl(directory, FIONREAD, bytes)));
  printf(" allocate %s\n", result(fallocate(directory, 0, 0, 10)));
  int only = open(path, O_PATH);
  printf("path: read %s", result(read(only, bytes, 4)));
  printf(" write %s", result(write(only, bytes, 4)));
  printf(" seek %s", result(lseek(only, 0, SEEK_SET)));
  printf(" truncate %s", result(ftruncate(only, 0)));
  printf(" stat %s", result(fstat(only, &s)));
  printf(" dup %s\n", result(close(dup(only))));
  fflush(stdout);
  printf("input: read %s", result(read(0, bytes, 4)));
  printf(" write %s", result(write(0, bytes, 4)));
  printf(" seek %s", result(lseek(0, 0, SEEK_SET)));
  printf(" pread %s", result(pread(0, bytes, 4, 0)));
  printf(" truncate %s\n", result(ftruncate(0, 0)));
  printf("output: read %s", result(read(1, bytes, 4)));
  printf(" pwrite %s", result(pwrite(1, bytes, 4, 0)));
  printf(" seek %s", result(lseek(1, 0, SEEK_SET)));
  printf(" allocate %s", result(fallocate(1, 0, 0, 10)));
  printf(" truncate %s\n", result(ftruncate(1, 0)));
  for (int fd = 0; fd < 2; fd++) {
    p.fd = fd;
    p.events = POLLIN | POLLOUT | POLLPRI;
    printf("poll %d: %s", fd, result(poll(&p, 1, 0)));
    printf(" events %x\n", p.revents);
  }
  fflush(stdout);
  char *page = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(page + 4096, 4096);
  memcpy(page + 4092, "abcd", 4);
  struct iovec bad[2] = {{"one\n", 4}, {(void *)8, 4}};
  printf("a page that ends: %s\n", result(write(1, page + 4092, 8)));
  printf("a bad piece: %s\n", result(writev(1, bad, 2)));
}

static void control(void) {
  struct flock lock = {.l_type = F_WRLCK, .l_start = 1, .l_len = 2, .l_pid = 5};
  int one = 1, fd = fresh(O_RDWR), only = open(path, O_RDONLY | O_NOFOLLOW | O_SYNC);
#define S(call) printf("%s: %s\n", #call, result(call))
  S(fcntl(fd, F_GETFL));
  S(fcntl(only, F_GETFL));
  S(ioctl(fd, FIONBIO, &one));
  S(fcntl(fd, F_GETFL));
  S(fcntl(fd, F_SETFL, O_APPEND | O_WRONLY | O_CREAT));
  S(fcntl(fd, F_GETFL));
  S(ioctl(fd, FIOCLEX));
  S(fcntl(fd, F_GETFD));
  S(ioctl(fd, FIONCLEX));
  S(fcntl(fd, F_GETFD));
  S(ioctl(fd, 0x1234));
  S(fcntl(fd, F_GETLK, &lock));
  printf("type %d start %ld pid %d\n", lock.l_type, (long)lock.l_start, lock.l_pid);
  S(fcntl(fd, F_GETLK, &lock));
  lock.l_type = 77;
  S(fcntl(fd, F_SETLK, &lock));
  lock.l_type = F_WRLCK;
  S(fcntl(fd, F_SETLK, &lock));
  S(fcntl(only, F_SETLK, &lock));
  S(fcntl(fd, F_SETLK, (void *)8));
  lock.l_whence = 7;
  S(fcntl(fd, F_SETLK, &lock));
  lock.l_whence = 0;
  S(fcntl(fd, F_OFD_SETLK, &lock));
  lock.l_type = F_UNLCK;
  S(fcntl(fd, F_SETLK, &lock));
  lock.l_type = F_WRLCK;
  lock.l_pid = 0;
  S(fcntl(fd, F_OFD_SETLK, &lock));
  S(fcntl(fd, F_DUPFD, -1));
  S(fcntl(fd, F_DUPFD, 2000000));
  S(fcntl(fd, 9999));
}

static void temporary(void) {
  struct stat s;
  int fd = open(folder, O_TMPFILE | O_RDWR, 0600);
  write(fd, "ab", 2);
  fstat(fd, &s);
  printf("unnamed: links %ld size %ld\n", (long)s.st_nlink, (long)s.st_size);
  printf("flags: %s", result(open(folder, O_TMPFILE | O_RDONLY, 0600)));
  printf(" %s\n", result(open(path, O_TMPFILE | O_RDWR, 0600)));
}

int main(int argc, char **argv) {
  folder = argv[1];
  sprintf(path, "%sfile", folder);
  sprintf(other, "%sother", folder);
  writers();
  readers();
  kinds();
  control();
  temporary();
  return 0;
}
