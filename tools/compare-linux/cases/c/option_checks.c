// Which argument of getsockopt(2) and setsockopt(2) is looked at first: lengths, addresses and numbers of options.
#include "inet.h"
#include <netinet/tcp.h>

static const struct { int level, name; } options[] = {
  {IPPROTO_IP, IP_TOS}, {IPPROTO_IP, IP_TTL}, {IPPROTO_IP, IP_PKTINFO}, {IPPROTO_IP, IP_RECVTTL}, {IPPROTO_IP, IP_RECVTOS},
  {IPPROTO_IP, IP_MTU_DISCOVER}, {IPPROTO_IP, IP_MULTICAST_TTL}, {IPPROTO_IP, IP_MULTICAST_LOOP}, {IPPROTO_IP, IP_MTU}, {IPPROTO_IP, 999},
  {IPPROTO_IPV6, IPV6_V6ONLY}, {IPPROTO_IPV6, IPV6_UNICAST_HOPS}, {IPPROTO_IPV6, IPV6_TCLASS}, {IPPROTO_IPV6, IPV6_RECVPKTINFO},
  {IPPROTO_IPV6, IPV6_RECVHOPLIMIT}, {IPPROTO_IPV6, IPV6_RECVTCLASS}, {IPPROTO_IPV6, IPV6_MULTICAST_HOPS}, {IPPROTO_IPV6, IPV6_MULTICAST_LOOP}, {IPPROTO_IPV6, IPV6_MTU}, {IPPROTO_IPV6, 999},
  {IPPROTO_TCP, TCP_NODELAY}, {IPPROTO_TCP, TCP_MAXSEG}, {IPPROTO_TCP, TCP_KEEPIDLE}, {IPPROTO_TCP, TCP_SYNCNT}, {IPPROTO_TCP, TCP_LINGER2}, {IPPROTO_TCP, TCP_USER_TIMEOUT}, {IPPROTO_TCP, TCP_CONGESTION}, {IPPROTO_TCP, 99}, {IPPROTO_UDP, 1}, {IPPROTO_UDP, 99},
  {SOL_SOCKET, SO_REUSEADDR}, {SOL_SOCKET, SO_LINGER}, {SOL_SOCKET, SO_RCVTIMEO}, {SOL_SOCKET, SO_RCVLOWAT}, {SOL_SOCKET, SO_TYPE}, {SOL_SOCKET, SO_ACCEPTCONN}, {SOL_SOCKET, SO_DOMAIN}, {SOL_SOCKET, 999}, {99, 1},
};
static const int lengths[] = {-1, 0, 1, 3, 4, 8, 16};
#define COUNT(list) (sizeof list / sizeof *list)

static void told(long result) {
  if (result == 0) printf(" 0");
  else printf(" %s", strerrorname_np(errno));
}

static void set(int fd, int level, int name) {
  static const long value[2] = {1, 0};
  const void *from[] = {value, (void *)8, 0};
  for (unsigned kind = 0; kind < COUNT(from); kind++) {
    printf("  set %u:", kind);
    for (unsigned i = 0; i < COUNT(lengths); i++) told(setsockopt(fd, level, name, from[kind], lengths[i]));
    int now = -1;
    socklen_t size = sizeof now;
    getsockopt(fd, level, name, &now, &size);
    printf(" then %d\n", level == IPPROTO_TCP && name == TCP_CONGESTION ? 0 : now);
  }
}

static void get(int fd, int level, int name) {
  for (unsigned bad = 0; bad < 2; bad++) {
    printf("  get %u:", bad);
    for (unsigned i = 0; i < COUNT(lengths); i++) {
      socklen_t size = (socklen_t)lengths[i];
      told(getsockopt(fd, level, name, bad ? (void *)8 : buffer, &size));
      printf("/%d", (int)size);
    }
    puts("");
  }
  printf("  no length:"), told(getsockopt(fd, level, name, buffer, (void *)8)), puts("");
}

static void all(int family, int type) {
  for (unsigned i = 0; i < COUNT(options); i++) {
    int fd = socket(family, type, 0);
    printf("family %d type %d level %d option %d\n", family, type, options[i].level, options[i].name);
    set(fd, options[i].level, options[i].name), get(fd, options[i].level, options[i].name);
    close(fd);
  }
}

int main(void) {
  const int families[] = {AF_UNIX, AF_INET, AF_INET6}, types[] = {SOCK_STREAM, SOCK_DGRAM};
  for (unsigned i = 0; i < COUNT(families); i++)
    for (unsigned j = 0; j < COUNT(types); j++) all(families[i], types[j]);
  return 0;
}
