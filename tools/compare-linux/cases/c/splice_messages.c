// splice(2) and sendfile(2) from sockets of each kind to a pipe: messages whole or cut to what there is room for, and what
// sockets that are not connected answer.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

static char sent[20000], got[70000];

static void alone(int family, int type, int state) {
  int ends[2], s = socket(family, type | SOCK_NONBLOCK, 0);
  if (s < 0 || pipe2(ends, O_NONBLOCK)) return;
  if (state == 1) listen(s, 1);
  if (state == 2) shutdown(s, SHUT_RDWR);
  printf("family %d type %d state %d:", family, type, state);
  for (int flags = 0; flags <= SPLICE_F_NONBLOCK; flags += SPLICE_F_NONBLOCK) {
    errno = 0;
    long result = splice(s, 0, ends[1], 0, 10, flags);
    printf(" %ld %d", result, errno);
  }
  errno = 0;
  long result = sendfile(ends[1], s, 0, 10);
  printf(" %ld %d\n", result, errno);
  close(s), close(ends[0]), close(ends[1]);
}

/** Messages from one end to the other, and `length` bytes of each by splice to a pipe. */
static void messages(const char *what, int from, int to, long length) {
  int ends[2];
  if (pipe2(ends, O_NONBLOCK)) return;
  for (int i = 0; i < 3; i++) {
    long bytes = (const int[]){100, 9000, 20000}[i];
    if (send(from, sent, bytes, 0) != bytes) printf("%s: cannot send\n", what);
    errno = 0;
    long result = i == 2 ? sendfile(ends[1], to, 0, length) : splice(to, 0, ends[1], 0, length, SPLICE_F_NONBLOCK);
    printf("%s: %ld of %ld %d", what, result, bytes, errno);
    long found = read(ends[0], got, sizeof got);
    printf(", read %ld %s\n", found, found > 0 && memcmp(sent, got, found) ? "wrong" : "right");
  }
  close(ends[0]), close(ends[1]);
}

int main(void) {
  signal(SIGPIPE, SIG_IGN);
  for (unsigned i = 0; i < sizeof sent; i++) sent[i] = (char)(i * 7 + i / 251);
  for (int state = 0; state < 3; state++) {
    alone(AF_UNIX, SOCK_STREAM, state), alone(AF_UNIX, SOCK_DGRAM, state), alone(AF_UNIX, SOCK_SEQPACKET, state);
    alone(AF_INET, SOCK_STREAM, state), alone(AF_INET, SOCK_DGRAM, state), alone(AF_INET6, SOCK_DGRAM, state);
  }
  for (int i = 0; i < 2; i++) {
    int pair[2];
    if (socketpair(AF_UNIX, i ? SOCK_SEQPACKET : SOCK_DGRAM, 0, pair)) return 1;
    messages(i ? "packets" : "datagrams", pair[0], pair[1], 1 << 16);
    messages(i ? "packets, cut" : "datagrams, cut", pair[0], pair[1], 5000);
    close(pair[0]), close(pair[1]);
  }
  struct sockaddr_in place = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof place;
  int to = socket(AF_INET, SOCK_DGRAM, 0), from = socket(AF_INET, SOCK_DGRAM, 0);
  if (bind(to, (void *)&place, size) || getsockname(to, (void *)&place, &size) || connect(from, (void *)&place, size)) return 1;
  messages("UDP", from, to, 1 << 16), messages("UDP, cut", from, to, 5000);
  return 0;
}
