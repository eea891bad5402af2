// The interface lo and its addresses, asked for by ioctl(2) and by messages (netdevice(7), rtnetlink(7)). What else a host
// has is left out.
#include "say.h"
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
static char buffer[8192] __attribute__((aligned(8)));
static void ioctls(const char *what, int fd) {
  struct ifreq r = {"lo"};
  struct sockaddr_in *a = (void *)&r.ifr_addr;
  puts(what);
  SAY(ioctl(fd, SIOCGIFFLAGS, &r)), SAY(r.ifr_flags & (IFF_UP | IFF_LOOPBACK | IFF_BROADCAST | IFF_POINTOPOINT)), SAY(ioctl(fd, SIOCGIFINDEX, &r)), SAY(r.ifr_ifindex), SAY(ioctl(fd, SIOCGIFMTU, &r)), SAY(r.ifr_mtu), SAY(ioctl(fd, SIOCGIFHWADDR, &r)), SAY(r.ifr_hwaddr.sa_family == ARPHRD_LOOPBACK), SAY(r.ifr_hwaddr.sa_data[0]);
  if (ioctl(fd, SIOCGIFADDR, &r) == 0) printf("%d %s\n", a->sin_family, inet_ntoa(a->sin_addr)), SAY(ioctl(fd, SIOCGIFNETMASK, &r)), puts(inet_ntoa(a->sin_addr));
  else printf("address: %s\n", strerrorname_np(errno));
  r.ifr_ifindex = 1, memset(r.ifr_name, 0, IFNAMSIZ), SAY(ioctl(fd, SIOCGIFNAME, &r)), puts(r.ifr_name), r.ifr_ifindex = 9999, SAY(ioctl(fd, SIOCGIFNAME, &r)), strcpy(r.ifr_name, "none9"), SAY(ioctl(fd, SIOCGIFFLAGS, &r)), SAY(ioctl(fd, SIOCGIFFLAGS, 8));
}
static long ask(int fd, int type, int flags, int family) {
  struct { struct nlmsghdr h; struct rtgenmsg g; } m = {{NLMSG_LENGTH(sizeof m.g), type, flags, 77}, {family}};
  struct sockaddr_nl to = {AF_NETLINK};
  return sendto(fd, &m, m.h.nlmsg_len, 0, (void *)&to, sizeof to);
}
static void answers(const char *what, int fd) {
  puts(what);
  for (int done = 0; !done;) {
    struct sockaddr_nl from;
    socklen_t n = sizeof from;
    long bytes = recvfrom(fd, buffer, sizeof buffer, MSG_DONTWAIT, (void *)&from, &n);
    if (bytes < 0) { puts(strerrorname_np(errno)); break; }
    if (n != 12 || from.nl_family != AF_NETLINK || from.nl_pid) puts("wrong sender");
    for (struct nlmsghdr *h = (void *)buffer; NLMSG_OK(h, bytes); h = NLMSG_NEXT(h, bytes)) {
      if (h->nlmsg_seq != 77) puts("wrong sequence");
      if (h->nlmsg_type == NLMSG_DONE) puts("done"), done = 1;
      else if (h->nlmsg_type == NLMSG_ERROR) printf("error %d\n", ((struct nlmsgerr *)NLMSG_DATA(h))->error), done = 1;
      else if (h->nlmsg_type == RTM_NEWLINK && ((struct ifinfomsg *)NLMSG_DATA(h))->ifi_index == 1) {
        struct ifinfomsg *i = NLMSG_DATA(h);
        int left = h->nlmsg_len - NLMSG_LENGTH(sizeof *i);
        printf("link kind %d up %d\n", i->ifi_type, (i->ifi_flags & (IFF_UP | IFF_LOOPBACK)) == (IFF_UP | IFF_LOOPBACK));
        for (struct rtattr *a = (void *)i + NLMSG_ALIGN(sizeof *i); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
          if (a->rta_type == IFLA_IFNAME) printf("name %s %d\n", (char *)RTA_DATA(a), a->rta_len);
          if (a->rta_type == IFLA_MTU) printf("mtu %d\n", *(int *)RTA_DATA(a));
          if (a->rta_type == IFLA_ADDRESS) printf("address of %d bytes\n", a->rta_len - 4);
        }
        done |= !(h->nlmsg_flags & NLM_F_MULTI);
      } else if (h->nlmsg_type == RTM_NEWADDR && ((struct ifaddrmsg *)NLMSG_DATA(h))->ifa_index == 1) {
        struct ifaddrmsg *i = NLMSG_DATA(h);
        int left = h->nlmsg_len - NLMSG_LENGTH(sizeof *i);
        printf("family %d prefix %d scope %d flags %x\n", i->ifa_family, i->ifa_prefixlen, i->ifa_scope, i->ifa_flags);
        for (struct rtattr *a = (void *)i + NLMSG_ALIGN(sizeof *i); RTA_OK(a, left); a = RTA_NEXT(a, left))
          if (a->rta_type == IFA_ADDRESS) printf("%s\n", inet_ntop(i->ifa_family, RTA_DATA(a), (char[64]){}, 64));
      }
    }
  }
}
static void messages(void) {
  SAY(socket(AF_NETLINK, SOCK_STREAM, 0)), SAY(socket(AF_NETLINK, SOCK_RAW, 99));
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  struct sockaddr_nl own = {AF_NETLINK};
  socklen_t n = sizeof own;
  SAY(bind(fd, (void *)&own, 4)), SAY(bind(fd, (void *)&own, sizeof own)), SAY(getsockname(fd, (void *)&own, &n)), SAY(n), SAY(own.nl_pid == getpid()), SAY(recv(fd, buffer, 10, MSG_DONTWAIT)), SAY(listen(fd, 1));
  SAY(ask(fd, RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, AF_UNSPEC)), answers("links", fd), SAY(ask(fd, RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP, AF_UNSPEC)), answers("addresses", fd), SAY(ask(fd, RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP, AF_INET6)), answers("of six", fd);
  struct { struct nlmsghdr h; struct ifinfomsg i; } one = {{sizeof one, RTM_GETLINK, NLM_F_REQUEST, 77}, {.ifi_index = 1}};
  SAY(send(fd, &one, sizeof one, 0)), answers("one", fd), one.i.ifi_index = 9999, SAY(send(fd, &one, sizeof one, 0)), answers("none", fd), one.h.nlmsg_len = 3, SAY(send(fd, &one, sizeof one, 0)), SAY(send(fd, (void *)8, 20, 0)), answers("nothing", fd), close(fd);
}
int main(void) {
  int s = socket(AF_INET, SOCK_DGRAM, 0), u = socket(AF_UNIX, SOCK_DGRAM, 0);
  ioctls("inet", s), ioctls("unix", u), close(s), close(u), messages();
  SAY(if_nametoindex("lo")), SAY(if_nametoindex("none9")), puts(if_indextoname(1, buffer));
  struct ifaddrs *all = 0;
  SAY(getifaddrs(&all));
  for (struct ifaddrs *i = all; i; i = i->ifa_next)
    if (!strcmp(i->ifa_name, "lo") && i->ifa_addr && i->ifa_addr->sa_family == AF_INET) printf("%s %s\n", i->ifa_name, inet_ntoa(((struct sockaddr_in *)i->ifa_addr)->sin_addr));
  return 0;
}
