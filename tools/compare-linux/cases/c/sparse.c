// Files with holes: what they take, where their data are, how large they may be, fallocate(2).
#include "say.h"
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/vfs.h>

#define PAGE 4096
#define KIB ((off_t)1 << 10)
#define MIB ((off_t)1 << 20)
#define GIB ((off_t)1 << 30)
#define PUNCH (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)

static long size_of(int fd) {
  struct stat st;
  fstat(fd, &st);
  return st.st_size;
}

static long blocks(int fd) {
  struct stat st;
  fstat(fd, &st);
  return st.st_blocks;
}

static int make(const char *path) { return open(path, O_RDWR | O_CREAT | O_TRUNC, 0600); }

static void holes(void) {
  char buffer[16] = "zzzzzzzzzzzzzzz";
  int fd = make("/tmp/holes");
  SAY(pwrite(fd, "a", 1, 10 * PAGE));
  SAY(pwrite(fd, "b", 1, 3 * PAGE + 5));
  SAY(blocks(fd));
  SAY(pread(fd, buffer, 8, 5 * PAGE));
  SAY(buffer[0] == 0 && buffer[7] == 0 && buffer[8] == 'z');
  SAY(blocks(fd));
  for (off_t at = 0; at <= 10; at += 2) {
    SAY(lseek(fd, at * PAGE + 1, SEEK_DATA));
    SAY(lseek(fd, at * PAGE + 1, SEEK_HOLE));
  }
  SAY(lseek(fd, 10 * PAGE + 1, SEEK_DATA));
  SAY(lseek(fd, -1, SEEK_DATA));
  SAY(ftruncate(fd, 20 * PAGE));
  SAY(lseek(fd, 11 * PAGE, SEEK_DATA));
  SAY(lseek(fd, 11 * PAGE, SEEK_HOLE));
  SAY(lseek(fd, 20 * PAGE, SEEK_HOLE));
  SAY(ftruncate(fd, 3 * PAGE + 6));
  SAY(blocks(fd));
  SAY(ftruncate(fd, 3 * PAGE + 2));
  SAY(ftruncate(fd, 4 * PAGE));
  SAY(pread(fd, buffer, 1, 3 * PAGE + 5));
  SAY(buffer[0]);
  // Looking at a hole through a mapping fills it in.
  char *map = mmap(0, 4 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
  SAY(map[0]);
  SAY(blocks(fd));
  SAY(lseek(fd, 0, SEEK_DATA));
  SAY(ftruncate(fd, 0));
  SAY(blocks(fd));
  SAY(close(fd));
}

static void allocation(void) {
  char buffer[4] = "";
  int fd = make("/tmp/allocated"), ro = open("/tmp/allocated", O_RDONLY), pipes[2];
  SAY(fallocate(fd, 0, 0, 3 * PAGE + 1));
  SAY(size_of(fd));
  SAY(blocks(fd));
  SAY(lseek(fd, 0, SEEK_DATA));
  SAY(pwrite(fd, "x", 1, PAGE));
  SAY(lseek(fd, 0, SEEK_DATA));
  SAY(lseek(fd, PAGE, SEEK_HOLE));
  SAY(pread(fd, buffer, 1, 2 * PAGE));
  SAY(buffer[0]);
  SAY(fallocate(fd, FALLOC_FL_KEEP_SIZE, 8 * PAGE, PAGE));
  SAY(size_of(fd));
  SAY(blocks(fd));
  SAY(ftruncate(fd, size_of(fd)));
  SAY(blocks(fd));
  SAY(fallocate(fd, FALLOC_FL_KEEP_SIZE, 8 * PAGE, 2 * PAGE));
  SAY(fallocate(fd, PUNCH, 9 * PAGE, PAGE));
  SAY(blocks(fd));
  SAY(fallocate(fd, 0, PAGE, 8 * PAGE));
  SAY(blocks(fd));
  SAY(size_of(fd));
  for (int i = 0; i < 4; i++) SAY(pwrite(fd, "full", 4, i * PAGE + 100));
  SAY(fallocate(fd, PUNCH, 50, 52));
  SAY(pread(fd, buffer, 4, 100));
  SAY(buffer[0] == 0 && buffer[1] == 0 && buffer[2] == 'l');
  SAY(fallocate(fd, PUNCH, 102, 2 * PAGE));
  SAY(pread(fd, buffer, 4, 100));
  SAY(buffer[2]);
  SAY(blocks(fd));
  SAY(pread(fd, buffer, 4, 2 * PAGE + 100));
  SAY(buffer[0] == 0 && buffer[2] == 'l');
  SAY(fallocate(fd, PUNCH, 100 * PAGE, PAGE));
  SAY(size_of(fd));
  SAY(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, PAGE));
  SAY(fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, PAGE));
  SAY(fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, 0, PAGE));
  SAY(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, PAGE));
  SAY(fallocate(fd, FALLOC_FL_INSERT_RANGE, 0, PAGE));
  SAY(fallocate(fd, FALLOC_FL_UNSHARE_RANGE, 0, PAGE));
  SAY(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_KEEP_SIZE, 0, PAGE));
  SAY(fallocate(fd, PUNCH | FALLOC_FL_ZERO_RANGE, 0, PAGE));
  SAY(fallocate(fd, 0x100, 0, PAGE));
  SAY(fallocate(fd, 0, -1, PAGE));
  SAY(fallocate(fd, 0, 0, 0));
  SAY(fallocate(fd, PUNCH, 0, -5));
  SAY(fallocate(fd, 0, ((off_t)1 << 62), ((off_t)1 << 62)));
  SAY(fallocate(fd, 0, 0, (off_t)1 << 50));
  SAY(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)1 << 50));
  SAY(size_of(fd));
  SAY(fallocate(ro, 0, 0, PAGE));
  SAY(pipe(pipes));
  SAY(fallocate(pipes[1], 0, 0, PAGE));
  SAY(fallocate(open("/tmp", O_RDONLY), 0, 0, PAGE));
  SAY(fallocate(open("/dev/null", O_RDWR), 0, 0, PAGE));
  SAY(posix_fallocate(fd, 0, 20 * PAGE));
  SAY(size_of(fd));
  SAY(close(fd) + close(ro));
}

