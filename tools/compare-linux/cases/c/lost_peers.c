// Sockets that get another peer or lose theirs: datagrams that wait, errors, addresses and ports.
#include "say.h"
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

static char bytes[100];

static int datagrams(const char *name) {
  struct sockaddr_un address = {AF_UNIX, {0}};
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  strcpy(address.sun_path, name);
  if (bind(fd, (void *)&address, sizeof address) != 0) exit(1);
  return fd;
}

static int join(int fd, const char *name) {
  struct sockaddr_un address = {name ? AF_UNIX : AF_UNSPEC, {0}};
  if (name) strcpy(address.sun_path, name);
  return connect(fd, (void *)&address, sizeof address);
}

static void lose(int empty, const char *next) {
  int pair[2], other = datagrams("/tmp/other");
  socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair);
  printf("%s, %s\n", empty ? "nothing waits" : "something waits", next ? next : "no peer");
  if (!empty) SAY(send(pair[1], "one", 3, 0)), SAY(send(pair[0], "two", 3, 0));
  SAY(join(pair[0], next));
  SAY(recv(pair[0], bytes, sizeof bytes, 0));
  SAY(recv(pair[1], bytes, sizeof bytes, 0)), SAY(recv(pair[1], bytes, sizeof bytes, 0));
  SAY(send(pair[1], "three", 5, 0)), SAY(send(pair[0], "four", 4, 0));
  SAY(join(other, "/tmp/other")), SAY(send(pair[0], "five", 4, 0));
  close(pair[0]), close(pair[1]), close(other), unlink("/tmp/other");
}

static int port_of(int fd) {
  struct sockaddr_in6 address = {0};
  socklen_t n = sizeof address;
  return getsockname(fd, (void *)&address, &n) == 0 ? address.sin6_port : -1;
}

/** A refused connection lets go what it had of a port; what bind(2) gives then stays. */
static void refuse(void) {
  const struct sockaddr_in nobody = {AF_INET, htons(1), {htonl(INADDR_LOOPBACK)}}, any = {AF_INET, 0, {htonl(INADDR_LOOPBACK)}};
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  SAY(connect(fd, (const void *)&nobody, sizeof nobody));
  SAY(bind(fd, (const void *)&any, sizeof any)), SAY(bind(fd, (const void *)&any, sizeof any));
  int port = port_of(fd);
  SAY(connect(fd, (const void *)&nobody, sizeof nobody));
  SAY(port != 0 && port_of(fd) == port);
  SAY(bind(fd, (const void *)&any, sizeof any));
  close(fd);
}

/** Sockets of IPv6 that are at an address of IPv4. */
static void mix(void) {
  struct sockaddr_in6 six = {AF_INET6, 0, 0, IN6ADDR_ANY_INIT};
  int four = socket(AF_INET, SOCK_DGRAM, 0), fd = socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  struct sockaddr_in at = {AF_INET, 0, {htonl(INADDR_LOOPBACK)}};
  socklen_t n = sizeof at;
  SAY(bind(four, (void *)&at, sizeof at)), SAY(getsockname(four, (void *)&at, &n));
  SAY(connect(fd, (void *)&at, sizeof at));
  six.sin6_port = at.sin_port, six.sin6_addr = in6addr_loopback;
  SAY(connect(fd, (void *)&six, sizeof six));
  SAY(send(fd, "to four", 7, 0)), SAY(recv(four, bytes, sizeof bytes, MSG_DONTWAIT));
  six.sin6_addr = in6addr_any;
  SAY(connect(fd, (void *)&six, sizeof six));
  SAY(send(fd, "to four", 7, 0)), SAY(recv(four, bytes, sizeof bytes, MSG_DONTWAIT));
  SAY(sendto(fd, "to any", 6, 0, (void *)&six, sizeof six)), SAY(recv(four, bytes, sizeof bytes, MSG_DONTWAIT));
}

