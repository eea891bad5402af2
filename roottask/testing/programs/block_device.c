// A block device that another program serves, as programs see it: sizes, ends, errors, and random reads and writes from
// several processes at once, each in a part of its own whose borders lie within sectors. What is right is what Linux 6.1 does
// with its own RAM disk, module brd with rd_size=256 (-DDEVICE='"/dev/ram0"').
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef DEVICE
#define DEVICE "/dev/ramdisk"
#endif
#define PROCESSES 3
#define STEPS 60

static int mistakes;
static void check(const char *what, long result, long right) {
  if (result == -1 && errno) result = -errno;
  if (result == right) return;
  printf("%s: %ld in place of %ld\n", what, result, right);
  mistakes++;
}
#define CHECK(expression, right) (errno = 0, check(#expression, (long)(expression), right))

static uint64_t state;
static uint32_t number(uint32_t below) {
  state ^= state << 13, state ^= state >> 7, state ^= state << 17;
  return (state >> 20) % below;
}

/** Reads and writes at random between `first` and `end`; the number of bytes that are not what was written last. */
static int part(int seed, long first, long end) {
  long size = end - first, wrong = 0;
  unsigned char *model = calloc(1, size), *bytes = malloc(size);
  int fd = open(DEVICE, O_RDWR);
  state = 0x9e3779b97f4a7c15u * (seed + 1);
  if (pwrite(fd, model, size, first) != size) return 100;
  for (int step = 0; step < STEPS; step++) {
    long at = number(size), count = 1 + number(step % 8 == 0 ? size : 3000);
    if (count > size - at) count = size - at;
    if (number(2)) {
      for (long i = 0; i < count; i++) bytes[i] = number(256);
      memcpy(model + at, bytes, count);
      if (pwrite(fd, bytes, count, first + at) != count) return 101;
    } else {
      if (pread(fd, bytes, count, first + at) != count) return 102;
      for (long i = 0; i < count; i++) wrong += bytes[i] != model[at + i];
    }
  }
  if (pread(fd, bytes, size, first) != size) return 103;
  wrong += memcmp(bytes, model, size) != 0;
  return wrong > 99 ? 99 : wrong;
}

int main(void) {
  int fd;
  while ((fd = open(DEVICE, O_RDWR)) < 0) usleep(1000);
  struct stat s;
  fstat(fd, &s);
  CHECK(s.st_mode & S_IFMT, S_IFBLK), CHECK(s.st_size, 0);
  uint64_t bytes = 0;
  unsigned long sectors = 0;
  int value = -1;
  CHECK(ioctl(fd, BLKGETSIZE64, &bytes), 0), CHECK(bytes, 262144);
  CHECK(ioctl(fd, BLKGETSIZE, &sectors), 0), CHECK(sectors, 512);
  CHECK(ioctl(fd, BLKSSZGET, &value), 0), CHECK(value, 512);
  CHECK(ioctl(fd, BLKROGET, &value), 0), CHECK(value, 0);
  CHECK(ioctl(fd, BLKFLSBUF, 0), 0);
  CHECK(ioctl(fd, BLKGETSIZE64, (void *)8), -EFAULT);
  CHECK(ioctl(fd, 0x12ff, 0), -ENOTTY);
  CHECK(lseek(fd, 0, SEEK_END), 262144);
  CHECK(lseek(fd, 1, SEEK_END), -EINVAL);
  CHECK(lseek(fd, -1, SEEK_SET), -EINVAL);
  CHECK(read(fd, &value, 4), 0);
  CHECK(write(fd, &value, 4), -ENOSPC);
  CHECK(write(fd, &value, 0), 0);
  CHECK(lseek(fd, -6, SEEK_END), 262138);
  char text[600] = "abcdefgh";
  CHECK(write(fd, text, 8), 6);
  CHECK(pread(fd, text, 600, bytes - 100), 100);
  CHECK(memcmp(text + 94, "abcdef", 6), 0);
  CHECK(lseek(fd, 5, SEEK_DATA), -EINVAL), CHECK(lseek(fd, 5, SEEK_HOLE), -EINVAL);
  CHECK(ftruncate(fd, 0), -EINVAL);
  CHECK(fallocate(fd, 0, 0, 10), -EINVAL), CHECK(fallocate(fd, 0, 0, 512), -EOPNOTSUPP), CHECK(fallocate(fd, 3, 0, 100), -EINVAL), CHECK(fallocate(fd, 8, 0, 512), -EOPNOTSUPP);
  CHECK(fallocate(fd, 0, bytes, 512), -EINVAL), CHECK(fallocate(fd, 0, bytes - 512, 1024), -EINVAL), CHECK(fallocate(fd, 1, bytes - 512, 1024), -EOPNOTSUPP);
  CHECK(fsync(fd), 0), CHECK(fdatasync(fd), 0);
  sync();
  CHECK(read(fd, (void *)8, 4), 0), CHECK(pwrite(fd, (void *)8, 4, 0), -EFAULT);
  struct iovec v[2] = {{text, 5}, {(void *)8, 5}};
  CHECK(pwritev(fd, v, 2, 0), 5);
  // A page that ends within the third sector.
  char *page = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(page + 4096, 4096);
  memset(page, 'p', 4096);
  CHECK(pwrite(fd, page + 4096 - 1200, 5000, 100), 1200);
  CHECK(pread(fd, text, 600, 1000), 600), CHECK(text[23], 'p'), CHECK(text[24], 'p');
  close(fd);
  fd = open(DEVICE, O_WRONLY | O_APPEND | O_SYNC);
  CHECK(write(fd, "x", 1), 1);
  CHECK(pwrite(fd, "x", 1, 3), 1);
  CHECK(read(fd, text, 1), -EBADF);
  CHECK(open(DEVICE, O_RDONLY | O_DIRECTORY), -ENOTDIR);
  CHECK(mknod("/tmp/same", S_IFBLK | 0600, s.st_rdev), 0);
  fd = open("/tmp/same", O_RDONLY);
  CHECK(read(fd, text, 4), 4);
  for (int i = 0; i < PROCESSES; i++) {
    long first = 1 + i * (bytes / PROCESSES - 77), end = 1 + (i + 1) * (bytes / PROCESSES - 77);
    if (fork() == 0) _exit(part(i, first, end));
  }
  int status, sum = 0;
  while (wait(&status) > 0) sum += status;
  CHECK(sum, 0);
  printf("%d wrong\n", mistakes);
  return mistakes != 0;
}