/** What is set aside twice is no hole any more, wherever the calls overlap. */
static void allocated_again(void) {
  int fd = make("/tmp/again");
  SAY(fallocate(fd, 0, PAGE, 3 * PAGE));
  SAY(fallocate(fd, FALLOC_FL_KEEP_SIZE, 2 * PAGE + 1, 4 * PAGE));
  SAY(blocks(fd));
  SAY(lseek(fd, 0, SEEK_DATA));
  SAY(lseek(fd, 2 * PAGE + 1, SEEK_HOLE));
  SAY(fallocate(fd, 0, 0, 8 * PAGE));
  SAY(lseek(fd, 0, SEEK_DATA));
  SAY(lseek(fd, PAGE, SEEK_HOLE));
  SAY(fallocate(fd, PUNCH, 3 * PAGE, PAGE));
  SAY(lseek(fd, PAGE, SEEK_HOLE));
  SAY(fallocate(fd, 0, 3 * PAGE, 1));
  SAY(lseek(fd, PAGE, SEEK_HOLE));
  SAY(blocks(fd));
  SAY(close(fd));
}

static void large(void) {
  char buffer[8] = "";
  int fd = make("/tmp/large");
  SAY(ftruncate(fd, 5 * GIB));
  SAY(size_of(fd));
  SAY(blocks(fd));
  SAY(pwrite(fd, "end", 3, 5 * GIB - 1));
  SAY(size_of(fd));
  SAY(pwrite(fd, "middle", 6, 300 * MIB));
  SAY(pread(fd, buffer, 6, 300 * MIB));
  SAY(memcmp(buffer, "middle", 6));
  SAY(blocks(fd));
  SAY(lseek(fd, 0, SEEK_DATA));
  SAY(lseek(fd, 301 * MIB, SEEK_DATA));
  SAY(lseek(fd, 0, SEEK_HOLE));
  SAY(lseek(fd, 1, SEEK_END));
  SAY(write(fd, "after", 5));
  SAY(lseek(fd, 0, SEEK_CUR));
  char *map = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 5 * GIB);
  SAY(memcmp(map, "nd", 2));
  map[10] = 'x';
  SAY(pread(fd, buffer, 1, 5 * GIB + 10));
  SAY(ftruncate(fd, (off_t)1 << 45));
  SAY(pwrite(fd, "far", 3, ((off_t)1 << 45) - 3));
  SAY(lseek(fd, 6 * GIB, SEEK_DATA));
  SAY(blocks(fd));
  SAY(ftruncate(fd, 0x7fffffffffffffff));
  SAY(size_of(fd));
  SAY(pwrite(fd, "x", 1, 0x7ffffffffffffffe));
  SAY(pwrite(fd, "xy", 2, 0x7ffffffffffffffe));
  SAY(pwrite(fd, "x", 1, 0x7fffffffffffffff));
  SAY(lseek(fd, 0, SEEK_END));
  SAY(write(fd, "x", 1));
  SAY(lseek(fd, 1, SEEK_END));
  SAY(ftruncate(fd, MIB));
  SAY(blocks(fd));
  char *whole = mmap(0, 8 * GIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  SAY(whole != MAP_FAILED);
  whole[4096] = 1;
  SAY(blocks(fd));
  SAY(close(fd));
  SAY(truncate("/tmp/large", 0));
}

static void limited(void) {
  struct rlimit limit = {100 * KIB, RLIM_INFINITY};
  signal(SIGXFSZ, SIG_IGN);
  int fd = make("/tmp/limited");
  SAY(setrlimit(RLIMIT_FSIZE, &limit));
  SAY(ftruncate(fd, 100 * KIB));
  SAY(ftruncate(fd, 100 * KIB + 1));
  SAY(pwrite(fd, "abc", 3, 100 * KIB - 1));
  SAY(pwrite(fd, "abc", 3, 100 * KIB));
  SAY(fallocate(fd, 0, 0, 101 * KIB));
  SAY(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 101 * KIB));
  SAY(blocks(fd));
  SAY(close(fd));
}

static void exhausted(void) {
  struct statfs before, after;
  int fd = make("/tmp/exhausted");
  SAY(statfs("/tmp", &before));
  // As much as there may be for files: more does not fit.
  SAY(fallocate(fd, 0, 0, (off_t)before.f_blocks * before.f_bsize + PAGE));
  SAY(size_of(fd));
  SAY(blocks(fd));
  SAY(statfs("/tmp", &after));
  SAY(after.f_bfree == before.f_bfree);
  SAY(close(fd));
}

int main(void) {
  holes();
  allocation();
  allocated_again();
  large();
  exhausted();
  limited();
  return 0;
}
