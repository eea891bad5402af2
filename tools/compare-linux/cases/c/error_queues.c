// Errors of datagrams in queues of their own (ip(7), IP_RECVERR; ipv6(7), IPV6_RECVERR; recvmsg(2), MSG_ERRQUEUE).
#include "lo.h"
#include <linux/errqueue.h>
static char large[70000];
static int error_of(int fd) {
  int e = -1;
  socklen_t n = sizeof e;
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &n);
  return e;
}
static void four(void) {
  int d = socket(AF_INET, SOCK_DGRAM, 0), value = -1, raw = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
  socklen_t n = sizeof value;
  In a = at("127.0.0.1", 9), b = at("127.0.0.2", 10);
  SAY(getsockopt(d, IPPROTO_IP, IP_RECVERR, &value, &n)), SAY(value), SAY(sendto(d, "lost", 4, 0, (void *)&a, sizeof a)), SAY(readiness(d)), take("not asked for", d, MSG_ERRQUEUE);
  SAY(setsockopt(d, IPPROTO_IP, IP_RECVERR, &on_, 4)), SAY(setsockopt(d, IPPROTO_IP, IP_RECVTTL, &on_, 4)), SAY(setsockopt(d, IPPROTO_IP, IP_RECVTOS, &on_, 4)), SAY(setsockopt(d, IPPROTO_IP, IP_PKTINFO, &on_, 4)), SAY(sendto(d, "lost", 4, 0, (void *)&a, sizeof a)), SAY(readiness(d)), take("error", d, MSG_ERRQUEUE), take("no more", d, MSG_ERRQUEUE), SAY(readiness(d)), SAY(error_of(d));
  SAY(sendto(d, "first", 5, 0, (void *)&a, sizeof a)), SAY(sendto(d, "x", 1, 0, (void *)&a, sizeof a)), SAY(sendto(d, "second", 6, 0, (void *)&b, sizeof b)), take("plain", d, 0), take("plain", d, 0), SAY(readiness(d)), take("peeked", d, MSG_ERRQUEUE | MSG_PEEK), SAY(error_of(d)), take("second", d, MSG_ERRQUEUE), SAY(error_of(d)), take("none", d, MSG_ERRQUEUE);
  SAY(sendto(d, large, 65507, 0, (void *)&a, sizeof a)), SAY(recv(d, large, sizeof large, MSG_ERRQUEUE)), SAY(sendto(d, large, 65508, 0, (void *)&a, sizeof a)), SAY(error_of(d)), take("too long", d, MSG_ERRQUEUE), SAY(sendto(d, large, 65536, 0, (void *)&a, sizeof a)), take("too long", d, MSG_ERRQUEUE);
  SAY(sendto(d, "kept", 4, 0, (void *)&a, sizeof a)), SAY(setsockopt(d, IPPROTO_IP, IP_RECVERR, &(int){0}, 4)), take("purged", d, MSG_ERRQUEUE), SAY(error_of(d)), SAY(setsockopt(d, IPPROTO_IP, IP_RECVERR, &on_, 4));
  SAY(connect(d, (void *)&a, sizeof a)), SAY(send(d, "connected", 9, 0)), SAY(recv(d, large, 4, MSG_ERRQUEUE)), SAY(recv(d, large, 4, MSG_ERRQUEUE)), SAY(recv(d, large, 4, MSG_DONTWAIT)), SAY(send(d, "connected", 9, 0)), SAY(send(d, "connected", 9, 0)), SAY(send(d, "connected", 9, 0)), SAY(shutdown(d, SHUT_RD)), SAY(recv(d, large, 4, MSG_ERRQUEUE)), close(d);
  int r = socket(AF_INET, SOCK_RAW, 200), e = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
  a.sin_port = 0, SAY(setsockopt(e, IPPROTO_IP, IP_RECVERR, &on_, 4));
  unsigned char p[24] = {0x45, 0, 0, 0, 0, 0, 0, 0, 7, 201, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1, 'l', 'o', 's', 't'};
  SAY(sendto(e, p, 24, 0, (void *)&a, sizeof a)), take("by a head", e, MSG_ERRQUEUE), p[9] = 200, close(r), SAY(sendto(e, p, 24, 0, (void *)&a, sizeof a));
  unsigned char error[64] = {3, 1, 0, 0, 0, 0, 0, 0, 0x45, 0, 0, 32, 0, 0, 0, 0, 7, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1, 0, 0, 0, 9, 0, 12, 0, 0, 'l', 'i', 'e', 's'};
  unsigned short s;
  d = socket(AF_INET, SOCK_DGRAM, 0), bind(d, (void *)&a, sizeof a), setsockopt(d, IPPROTO_IP, IP_RECVERR, &on_, 4), error[28] = port_of(d) >> 8, error[29] = port_of(d);
  static const unsigned char codes[][2] = {{3, 0}, {3, 1}, {3, 2}, {3, 4}, {3, 5}, {3, 7}, {3, 8}, {3, 13}, {3, 15}, {3, 16}, {11, 0}, {11, 1}, {12, 0}, {4, 0}, {5, 0}, {13, 0}, {30, 0}};
  for (unsigned i = 0; i < sizeof codes / 2; i++) {
    error[0] = codes[i][0], error[1] = codes[i][1], error[2] = error[3] = 0, error[4] = 9, error[7] = 200, error[6] = 5, s = sum(error, 40), memcpy(error + 2, &s, 2), printf("ICMP %d %d\n", error[0], error[1]), SAY(sendto(raw, error, 40, 0, (void *)&a, sizeof a)), SAY(error_of(d)), take("told", d, MSG_ERRQUEUE);
  }
  error[0] = 3, error[1] = 3, error[2] = error[3] = 0, s = sum(error, 30), memcpy(error + 2, &s, 2), SAY(sendto(raw, error, 30, 0, (void *)&a, sizeof a)), take("cut", d, MSG_ERRQUEUE), error[2] = error[3] = 0, error[8] = 0x4f, s = sum(error, 40), memcpy(error + 2, &s, 2), SAY(sendto(raw, error, 40, 0, (void *)&a, sizeof a)), take("options that are not there", d, MSG_ERRQUEUE), close(d), close(e), close(raw);
}
static void six(void) {
  int d = socket(AF_INET6, SOCK_DGRAM, 0), value = -1;
  socklen_t n = sizeof value;
  In6 a = at6("::1", 9), m = at6("::ffff:127.0.0.1", 9);
  SAY(getsockopt(d, IPPROTO_IPV6, IPV6_RECVERR, &value, &n)), SAY(value), SAY(setsockopt(d, IPPROTO_IPV6, IPV6_RECVERR, &on_, 4)), SAY(setsockopt(d, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &on_, 4)), SAY(setsockopt(d, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on_, 4)), SAY(sendto(d, "lost", 4, 0, (void *)&a, sizeof a)), SAY(readiness(d)), take("error", d, MSG_ERRQUEUE), take("no more", d, MSG_ERRQUEUE), SAY(error_of(d));
  SAY(sendto(d, large, 60000, 0, (void *)&a, sizeof a)), SAY(recv(d, large, sizeof large, MSG_ERRQUEUE)), SAY(sendto(d, "lost", 4, 0, (void *)&m, sizeof m)), take("mapped, not asked for", d, MSG_ERRQUEUE), SAY(setsockopt(d, IPPROTO_IP, IP_RECVERR, &on_, 4)), SAY(sendto(d, "lost", 4, 0, (void *)&m, sizeof m)), take("mapped", d, MSG_ERRQUEUE), close(d);
}
int main(void) {
  own_network(), four(), six();
  return 0;
}
