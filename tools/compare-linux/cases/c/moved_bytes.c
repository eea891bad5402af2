// splice(2), tee(2), sendfile(2) and copy_file_range(2) from each kind of file to each: what may be, how many bytes go, and which
// error tells that none may.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FILE_, MEMFD, PROC, PROC_STAT, SYSTEM, PIPE, LOCAL, PACKETS, TCP, NULL_, ZERO, FOLDER, EVENT, POLL, APPEND, READ_ONLY, WRITE_ONLY, KINDS };
static const char *const names[] = {"file", "memfd", "proc", "limits", "system", "pipe", "local", "packets", "tcp", "null", "zero", "folder", "event", "epoll", "append", "read-only", "write-only"};

static int other;

// A descriptor of the kind, with bytes to be read where `reading`; `other` is what is to be closed beside.
static int made(int kind, int reading) {
  int pair[2], fd = -1;
  other = -1;
  switch (kind) {
  case FILE_: case APPEND: case READ_ONLY: case WRITE_ONLY:
    fd = open("/tmp/file", O_RDWR | O_CREAT | O_TRUNC, 0600);
    write(fd, "contents", 8);
    close(fd);
    return open("/tmp/file", kind == READ_ONLY ? O_RDONLY : kind == WRITE_ONLY ? O_WRONLY : kind == APPEND ? O_RDWR | O_APPEND : O_RDWR);
  case MEMFD: fd = memfd_create("memory", 0); write(fd, "memory", 6); lseek(fd, 0, SEEK_SET); return fd;
  case PROC: return open("/proc/self/comm", O_RDWR);
  case PROC_STAT: return open("/proc/self/limits", O_RDONLY);
  case SYSTEM: return open("/proc/version", O_RDONLY);
  case PIPE: pipe2(pair, O_NONBLOCK); if (reading) write(pair[1], "pipe", 4); break;
  case LOCAL: case PACKETS: socketpair(AF_UNIX, (kind == LOCAL ? SOCK_STREAM : SOCK_SEQPACKET) | SOCK_NONBLOCK, 0, pair); if (reading) send(pair[1], "local", 5, 0); break;
  case TCP: {
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof name;
    bind(listener, (struct sockaddr *)&name, size);
    listen(listener, 1);
    getsockname(listener, (struct sockaddr *)&name, &size);
    pair[1] = socket(AF_INET, SOCK_STREAM, 0);
    connect(pair[1], (struct sockaddr *)&name, sizeof name);
    pair[0] = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    close(listener);
    if (reading) send(pair[1], "stream", 6, 0);
    break;
  }
  case NULL_: return open("/dev/null", O_RDWR);
  case ZERO: return open("/dev/zero", O_RDWR);
  case FOLDER: return open("/tmp", O_RDONLY | O_DIRECTORY);
  case EVENT: return eventfd(1, EFD_NONBLOCK);
  case POLL: return epoll_create1(0);
  }
  int at = kind == PIPE && !reading;
  other = pair[!at];
  return pair[at];
}

typedef long call(int from, int to);
static long spliced(int from, int to) { return splice(from, NULL, to, NULL, 5, SPLICE_F_NONBLOCK); }
static long offset_in(int from, int to) { loff_t at = 1; return splice(from, &at, to, NULL, 5, SPLICE_F_NONBLOCK); }
static long offset_out(int from, int to) { loff_t at = 1; return splice(from, NULL, to, &at, 5, SPLICE_F_NONBLOCK); }
static long teed(int from, int to) { return tee(from, to, 5, SPLICE_F_NONBLOCK); }
static long sent(int from, int to) { return sendfile(to, from, NULL, 5); }
static long sent_at(int from, int to) { off_t at = 1; return sendfile(to, from, &at, 5); }
static long copied(int from, int to) { return copy_file_range(from, NULL, to, NULL, 5, 0); }
static long nothing(int from, int to) { return splice(from, NULL, to, NULL, 0, 0); }
static long nothing_sent(int from, int to) { return sendfile(to, from, NULL, 0); }
static long nothing_copied(int from, int to) { return copy_file_range(from, NULL, to, NULL, 0, 0); }
static long odd(int from, int to) { return splice(from, NULL, to, NULL, 5, 0x100); }

static void all(const char *what, call *move) {
  for (int from = 0; from < KINDS; from++) {
    printf("%s %s:", what, names[from]);
    for (int to = 0; to < KINDS; to++) {
      if (to == from && to != PIPE) continue;
      int source = made(from, 1), beside = other;
      int target = made(to, 0), beyond = other;
      errno = 0;
      long result = move(source, target);
      if (result < 0) printf(" %s", strerrorname_np(errno));
      else printf(" %ld", result);
      close(source), close(target), close(beside), close(beyond);
    }
    printf("\n");
  }
}

int main(void) {
  signal(SIGPIPE, SIG_IGN);
  all("splice", spliced);
  all("in", offset_in);
  all("out", offset_out);
  all("tee", teed);
  all("sendfile", sent);
  all("sendfile at", sent_at);
  all("copy", copied);
  all("nothing", nothing);
  all("nothing sent", nothing_sent);
  all("nothing copied", nothing_copied);
  all("odd", odd);
  return 0;
}
