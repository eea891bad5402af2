// Calls with one wrong argument: bits that nobody knows, lengths and counts of more than 32 bits, sockets that are not
// connected; and blocks of all kinds of files (FIGETBSZ).
#include "say.h"
#include <linux/futex.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

enum { BLOCK = 2, COMPAT = (int)0x80000000 };
static char bytes[4096] = "hello";

static void block(const char *what, int fd) {
  int size = 0;
  SAY(ioctl(fd, BLOCK, &size));
  printf("%s: blocks of %d\n", what, size);
}

int main(void) {
  int file = open("/tmp/a", O_CREAT | O_RDWR, 0644), watch = inotify_init1(IN_NONBLOCK), event = eventfd(0, EFD_NONBLOCK), pipes[2], pair[2];
  if (write(file, bytes, 20) != 20 || pipe2(pipes, O_NONBLOCK) || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair)) return 1;
  for (int bit = 12; bit < 32; bit++)
    if (bit == 12 || bit == 16 || (bit > 17 && bit < 24) || bit == 27) SAY(inotify_add_watch(watch, "/tmp/a", IN_OPEN | 1u << bit));
  SAY(readahead(file, 0, -1)), SAY(readahead(file, 0, (size_t)-4096)), SAY(readahead(file, -1, 10));
  SAY(syscall(SYS_futex, bytes, FUTEX_WAKE | 512, 1, 0, 0, 0)), SAY(syscall(SYS_futex, bytes, FUTEX_WAKE | 1u << 31, 1, 0, 0, 0));
  SAY(syscall(SYS_sched_getaffinity, 0, 1l << 31, bytes)), SAY(syscall(SYS_sched_getaffinity, 0, 1l << 29, bytes));
  struct iovec piece = {bytes, 5};
  SAY(syscall(SYS_vmsplice, pipes[1], &piece, 1l << 62, 2)), SAY(syscall(SYS_vmsplice, pipes[1], &piece, 1l << 32 | 1, 2));

  static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
  for (int i = 0; i < 3; i++) {
    int fd = socket(AF_UNIX, types[i] | SOCK_NONBLOCK, 0);
    SAY(syscall(SYS_recvfrom, fd, bytes, -4096l, MSG_DONTWAIT, 0, 0));
    // Whether a datagram is too long or has nowhere to go comes first depends on the version.
    if (types[i] != SOCK_DGRAM) SAY(syscall(SYS_sendto, fd, bytes, -4096l, MSG_DONTWAIT, 0, 0));
    SAY(send(fd, bytes, 10, MSG_DONTWAIT | MSG_OOB));
    struct msghdr message = {0};
    struct mmsghdr messages[1] = {{{0}, 0}};
    SAY(syscall(SYS_sendmsg, fd, &message, COMPAT)), SAY(syscall(SYS_recvmsg, fd, &message, COMPAT));
    SAY(syscall(SYS_sendmmsg, fd, messages, 1, COMPAT)), SAY(syscall(SYS_recvmmsg, fd, messages, 1, COMPAT, 0));
    SAY(syscall(SYS_sendmsg, -1, &message, COMPAT)), SAY(syscall(SYS_sendmsg, -1, &message, 0));
    close(fd);
  }
  SAY(send(socket(AF_UNIX, SOCK_STREAM, 0), bytes, 0, MSG_OOB));

  SAY(connect(file, (void *)8, 16)), SAY(connect(file, 0, -1)), SAY(connect(file, (void *)bytes, 16)), SAY(connect(-1, (void *)8, 16));

  while (read(pipes[0], bytes, sizeof bytes) > 0) continue;
  off_t at = 0;
  SAY(sendfile(pipes[1], pair[0], 0, 5)), SAY(sendfile(pipes[1], pair[0], &at, 5));
  // The pipe does not wait, and so the socket does not.
  fcntl(pair[0], F_SETFL, 0);
  SAY(sendfile(pipes[1], pair[0], 0, 5)), SAY(splice(pair[0], 0, pipes[1], 0, 5, SPLICE_F_NONBLOCK));
  SAY(write(pair[1], "bytes", 5)), SAY(sendfile(pipes[1], pair[0], 0, 9)), SAY(read(pipes[0], bytes, 9));

  block("file", file), block("folder", open("/tmp", O_RDONLY)), block("pipe", pipes[0]), block("socket", pair[0]), block("eventfd", event);
  block("inotify", watch), block("/proc", open("/proc/self/stat", O_RDONLY)), block("null", open("/dev/null", O_RDWR));
  block("path", open("/tmp/a", O_PATH));
  SAY(ioctl(file, BLOCK, (void *)8));
  return 0;
}
