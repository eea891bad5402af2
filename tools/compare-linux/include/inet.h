// What the programs about loopback sockets share: addresses, ports, readiness, and what was received.
#include "say.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
typedef struct sockaddr_in In;
typedef struct sockaddr_in6 In6;

static char buffer[1 << 20];
static int on_ = 1;

static inline int ready(int fd) {
  struct pollfd p = {fd, POLLIN | POLLOUT | POLLRDHUP | POLLPRI};
  poll(&p, 1, 0);
  return p.revents;
}

static inline void got(const char *what, long result) {
  if (result < 0) printf("%s: %s\n", what, strerrorname_np(errno));
  else printf("%s: %ld '%.*s'\n", what, result, (int)(result < 40 ? result : 40), buffer);
  fflush(stdout);
}

#define RECV(fd, size, flags) \
  (memset(buffer, 0, 4096), got("recv " #fd " " #size " " #flags, recv(fd, buffer, size, flags)))

static inline In at(const char *ip, int port) {
  In a = {AF_INET, htons(port)};
  inet_pton(AF_INET, ip, &a.sin_addr);
  return a;
}

/** The port that a socket of either family is bound to, or −1. */
static inline int port_of(int fd) {
  In6 a;
  socklen_t n = sizeof a;
  return getsockname(fd, (void *)&a, &n) ? -1 : ntohs(a.sin6_port);
}
