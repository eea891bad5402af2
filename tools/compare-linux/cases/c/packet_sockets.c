// Sockets of packets over lo (packet(7)): what leaves and what comes, frames that are sent, options, filters.
#include "lo.h"
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
typedef struct sockaddr_ll Link;
static void see(const char *what, int fd, int link) {
  static unsigned char data[70000];
  static union { char bytes[256]; struct cmsghdr first; } room;
  Link from;
  struct iovec v = {data, sizeof data};
  struct msghdr h = {&from, sizeof from, &v, 1, &room, sizeof room};
  memset(&from, 0x77, sizeof from);
  int n = recvmsg(fd, &h, MSG_DONTWAIT);
  if (n < 0) {
    printf("%s: %s\n", what, strerrorname_np(errno));
    return;
  }
  hide(data + link, n - link), printf("%s flags %x", what, h.msg_flags), bytes("", data, n < 90 ? n : 90), printf(" of %d", n), bytes(" from", &from, h.msg_namelen);
  for (struct cmsghdr *m = CMSG_FIRSTHDR(&h); m; m = CMSG_NXTHDR(&h, m)) {
    unsigned char *d = CMSG_DATA(m);
    // Whether a checksum has been looked at depends on the version.
    if (m->cmsg_level == SOL_PACKET) *(unsigned *)d &= ~TP_STATUS_CSUM_VALID;
    printf(" level %d type %d", m->cmsg_level, m->cmsg_type), bytes("", d, m->cmsg_level == SOL_PACKET ? m->cmsg_len - CMSG_LEN(0) : 0);
  }
}
static void name(const char *what, int fd) {
  Link a;
  socklen_t n = sizeof a;
  memset(&a, 0, sizeof a), SAY(getsockname(fd, (void *)&a, &n)), bytes(what, &a, n);
}
static void option(int fd, int number, int value) {
  unsigned char v[64] = {value};
  socklen_t n = 4;
  int r = getsockopt(fd, SOL_PACKET, number, v, &n);
  printf("option %d: %s", number, r ? strerrorname_np(errno) : "there"), bytes("", v, r ? 0 : n);
}
int main(void) {
  own_network();
  int all = htons(ETH_P_ALL), ip = htons(ETH_P_IP), u = socket(AF_INET, SOCK_DGRAM, 0), d = socket(AF_INET, SOCK_DGRAM, 0);
  In a = at("127.0.0.1", 0), to;
  struct ifreq q = {.ifr_name = "lo"};
  bind(d, (void *)&a, sizeof a), to = at("127.0.0.1", port_of(d));
  SAY(socket(AF_PACKET, SOCK_STREAM, all)), SAY(socket(AF_PACKET, SOCK_SEQPACKET, all)), SAY(socketpair(AF_PACKET, SOCK_RAW, 0, (int[2]){0}));
  int r = socket(AF_PACKET, SOCK_RAW, all), c = socket(AF_PACKET, SOCK_DGRAM, ip), none = socket(AF_PACKET, SOCK_RAW, 0);
  name("raw", r), name("cooked", c), SAY(readiness(r)), see("nothing", r, 14), SAY(sendto(u, "hello", 5, 0, (void *)&to, sizeof to));
  see("leaves", r, 14), see("comes", r, 14), see("nothing", r, 14), see("cooked", c, 0), see("nothing", c, 0), see("no kind", none, 14), recv(d, buffer, 99, MSG_DONTWAIT);
  Link l = {AF_PACKET, ip, 1}, bad = {AF_PACKET, ip, 77};
  SAY(bind(none, (void *)&l, 12)), SAY(bind(none, (void *)&bad, sizeof bad)), bad.sll_family = AF_INET, SAY(bind(none, (void *)&bad, sizeof bad)), SAY(bind(none, (void *)&l, sizeof l)), name("bound", none), sendto(u, "again", 5, 0, (void *)&to, sizeof to), see("bound", none, 14), see("nothing", none, 14), SAY(connect(r, (void *)&l, sizeof l)), SAY(listen(r, 1)), SAY(shutdown(r, SHUT_RD)), SAY(getpeername(r, (void *)&l, &(socklen_t){20}));
  SAY(ioctl(r, SIOCGIFINDEX, &q)), SAY(q.ifr_ifindex), SAY(ioctl(r, SIOCGIFHWADDR, &q)), SAY(q.ifr_hwaddr.sa_family);
  while (recv(r, buffer, 99, MSG_DONTWAIT) >= 0) {}
  while (recv(c, buffer, 99, MSG_DONTWAIT) >= 0) {}
  SAY(setsockopt(r, SOL_PACKET, PACKET_AUXDATA, &on_, 4)), SAY(setsockopt(r, SOL_SOCKET, SO_TIMESTAMP, &on_, 4)), SAY(setsockopt(r, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on_, 4)), sendto(u, "third", 5, 0, (void *)&to, sizeof to), see("auxiliary", r, 14), see("nothing", r, 14), SAY(recv(c, buffer, 10, MSG_PEEK | MSG_DONTWAIT)), SAY(recv(c, buffer, 10, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT)), SAY(recv(c, buffer, 10, MSG_OOB | MSG_DONTWAIT)), SAY(recv(c, buffer, 10, MSG_DONTWAIT)), SAY(recv(c, buffer, 10, MSG_DONTWAIT));
  unsigned char frame[64] = {0};
  frame[12] = 8, memcpy(frame + 14, (unsigned char[]){0x45, 0, 0, 32, 0, 0, 0, 0, 64, 17, 0, 0, 127, 0, 0, 9, 127, 0, 0, 1, 0, 7, 0, 0, 0, 12, 0, 0, 'r', 'a', 'w', '!'}, 32), frame[36] = port_of(d) >> 8, frame[37] = port_of(d);
  unsigned short s = sum(frame + 14, 20);
  memcpy(frame + 24, &s, 2), l = (Link){AF_PACKET, ip, 1}, RECV(d, 99, MSG_DONTWAIT), RECV(d, 99, MSG_DONTWAIT), RECV(d, 99, MSG_DONTWAIT), SAY(send(r, frame, 46, 0)), SAY(sendto(r, frame, 46, 0, (void *)&l, sizeof l)), RECV(d, 99, MSG_DONTWAIT), see("itself", r, 14), see("itself once", r, 14), see("cooked", c, 0), SAY(sendto(r, frame, 13, 0, (void *)&l, sizeof l)), SAY(sendto(r, frame, 14, 0, (void *)&l, sizeof l)), SAY(sendto(r, frame, 46, 0, (void *)&l, 12)), bad = (Link){AF_PACKET, ip, 77}, SAY(sendto(r, frame, 46, 0, (void *)&bad, sizeof bad)), SAY(sendto(r, buffer, 65555, 0, (void *)&l, sizeof l)), SAY(sendto(r, (void *)8, 46, 0, (void *)&l, sizeof l));
  while (recv(r, buffer, 99, MSG_DONTWAIT) >= 0) {}
  while (recv(c, buffer, 99, MSG_DONTWAIT) >= 0) {}
  l.sll_halen = 6, SAY(sendto(c, frame + 14, 32, 0, (void *)&l, sizeof l)), RECV(d, 99, MSG_DONTWAIT), see("cooked", r, 14), see("cooked", c, 0);
  for (int i = 0; i < 4; i++) memset(frame, 0, 6), memcpy(frame, i == 0 ? (unsigned char[]){255, 255, 255, 255, 255, 255} : i == 1 ? (unsigned char[]){1, 0, 94, 0, 0, 1} : i == 2 ? (unsigned char[]){2, 1} : (unsigned char[6]){0}, i == 2 ? 2 : 6), frame[12] = i == 3 ? 0x12 : 8, frame[13] = i == 3 ? 0x34 : 0, SAY(sendto(r, frame, 46, 0, (void *)&l, sizeof l)), RECV(d, 99, MSG_DONTWAIT), see("addressed", r, 14), see("cooked", c, 0);
  for (int i = 0; i < 3; i++) option(r, PACKET_HDRLEN, i);
  option(r, PACKET_HDRLEN, 3), option(r, PACKET_VERSION, 0), SAY(setsockopt(r, SOL_PACKET, PACKET_VERSION, &(int){2}, 4)), option(r, PACKET_VERSION, 0), SAY(setsockopt(r, SOL_PACKET, PACKET_VERSION, &(int){3}, 4)), SAY(setsockopt(r, SOL_PACKET, 99, &on_, 4)), option(r, 99, 0), option(r, PACKET_AUXDATA, 0), option(r, PACKET_IGNORE_OUTGOING, 0), SAY(setsockopt(r, SOL_PACKET, PACKET_RESERVE, &on_, 4)), option(r, PACKET_RESERVE, 0), SAY(setsockopt(r, SOL_PACKET, PACKET_IGNORE_OUTGOING, &(int){2}, 4)), SAY(setsockopt(r, IPPROTO_IP, 1, &on_, 4));
  struct packet_mreq m = {1, PACKET_MR_PROMISC}, away = {77, PACKET_MR_PROMISC}, longer = {1, PACKET_MR_MULTICAST, 7};
  SAY(setsockopt(r, SOL_PACKET, PACKET_DROP_MEMBERSHIP, &m, sizeof m)), SAY(setsockopt(r, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &m, sizeof m)), SAY(setsockopt(r, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &m, sizeof m)), SAY(setsockopt(r, SOL_PACKET, PACKET_DROP_MEMBERSHIP, &m, sizeof m)), SAY(setsockopt(r, SOL_PACKET, PACKET_DROP_MEMBERSHIP, &m, sizeof m)), SAY(setsockopt(r, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &away, sizeof away)), SAY(setsockopt(r, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &longer, sizeof longer)), SAY(setsockopt(r, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &m, 8));
  int f = socket(AF_PACKET, SOCK_RAW, all), small = 1;
  struct sock_filter program[] = {BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x800, 0, 5), BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SKF_AD_OFF + SKF_AD_PKTTYPE), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING, 3, 0), BPF_STMT(BPF_LD | BPF_B | BPF_ABS, SKF_NET_OFF + 9), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 17, 0, 1), BPF_STMT(BPF_RET | BPF_K, 44), BPF_STMT(BPF_RET | BPF_K, 0)};
  struct sock_fprog p = {8, program};
  SAY(setsockopt(f, SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof p)), SAY(setsockopt(f, SOL_PACKET, PACKET_AUXDATA, &on_, 4)), sendto(u, "filtered", 8, 0, (void *)&to, sizeof to), see("filtered", f, 14), see("nothing", f, 14), option(f, PACKET_STATISTICS, 0), option(f, PACKET_STATISTICS, 0);
  close(f), f = socket(AF_PACKET, SOCK_RAW, ip), SAY(setsockopt(f, SOL_SOCKET, SO_RCVBUF, &small, 4));
  for (int i = 0; i < 50; i++) sendto(u, "drop", 4, 0, (void *)&to, sizeof to);
  struct tpacket_stats stats;
  socklen_t n = sizeof stats;
  SAY(getsockopt(f, SOL_PACKET, PACKET_STATISTICS, &stats, &n)), SAY(stats.tp_packets), SAY(stats.tp_drops > 20 && stats.tp_drops < 50);
  return 0;
}
