// Sockets that are bound to an interface (SO_BINDTODEVICE, SO_BINDTOIFINDEX): what is told of it, who may change it, what
// comes then, and ports; and their cookies (SO_COOKIE).
#include "lo.h"
#include <linux/capability.h>
#include <sys/syscall.h>
#ifndef SO_BINDTOIFINDEX
#define SO_BINDTOIFINDEX 62
#endif

static const char *said(int r) { return r < 0 ? strerrorname_np(errno) : "0"; }

static void tell(int s, int room) {
  char b[64] = "";
  int index = -9;
  socklen_t n = room, four = 4;
  const char *r = said(getsockopt(s, SOL_SOCKET, SO_BINDTODEVICE, b, &n));
  printf("  room %d: %s '%s' of %d,", room, r, b, n);
  printf(" index %s", said(getsockopt(s, SOL_SOCKET, SO_BINDTOIFINDEX, &index, &four))), printf(" %d\n", index);
}

static void name(int s, const void *to, int length) {
  printf("  to '%s' of %d: %s\n", to ? (char *)to : "null", length, said(setsockopt(s, SOL_SOCKET, SO_BINDTODEVICE, to, length)));
}

static int number(int s, int to) { return setsockopt(s, SOL_SOCKET, SO_BINDTOIFINDEX, &to, 4); }

static void options(int family, int type, int protocol) {
  int s = socket(family, type, protocol);
  printf("family %d type %d\n", family, type);
  for (int room = 0; room < 17; room += 4) tell(s, room);
  name(s, "lo", 3), tell(s, 16), tell(s, 15), tell(s, 40), tell(s, -1);
  name(s, "nodev0", 7), name(s, "lo", 2), name(s, "lo", 1), name(s, "", 0), tell(s, 16);
  name(s, "", 1), name(s, 0, 4), name(s, 0, 0), name(s, "lo", -1), name(s, "lo\0 and more than a name may have", 30);
  name(s, "averyverylongnameofadevice", 26), tell(s, 16);
  printf("  numbers: %s", said(number(s, 0))), printf(" %s", said(number(s, -1))), printf(" %s", said(number(s, 77)));
  tell(s, 0), tell(s, 16), printf("  %s", said(number(s, 1))), tell(s, 16), close(s);
}

static void cookies(void) {
  unsigned long a[2] = {0, 7}, b = 0;
  int s = socket(AF_INET, SOCK_STREAM, 0), t = socket(AF_UNIX, SOCK_DGRAM, 0);
  for (socklen_t n = 0; n < 17; n += 4) {
    socklen_t m = n;
    printf("cookie in %d: %s", n, said(getsockopt(s, SOL_SOCKET, SO_COOKIE, a, &m))), printf(" of %d, %d %ld\n", m, a[0] != 0, a[1]);
  }
  socklen_t n = 8;
  getsockopt(t, SOL_SOCKET, SO_COOKIE, &b, &n);
  printf("another: %d; set: %s\n", a[0] != b, said(setsockopt(s, SOL_SOCKET, SO_COOKIE, &b, 8)));
}

static struct sockaddr_in at4(const char *ip, int port) {
  struct sockaddr_in a = {AF_INET, htons(port)};
  inet_pton(AF_INET, ip, &a.sin_addr);
  return a;
}

#define TO(a) (void *)&a, sizeof a
static const int INTERFACES[] = {0, 1, 77};

/** Two sockets that are bound to interfaces, at one port: which of them may be, and whom something reaches. */
static void pair(int first, int second, int option) {
  static int port = 9100;
  struct sockaddr_in x = at4("0.0.0.0", ++port), lo = at4("127.0.0.1", port);
  int d[2], one = 1, c = socket(AF_INET, SOCK_DGRAM, 0);
  char y;
  printf("%d and %d, option %d:", first, second, option);
  for (int i = 0; i < 2; i++) {
    d[i] = socket(AF_INET, SOCK_DGRAM, 0), number(d[i], i ? second : first);
    if (option) setsockopt(d[i], SOL_SOCKET, option, &one, 4);
    printf(" %s", said(bind(d[i], TO(x))));
  }
  sendto(c, "x", 1, 0, TO(lo));
  if (option == 0 || first != second) printf(" got %ld %ld\n", recv(d[0], &y, 1, MSG_DONTWAIT), recv(d[1], &y, 1, MSG_DONTWAIT));
  else printf("\n");
  close(d[0]), close(d[1]), close(c);
}

static void streams(int first, int second) {
  static int port = 9300;
  struct sockaddr_in x = at4("0.0.0.0", ++port), lo = at4("127.0.0.1", port);
  int l[2], c = socket(AF_INET, SOCK_STREAM, 0);
  printf("streams %d and %d:", first, second);
  for (int i = 0; i < 2; i++) {
    l[i] = socket(AF_INET, SOCK_STREAM, 0), number(l[i], i ? second : first);
    printf(" %s", said(bind(l[i], TO(x)))), printf(" %s", said(listen(l[i], 2)));
  }
  printf(" connect %s\n", said(connect(c, TO(lo))));
  for (int i = 0; i < 2; i++) {
    int a = readiness(l[i]) & POLLIN ? accept(l[i], 0, 0) : -1;
    if (a >= 0) printf(" by %d\n", i), tell(a, 16), number(l[i], 0), tell(a, 16), close(a);
  }
  close(l[0]), close(l[1]), close(c);
}

static void elsewhere(void) {
  struct sockaddr_in x = at4("127.0.0.1", 9999);
  int s = socket(AF_INET, SOCK_DGRAM, 0), t = socket(AF_INET, SOCK_STREAM, 0);
  number(s, 77), number(t, 77);
  printf("elsewhere: send %s", said(sendto(s, "x", 1, 0, TO(x)))), printf(" connect %s", said(connect(s, TO(x))));
  printf(" stream %s\n", said(connect(t, TO(x))));
  name(s, "lo", 3), printf("lo: send %s", said(sendto(s, "x", 1, 0, TO(x)))), printf(" connect %s\n", said(connect(s, TO(x))));
}

static void nobody(void) {
  struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct none[2] = {};
  int s = socket(AF_INET, SOCK_DGRAM, 0);
  syscall(SYS_capset, &h, none);
  printf("without capabilities\n"), name(s, "", 0), name(s, "nodev0", 7), name(s, "lo", 3), tell(s, 16);
  name(s, "lo", 3), name(s, "", 0), name(s, "nodev0", 7), printf("  %s", said(number(s, -1))), tell(s, 16);
}

int main(void) {
  own_network();
  options(AF_INET, SOCK_STREAM, 0), options(AF_INET, SOCK_DGRAM, 0), options(AF_INET6, SOCK_STREAM, 0);
  options(AF_UNIX, SOCK_STREAM, 0), options(AF_INET, SOCK_RAW, IPPROTO_ICMP), options(AF_NETLINK, SOCK_RAW, 0);
  cookies();
  for (int i = 0; i < 9; i++) pair(INTERFACES[i / 3], INTERFACES[i % 3], 0), streams(INTERFACES[i / 3], INTERFACES[i % 3]);
  for (int i = 0; i < 9; i++) pair(INTERFACES[i / 3], INTERFACES[i % 3], SO_REUSEADDR);
  elsewhere(), nobody();
}