/** Who sent something is told where one of both had asked for it by then. */
static void tell_sender(int type, int first, int second) {
  int pair[2], on = 1;
  char control[100] = {0};
  struct iovec piece = {bytes, sizeof bytes};
  struct msghdr message = {0, 0, &piece, 1, control, sizeof control, 0};
  socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, pair);
  if (first) setsockopt(pair[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
  if (second) setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
  SAY(send(pair[0], "sent", 4, 0));
  setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
  SAY(recvmsg(pair[1], &message, 0));
  struct ucred sender;
  memcpy(&sender, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof sender);
  printf("type %d, asked %d %d: process %d, user %d, group %d\n", type, first, second, sender.pid == getpid(), sender.uid == getuid(), sender.gid == getgid());
  if (sender.pid == 0) printf("nobody: %d %d\n", sender.uid, sender.gid);
  close(pair[0]), close(pair[1]);
}

/** A message to who is gone takes what it has sent before along, but not one that is too long. */
static void send_to_none(void) {
  int pair[2];
  static char much[1 << 20];
  socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair);
  SAY(send(pair[0], "last", 4, 0));
  close(pair[0]);
  SAY(send(pair[1], much, sizeof much, 0));
  SAY(recv(pair[1], bytes, sizeof bytes, MSG_PEEK));
  SAY(send(pair[1], "more", 4, 0));
  SAY(recv(pair[1], bytes, sizeof bytes, 0));
  SAY(send(pair[1], "more", 4, 0));
  close(pair[1]);
}

static void say_named(const char *what, int fd) {
  struct sockaddr_un address;
  socklen_t length = sizeof address;
  getsockname(fd, (void *)&address, &length);
  printf("%s: %s\n", what, length == sizeof(sa_family_t) ? "no name" : length == 8 && address.sun_path[0] == 0 ? "a chosen name" : "named");
}

/** Who asks for credentials has a name once it sends or connects. */
static void choose_names(int type) {
  int pair[2], on = 1, fd = socket(AF_UNIX, type, 0);
  printf("type %d\n", type);
  setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
  say_named("asked", fd);
  struct sockaddr_un wrong = {AF_INET, {0}};
  SAY(connect(fd, (void *)&wrong, sizeof wrong));
  say_named("wrong family", fd);
  SAY(join(fd, "/tmp/missing"));
  say_named("not connected", fd);
  close(fd), fd = socket(AF_UNIX, type, 0), setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
  struct sockaddr_un missing = {AF_UNIX, "/tmp/missing"};
  SAY(sendto(fd, "x", 1, MSG_NOSIGNAL, (void *)&missing, sizeof missing));
  say_named("sent to what is missing", fd);
  close(fd);
  socketpair(AF_UNIX, type, 0, pair);
  setsockopt(pair[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
  SAY(send(pair[1], "x", 1, 0));
  SAY(recv(pair[0], bytes, sizeof bytes, 0));
  say_named("received", pair[0]);
  SAY(send(pair[0], "x", 1, 0));
  say_named("sent", pair[0]), say_named("its peer", pair[1]);
  close(pair[0]), close(pair[1]);
}

/** shutdown(2) on a socket whose peer has been closed, and whose memory has been given to messages by then. */
static void shut_down_alone(int type, int how) {
  static char filled[1024];
  int pair[2], other[2];
  memset(filled, 0x7f, sizeof filled);
  socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, other);
  socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, pair);
  close(pair[1]);
  for (int length = 16; length <= 1024; length += 16) send(other[0], filled, length, 0);
  SAY(shutdown(pair[0], how)), SAY(shutdown(pair[0], SHUT_RDWR));
  SAY(recv(pair[0], bytes, sizeof bytes, 0)), SAY(send(pair[0], "x", 1, MSG_NOSIGNAL));
  close(pair[0]), close(other[0]), close(other[1]);
}

int main(void) {
  static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
  for (int i = 0; i < 12; i++) tell_sender(types[i % 3], i / 3 & 1, i / 6);
  for (int empty = 0; empty < 2; empty++) lose(empty, 0), lose(empty, "/tmp/other");
  refuse();
  send_to_none();
  for (int i = 0; i < 3; i++) choose_names(types[i]);
  for (int i = 0; i < 9; i++) shut_down_alone(types[i / 3], i % 3);
  // Without IPv6 there is nothing to mix.
  struct sockaddr_in6 loopback = {AF_INET6, 0, 0, IN6ADDR_LOOPBACK_INIT};
  if (bind(socket(AF_INET6, SOCK_DGRAM, 0), (void *)&loopback, sizeof loopback) == 0) mix();
  return 0;
}
