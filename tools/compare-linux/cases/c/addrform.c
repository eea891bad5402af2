// Sockets of IPv6 that take the form of IPv4 (ipv6(7), IPV6_ADDRFORM), because their peers have addresses of that.
#include "inet.h"
static void form(int fd, int family) {
  SAY(setsockopt(fd, IPPROTO_IPV6, IPV6_ADDRFORM, &family, 4));
}
static void is(int fd) {
  int domain = -1, value = -1;
  socklen_t n = 4, m = 4;
  SAY(getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n)), SAY(domain), SAY(getsockopt(fd, IPPROTO_IPV6, IPV6_ADDRFORM, &value, &m)), SAY(value);
}
static void names(int fd) {
  In6 a;
  socklen_t n = sizeof a;
  SAY(getsockname(fd, (void *)&a, &n)), SAY(n), SAY(a.sin6_family), n = sizeof a, SAY(getpeername(fd, (void *)&a, &n)), SAY(n), SAY(a.sin6_family);
}
int main(void) {
  In6 any = {AF_INET6}, six = {AF_INET6}, none = {AF_UNSPEC};
  int l = socket(AF_INET6, SOCK_STREAM, 0), c = socket(AF_INET, SOCK_STREAM, 0), s = socket(AF_INET6, SOCK_STREAM, 0);
  form(l, AF_INET), form(l, AF_INET6), form(l, 0), SAY(setsockopt(l, IPPROTO_IPV6, IPV6_ADDRFORM, &on_, 3)), form(c, AF_INET), is(l);
  bind(l, (void *)&any, sizeof any), listen(l, 5), form(l, AF_INET), is(l);
  In four = at("127.0.0.1", port_of(l)), anywhere = at("0.0.0.0", 0);
  connect(c, (void *)&four, sizeof four);
  int t = accept(l, 0, 0);
  is(t), names(t), form(t, AF_INET6), form(t, AF_INET), is(t), names(t), form(t, AF_INET), SAY(send(t, "as four", 7, 0)), RECV(c, 99, 0), SAY(send(c, "to four", 7, 0)), RECV(t, 99, 0), SAY(setsockopt(t, IPPROTO_IPV6, IPV6_V6ONLY, &on_, 4));
  SAY(connect(t, (void *)&none, sizeof none)), SAY(bind(t, (void *)&any, sizeof any)), SAY(bind(t, (void *)&anywhere, sizeof anywhere)), SAY(listen(t, 5)), close(c), c = socket(AF_INET, SOCK_STREAM, 0), four.sin_port = htons(port_of(t)), SAY(connect(c, (void *)&four, sizeof four));
  int u = accept(t, 0, 0);
  names(u), is(u), SAY(send(u, "again", 5, 0)), RECV(c, 99, 0), close(u), close(t), close(c);
  six.sin6_addr = in6addr_loopback, six.sin6_port = htons(port_of(l)), SAY(connect(s, (void *)&six, sizeof six)), t = accept(l, 0, 0), form(s, AF_INET), form(t, AF_INET), is(s), close(s), is(t), form(t, AF_INET), close(t);
  four.sin_port = six.sin6_port, c = socket(AF_INET, SOCK_STREAM, 0), connect(c, (void *)&four, sizeof four), t = accept(l, 0, 0), shutdown(c, SHUT_WR), is(t), form(t, AF_INET), close(t), close(c), close(l);
  int x = socket(AF_INET, SOCK_DGRAM, 0), y = socket(AF_INET6, SOCK_DGRAM, 0);
  bind(x, (void *)&anywhere, sizeof anywhere), six.sin6_port = four.sin_port = htons(port_of(x)), form(y, AF_INET), SAY(sendto(y, "six", 3, MSG_MORE, (void *)&six, sizeof six)), form(y, AF_INET), SAY(send(y, "", 0, 0));
  inet_pton(AF_INET6, "::ffff:127.0.0.1", &six.sin6_addr), SAY(connect(y, (void *)&six, sizeof six)), is(y), SAY(send(y, "mapped", 6, MSG_MORE)), form(y, AF_INET), is(y), names(y), SAY(send(y, " and four", 9, 0)), RECV(x, 99, MSG_DONTWAIT), SAY(sendto(y, "name", 4, 0, (void *)&four, sizeof four)), SAY(sendto(y, "name", 4, 0, (void *)&six, sizeof six)), RECV(x, 99, MSG_DONTWAIT), close(x), close(y);
  return 0;
}
