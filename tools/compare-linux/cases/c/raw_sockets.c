// Raw sockets over lo (raw(7), RFC 3542): echo requests and their replies, heads of one's own, filters, checksums, errors.
#include "lo.h"
#define SOL_RAW_ 255
static unsigned char echo[64] = {8, 0, 0, 0, 0x12, 0x34, 0, 1, 'd', 'a', 't', 'a'};
static void request(int type, int n) {
  unsigned short s;
  echo[0] = type, echo[2] = echo[3] = 0, s = sum(echo, n), memcpy(echo + 2, &s, 2);
}
static void name(const char *what, int fd, int (*of)(int, struct sockaddr *, socklen_t *)) {
  In6 a;
  socklen_t n = sizeof a;
  if (of(fd, (void *)&a, &n)) printf("%s: %s\n", what, strerrorname_np(errno));
  else bytes(what, &a, n);
}
static void numbers(int fd, int level, int option) {
  unsigned char v[40] = {0};
  socklen_t n = sizeof v;
  int r = getsockopt(fd, level, option, v, &n);
  printf("option %d %d: %s ", level, option, r ? strerrorname_np(errno) : "there"), bytes("", v, r ? 0 : n);
}
static void four(void) {
  int r = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), s = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), u = socket(AF_INET, SOCK_RAW, IPPROTO_UDP), d = socket(AF_INET, SOCK_DGRAM, 0);
  In a = at("127.0.0.1", 0), b = at("127.0.0.2", 0), far = at("1.2.3.4", 0), short_ = a;
  SAY(socket(AF_INET, SOCK_RAW, 0)), SAY(socket(AF_INET, SOCK_RAW, 263)), SAY(socket(AF_INET, SOCK_RAW, -1)), SAY(socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP)), SAY(socket(AF_INET, SOCK_STREAM, IPPROTO_ICMP)), SAY(socket(AF_INET, SOCK_RAW, IPPROTO_IPV6) >= 0), numbers(r, SOL_SOCKET, SO_PROTOCOL), numbers(r, SOL_SOCKET, SO_TYPE);
  name("fresh", r, getsockname), name("peer", r, getpeername), SAY(readiness(r)), setsockopt(r, IPPROTO_IP, IP_RECVTTL, &on_, 4), setsockopt(r, IPPROTO_IP, IP_PKTINFO, &on_, 4);
  request(8, 12), SAY(send(r, echo, 12, 0)), SAY(sendto(r, echo, 12, 0, (void *)&a, sizeof a)), SAY(readiness(r)), take("request", r, 0), take("reply", r, 0), take("none", r, 0), take("other", s, MSG_PEEK), take("other", s, 0), take("other", s, 0);
  SAY(sendto(r, echo, 12, 0, (void *)&far, sizeof far)), SAY(sendto(r, echo, 12, 0, (void *)&a, 8)), SAY(sendto(r, echo, 12, MSG_OOB, (void *)&a, sizeof a)), short_.sin_family = 99, SAY(sendto(r, echo, 12, 0, (void *)&short_, sizeof a)), short_.sin_family = AF_UNSPEC, SAY(sendto(r, echo, 12, 0, (void *)&short_, sizeof a)), take("unspec", r, 0), take("reply", r, 0), take("other", s, 0), take("other", s, 0);
  echo[3] ^= 1, SAY(sendto(r, echo, 12, 0, (void *)&a, sizeof a)), take("wrong checksum", r, 0), take("no reply", r, 0), take("other", s, 0), SAY(sendto(r, echo, 4, 0, (void *)&a, sizeof a)), take("short", r, 0), take("other", s, 0), SAY(sendto(r, "", 0, 0, (void *)&a, sizeof a)), take("empty", r, 0), take("other", s, 0);
  unsigned filter = ~(1u << 0);
  numbers(s, SOL_RAW_, 1), SAY(setsockopt(s, SOL_RAW_, 1, &filter, 4)), numbers(s, SOL_RAW_, 1), numbers(s, SOL_RAW_, 2), numbers(u, SOL_RAW_, 1), SAY(setsockopt(u, SOL_RAW_, 1, &filter, 4)), SAY(setsockopt(s, SOL_RAW_, 9, &filter, 4)), SAY(setsockopt(d, SOL_RAW_, 1, &filter, 4)), request(8, 12), SAY(sendto(r, echo, 12, 0, (void *)&b, sizeof b)), take("filtered", s, 0), take("filtered", s, 0), take("request", r, 0), take("reply", r, 0);
  SAY(bind(s, (void *)&b, sizeof b)), name("bound", s, getsockname), SAY(sendto(r, echo, 12, 0, (void *)&a, sizeof a)), take("bound elsewhere", s, 0), take("request", r, 0), take("reply", r, 0), SAY(sendto(s, echo, 12, 0, (void *)&a, sizeof a)), take("request", r, 0), take("reply", r, 0), take("reply", s, 0), take("reply", s, 0), SAY(bind(s, (void *)&far, sizeof far)), SAY(bind(s, (void *)&a, 8)), SAY(bind(s, (void *)&a, sizeof a)), name("bound again", s, getsockname);
  SAY(connect(s, (void *)&b, sizeof b)), name("peer", s, getpeername), SAY(sendto(r, echo, 12, 0, (void *)&a, sizeof a)), take("from another", s, 0), take("request", r, 0), take("reply", r, 0), SAY(send(s, echo, 12, 0)), take("connected", s, 0), take("connected", s, 0), take("request", r, 0), take("reply", r, 0), SAY(bind(s, (void *)&a, sizeof a));
  numbers(r, IPPROTO_IP, IP_HDRINCL), numbers(d, IPPROTO_IP, IP_HDRINCL), SAY(setsockopt(d, IPPROTO_IP, IP_HDRINCL, &on_, 4)), numbers(socket(AF_INET, SOCK_RAW, IPPROTO_RAW), IPPROTO_IP, IP_HDRINCL);
  a = at("127.0.0.1", 9), SAY(sendto(d, "nobody", 6, 0, (void *)&a, sizeof a)), take("datagram", u, 0), take("datagram", u, 0), take("unreachable", r, 0), take("unreachable", r, 0), close(r), close(s), close(u), close(d);
}
static void heads(void) {
  int x = socket(AF_INET, SOCK_RAW, IPPROTO_RAW), r = socket(AF_INET, SOCK_RAW, 253), c = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), d = socket(AF_INET, SOCK_DGRAM, 0);
  In a = at("127.0.0.1", 0);
  static unsigned char p[70000] = {0x45, 0, 0, 0, 0, 0, 0, 0, 7, 253, 0, 0, 0, 0, 0, 0, 127, 0, 0, 1, 'p', 'a', 'y', 'l', 'o', 'a', 'd', '!'};
  SAY(sendto(x, p, 28, 0, (void *)&a, sizeof a)), take("own head", r, 0), take("itself", x, 0), SAY(sendto(x, p, 19, 0, (void *)&a, sizeof a)), SAY(sendto(x, p, 20, 0, (void *)&a, sizeof a)), take("head alone", r, 0);
  p[0] = 0x4f, SAY(sendto(x, p, 28, 0, (void *)&a, sizeof a)), take("long head", r, 0), p[0] = 0x44, SAY(sendto(x, p, 28, 0, (void *)&a, sizeof a)), take("short head", r, 0), p[0] = 0x65, SAY(sendto(x, p, 28, 0, (void *)&a, sizeof a)), take("version", r, 0), p[0] = 0x46, p[20] = 7, p[21] = 99, SAY(sendto(x, p, 28, 0, (void *)&a, sizeof a)), take("options", r, 0);
  p[20] = 1, p[21] = 1, p[22] = 0, SAY(sendto(x, p, 28, 0, (void *)&a, sizeof a)), take("no operation", r, 0), p[0] = 0x45, p[6] = 0x20, SAY(sendto(x, p, 28, 0, (void *)&a, sizeof a)), take("fragment", r, 0), p[6] = 0, p[9] = 252, SAY(sendto(x, p, 28, 0, (void *)&a, sizeof a));
  while (recv(c, p + 100, 100, MSG_DONTWAIT) >= 0) printf("ICMP %d %d\n", p[120], p[121]);
  p[9] = 17, bind(d, (void *)&a, sizeof a), p[20] = 1, p[21] = 2, p[22] = port_of(d) >> 8, p[23] = port_of(d), p[24] = 0, p[25] = 8 + 4, p[26] = p[27] = 0, memcpy(p + 28, "hand", 4), SAY(sendto(x, p, 32, 0, (void *)&a, sizeof a)), take("by hand", d, 0), p[25] = 99, SAY(sendto(x, p, 32, 0, (void *)&a, sizeof a)), take("length", d, 0), p[25] = 7, SAY(sendto(x, p, 32, 0, (void *)&a, sizeof a)), take("length", d, 0), p[25] = 12, p[26] = 1, SAY(sendto(x, p, 32, 0, (void *)&a, sizeof a)), take("checksum", d, 0);
  SAY(sendto(r, "three", 5, 0, (void *)&a, sizeof a)), take("plain", r, 0), SAY(sendto(r, p, 65535, 0, (void *)&a, sizeof a)), SAY(sendto(r, p, 65516, 0, (void *)&a, sizeof a)), SAY(sendto(r, p, 65515, 0, (void *)&a, sizeof a)), SAY(recv(r, p, 70000, MSG_DONTWAIT)), SAY(sendto(r, (void *)8, 5, 0, (void *)&a, sizeof a)), SAY(setsockopt(r, IPPROTO_IP, IP_TTL, &(int){3}, 4)), SAY(setsockopt(r, IPPROTO_IP, IP_TOS, &(int){0x10}, 4)), SAY(setsockopt(r, IPPROTO_IP, IP_MTU_DISCOVER, &(int){0}, 4)), SAY(sendto(r, "t", 1, 0, (void *)&a, sizeof a)), take("hops and service", r, 0);
  close(x), close(r), close(c), close(d);
}
static void six(void) {
  int r = socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6), p = socket(AF_INET6, SOCK_RAW, 253), x = socket(AF_INET6, SOCK_RAW, IPPROTO_RAW), d = socket(AF_INET6, SOCK_DGRAM, 0);
  In6 a = at6("::1", 0), b = at6("::ffff:127.0.0.1", 0);
  SAY(setsockopt(r, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &on_, 4)), request(128, 12), SAY(sendto(r, echo, 12, 0, (void *)&a, sizeof a)), take("request", r, 0), take("reply", r, 0), take("none", r, 0), name("name", r, getsockname), SAY(bind(r, (void *)&b, sizeof b)), SAY(sendto(r, echo, 12, 0, (void *)&b, sizeof b));
  unsigned filter[8] = {0};
  memset(filter, 255, 32), filter[4] &= ~2u, numbers(r, IPPROTO_ICMPV6, 1), SAY(setsockopt(r, IPPROTO_ICMPV6, 1, filter, 32)), SAY(sendto(r, echo, 12, 0, (void *)&a, sizeof a)), take("reply alone", r, 0), take("none", r, 0), numbers(r, IPPROTO_ICMPV6, 1), SAY(setsockopt(p, IPPROTO_ICMPV6, 1, filter, 32)), memset(filter, 0, 32), setsockopt(r, IPPROTO_ICMPV6, 1, filter, 32);
  numbers(r, IPPROTO_IPV6, 7), numbers(p, IPPROTO_IPV6, 7), SAY(setsockopt(r, IPPROTO_IPV6, 7, &(int){2}, 4)), SAY(setsockopt(p, IPPROTO_IPV6, 7, &(int){3}, 4)), SAY(setsockopt(p, IPPROTO_IPV6, 7, &(int){2}, 4)), numbers(p, IPPROTO_IPV6, 7), SAY(sendto(p, "abcdef", 6, 0, (void *)&a, sizeof a)), take("checksum", p, 0), SAY(sendto(p, "abc", 3, 0, (void *)&a, sizeof a)), SAY(setsockopt(p, IPPROTO_IPV6, 7, &(int){-1}, 4)), SAY(sendto(p, "abc", 3, 0, (void *)&a, sizeof a)), take("none", p, 0);
  a.sin6_port = htons(252), SAY(sendto(p, "x", 1, 0, (void *)&a, sizeof a)), a.sin6_port = htons(253), SAY(sendto(p, "x", 1, 0, (void *)&a, sizeof a)), take("with a port", p, 0), SAY(connect(p, (void *)&a, sizeof a)), name("peer", p, getpeername), SAY(send(p, "connected", 9, 0)), take("connected", p, 0), SAY(sendto(p, "short", 5, 0, (void *)&a, 20));
  unsigned char h[52] = {0x60, 0, 0, 0, 0, 4, 253, 9};
  h[23] = h[39] = 1, memcpy(h + 40, "head", 4), a.sin6_port = 0, SAY(sendto(x, h, 44, 0, (void *)&a, sizeof a)), take("own head", p, 0), SAY(sendto(x, h, 39, 0, (void *)&a, sizeof a)), h[6] = 252, SAY(sendto(x, h, 44, 0, (void *)&a, sizeof a)), take("unknown header", r, 0), h[5] = 99, h[6] = 253, SAY(sendto(x, h, 44, 0, (void *)&a, sizeof a)), take("length", p, 0);
  a.sin6_port = htons(9), SAY(sendto(d, "nobody", 6, 0, (void *)&a, sizeof a));
  while (recv(r, h, 52, MSG_DONTWAIT) >= 0) printf("ICMPv6 %d %d\n", h[0], h[1]);
  close(r), close(p), close(x), close(d);
}
int main(void) {
  own_network(), four(), heads(), six();
  return 0;
}
