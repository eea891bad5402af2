// Datagrams over the loopback interface (udp(7)), and the loopback address of IPv6 (ipv6(7)), streams included.
#include "inet.h"
static char large[70000];
static int off;
static In6 at6(const char *ip, int port) {
  In6 a = {AF_INET6, htons(port)};
  inet_pton(AF_INET6, ip, &a.sin6_addr);
  return a;
}
static void show(const char *what, void *a, socklen_t n, int port) {
  char text[64] = "";
  struct sockaddr *s = a;
  inet_ntop(s->sa_family, s->sa_family == AF_INET ? (void *)&((In *)a)->sin_addr : (void *)&((In6 *)a)->sin6_addr, text, sizeof text);
  printf("%s: %d family %d %s port %s\n", what, n, s->sa_family, text, ntohs(((In *)a)->sin_port) == port ? "as expected" : "other");
}
static void name(const char *what, int fd, int (*of)(int, struct sockaddr *, socklen_t *), int port) {
  In6 a;
  socklen_t n = sizeof a;
  if (of(fd, (void *)&a, &n)) printf("%s: %s\n", what, strerrorname_np(errno));
  else show(what, &a, n, port);
}
static void from(int fd, int port) {
  In6 a;
  socklen_t n = sizeof a;
  memset(buffer, 0, 99);
  got("recvfrom", recvfrom(fd, buffer, 99, MSG_DONTWAIT, (void *)&a, &n)), show("from", &a, n, port);
}
static void datagrams(void) {
  int x = socket(AF_INET, SOCK_DGRAM, 0), y = socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP), n;
  In a = at("127.0.0.1", 0), b, far = at("1.2.3.4", 9), unspec = {AF_UNSPEC}, zero = at("127.0.0.1", 0);
  SAY(ready(x)), name("fresh", x, getsockname, 0), name("peer", x, getpeername, 0), SAY(send(x, "x", 1, 0)), RECV(x, 1, MSG_DONTWAIT), SAY(bind(x, (void *)&a, sizeof a));
  a.sin_port = htons(port_of(x));
  SAY(sendto(y, "hello", 5, 0, (void *)&a, sizeof a)), name("after sending", y, getsockname, port_of(y)), SAY(sendto(y, "", 0, 0, (void *)&a, sizeof a)), SAY(ready(x)), SAY(ioctl(x, FIONREAD, &n)), SAY(n);
  SAY(recv(x, buffer, 2, MSG_PEEK)), SAY(recv(x, buffer, 2, MSG_PEEK | MSG_TRUNC)), from(x, port_of(y)), from(x, port_of(y)), RECV(x, 9, MSG_DONTWAIT), SAY(sendto(y, "truncated", 9, 0, (void *)&a, sizeof a)), RECV(x, 4, 0), RECV(x, 4, MSG_DONTWAIT);
  struct iovec v = {buffer, 3};
  struct msghdr h = {0, 0, &v, 1};
  sendto(y, "truncated", 9, 0, (void *)&a, sizeof a), SAY(recvmsg(x, &h, 0)), SAY(h.msg_flags), SAY(h.msg_controllen);
  SAY(sendto(y, "x", 1, 0, (void *)&zero, sizeof zero)), SAY(sendto(y, "x", 1, 0, (void *)&a, 8)), SAY(sendto(y, "x", 1, 0, (void *)&a, 200)), SAY(sendto(y, "x", 1, MSG_OOB, (void *)&a, sizeof a)), SAY(sendto(y, (void *)8, 1, 0, (void *)&a, sizeof a));
  b = a, b.sin_family = 99, SAY(sendto(y, "x", 1, 0, (void *)&b, sizeof b)), b.sin_family = AF_UNSPEC, SAY(sendto(y, "unspec", 6, 0, (void *)&b, sizeof b)), RECV(x, 9, MSG_DONTWAIT);
  SAY(sendto(y, large, 65507, 0, (void *)&a, sizeof a)), SAY(sendto(y, large, 65508, 0, (void *)&a, sizeof a)), SAY(sendto(y, large, 70000, 0, (void *)&a, sizeof a)), SAY(recv(x, buffer, sizeof buffer, MSG_DONTWAIT));
  SAY(connect(y, (void *)&a, 4)), SAY(connect(y, (void *)&a, sizeof a)), name("connected to", y, getpeername, ntohs(a.sin_port)), name("connected", y, getsockname, port_of(y)), SAY(send(y, "sent", 4, 0)), from(x, port_of(y)), SAY(write(y, "written", 7)), from(x, port_of(y));
  int z = socket(AF_INET, SOCK_DGRAM, 0);
  b = at("127.0.0.1", port_of(y)), SAY(sendto(z, "stranger", 8, 0, (void *)&b, sizeof b)), RECV(y, 9, MSG_DONTWAIT), SAY(sendto(x, "friend", 6, 0, (void *)&b, sizeof b)), RECV(y, 9, MSG_DONTWAIT);
  int gone = ntohs(a.sin_port);
  close(x), SAY(send(y, "into nothing", 12, 0)), SAY(ready(y)), SAY(send(y, "x", 1, 0)), SAY(ready(y)), SAY(send(y, "x", 1, 0)), RECV(y, 9, MSG_DONTWAIT), RECV(y, 9, MSG_DONTWAIT), SAY(sendto(z, "x", 1, 0, (void *)&a, sizeof a)), SAY(sendto(z, "x", 1, 0, (void *)&a, sizeof a));
  SAY(connect(y, (void *)&unspec, sizeof unspec)), name("disconnected", y, getpeername, 0), SAY(send(y, "x", 1, 0)), SAY(shutdown(y, SHUT_WR)), SAY(sendto(y, "x", 1, MSG_NOSIGNAL, (void *)&a, sizeof a)), SAY(shutdown(y, SHUT_RD)), SAY(ready(y)), RECV(y, 1, MSG_DONTWAIT), RECV(y, 1, 0), close(y), close(z);
  x = socket(AF_INET, SOCK_DGRAM, 0), a = at("0.0.0.0", 0), bind(x, (void *)&a, sizeof a), y = socket(AF_INET, SOCK_DGRAM, 0), a = at("127.1.2.3", port_of(x)), SAY(sendto(y, "elsewhere", 9, 0, (void *)&a, sizeof a)), from(x, port_of(y));
  a = at("127.255.255.255", port_of(x)), SAY(sendto(y, "to all", 6, 0, (void *)&a, sizeof a)), SAY(setsockopt(y, SOL_SOCKET, SO_BROADCAST, &on_, 4)), SAY(sendto(y, "to all", 6, 0, (void *)&a, sizeof a)), from(x, port_of(y));
  SAY(setsockopt(x, SOL_SOCKET, SO_REUSEADDR, &on_, 4)), z = socket(AF_INET, SOCK_DGRAM, 0), a = at("0.0.0.0", port_of(x)), SAY(bind(z, (void *)&a, sizeof a)), setsockopt(z, SOL_SOCKET, SO_REUSEADDR, &on_, 4), SAY(bind(z, (void *)&a, sizeof a)), close(x), close(y), close(z);
  struct timeval limit = {0, 20000};
  x = socket(AF_INET, SOCK_DGRAM, 0), setsockopt(x, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), RECV(x, 1, 0), close(x);
}
static void six(void) {
  int l = socket(AF_INET6, SOCK_STREAM, 0), s = socket(AF_INET6, SOCK_STREAM, 0), f = socket(AF_INET, SOCK_STREAM, 0), only = -1;
  In6 a = at6("::1", 0), any = at6("::", 0), m;
  socklen_t n = sizeof only;
  SAY(getsockopt(l, IPPROTO_IPV6, IPV6_V6ONLY, &only, &n)), SAY(only), SAY(bind(l, (void *)&a, 10)), SAY(bind(l, (void *)&a, sizeof a)), SAY(listen(l, 5)), SAY(setsockopt(l, IPPROTO_IPV6, IPV6_V6ONLY, &on_, 4)), a.sin6_port = htons(port_of(l)), SAY(connect(s, (void *)&a, sizeof a)), name("of six", s, getsockname, port_of(s)), name("to six", s, getpeername, port_of(l));
  In four = at("127.0.0.1", port_of(l));
  SAY(connect(f, (void *)&four, sizeof four));
  int t = accept(l, 0, 0);
  SAY(send(s, "six", 3, 0)), RECV(t, 9, 0), close(s), close(t), close(l);
  l = socket(AF_INET6, SOCK_STREAM, 0), s = socket(AF_INET6, SOCK_STREAM, 0), SAY(bind(l, (void *)&any, sizeof any)), SAY(listen(l, 5)), four.sin_port = htons(port_of(l)), SAY(connect(f, (void *)&four, sizeof four)), n = sizeof m, t = accept(l, (void *)&m, &n), show("mapped", &m, n, port_of(f)), name("itself", t, getsockname, port_of(l)), close(t), m = at6("::ffff:127.0.0.1", port_of(l)), SAY(connect(s, (void *)&m, sizeof m)), name("mapped", s, getpeername, port_of(l)), name("mapped", s, getsockname, port_of(s)), close(s);
  int g = socket(AF_INET, SOCK_STREAM, 0);
  SAY(bind(g, (void *)&four, sizeof four)), close(g), g = socket(AF_INET6, SOCK_STREAM, 0), SAY(connect(g, (void *)&four, sizeof four)), SAY(setsockopt(g, IPPROTO_IPV6, IPV6_V6ONLY, &on_, 4)), SAY(connect(g, (void *)&m, sizeof m)), SAY(bind(g, (void *)&m, sizeof m)), close(g), close(l), close(f);
  l = socket(AF_INET6, SOCK_DGRAM, 0), s = socket(AF_INET6, SOCK_DGRAM, 0), f = socket(AF_INET, SOCK_DGRAM, 0), bind(l, (void *)&any, sizeof any), a = at6("::1", port_of(l)), four.sin_port = a.sin6_port, SAY(sendto(s, "six", 3, 0, (void *)&a, sizeof a)), from(l, port_of(s)), SAY(sendto(f, "four", 4, 0, (void *)&four, sizeof four)), from(l, port_of(f)), SAY(sendto(s, "short", 5, 0, (void *)&a, 20)), SAY(connect(s, (void *)&a, sizeof a)), name("datagrams", s, getsockname, port_of(s)), close(l), SAY(send(s, "x", 1, 0)), SAY(send(s, "x", 1, 0)), close(s), close(f);
}
int main(void) {
  datagrams(), six();
  return 0;
}
