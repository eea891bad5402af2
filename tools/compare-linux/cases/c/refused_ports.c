// The local end of a TCP socket whose connection was refused or is over (tcp(7), getsockname(2)): what is told of its address and
// port, and what it can be bound and connected to then.
#include "inet.h"
static int kept;
static void name(const char *what, int fd) {
  In6 six;
  socklen_t n = sizeof six;
  if (getsockname(fd, (void *)&six, &n)) {
    printf("%s: %s\n", what, strerrorname_np(errno));
    return;
  }
  char text[64] = "";
  inet_ntop(six.sin6_family, six.sin6_family == AF_INET ? (void *)&((In *)&six)->sin_addr : (void *)&six.sin6_addr, text, sizeof text);
  int port = ntohs(six.sin6_port);
  printf("%s: %s port %s\n", what, text, port == 0 ? "0" : port == kept ? "as before" : "another");
  fflush(stdout);
  kept = port;
}
/** An address that nobody listens at; `holder` keeps its port. */
static In closed(int *holder) {
  In a = at("127.0.0.1", 0);
  *holder = socket(AF_INET, SOCK_STREAM, 0);
  bind(*holder, (void *)&a, sizeof a);
  a.sin_port = htons(port_of(*holder));
  return a;
}
int main(void) {
  int holder, s = socket(AF_INET, SOCK_STREAM, 0), t;
  In dead = closed(&holder), any = at("0.0.0.0", 0), own = at("127.0.0.1", 0), unspec = {AF_UNSPEC}, mine;
  name("fresh", s);
  SAY(connect(s, (void *)&dead, sizeof dead)), name("refused", s);
  t = socket(AF_INET, SOCK_STREAM, 0), mine = at("127.0.0.1", kept), SAY(bind(t, (void *)&mine, sizeof mine)), close(t);
  SAY(connect(s, (void *)&dead, sizeof dead)), kept = 0, name("again", s);
  SAY(bind(s, (void *)&own, sizeof own)), kept = 0, name("bound", s), SAY(bind(s, (void *)&own, sizeof own));
  SAY(connect(s, (void *)&dead, sizeof dead)), name("bound and refused", s), SAY(bind(s, (void *)&own, sizeof own));
  close(s), s = socket(AF_INET, SOCK_STREAM, 0);
  SAY(bind(s, (void *)&any, sizeof any)), kept = 0, name("any", s), SAY(connect(s, (void *)&dead, sizeof dead)), name("any refused", s), SAY(bind(s, (void *)&any, sizeof any)), SAY(listen(s, 1)), name("listening", s);
  close(s), s = socket(AF_INET, SOCK_STREAM, 0), SAY(connect(s, (void *)&dead, sizeof dead)), kept = 0, name("to listen", s), SAY(listen(s, 1)), kept = 0, name("listens", s);
  close(s), s = socket(AF_INET, SOCK_STREAM, 0), SAY(connect(s, (void *)&dead, sizeof dead)), kept = 0, name("to be parted", s), SAY(connect(s, (void *)&unspec, sizeof unspec)), name("parted", s);
  close(s), s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  SAY(connect(s, (void *)&dead, sizeof dead)), SAY(ready(s)), kept = 0, name("at once", s);
  SAY(connect(s, (void *)&dead, sizeof dead)), name("error taken", s), SAY(bind(s, (void *)&own, sizeof own)), kept = 0, name("bound then", s);
  close(s), s = socket(AF_INET6, SOCK_STREAM, 0);
  In6 dead6 = {AF_INET6, dead.sin_port, 0, IN6ADDR_LOOPBACK_INIT, 0};
  SAY(connect(s, (void *)&dead6, sizeof dead6)), kept = 0, name("six", s), SAY(connect(s, (void *)&dead6, sizeof dead6)), kept = 0, name("six again", s);
  inet_pton(AF_INET6, "::ffff:127.0.0.1", &dead6.sin6_addr), SAY(connect(s, (void *)&dead6, sizeof dead6)), kept = 0, name("mapped", s);
  close(s);
  SAY(listen(holder, 5)), s = socket(AF_INET, SOCK_STREAM, 0), SAY(connect(s, (void *)&dead, sizeof dead)), kept = 0, name("connected", s);
  int peer = accept(holder, 0, 0);
  struct linger hard = {1, 0};
  setsockopt(peer, SOL_SOCKET, SO_LINGER, &hard, sizeof hard), close(peer), SAY(ready(s)), name("reset", s), RECV(s, 1, 0), name("told", s);
  SAY(bind(s, (void *)&own, sizeof own)), SAY(connect(s, (void *)&unspec, sizeof unspec)), name("parted", s), SAY(connect(s, (void *)&dead, sizeof dead)), kept = 0, name("connected again", s);
  SAY(connect(s, (void *)&unspec, sizeof unspec)), name("parted again", s), SAY(bind(s, (void *)&own, sizeof own)), kept = 0, name("bound", s);
  return 0;
}
