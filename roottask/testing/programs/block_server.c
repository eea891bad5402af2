// A program of Linux that serves a block device, as it should and as it should not: offers that are refused, answers that
// are wrong, an end in the middle of a request, and clients that are killed while they wait.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/wait.h>
#include <unistd.h>

#define SERVICE "/dev/block-service"
struct offer { uint32_t version, flags; uint64_t sectors; char name[32]; };
struct request { uint64_t id; uint32_t kind, count; uint64_t sector; unsigned char data[1 << 16]; };
struct answer { uint64_t id; uint32_t error, reserved; unsigned char data[1 << 16]; };
static int fd = -1, other = -1;
static struct request in;
static struct answer out;

static int wrong;
static void check(const char *what, long result, long right) {
  if (result == -1 && errno) result = -errno;
  if (result == right) return;
  printf("%s: %ld in place of %ld\n", what, result, right);
  wrong++;
}
#define CHECK(expression, right) (errno = 0, check(#expression, (long)(expression), right))

static long offer(int to, uint32_t version, uint32_t flags, uint64_t sectors, const char *name) {
  struct offer o = {version, flags, sectors};
  memcpy(o.name, name, strnlen(name, 32));
  return write(to, &o, sizeof o);
}

static long answer(int to, uint64_t id, uint32_t error, long bytes) {
  out.id = id, out.error = error, out.reserved = 0;
  return write(to, &out, 16 + bytes);
}

static short ready(int of) {
  struct pollfd p = {of, POLLIN | POLLOUT};
  poll(&p, 1, 0);
  return p.revents;
}

/** A child that reads or writes a byte of `path`, and ends with errno. It serves nothing itself. */
static pid_t reader(const char *path, int flags) {
  pid_t pid = fork();
  if (pid != 0) return pid;
  char byte;
  close(fd), close(other);
  int device = open(path, flags);
  if (device < 0) _exit(200);
  _exit((flags == O_RDONLY ? read(device, &byte, 1) : write(device, "x", 1)) == 1 ? 0 : errno);
}

static int ended(pid_t pid) {
  int status;
  waitpid(pid, &status, 0);
  return status;
}

/** Kibibytes of memory that nobody has. */
static long free_memory(void) {
  char text[200] = "";
  int file = open("/proc/meminfo", O_RDONLY);
  read(file, text, sizeof text - 1), close(file);
  return atol(strstr(text, "MemFree:") + 8);
}

