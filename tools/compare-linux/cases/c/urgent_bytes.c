// Out-of-band bytes of local streams and of TCP: MSG_OOB, what is read up to them and behind, SIOCATMARK, SO_OOBINLINE, POLLPRI
// and SIGURG. What FIONREAD tells of local streams is left out where versions of Linux differ.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SIOCATMARK
#define SIOCATMARK 0x8905
#endif

static int from = -1, to = -1, local;
static volatile int signals;

static void note(int signal) {
  (void)signal;
  signals++;
}

static void fresh(const char *what) {
  int pair[2];
  close(from);
  close(to);
  signals = 0;
  printf("-- %s\n", what);
  if (local) {
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    from = pair[0], to = pair[1];
    return;
  }
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof name;
  bind(listener, (struct sockaddr *)&name, size);
  listen(listener, 1);
  getsockname(listener, (struct sockaddr *)&name, &size);
  from = socket(AF_INET, SOCK_STREAM, 0);
  connect(from, (struct sockaddr *)&name, sizeof name);
  to = accept(listener, NULL, NULL);
  close(listener);
}

static void state(void) {
  int mark = -1;
  struct pollfd polled = {to, POLLIN | POLLPRI | POLLRDHUP, 0};
  ioctl(to, SIOCATMARK, &mark);
  poll(&polled, 1, 0);
  printf("  mark %d, ready %#x, signals %d\n", mark, polled.revents, signals);
}

static void told(int fd, const char *what, long result) {
  printf("%s %d: %ld %s\n", what, fd, result, result < 0 ? strerrorname_np(errno) : "");
}

static void receive(int size, int flags) {
  char bytes[16] = "";
  struct iovec part = {bytes, size};
  struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
  long result = recvmsg(to, &header, flags | MSG_DONTWAIT);
  if (result < 0) printf("  %d %#x: %s\n", size, flags, strerrorname_np(errno));
  else printf("  %d %#x: %ld %s, flags %#x\n", size, flags, result, bytes, header.msg_flags & MSG_OOB);
}

static void put(const char *bytes, int flags) {
  long result = send(from, bytes, strlen(bytes), flags | MSG_NOSIGNAL);
  if (result < 0) printf("  send: %s\n", strerrorname_np(errno));
}

static void both(void) {
  fresh("taken at once");
  fcntl(to, F_SETOWN, getpid());
  put("abc", 0);
  state();
  put("de", MSG_OOB);
  state();
  receive(5, MSG_OOB | MSG_PEEK);
  receive(5, MSG_OOB);
  receive(5, MSG_OOB);
  state();
  receive(10, 0);
  receive(10, 0);
  fresh("read up to it");
  put("abc", MSG_OOB);
  put("xyz", 0);
  state();
  receive(10, 0);
  state();
  receive(10, 0);
  state();
  receive(1, MSG_OOB);
  receive(10, 0);
  fresh("taken, then read");
  put("abc", MSG_OOB);
  put("xyz", 0);
  receive(1, MSG_OOB);
  receive(10, 0);
  state();
  receive(10, 0);
  state();
  fresh("inline");
  int one = 1;
  setsockopt(to, SOL_SOCKET, SO_OOBINLINE, &one, sizeof one);
  put("abc", MSG_OOB);
  put("def", 0);
  receive(4, MSG_OOB);
  receive(10, 0);
  state();
  receive(10, 0);
  state();
  fresh("none");
  receive(1, MSG_OOB);
  state();
  fresh("all wanted");
  put("abc", MSG_OOB);
  put("xyz", 0);
  receive(6, MSG_WAITALL);
  receive(3, MSG_WAITALL);
}

static void local_ones(void) {
  fresh("two");
  put("abc", MSG_OOB);
  put("def", MSG_OOB);
  receive(4, MSG_OOB);
  receive(10, 0);
  state();
  fresh("no bytes");
  put("", MSG_OOB);
  fresh("a look");
  put("abc", MSG_OOB);
  put("xyz", 0);
  receive(10, MSG_PEEK);
  receive(1, 0);
  receive(10, MSG_PEEK);
  receive(10, 0);
  fresh("shut");
  shutdown(to, SHUT_RD);
  put("x", MSG_OOB);
  fresh("shut");
  shutdown(from, SHUT_WR);
  put("x", MSG_OOB);
  fresh("closed");
  put("abc", MSG_OOB);
  close(from);
  from = -1;
  receive(10, 0);
  receive(1, MSG_OOB);
}

static void kinds(void) {
  int pair[2], mark;
  char byte;
  int types[] = {SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM};
  for (int i = 0; i < 2; i++) {
    socketpair(AF_UNIX, types[i], 0, pair);
    told(types[i], "send", send(pair[0], "x", 1, MSG_OOB));
    told(types[i], "receive", recv(pair[0], &byte, 1, MSG_OOB));
  }
  int alone = socket(AF_UNIX, SOCK_STREAM, 0);
  told(SOCK_STREAM, "send", send(alone, "x", 1, MSG_OOB | MSG_NOSIGNAL));
  told(SOCK_STREAM, "receive", recv(alone, &byte, 1, MSG_OOB));
  told(SOCK_STREAM, "mark", ioctl(alone, SIOCATMARK, &mark));
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  struct sigaction action = {.sa_handler = note};
  sigaction(SIGURG, &action, NULL);
  local = 1;
  both();
  local_ones();
  kinds();
  local = 0;
  both();
  return 0;
}
