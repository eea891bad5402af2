// Wildcards as addresses of peers (ip(7), ipv6(7)): that of IPv4 is the address that a socket is bound to, where there is one,
// or the source that a control message gives; that of IPv6 is the loopback's.
#include "say.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

static struct sockaddr_in at(const char *ip, int port) {
  struct sockaddr_in address = {AF_INET, port, {inet_addr(ip)}};
  return address;
}

static int bound(int type, const char *ip, int port) {
  int fd = socket(AF_INET, type, 0);
  struct sockaddr_in address = at(ip, port);
  if (bind(fd, (void *)&address, sizeof address) != 0) perror("bind");
  return fd;
}

static int port_of(int fd) {
  struct sockaddr_in address = {0};
  socklen_t size = sizeof address;
  getsockname(fd, (void *)&address, &size);
  return address.sin_port;
}

static void peer_of(int fd) {
  struct sockaddr_in peer = {0}, own = {0};
  socklen_t size = sizeof peer;
  SAY(getpeername(fd, (void *)&peer, &size));
  size = sizeof own;
  getsockname(fd, (void *)&own, &size);
  char text[2][32];
  printf("%s at %s\n", inet_ntop(AF_INET, &peer.sin_addr, text[0], 32), inet_ntop(AF_INET, &own.sin_addr, text[1], 32));
}

static void from_source(int fd, int port, const char *source) {
  struct sockaddr_in to = at("0.0.0.0", port);
  char byte = 'p';
  struct iovec part = {&byte, 1};
  union { char bytes[CMSG_SPACE(sizeof(struct in_pktinfo))]; struct cmsghdr first; } room = {0};
  struct msghdr message = {&to, sizeof to, &part, 1, &room, sizeof room, 0};
  room.first = (struct cmsghdr){CMSG_LEN(sizeof(struct in_pktinfo)), IPPROTO_IP, IP_PKTINFO};
  struct in_pktinfo info = {0, {inet_addr(source)}, {0}};
  memcpy(CMSG_DATA(&room.first), &info, sizeof info);
  SAY(sendmsg(fd, &message, 0));
}

static void with(const char *ip) {
  printf("bound to %s\n", ip);
  int first = bound(SOCK_DGRAM, "127.0.0.1", 0), second = bound(SOCK_DGRAM, "127.0.0.2", port_of(first));
  int sender = bound(SOCK_DGRAM, ip, 0);
  struct sockaddr_in any = at("0.0.0.0", port_of(first));
  char byte;
  SAY(sendto(sender, "x", 1, 0, (void *)&any, sizeof any));
  SAY(recv(first, &byte, 1, MSG_DONTWAIT));
  SAY(recv(second, &byte, 1, MSG_DONTWAIT));
  from_source(sender, port_of(first), "127.0.0.2");
  SAY(recv(first, &byte, 1, MSG_DONTWAIT));
  SAY(recv(second, &byte, 1, MSG_DONTWAIT));
  SAY(connect(sender, (void *)&any, sizeof any));
  peer_of(sender);
  int listener = bound(SOCK_STREAM, "127.0.0.2", 0), stream = bound(SOCK_STREAM, ip, 0);
  SAY(listen(listener, 1));
  any = at("0.0.0.0", port_of(listener));
  SAY(connect(stream, (void *)&any, sizeof any));
  peer_of(stream);
  int files[] = {first, second, sender, listener, stream};
  for (int i = 0; i < 5; i++) close(files[i]);
}

static void six(const char *ip, const char *any) {
  int fd = socket(AF_INET6, SOCK_DGRAM, 0);
  struct sockaddr_in6 address = {AF_INET6}, to = {AF_INET6, htons(1)};
  inet_pton(AF_INET6, ip, &address.sin6_addr);
  inet_pton(AF_INET6, any, &to.sin6_addr);
  printf("%s to %s\n", ip, any);
  SAY(bind(fd, (void *)&address, sizeof address));
  SAY(connect(fd, (void *)&to, sizeof to));
  socklen_t size = sizeof to;
  to = (struct sockaddr_in6){AF_INET6};
  SAY(getpeername(fd, (void *)&to, &size));
  char text[64];
  printf("%s\n", inet_ntop(AF_INET6, &to.sin6_addr, text, sizeof text));
  close(fd);
}

int main(void) {
  with("127.0.0.2");
  with("0.0.0.0");
  with("127.0.0.1");
  six("::ffff:127.0.0.2", "::");
  six("::ffff:127.0.0.2", "::ffff:0.0.0.0");
  six("::1", "::");
  six("::1", "::ffff:0.0.0.0");
  six("::", "::");
  six("::", "::ffff:0.0.0.0");
  return 0;
}
