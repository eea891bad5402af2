// Settings of interfaces by who may not change them (netdevice(7)): CAP_NET_ADMIN is given up first.
#include "say.h"
#include <linux/capability.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

static const struct {
  const char *name;
  int command;
} settings[] = {
    {"flags", SIOCSIFFLAGS},     {"address", SIOCSIFADDR},   {"peer", SIOCSIFDSTADDR},
    {"broadcast", SIOCSIFBRDADDR}, {"mask", SIOCSIFNETMASK},   {"metric", SIOCSIFMETRIC},
    {"size", SIOCSIFMTU},        {"name", SIOCSIFNAME},      {"hardware", SIOCSIFHWADDR},
    {"more", SIOCADDMULTI},      {"less", SIOCDELMULTI},     {"all", SIOCSIFHWBROADCAST},
    {"queue", SIOCSIFTXQLEN},
};

static int give_up(void) {
  struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct sets[2];
  if (syscall(SYS_capget, &head, sets) != 0) return -1;
  sets[0].effective &= ~(1u << CAP_NET_ADMIN);
  sets[0].permitted &= ~(1u << CAP_NET_ADMIN);
  return syscall(SYS_capset, &head, sets);
}

int main(void) {
  SAY(give_up());
  int families[] = {AF_INET, AF_UNIX, AF_NETLINK};
  for (int i = 0; i < 3; i++) {
    int fd = socket(families[i], SOCK_DGRAM, 0);
    for (unsigned j = 0; j < sizeof settings / sizeof *settings; j++) {
      struct ifreq lo = {"lo"}, none = {"none9"};
      printf("%d %s\n", families[i], settings[j].name);
      SAY(ioctl(fd, settings[j].command, &lo));
      SAY(ioctl(fd, settings[j].command, &none));
      // Of addresses other families than AF_INET know nothing.
      if (families[i] == AF_INET) SAY(ioctl(fd, settings[j].command, 8));
    }
    close(fd);
  }
  return 0;
}
