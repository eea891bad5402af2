// Datagrams put together by several calls (udp(7), UDP_CORK; send(2), MSG_MORE): where they go is said by the first call, and
// a call that fails takes along what was there.
#include "inet.h"
#include <netinet/udp.h>
static char large[70000];
static int off;
static void cork(int fd, int *on) {
  SAY(setsockopt(fd, IPPROTO_UDP, UDP_CORK, on, 4));
}
static void corked(int fd) {
  int value = -1;
  socklen_t n = sizeof value;
  SAY(getsockopt(fd, IPPROTO_UDP, UDP_CORK, &value, &n)), SAY(value), SAY(n);
}
static int bound(In *a) {
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  *a = at("127.0.0.1", 0), bind(fd, (void *)a, sizeof *a), a->sin_port = htons(port_of(fd));
  return fd;
}
static void options(void) {
  int u = socket(AF_INET, SOCK_DGRAM, 0), t = socket(AF_INET, SOCK_STREAM, 0), six = socket(AF_INET6, SOCK_DGRAM, 0), seven = 7, value;
  socklen_t n = sizeof value;
  corked(u), cork(u, &seven), corked(u), cork(u, &off), corked(u), SAY(setsockopt(u, IPPROTO_UDP, UDP_CORK, &seven, 3)), SAY(setsockopt(u, IPPROTO_UDP, UDP_CORK, (void *)8, 4)), cork(t, &seven), SAY(getsockopt(t, IPPROTO_UDP, UDP_CORK, &value, &n)), cork(six, &seven), corked(six), SAY(setsockopt(u, IPPROTO_UDP, 99, &seven, 4)), close(u), close(t), close(six);
}
static void four(void) {
  In a, b, none = at("127.0.0.1", 0), strange = {99};
  int x = bound(&a), z = bound(&b), y = socket(AF_INET, SOCK_DGRAM, 0);
  SAY(sendto(y, "one ", 4, MSG_MORE, (void *)&a, sizeof a)), SAY(ready(x)), RECV(x, 99, MSG_DONTWAIT), SAY(sendto(y, "two ", 4, MSG_MORE, (void *)&b, sizeof b)), SAY(sendto(y, "three ", 6, MSG_MORE, (void *)&none, sizeof none)), SAY(sendto(y, "", 0, MSG_MORE, (void *)&strange, sizeof strange)), SAY(send(y, "four", 4, 0)), RECV(x, 99, MSG_DONTWAIT), RECV(x, 99, MSG_DONTWAIT), RECV(z, 99, MSG_DONTWAIT);
  SAY(send(y, "x", 1, MSG_MORE)), SAY(sendto(y, "", 0, MSG_MORE, (void *)&a, sizeof a)), SAY(write(y, "", 0)), SAY(send(y, "", 0, 0)), RECV(x, 99, MSG_DONTWAIT), RECV(x, 99, MSG_DONTWAIT);
  cork(y, &on_), SAY(sendto(y, "a", 1, 0, (void *)&b, sizeof b)), SAY(send(y, "b", 1, 0)), RECV(z, 99, MSG_DONTWAIT), cork(y, &on_), RECV(z, 99, MSG_DONTWAIT), cork(y, &off), RECV(z, 99, MSG_DONTWAIT), SAY(sendto(y, "c", 1, MSG_MORE, (void *)&b, sizeof b)), cork(y, &off), RECV(z, 99, MSG_DONTWAIT), cork(y, &off), RECV(z, 99, MSG_DONTWAIT);
  struct iovec v = {"vector", 6};
  struct msghdr h = {&a, sizeof a, &v, 1};
  SAY(sendmsg(y, &h, MSG_MORE)), SAY(sendmsg(y, &h, 0)), RECV(x, 99, MSG_DONTWAIT);
  SAY(sendto(y, large, 60000, MSG_MORE, (void *)&a, sizeof a)), SAY(send(y, large, 5507, 0)), SAY(recv(x, buffer, sizeof buffer, MSG_DONTWAIT)), SAY(sendto(y, large, 60000, MSG_MORE, (void *)&a, sizeof a)), SAY(send(y, large, 5508, MSG_MORE)), SAY(send(y, "x", 1, 0)), SAY(sendto(y, "whole", 5, MSG_MORE, (void *)&a, sizeof a)), SAY(send(y, large, 70000, 0)), SAY(send(y, "x", 1, MSG_OOB)), SAY(send(y, "!", 1, 0)), RECV(x, 99, MSG_DONTWAIT);
  SAY(sendto(y, "lost", 4, MSG_MORE, (void *)&a, sizeof a)), SAY(send(y, (void *)8, 4, 0)), SAY(send(y, "x", 1, 0)), RECV(x, 99, MSG_DONTWAIT);
  SAY(sendto(y, "kept", 4, MSG_MORE, (void *)&a, sizeof a)), SAY(connect(y, (void *)&b, sizeof b)), SAY(send(y, " and sent", 9, 0)), RECV(x, 99, MSG_DONTWAIT), RECV(z, 99, MSG_DONTWAIT), SAY(send(y, "to b", 4, MSG_MORE)), SAY(shutdown(y, SHUT_WR)), SAY(send(y, " shut", 5, 0)), RECV(z, 99, MSG_DONTWAIT), SAY(send(y, "x", 1, MSG_MORE | MSG_NOSIGNAL)), close(y);
  y = socket(AF_INET, SOCK_DGRAM, 0), SAY(sendto(y, "closed", 6, MSG_MORE, (void *)&a, sizeof a)), close(y), RECV(x, 99, MSG_DONTWAIT);
  y = socket(AF_INET, SOCK_DGRAM, 0), connect(y, (void *)&b, sizeof b), close(z), SAY(send(y, "x", 1, MSG_MORE)), SAY(ready(y)), SAY(send(y, "y", 1, 0)), SAY(ready(y)), SAY(send(y, "z", 1, MSG_MORE)), SAY(send(y, "z", 1, MSG_MORE)), close(y), close(x);
}
static void six(void) {
  int x = socket(AF_INET6, SOCK_DGRAM, 0), y = socket(AF_INET6, SOCK_DGRAM, 0);
  In6 a = {AF_INET6}, mapped = {AF_INET6};
  bind(x, (void *)&a, sizeof a), mapped.sin6_port = a.sin6_port = htons(port_of(x)), a.sin6_addr = in6addr_loopback;
  inet_pton(AF_INET6, "::ffff:127.0.0.1", &mapped.sin6_addr);
  In plain = at("127.0.0.1", ntohs(a.sin6_port));
  SAY(sendto(y, "six ", 4, MSG_MORE, (void *)&a, sizeof a)), SAY(sendto(y, "x", 1, MSG_MORE, (void *)&plain, sizeof plain)), SAY(sendto(y, "x", 1, MSG_MORE, (void *)&mapped, sizeof mapped)), SAY(sendto(y, "x", 1, MSG_MORE, (void *)&a, 8)), SAY(send(y, "and", 3, 0)), RECV(x, 99, MSG_DONTWAIT);
  SAY(sendto(y, "four ", 5, MSG_MORE, (void *)&mapped, sizeof mapped)), SAY(sendto(y, "and ", 4, MSG_MORE, (void *)&a, sizeof a)), SAY(sendto(y, "plain", 5, 0, (void *)&plain, sizeof plain)), RECV(x, 99, MSG_DONTWAIT);
  cork(y, &on_), SAY(sendto(y, large, 65527, 0, (void *)&a, sizeof a)), SAY(send(y, "", 0, 0)), SAY(send(y, "x", 1, 0)), SAY(send(y, "x", 1, 0)), cork(y, &off), RECV(x, 99, MSG_DONTWAIT), close(x), close(y);
}
int main(void) {
  options(), four(), six();
  return 0;
}
