// What socketpair(2) checks first: flags, descriptors, where their numbers go, family and type; and that nothing stays open.
#include "say.h"
#include <sys/resource.h>
#include <sys/socket.h>
static int pair[2];
static int next(void) {
  int fd = dup(0);
  close(fd);
  return fd;
}
static void all(const char *what) {
  puts(what);
  static const int families[] = {AF_UNIX, AF_INET, AF_INET6, AF_UNSPEC, 99, -1};
  for (int i = 0; i < 6; i++) {
    int f = families[i];
    printf("family %d\n", f);
    for (int bad = 0; bad < 2; bad++) {
      int *to = bad ? (int *)8 : pair;
      pair[0] = pair[1] = -7;
      SAY(socketpair(f, SOCK_STREAM, 0, to) == 0 ? (close(pair[0]), close(pair[1]), 0) : -1);
      SAY(socketpair(f, SOCK_DGRAM | SOCK_CLOEXEC, 99, to)), SAY(socketpair(f, SOCK_RDM, 0, to)), SAY(socketpair(f, 0, 0, to)), SAY(socketpair(f, 11, 0, to)), SAY(socketpair(f, SOCK_STREAM | 0x100, 0, to)), SAY(socketpair(f, SOCK_DGRAM, -1, to));
      printf("%d %d\n", pair[0] == -7, pair[1] == -7);
    }
  }
}
int main(void) {
  int before = next();
  struct rlimit l;
  getrlimit(RLIMIT_NOFILE, &l);
  all("room for two"), SAY(next() == before);
  l.rlim_cur = before + 1, setrlimit(RLIMIT_NOFILE, &l);
  all("room for one"), SAY(next() == before);
  l.rlim_cur = before, setrlimit(RLIMIT_NOFILE, &l);
  all("room for none");
  return 0;
}
