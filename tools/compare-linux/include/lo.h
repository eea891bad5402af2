// What the programs about packets share: a network of their own on a host that can give one, with lo up, and messages as bytes.
#include "inet.h"
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sched.h>

/** Nothing that a program does here is seen by others. */
static inline void own_network(void) {
  struct ifreq q = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING | IFF_LOOPBACK};
  int fd;
  if (unshare(CLONE_NEWNET) == 0) fd = socket(AF_INET, SOCK_DGRAM, 0), ioctl(fd, SIOCSIFFLAGS, &q), close(fd);
}

static inline In6 at6(const char *ip, int port) {
  In6 a = {AF_INET6, htons(port)};
  inet_pton(AF_INET6, ip, &a.sin6_addr);
  return a;
}

static inline void bytes(const char *what, const void *from, int n) {
  printf("%s %d:", what, n);
  for (int i = 0; i < n; i++) printf(" %02x", ((const unsigned char *)from)[i]);
  printf("\n");
}

static inline unsigned short sum(const void *from, int n) {
  unsigned s = 0;
  for (int i = 0; i < n; i++) s += i & 1 ? ((const unsigned char *)from)[i] : ((const unsigned char *)from)[i] << 8;
  while (s >> 16) s = (s & 0xffff) + (s >> 16);
  return htons(~s);
}

/** Numbers of packets and labels of flows are the system's, and the checksums with them; ports are what they come to be. */
static inline void hide(unsigned char *p, int n) {
  if (n >= 20 && p[0] >> 4 == 4) {
    if (sum(p, (p[0] & 15) * 4) != 0) printf("(checksum) ");
    memset(p + 4, 0, 2), memset(p + 10, 0, 2);
    int head = (p[0] & 15) * 4;
    if (n >= head + 8 && p[9] == 17) memset(p + head, 0, 4), memset(p + head + 6, 0, 2);
    if (n >= head + 28 && p[9] == 1 && (p[head] == 3 || p[head] == 11)) memset(p + head + 2, 0, 2), hide(p + head + 8, n - head - 8);
  }
  if (n >= 40 && p[0] >> 4 == 6) {
    memset(p + 1, 0, 3), p[1] = 0;
    if (n >= 48 && p[6] == 17) memset(p + 40, 0, 2), memset(p + 46, 0, 2);
  }
}

/** Receives one message, and tells all of it; of packets with heads what is the system's choice is hidden. */
static inline void take(const char *what, int fd, int flags) {
  static union { char bytes[512]; struct cmsghdr first; } room;
  static unsigned char data[70000];
  struct sockaddr_storage from;
  struct iovec v = {data, sizeof data};
  struct msghdr h = {&from, sizeof from, &v, 1, &room, sizeof room};
  int n = recvmsg(fd, &h, flags | MSG_DONTWAIT);
  if (n < 0) {
    printf("%s: %s\n", what, strerrorname_np(errno));
    return;
  }
  hide(data, n);
  printf("%s flags %x ", what, h.msg_flags), bytes("data", data, n < 128 ? n : 128), printf(" of %d\n", n), bytes(" from", &from, h.msg_namelen);
  for (struct cmsghdr *m = CMSG_FIRSTHDR(&h); m; m = CMSG_NXTHDR(&h, m)) {
    int time = m->cmsg_level == SOL_SOCKET;
    printf(" level %d type %d", m->cmsg_level, m->cmsg_type), bytes("", time ? "" : (void *)CMSG_DATA(m), time ? 0 : m->cmsg_len - CMSG_LEN(0));
  }
}

static inline int readiness(int fd) {
  struct pollfd p = {fd, POLLIN | POLLOUT | POLLPRI};
  poll(&p, 1, 0);
  return p.revents;
}
