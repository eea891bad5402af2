// Sockets of datagrams of ICMP (icmp(7)): echo requests, for groups that /proc/sys/net/ipv4/ping_group_range names.
#include "lo.h"
static unsigned char echo[64] = {8, 0, 9, 9, 0x12, 0x34, 0, 1, 'd', 'a', 't', 'a'};
static void range(const char *text) {
  char line[64] = "";
  int fd = open("/proc/sys/net/ipv4/ping_group_range", O_RDWR), n = strlen(text);
  if (*text) printf("'%s': ", text), SAY(write(fd, text, n)), lseek(fd, 0, 0);
  SAY(read(fd, line, sizeof line) > 0), printf("%s", line), close(fd);
}
static void tell(const char *what, int fd) {
  char id[4] = {0};
  In6 a;
  socklen_t n = sizeof a;
  static unsigned char data[100], control[200];
  struct iovec v = {data, sizeof data};
  struct msghdr h = {&a, sizeof a, &v, 1, control, sizeof control};
  int got = recvmsg(fd, &h, MSG_DONTWAIT);
  if (got < 0) {
    printf("%s: %s\n", what, strerrorname_np(errno));
    return;
  }
  memcpy(id, data + 4, 2), memset(data + 2, 0, 4), bytes(what, data, got), bytes(" from", &a, h.msg_namelen), n = sizeof a;
  getsockname(fd, (void *)&a, &n), printf(" %s identifier\n", memcmp(id, &a.sin6_port, 2) ? "another" : "its own");
  for (struct cmsghdr *m = CMSG_FIRSTHDR(&h); m; m = CMSG_NXTHDR(&h, m)) printf(" level %d type %d\n", m->cmsg_level, m->cmsg_type);
}
int main(void) {
  own_network(), range(""), range("0 99\n"), range("5 4"), range("-1 5"), range("7"), range("1 4294967295"), range("0 0");
  int d = socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP), e = socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP), n = 0, s = socket(AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6);
  In a = at("127.0.0.1", 0), b = at("127.0.0.1", 77), far = at("1.2.3.4", 0);
  In6 a6 = at6("::1", 0);
  socklen_t length = 4;
  SAY(socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMPV6)), SAY(socket(AF_INET6, SOCK_DGRAM, IPPROTO_ICMP)), SAY(d >= 0), SAY(getsockopt(d, SOL_SOCKET, SO_PROTOCOL, &n, &length)), SAY(n), SAY(port_of(d)), SAY(setsockopt(d, IPPROTO_IP, IP_RECVTTL, &on_, 4));
  SAY(send(d, echo, 12, 0)), SAY(port_of(d) > 0), SAY(sendto(d, echo, 12, 0, (void *)&a, sizeof a)), tell("reply", d), tell("once", d), SAY(sendto(d, echo, 7, 0, (void *)&a, sizeof a)), SAY(sendto(d, echo, 8, 0, (void *)&a, sizeof a)), tell("short", d), SAY(sendto(d, echo, 12, 0, (void *)&far, sizeof far)), SAY(sendto(d, echo, 12, 0, (void *)&a, 4)), SAY(sendto(d, echo, 12, MSG_OOB, (void *)&a, sizeof a)), SAY(sendto(d, (void *)8, 12, 0, (void *)&a, sizeof a));
  echo[0] = 0, SAY(sendto(d, echo, 12, 0, (void *)&a, sizeof a)), echo[0] = 8, echo[1] = 1, SAY(sendto(d, echo, 12, 0, (void *)&a, sizeof a)), echo[1] = 0, a.sin_family = AF_UNSPEC, SAY(sendto(d, echo, 12, 0, (void *)&a, sizeof a)), a.sin_family = AF_INET;
  SAY(bind(e, (void *)&b, sizeof b)), SAY(port_of(e)), SAY(bind(d, (void *)&b, sizeof b)), SAY(connect(e, (void *)&a, sizeof a)), SAY(send(e, echo, 12, 0)), tell("reply", e), tell("other", d), SAY(readiness(e)), b.sin_port = htons(78), SAY(bind(e, (void *)&b, sizeof b)), close(e), e = socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP), b.sin_port = htons(77), SAY(bind(e, (void *)&b, sizeof b));
  echo[0] = 128, SAY(sendto(s, echo, 12, 0, (void *)&a6, sizeof a6)), tell("reply", s), echo[0] = 129, SAY(sendto(s, echo, 12, 0, (void *)&a6, sizeof a6)), echo[0] = 128, SAY(connect(s, (void *)&a6, sizeof a6)), SAY(send(s, echo, 12, 0)), tell("reply", s), SAY(shutdown(s, SHUT_WR)), SAY(send(s, echo, 12, MSG_NOSIGNAL)), range("9 8");
  SAY(socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP));
  return 0;
}
