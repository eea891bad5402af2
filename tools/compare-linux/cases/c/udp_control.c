// Control messages of datagrams (ip(7), ipv6(7)): addresses, hops and service of those that come and of those that are sent.
#include "say.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
typedef struct sockaddr_in In;
typedef struct sockaddr_in6 In6;
static int on_ = 1, off;
static union { char bytes[512]; struct cmsghdr first; } room, out;
static size_t used;
/** Which error it is depends on the version. */
static int vague;
static In at(const char *ip, int port) {
  In a = {AF_INET, port};
  inet_pton(AF_INET, ip, &a.sin_addr);
  return a;
}
static In6 at6(const char *ip, int port) {
  In6 a = {AF_INET6, port};
  inet_pton(AF_INET6, ip, &a.sin6_addr);
  return a;
}
static int port_of(int fd) {
  In6 a;
  socklen_t n = sizeof a;
  return getsockname(fd, (void *)&a, &n) ? 0 : a.sin6_port;
}
static void message(struct cmsghdr *c) {
  char text[2][64] = {"", ""};
  unsigned char *data = CMSG_DATA(c);
  printf(" level %d type %d length %d", c->cmsg_level, c->cmsg_type, (int)c->cmsg_len);
  if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO && c->cmsg_len == CMSG_LEN(12)) {
    struct in_pktinfo *i = (void *)data;
    printf(" %d %s %s\n", i->ipi_ifindex, inet_ntop(AF_INET, &i->ipi_spec_dst, text[0], 64), inet_ntop(AF_INET, &i->ipi_addr, text[1], 64));
  } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO && c->cmsg_len == CMSG_LEN(20)) {
    struct in6_pktinfo *i = (void *)data;
    printf(" %d %s\n", i->ipi6_ifindex, inet_ntop(AF_INET6, &i->ipi6_addr, text[0], 64));
  } else {
    for (size_t i = 0; i < c->cmsg_len - CMSG_LEN(0); i++) printf(" %02x", data[i]);
    printf("\n");
  }
}
/** Receives with `size` bytes for control messages. */
static void take(int fd, size_t size, int flags) {
  char byte[8], name[64];
  struct iovec v = {byte, 8};
  struct msghdr h = {name, sizeof name, &v, 1, &room, size};
  memset(&room, 0xaa, sizeof room);
  long result = recvmsg(fd, &h, flags | MSG_DONTWAIT);
  if (result < 0) printf("receives: %s\n", strerrorname_np(errno));
  else printf("receives %ld, flags %x, control %d\n", result, h.msg_flags & ~MSG_CMSG_CLOEXEC, (int)h.msg_controllen);
  if (result >= 0)
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&h); c != NULL; c = CMSG_NXTHDR(&h, c)) message(c);
  char text[64] = "";
  struct sockaddr *s = (void *)name;
  if (result >= 0) inet_ntop(s->sa_family, s->sa_family == AF_INET ? (void *)&((In *)s)->sin_addr : (void *)&((In6 *)s)->sin6_addr, text, 64), printf(" from %s\n", text);
  fflush(stdout);
}
static void along(int level, int type, const void *data, size_t size) {
  struct cmsghdr *c = (void *)(out.bytes + used);
  memset(c, 0, CMSG_SPACE(size));
  c->cmsg_len = CMSG_LEN(size), c->cmsg_level = level, c->cmsg_type = type;
  memcpy(CMSG_DATA(c), data, size);
  used += CMSG_SPACE(size);
}
static void number(int level, int type, int value, size_t size) { along(level, type, &value, size); }
static void info(int index, const char *source) {
  struct in_pktinfo i = {index};
  inet_pton(AF_INET, source, &i.ipi_spec_dst), along(IPPROTO_IP, IP_PKTINFO, &i, sizeof i);
}
static void info6(int index, const char *source) {
  struct in6_pktinfo i = {.ipi6_ifindex = index};
  inet_pton(AF_INET6, source, &i.ipi6_addr), along(IPPROTO_IPV6, IPV6_PKTINFO, &i, sizeof i);
}
static void *target;
static socklen_t target_length;
/** Sends what `along` has put together, and receives it at `to`. */
static void give(const char *what, int from, int to) {
  struct iovec v = {"along", 5};
  struct msghdr h = {target, target_length, &v, 1, &out, used};
  printf("%s: ", what);
  long result = sendmsg(from, &h, 0);
  if (result < 0) printf("%s\n", vague ? "refused" : strerrorname_np(errno));
  else printf("%ld\n", result), take(to, sizeof room, 0);
  fflush(stdout), used = 0;
}
#define GIVE(...) (__VA_ARGS__, give(#__VA_ARGS__, y, x))
#define SET(fd, level, name, value) SAY(setsockopt(fd, level, name, &value, 4))
static void four(void) {
  int x = socket(AF_INET, SOCK_DGRAM, 0), y = socket(AF_INET, SOCK_DGRAM, 0), ttl = 9, tos = 0x2f;
  In a = at("0.0.0.0", 0), b;
  SAY(bind(x, (void *)&a, sizeof a)), b = at("127.1.2.3", port_of(x));
#define SEND() (sendto(y, "four", 4, 0, (void *)&b, sizeof b))
  SAY(SEND()), take(x, 512, 0), SAY(SEND()), SET(x, IPPROTO_IP, IP_PKTINFO, on_), take(x, 512, 0);
  SAY(SEND()), take(x, 512, 0), SET(x, IPPROTO_IP, IP_RECVTOS, on_), SET(x, IPPROTO_IP, IP_RECVTTL, on_), SAY(SEND()), take(x, 512, MSG_PEEK), take(x, 512, 0);
  SET(y, IPPROTO_IP, IP_TTL, ttl), SET(y, IPPROTO_IP, IP_TOS, tos), SAY(SEND()), take(x, 512, 0);
  for (int size = 0; size <= 80; size += size < 12 ? 12 : size < 34 ? 3 : 8) printf("%d ", size), SEND(), take(x, size, 0);
  char byte;
  struct iovec v = {&byte, 1};
  struct msghdr h = {0, 0, &v, 1, 0, 100};
  SEND(), SAY(recvmsg(x, &h, MSG_DONTWAIT)), SAY(h.msg_flags), SAY(h.msg_controllen);
  h.msg_control = (void *)8, h.msg_controllen = 100, SEND(), SAY(recvmsg(x, &h, MSG_DONTWAIT)), SAY(h.msg_flags), SAY(h.msg_controllen);
  SEND(), SAY(recv(x, &byte, 1, MSG_DONTWAIT));
  SET(y, SOL_SOCKET, SO_BROADCAST, on_), b = at("127.255.255.255", port_of(x)), SAY(SEND()), take(x, 512, 0), b = at("0.0.0.0", port_of(x)), SAY(SEND()), take(x, 512, 0);
  b = at("127.0.0.1", port_of(x)), target = &b, target_length = sizeof b;
  GIVE(number(IPPROTO_IP, IP_TTL, 77, 4)), GIVE(number(IPPROTO_IP, IP_TOS, 0x11, 4)), GIVE(number(IPPROTO_IP, IP_TOS, 0x12, 1)), GIVE(number(IPPROTO_IP, IP_TTL, 5, 4), number(IPPROTO_IP, IP_TOS, 0, 1), info(0, "127.5.5.5"));
  GIVE(number(IPPROTO_IP, IP_TTL, 0, 4)), GIVE(number(IPPROTO_IP, IP_TTL, 256, 4)), GIVE(number(IPPROTO_IP, IP_TTL, 5, 1)), GIVE(number(IPPROTO_IP, IP_TOS, -1, 4)), GIVE(number(IPPROTO_IP, IP_TOS, 256, 4)), GIVE(number(IPPROTO_IP, IP_TOS, 1, 2)), GIVE(number(IPPROTO_IP, 99, 1, 4));
  GIVE(info(0, "0.0.0.0")), GIVE(info(1, "0.0.0.0")), GIVE(info(1, "127.9.9.9")), GIVE(info(9999, "127.0.0.1")), GIVE(info(-1, "127.0.0.1")), vague = 1, GIVE(info(0, "1.2.3.4")), GIVE(info(9999, "1.2.3.4")), GIVE(info(0, "127.255.255.255")), vague = 0, GIVE(number(IPPROTO_IP, IP_PKTINFO, 1, 4));
  GIVE(number(IPPROTO_IPV6, IPV6_HOPLIMIT, 1000, 4)), GIVE(number(SOL_SOCKET, SCM_RIGHTS, 999, 4)), GIVE(number(SOL_SOCKET, SCM_CREDENTIALS, 1, 4)), GIVE(number(SOL_SOCKET, 99, 1, 4)), GIVE(number(IPPROTO_UDP, 99, 1, 4)), GIVE(number(IPPROTO_TCP, 99, 1, 4));
  GIVE(info(9999, "127.0.0.1"), number(IPPROTO_UDP, 99, 1, 4)), GIVE(number(IPPROTO_IP, IP_TTL, 5, 4), out.first.cmsg_len = 15), GIVE(number(IPPROTO_IP, IP_TTL, 5, 4), out.first.cmsg_len = 25), GIVE(number(IPPROTO_IP, IP_TTL, 5, 4), used = 20), GIVE(number(IPPROTO_IP, IP_TTL, 500, 4), used = 15);
  b.sin_port = 0, GIVE(number(IPPROTO_IP, IP_TTL, 0, 4)), b.sin_family = 77, GIVE(number(IPPROTO_IP, IP_TTL, 0, 4)), target_length = 0, GIVE(number(IPPROTO_IP, IP_TTL, 0, 4));
  h.msg_control = (void *)8, h.msg_controllen = 20, SAY(sendmsg(y, &h, 0)), h.msg_controllen = 1 << 30, SAY(sendmsg(y, &h, 0));
  b = at("127.0.0.1", port_of(x)), SAY(connect(y, (void *)&b, sizeof b)), target = 0, GIVE(info(0, "127.7.7.7")), GIVE(number(IPPROTO_IP, IP_TTL, 33, 4)), GIVE(used = 0), close(y);
  a = at("127.4.4.4", 0), y = socket(AF_INET, SOCK_DGRAM, 0), SAY(bind(y, (void *)&a, sizeof a)), target = &b, target_length = sizeof b, GIVE(used = 0), GIVE(info(0, "0.0.0.0")), GIVE(info(0, "127.6.6.6"));
  SET(x, IPPROTO_IP, IP_PKTINFO, off), SET(x, IPPROTO_IP, IP_RECVTTL, off), GIVE(used = 0), SET(x, IPPROTO_IP, IP_RECVTOS, off), GIVE(used = 0), close(x), close(y);
}
static void six(void) {
  int x = socket(AF_INET6, SOCK_DGRAM, 0), y = socket(AF_INET6, SOCK_DGRAM, 0), hops = 12, class = 0x34;
  In6 a = at6("::", 0), b;
  SAY(bind(x, (void *)&a, sizeof a)), b = at6("::1", port_of(x)), target = &b, target_length = sizeof b;
  GIVE(used = 0), SAY(SEND()), SET(x, IPPROTO_IPV6, IPV6_RECVPKTINFO, on_), take(x, 512, 0), SET(x, IPPROTO_IPV6, IPV6_RECVTCLASS, on_), SET(x, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, on_), GIVE(used = 0);
  for (int size = 12; size <= 96; size += 7) printf("%d ", size), SEND(), take(x, size, 0);
  SET(y, IPPROTO_IPV6, IPV6_UNICAST_HOPS, hops), SET(y, IPPROTO_IPV6, IPV6_TCLASS, class), GIVE(used = 0);
  GIVE(number(IPPROTO_IPV6, IPV6_HOPLIMIT, 5, 4), number(IPPROTO_IPV6, IPV6_TCLASS, 6, 4)), GIVE(number(IPPROTO_IPV6, IPV6_HOPLIMIT, -1, 4)), GIVE(number(IPPROTO_IPV6, IPV6_HOPLIMIT, 0, 4)), GIVE(number(IPPROTO_IPV6, IPV6_HOPLIMIT, 256, 4)), GIVE(number(IPPROTO_IPV6, IPV6_HOPLIMIT, -2, 4)), GIVE(number(IPPROTO_IPV6, IPV6_HOPLIMIT, 5, 1)), GIVE(number(IPPROTO_IPV6, IPV6_TCLASS, 256, 4)), GIVE(number(IPPROTO_IPV6, IPV6_TCLASS, 1, 1));
  GIVE(info6(0, "::")), GIVE(info6(1, "::1")), GIVE(info6(9999, "::")), GIVE(info6(0, "fe80::1")), GIVE(info6(0, "2001:db8::1")), GIVE(info6(0, "::ffff:127.0.0.1")), GIVE(number(IPPROTO_IPV6, IPV6_PKTINFO, 1, 4)), GIVE(number(IPPROTO_IPV6, 99, 1, 4)), GIVE(number(IPPROTO_IP, IP_TTL, 0, 4)), GIVE(number(SOL_SOCKET, 99, 0, 4)), GIVE(number(SOL_SOCKET, SCM_RIGHTS, 0, 4)), GIVE(info6(1, "::1"), info6(2, "::1"));
  b = at6("::ffff:127.0.0.1", port_of(x)), GIVE(used = 0), SET(x, IPPROTO_IP, IP_PKTINFO, on_), SET(x, IPPROTO_IP, IP_RECVTTL, on_), SET(x, IPPROTO_IP, IP_RECVTOS, on_), GIVE(used = 0), GIVE(info6(0, "::ffff:127.3.3.3")), GIVE(info6(0, "::1")), GIVE(number(IPPROTO_IPV6, IPV6_HOPLIMIT, 999, 4)), GIVE(number(IPPROTO_IP, IP_TTL, 5, 4)), GIVE(info(1, "127.8.8.8"));
  close(x), close(y), x = socket(AF_INET6, SOCK_DGRAM, 0), SAY(bind(x, (void *)&a, sizeof a)), y = socket(AF_INET, SOCK_DGRAM, 0);
  In c = at("127.0.0.1", port_of(x));
  target = &c, target_length = sizeof c, sendto(y, "old", 3, 0, target, target_length), SET(x, IPPROTO_IPV6, IPV6_RECVPKTINFO, on_), take(x, 512, 0), GIVE(used = 0), SET(x, IPPROTO_IPV6, IPV6_RECVPKTINFO, off), GIVE(used = 0), close(x), close(y);
}
static void streams(void) {
  int l = socket(AF_INET, SOCK_STREAM, 0), y = socket(AF_INET, SOCK_STREAM, 0);
  In a = at("127.0.0.1", 0);
  bind(l, (void *)&a, sizeof a), listen(l, 1), a.sin_port = port_of(l), SAY(connect(y, (void *)&a, sizeof a));
  int x = accept(l, 0, 0), z = socket(AF_INET, SOCK_STREAM, 0), none[2] = {999, 0};
  char byte;
  struct iovec v = {&byte, 1};
  struct msghdr h = {0, 0, &v, 1, &room, 512};
  SET(x, IPPROTO_IP, IP_PKTINFO, on_), SET(x, IPPROTO_IP, IP_RECVTTL, on_);
#define STREAM(...) (__VA_ARGS__, h.msg_control = &out, h.msg_controllen = used, SAY(sendmsg(y, &h, 0)), used = 0, h.msg_control = &room, h.msg_controllen = 512, SAY(recvmsg(x, &h, MSG_DONTWAIT)), SAY(h.msg_controllen))
  STREAM(used = 0), STREAM(number(IPPROTO_IP, IP_TTL, 5, 4)), STREAM(number(SOL_SOCKET, 99, 5, 4)), STREAM(number(SOL_SOCKET, SCM_RIGHTS, 999, 4)), STREAM(number(IPPROTO_IP, IP_TTL, 5, 4), out.first.cmsg_len = 99);
  number(SOL_SOCKET, 99, 5, 4), h.msg_control = &out, h.msg_controllen = used, SAY(sendmsg(z, &h, MSG_NOSIGNAL)), used = 0, close(x), close(y), close(z), close(l);
  int pair[2];
  SAY(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair)), y = pair[0], x = pair[1];
  STREAM(along(SOL_SOCKET, SCM_RIGHTS, none, 4)), STREAM(along(SOL_SOCKET, SCM_RIGHTS, none, 3)), STREAM(number(IPPROTO_IP, IP_TTL, 5, 4)), STREAM(number(SOL_SOCKET, 99, 5, 4)), STREAM(number(SOL_SOCKET, SCM_CREDENTIALS, 5, 4));
}
int main(void) {
  four(), six(), streams();
  return 0;
}