int main(void) {
  fd = open(SERVICE, O_RDWR), other = open(SERVICE, O_RDWR | O_NONBLOCK);
  CHECK(read(fd, &in, sizeof in), -ENOTCONN);
  CHECK(offer(fd, 2, 0, 8, "disk0"), -EINVAL), CHECK(offer(fd, 1, 2, 8, "disk0"), -EINVAL), CHECK(offer(fd, 1, 0, 0, "disk0"), -EINVAL);
  CHECK(offer(fd, 1, 0, 1ull << 60, "disk0"), -EINVAL), CHECK(offer(fd, 1, 0, 8, ""), -EINVAL), CHECK(offer(fd, 1, 0, 8, "a/b"), -EINVAL);
  CHECK(offer(fd, 1, 0, 8, ".."), -EINVAL), CHECK(offer(fd, 1, 0, 8, "null"), -EEXIST), CHECK(write(fd, "x", 1), -EINVAL);
  CHECK(offer(fd, 1, 0, 8, "a name of thirty-two characters."), -EINVAL), CHECK(write(fd, (void *)8, 48), -EFAULT);
  CHECK(offer(fd, 1, 0, 8, "disk0"), 48);
  CHECK(offer(other, 1, 0, 8, "disk0"), -EEXIST), CHECK(offer(other, 1, 1, 8, "disk1"), 48);
  CHECK(read(other, &in, sizeof in), -EAGAIN), CHECK(ready(fd), 0);
  // Wrong answers change nothing.
  pid_t pid = reader("/dev/disk0", O_RDONLY);
  CHECK(read(fd, &in, 24), 24), CHECK(in.kind, 0), CHECK(in.count, 1), CHECK(in.sector, 0), CHECK(ready(fd), 4);
  CHECK(answer(fd, in.id + 1, 0, 512), -ENOENT), CHECK(answer(fd, in.id, 0, 511), -EINVAL), CHECK(answer(fd, in.id, 0, 513), -EINVAL);
  CHECK(answer(fd, in.id, 5000, 0), -EINVAL), CHECK(answer(fd, in.id, 5, 1), -EINVAL), CHECK(write(fd, &out, 15), -EINVAL), CHECK(write(fd, (void *)8, 528), -EFAULT);
  CHECK(answer(fd, in.id, 0, 512), 528), CHECK(answer(fd, in.id, 0, 512), -ENOENT), CHECK(ended(pid), 0);
  // An error; a memory that cannot be written; room that is too short.
  pid = reader("/dev/disk0", O_RDONLY);
  CHECK(read(fd, (void *)8, 100), -EFAULT), CHECK(read(fd, &in, 23), -EINVAL), CHECK(read(fd, &in, sizeof in), 24), CHECK(answer(fd, in.id, 61, 0), 16), CHECK(ended(pid), 15616);
  // Who writes a byte reads its sector first. What is read-only is not written.
  pid = reader("/dev/disk0", O_WRONLY);
  CHECK(read(fd, &in, sizeof in), 24), CHECK(in.kind, 0), memset(out.data, 'o', 512), CHECK(answer(fd, in.id, 0, 512), 528);
  CHECK(read(fd, &in, 100), -EINVAL), CHECK(read(fd, &in, sizeof in), 536), CHECK(in.kind, 1), CHECK(memcmp(in.data, "xoo", 3), 0), CHECK(answer(fd, in.id, 0, 0), 16), CHECK(ended(pid), 0);
  CHECK(ended(reader("/dev/disk1", O_WRONLY)), 256);
  // A client that is killed before its request is known, and one after.
  pid = reader("/dev/disk0", O_RDONLY);
  while (!(ready(fd) & POLLIN)) usleep(1000);
  kill(pid, SIGKILL), CHECK(ended(pid), 9), CHECK(ready(fd), 0);
  pid = reader("/dev/disk0", O_RDONLY);
  CHECK(read(fd, &in, sizeof in), 24), kill(pid, SIGKILL), CHECK(ended(pid), 9), CHECK(ready(fd), 4);
  pid_t second = reader("/dev/disk0", O_RDONLY), third = reader("/dev/disk0", O_RDONLY);
  usleep(10000);
  CHECK(ready(fd), 4), CHECK(answer(fd, in.id, 0, 512), 528), CHECK(answer(fd, in.id, 0, 512), -ENOENT);
  for (int i = 0; i < 2; i++) CHECK(read(fd, &in, sizeof in), 24), CHECK(answer(fd, in.id, 0, 512), 528);
  CHECK(ended(second), 0), CHECK(ended(third), 0);
  // A call between two devices has the turn at one at a time.
  if ((pid = fork()) == 0) {
    close(fd), close(other);
    int from = open("/dev/disk1", O_RDONLY), to = open("/dev/disk0", O_WRONLY);
    _exit(sendfile(to, from, 0, 512) == 512 ? 0 : errno);
  }
  fcntl(other, F_SETFL, 0);
  CHECK(read(other, &in, sizeof in), 24), CHECK(answer(other, in.id, 0, 512 * in.count), 528), CHECK(read(fd, &in, sizeof in), 536), CHECK(answer(fd, in.id, 0, 0), 16), CHECK(ended(pid), 0);
  // The server goes while clients wait; files that stay open fail.
  int open_file = open("/dev/disk0", O_RDONLY);
  second = reader("/dev/disk0", O_RDONLY);
  CHECK(read(fd, &in, sizeof in), 24), close(fd), CHECK(ended(second), 1280);
  CHECK(access("/dev/disk0", F_OK), -ENOENT), CHECK(read(open_file, &in, 1), -EIO), CHECK(close(open_file), 0);
  // A client that is killed in the second part of a write that is to be safe: its request stays until it has its answer.
  fd = open(SERVICE, O_RDWR), CHECK(offer(fd, 1, 0, 512, "disk2"), 48);
  if ((pid = fork()) == 0) {
    close(fd), close(other);
    static char many[1 << 17];
    _exit(write(open("/dev/disk2", O_WRONLY | O_SYNC), many, sizeof many) == sizeof many ? 0 : errno);
  }
  CHECK(read(fd, &in, sizeof in), 65560), CHECK(answer(fd, in.id, 0, 0), 16), CHECK(read(fd, &in, sizeof in), 65560);
  kill(pid, SIGKILL), CHECK(ended(pid), 9), CHECK(ready(fd), 4), CHECK(answer(fd, in.id, 0, 0), 16);
  pid = reader("/dev/disk2", O_RDONLY);
  CHECK(read(fd, &in, sizeof in), 24), CHECK(answer(fd, in.id, 0, 512), 528), CHECK(ended(pid), 0), close(fd);
  // Its number is free again; there are sixteen.
  int all[20], made = 0;
  for (int i = 0; i < 20; i++) {
    char name[8];
    sprintf(name, "many%d", i);
    all[i] = open(SERVICE, O_RDWR);
    made += offer(all[i], 1, 0, 8, name) == 48;
  }
  // All but that of this program and the one of ramdisk.
  CHECK(made, 14);
  for (int i = 0; i < 20; i++) close(all[i]);
  long before = free_memory();
  // A server that ends without having served: 40 times, one after the other.
  for (int i = made = 0; i < 40; i++) {
    if ((pid = fork()) == 0) {
      fd = open(SERVICE, O_RDWR);
      if (offer(fd, 1, 0, 1 << 20, "gone") != 48) _exit(1);
      pid = reader("/dev/gone", O_RDONLY);
      read(fd, &in, sizeof in);
      abort();
    }
    made += ended(pid) == SIGABRT;
  }
  CHECK(made, 40);
  // Each had 64 KiB for its requests.
  long lost = before - free_memory();
  CHECK(lost > 256 ? lost : 0, 0);
  printf("%d wrong\n", wrong);
  return wrong != 0;
}
