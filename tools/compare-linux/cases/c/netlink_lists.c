// What netlink lists of lo (rtnetlink(7)) and of sockets (sock_diag(7)).
#include "lo.h"
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <sys/un.h>

static unsigned char answer[65536];
static struct { struct nlmsghdr head; unsigned char body[400]; } request;
static unsigned inodes[8];
static int known;
static const char *socket_of(unsigned inode) {
  static const char *names[] = {"listener", "client", "server", "datagrams", "six", "pair", "other", "named"};
  for (int i = 0; i < known; i++) if (inodes[i] == inode) return names[i];
  return "none";
}
static void note(int fd) {
  struct stat s;
  fstat(fd, &s), inodes[known++] = s.st_ino;
}
static int skipped(int type, int attribute) {
  if (type == RTM_NEWLINK) return attribute != IFLA_IFNAME && attribute != IFLA_MTU && attribute != IFLA_TXQLEN && attribute != IFLA_OPERSTATE && attribute != IFLA_ADDRESS && attribute != IFLA_BROADCAST && attribute != IFLA_QDISC && attribute != IFLA_GROUP && attribute != IFLA_CARRIER;
  // Times since the start, and what flags versions add.
  return type == RTM_NEWADDR && attribute == IFA_CACHEINFO;
}
static void list(struct nlmsghdr *h, unsigned char *p, int head) {
  bytes(" head", p, head);
  int rest = h->nlmsg_len - NLMSG_HDRLEN - head;
  for (struct rtattr *a = (void *)(p + NLMSG_ALIGN(head)); RTA_OK(a, rest); a = RTA_NEXT(a, rest)) if (!skipped(h->nlmsg_type, a->rta_type)) printf("  %d", a->rta_type), bytes("", RTA_DATA(a), RTA_PAYLOAD(a));
}
static int heads(int type) {
  return type == RTM_NEWLINK ? sizeof(struct ifinfomsg) : type == RTM_NEWADDR ? sizeof(struct ifaddrmsg) : type == RTM_NEWROUTE || type == RTM_NEWRULE ? sizeof(struct rtmsg) : 0;
}
static void ask(const char *what, int protocol, int type, int flags, const void *body, int n) {
  int fd = socket(AF_NETLINK, SOCK_RAW, protocol), got, over = 0;
  request.head = (struct nlmsghdr){NLMSG_HDRLEN + n, type, NLM_F_REQUEST | flags, 7}, memcpy(request.body, body, n), printf("%s: %d\n", what, send(fd, &request, request.head.nlmsg_len, 0) == request.head.nlmsg_len);
  while (!over && (got = recv(fd, answer, sizeof answer, MSG_DONTWAIT)) >= 0)
    for (struct nlmsghdr *h = (void *)answer; NLMSG_OK(h, got); h = NLMSG_NEXT(h, got)) {
      unsigned char *p = NLMSG_DATA(h);
      over = h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR || !(h->nlmsg_flags & NLM_F_MULTI), printf(" type %d flags %d sequence %d\n", h->nlmsg_type, h->nlmsg_flags & NLM_F_MULTI, h->nlmsg_seq);
      if (h->nlmsg_type == NLMSG_DONE) printf(" done %d\n", *(int *)p);
      else if (h->nlmsg_type == NLMSG_ERROR) printf(" error %s, %d more\n", *(int *)p ? strerrorname_np(-*(int *)p) : "none", h->nlmsg_len - NLMSG_HDRLEN - 4);
      else if (protocol == NETLINK_ROUTE && heads(h->nlmsg_type)) list(h, p, heads(h->nlmsg_type));
      else if (protocol == NETLINK_SOCK_DIAG && *p == AF_UNIX) {
        struct unix_diag_msg *m = (void *)p;
        if (!strcmp(socket_of(m->udiag_ino), "none")) continue;
        printf(" %s: type %d state %d\n", socket_of(m->udiag_ino), m->udiag_type, m->udiag_state);
        int rest = h->nlmsg_len - NLMSG_HDRLEN - sizeof *m;
        for (struct rtattr *a = (void *)(m + 1); RTA_OK(a, rest); a = RTA_NEXT(a, rest))
          if (a->rta_type == UNIX_DIAG_PEER) printf("  peer %s\n", socket_of(*(unsigned *)RTA_DATA(a)));
          else if (a->rta_type != UNIX_DIAG_MEMINFO) printf("  %d", a->rta_type), bytes("", RTA_DATA(a), RTA_PAYLOAD(a));
      } else if (protocol == NETLINK_SOCK_DIAG) {
        struct inet_diag_msg *m = (void *)p;
        if (strcmp(socket_of(m->idiag_inode), "none")) printf(" %s: family %d state %d queues %d %d user %d\n", socket_of(m->idiag_inode), m->idiag_family, m->idiag_state, m->idiag_rqueue, m->idiag_wqueue, m->idiag_uid);
      }
    }
  close(fd);
}
static void diag(const char *what, int family, int protocol, unsigned states, int flags) {
  struct inet_diag_req_v2 r = {family, protocol, 0, 0, states};
  ask(what, NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, flags, &r, sizeof r);
}
int main(void) {
  own_network(), setvbuf(stdout, 0, _IOLBF, 0);
  struct ifinfomsg link = {0};
  struct ifaddrmsg addresses = {0};
  struct rtmsg route = {0};
  struct ndmsg near = {0};
  struct { struct rtmsg r; struct rtattr a; unsigned char d[16]; } to = {{.rtm_family = AF_INET, .rtm_dst_len = 32}, {8, RTA_DST}, {127, 0, 0, 1}};
  ask("links", 0, RTM_GETLINK, NLM_F_DUMP, &link, sizeof link), link.ifi_index = 1, ask("lo", 0, RTM_GETLINK, 0, &link, sizeof link), link.ifi_index = 99, ask("no link", 0, RTM_GETLINK, 0, &link, sizeof link), link.ifi_index = 0, ask("none", 0, RTM_GETLINK, 0, &link, sizeof link);
  for (int i = 0; i < 3; i++) addresses.ifa_family = (int[]){AF_UNSPEC, AF_INET, AF_INET6}[i], ask("addresses", 0, RTM_GETADDR, NLM_F_DUMP, &addresses, sizeof addresses);
  for (int i = 1; i < 3; i++) route.rtm_family = (int[]){AF_UNSPEC, AF_INET, AF_INET6}[i], ask("routes", 0, RTM_GETROUTE, NLM_F_DUMP, &route, sizeof route), ask("rules", 0, RTM_GETRULE, NLM_F_DUMP, &route, sizeof route);
  ask("neighbours", 0, RTM_GETNEIGH, NLM_F_DUMP, &near, sizeof near), ask("route", 0, RTM_GETROUTE, 0, &to, 20), to.d[1] = 9, ask("route", 0, RTM_GETROUTE, 0, &to, 20), memset(to.d + 1, 255, 3), ask("broadcast", 0, RTM_GETROUTE, 0, &to, 20), memcpy(to.d, (char[]){1, 2, 3, 4}, 4), ask("nowhere", 0, RTM_GETROUTE, 0, &to, 20);
  to.r = (struct rtmsg){.rtm_family = AF_INET6, .rtm_dst_len = 128}, to.a = (struct rtattr){20, RTA_DST}, memset(to.d, 0, 16), to.d[15] = 1, ask("route of IPv6", 0, RTM_GETROUTE, 0, &to, 32), to.d[0] = 32, ask("nowhere", 0, RTM_GETROUTE, 0, &to, 32);
  int l = socket(AF_INET, SOCK_STREAM, 0), c = socket(AF_INET, SOCK_STREAM, 0), d = socket(AF_INET, SOCK_DGRAM, 0), six = socket(AF_INET6, SOCK_STREAM, 0), u[2], n = socket(AF_UNIX, SOCK_STREAM, 0), s, value = 1;
  In a = at("127.0.0.1", 0);
  In6 a6 = at6("::1", 0);
  struct sockaddr_un name = {AF_UNIX, "\0netlink_lists"};
  socklen_t length = 4;
  bind(l, (void *)&a, sizeof a), listen(l, 7), a.sin_port = htons(port_of(l)), connect(c, (void *)&a, sizeof a), note(l), note(c), s = accept(l, 0, 0), note(s), send(c, "data", 4, 0), a.sin_port = 0, bind(d, (void *)&a, sizeof a), note(d), bind(six, (void *)&a6, sizeof a6), listen(six, 3), note(six), socketpair(AF_UNIX, SOCK_DGRAM, 0, u), note(u[0]), note(u[1]), bind(n, (void *)&name, 16), listen(n, 4), note(n);
  diag("streams that listen", AF_INET, IPPROTO_TCP, 1 << 10, NLM_F_DUMP), diag("connections", AF_INET, IPPROTO_TCP, 1 << 1, NLM_F_DUMP), diag("none", AF_INET, IPPROTO_TCP, 0, NLM_F_DUMP), diag("datagrams", AF_INET, IPPROTO_UDP, -1, NLM_F_DUMP), diag("of IPv6", AF_INET6, IPPROTO_TCP, -1, NLM_F_DUMP), diag("no protocol", AF_INET, 99, -1, NLM_F_DUMP), diag("no family", 44, 0, -1, NLM_F_DUMP), diag("beyond all families", 99, 0, -1, NLM_F_DUMP);
  struct unix_diag_req all = {AF_UNIX, 0, 0, -1, 0, UDIAG_SHOW_NAME | UDIAG_SHOW_PEER | UDIAG_SHOW_RQLEN}, one = {AF_UNIX, 0, 0, -1, inodes[7], UDIAG_SHOW_NAME, {-1, -1}};
  ask("local", NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, 0, &one, sizeof one), one.udiag_ino = 1, ask("no local", NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, 0, &one, sizeof one), all.udiag_states = 1 << 10, ask("local that listen", NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &all, sizeof all), all.udiag_states = 1 << 1, ask("local pairs", NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &all, 10);
  ask("another type", NETLINK_SOCK_DIAG, 99, 0, &one, sizeof one), ask("short", NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, 0, &one, 1), ask("acknowledged", NETLINK_SOCK_DIAG, 2, NLM_F_ACK, &one, 4);
  int k = socket(AF_NETLINK, SOCK_RAW, 0);
  SAY(setsockopt(k, SOL_NETLINK, NETLINK_EXT_ACK, &value, 4)), SAY(getsockopt(k, SOL_NETLINK, NETLINK_EXT_ACK, &value, &length)), SAY(value), SAY(setsockopt(k, SOL_NETLINK, 99, &value, 4)), SAY(getsockopt(k, SOL_NETLINK, 99, &value, &length)), SAY(setsockopt(k, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &(int){RTNLGRP_LINK}, 4)), SAY(setsockopt(k, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &(int){0}, 4)), SAY(setsockopt(k, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &(int){999}, 4)), SAY(setsockopt(k, 99, 1, &value, 4)), SAY(getsockopt(k, 99, 1, &value, &length)), SAY(socket(AF_NETLINK, SOCK_RAW, 99));
  return 0;
}
