// What /proc tells of sockets and of the interface lo: only what is the program's own, since a host has more.
#include "say.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
static char line[512];
static void find(const char *path, int port) {
  FILE *f = fopen(path, "r");
  if (!f) { printf("%s: %s\n", path, strerrorname_np(errno)); return; }
  fgets(line, sizeof line, f);
  while (fgets(line, sizeof line, f)) {
    char local[64], remote[64];
    unsigned state, p, tx, rx;
    if (sscanf(line, " %*d: %63[0-9A-F]:%X %63[0-9A-F]:%*X %X %X:%X", local, &p, remote, &state, &tx, &rx) == 6 && p == port) printf("%s: %s %s state %X waiting %u\n", path, local, strspn(remote, "0") == strlen(remote) ? "any" : remote, state, rx);
  }
  fclose(f);
}
static int port_of(int fd) {
  struct sockaddr_in6 a;
  socklen_t n = sizeof a;
  return getsockname(fd, (void *)&a, &n) ? -1 : ntohs(a.sin6_port);
}
int main(void) {
  int l = socket(AF_INET, SOCK_STREAM, 0), u = socket(AF_INET, SOCK_DGRAM, 0), six = socket(AF_INET6, SOCK_STREAM, 0), c = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in a = {AF_INET, 0, {htonl(INADDR_LOOPBACK)}};
  struct sockaddr_in6 b = {AF_INET6, 0, 0, IN6ADDR_LOOPBACK_INIT};
  bind(l, (void *)&a, sizeof a), listen(l, 5), bind(u, (void *)&a, sizeof a), bind(six, (void *)&b, sizeof b), listen(six, 1);
  find("/proc/net/tcp", port_of(l)), find("/proc/net/udp", port_of(u)), find("/proc/net/tcp6", port_of(six));
  a.sin_port = htons(port_of(l)), SAY(connect(c, (void *)&a, sizeof a)), find("/proc/net/tcp", port_of(c)), close(l);
  char path[64], target[64] = "";
  sprintf(path, "/proc/self/fd/%d", u), SAY(readlink(path, target, 8)), puts(target);
  FILE *f = fopen("/proc/net/dev", "r");
  for (int i = 0; i < 2; i++) fgets(line, sizeof line, f), printf("%s", line);
  while (fgets(line, sizeof line, f)) if (!strncmp(line + strspn(line, " "), "lo:", 3)) puts("lo is there");
  fclose(f), f = fopen("/proc/net/if_inet6", "r");
  while (fgets(line, sizeof line, f)) if (strstr(line, " lo\n")) printf("%s", line);
  return 0;
}
