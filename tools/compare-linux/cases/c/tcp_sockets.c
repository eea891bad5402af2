// Streams over the loopback interface (tcp(7), ip(7)): ports, connecting, bytes, ends, errors and their order, options.
#include "inet.h"
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <linux/sockios.h>
static void name(const char *what, int fd, int (*of)(int, struct sockaddr *, socklen_t *), int port) {
  In a;
  socklen_t n = sizeof a;
  if (of(fd, (void *)&a, &n)) printf("%s: %s\n", what, strerrorname_np(errno));
  else printf("%s: %d family %d %s port %s\n", what, n, a.sin_family, inet_ntoa(a.sin_addr), !a.sin_port ? "0" : ntohs(a.sin_port) == port ? "as expected" : "other");
}
static int so_error(int fd) {
  int e = -1;
  socklen_t n = sizeof e;
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &n);
  return e;
}
static int listener(int backlog, int flags) {
  int l = socket(AF_INET, SOCK_STREAM | flags, 0);
  In a = at("127.0.0.1", 0);
  bind(l, (void *)&a, sizeof a), listen(l, backlog);
  return l;
}
static void both(int s[2]) {
  int l = listener(4, 0);
  In a = at("127.0.0.1", port_of(l));
  s[0] = socket(AF_INET, SOCK_STREAM, 0), connect(s[0], (void *)&a, sizeof a), s[1] = accept(l, 0, 0), close(l);
}
static void refused(void) {
  SAY(socket(AF_INET, 0, 0)), SAY(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP)), SAY(socket(AF_INET, SOCK_DGRAM, IPPROTO_TCP)), SAY(socket(AF_INET, SOCK_SEQPACKET, 0)), SAY(socket(AF_INET, SOCK_STREAM, 300)), SAY(socket(AF_INET, SOCK_STREAM, -1)), SAY(socket(AF_INET, SOCK_RAW, 0)), SAY(socketpair(AF_INET, SOCK_STREAM, 0, (int *)buffer));
  int s = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP), u = socket(AF_INET, SOCK_DGRAM, 0), v = socket(AF_INET, SOCK_STREAM, 0);
  In a = at("127.0.0.1", 0), any = at("0.0.0.0", 0), far = at("1.2.3.4", 0);
  SAY(ready(s)), name("fresh", s, getsockname, 0), name("fresh peer", s, getpeername, 0), SAY(send(s, "x", 1, MSG_NOSIGNAL)), RECV(s, 1, 0), SAY(accept(s, 0, 0)), SAY(shutdown(s, SHUT_RD)), SAY(shutdown(s, 9));
  close(s), s = socket(AF_INET, SOCK_STREAM, 0);
  SAY(bind(s, (void *)&a, 8)), SAY(bind(s, (void *)&a, 200)), SAY(bind(s, (void *)8, sizeof a)), a.sin_family = 99, SAY(bind(s, (void *)&a, sizeof a)), a.sin_family = AF_UNSPEC, SAY(bind(s, (void *)&a, sizeof a)), a.sin_family = AF_INET;
  SAY(bind(s, (void *)&far, sizeof far)), SAY(bind(s, (void *)&a, sizeof a)), SAY(bind(s, (void *)&a, sizeof a)), SAY(port_of(s) > 1023);
  a.sin_port = htons(port_of(s)), any.sin_port = a.sin_port;
  SAY(bind(v, (void *)&a, sizeof a)), SAY(bind(v, (void *)&any, sizeof any)), SAY(bind(u, (void *)&a, sizeof a));
  setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on_, 4), SAY(bind(v, (void *)&a, sizeof a)), setsockopt(v, SOL_SOCKET, SO_REUSEADDR, &on_, 4), SAY(bind(v, (void *)&a, sizeof a)), SAY(listen(s, 1)), SAY(listen(v, 1));
  int w = socket(AF_INET, SOCK_STREAM, 0);
  setsockopt(w, SOL_SOCKET, SO_REUSEADDR, &on_, 4), SAY(bind(w, (void *)&a, sizeof a)), close(v), SAY(bind(w, (void *)&any, sizeof any)), a = at("127.0.0.2", ntohs(any.sin_port)), SAY(bind(w, (void *)&a, sizeof a)), name("another of lo", w, getsockname, port_of(s)), close(w);
  SAY(listen(s, 5)), SAY(listen(u, 1)), SAY(accept(u, 0, 0)), SAY(ready(s)), RECV(s, 1, 0), SAY(send(s, "x", 1, MSG_NOSIGNAL)), SAY(connect(s, (void *)&a, sizeof a)), SAY(shutdown(s, SHUT_WR)), SAY(shutdown(s, SHUT_RD)), SAY(accept(s, 0, 0)), SAY(ready(s)), SAY(listen(s, 1));
  close(s), close(u);
  int p1 = socket(AF_INET, SOCK_STREAM, 0), p2 = socket(AF_INET, SOCK_STREAM, 0);
  a = at("127.0.0.1", 0);
  setsockopt(p1, SOL_SOCKET, SO_REUSEPORT, &on_, 4), setsockopt(p2, SOL_SOCKET, SO_REUSEPORT, &on_, 4), SAY(bind(p1, (void *)&a, sizeof a)), a.sin_port = htons(port_of(p1)), SAY(bind(p2, (void *)&a, sizeof a)), SAY(listen(p1, 1)), SAY(listen(p2, 1)), close(p1), close(p2);
}
static void connecting(void) {
  int l = socket(AF_INET, SOCK_STREAM, 0), s = socket(AF_INET, SOCK_STREAM, 0), n = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  In a = at("127.0.0.1", 0), unspec = {AF_UNSPEC}, from;
  socklen_t fn = sizeof from;
  SAY(bind(l, (void *)&a, sizeof a));
  int port = port_of(l);
  a.sin_port = htons(port);
  SAY(connect(s, (void *)&a, sizeof a)), SAY(connect(s, (void *)&a, 4)), a.sin_family = 77, SAY(connect(s, (void *)&a, sizeof a)), a.sin_family = AF_INET;
  SAY(connect(n, (void *)&a, sizeof a)), SAY(ready(n)), SAY(so_error(n)), SAY(so_error(n)), SAY(connect(n, (void *)&a, sizeof a)), SAY(connect(n, (void *)&a, sizeof a)), SAY(connect(n, (void *)&a, sizeof a));
  SAY(listen(l, 1)), SAY(connect(s, (void *)&a, sizeof a)), SAY(connect(s, (void *)&a, sizeof a)), name("peer", s, getpeername, port), SAY(ready(l)), SAY(send(s, "early", 5, 0));
  close(n), n = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  SAY(connect(n, (void *)&a, sizeof a)), SAY(ready(n) & (POLLOUT | POLLERR | POLLHUP)), SAY(so_error(n)), SAY(connect(n, (void *)&a, sizeof a)), SAY(connect(n, (void *)&a, sizeof a));
  int t = accept4(l, (void *)&from, &fn, SOCK_NONBLOCK | SOCK_CLOEXEC);
  SAY(t >= 0), SAY(fn), SAY(ntohs(from.sin_port) == port_of(s)), SAY(fcntl(t, F_GETFL)), SAY(fcntl(t, F_GETFD)), name("server", t, getsockname, port), name("client", s, getsockname, ntohs(from.sin_port)), name("server's peer", t, getpeername, ntohs(from.sin_port));
  RECV(t, 10, 0), RECV(t, 10, 0), SAY(sendto(t, "to", 2, 0, (void *)&a, sizeof a)), RECV(s, 10, 0), SAY(listen(s, 1)), SAY(bind(s, (void *)&a, sizeof a));
  SAY(connect(s, (void *)&unspec, sizeof unspec)), name("disconnected", s, getpeername, 0), SAY(ready(t)), RECV(t, 10, 0), RECV(t, 10, 0), SAY(connect(s, (void *)&a, sizeof a)), close(t);
  close(n), t = accept(l, 0, 0), SAY(ready(t)), RECV(t, 5, 0), close(t);
  SAY(close(l)), SAY(ready(s)), SAY(so_error(s)), RECV(s, 5, 0), SAY(send(s, "x", 1, MSG_NOSIGNAL)), close(s);
  s = socket(AF_INET, SOCK_STREAM, 0), a = at("255.255.255.255", port), SAY(connect(s, (void *)&a, sizeof a)), a = at("127.255.255.255", port), SAY(connect(s, (void *)&a, sizeof a)), close(s);
  l = listener(1, 0), a = at("0.0.0.0", port_of(l)), s = socket(AF_INET, SOCK_STREAM, 0), SAY(connect(s, (void *)&a, sizeof a)), name("any leads to", s, getpeername, port_of(l)), close(s), close(l);
  l = socket(AF_INET, SOCK_STREAM, 0), SAY(listen(l, 0)), name("bound by listen", l, getsockname, port_of(l)), a = at("127.9.8.7", port_of(l)), s = socket(AF_INET, SOCK_STREAM, 0), SAY(connect(s, (void *)&a, sizeof a)), name("from", s, getsockname, port_of(s)), t = accept(l, 0, 0), name("to", t, getsockname, port_of(l)), close(s), close(l), close(t);
}
static void streams(void) {
  int s[2], n;
  both(s);
  SAY(ready(s[0])), SAY(send(s[0], "hello ", 6, 0)), SAY(write(s[0], "world", 5)), SAY(ready(s[1])), SAY(ioctl(s[1], FIONREAD, &n)), SAY(n), SAY(ioctl(s[0], SIOCOUTQ, &n)), SAY(n), SAY(ioctl(s[0], TIOCGWINSZ, buffer));
  RECV(s[1], 4, MSG_PEEK), RECV(s[1], 100, MSG_PEEK), RECV(s[1], 5, 0), RECV(s[1], 3, MSG_TRUNC), RECV(s[1], 100, MSG_DONTWAIT), RECV(s[1], 100, MSG_DONTWAIT), RECV(s[1], 5, MSG_OOB), RECV(s[1], 5, MSG_DONTWAIT | MSG_WAITALL);
  SAY(send(s[0], "ab", 2, 0)), RECV(s[1], 5, MSG_DONTWAIT | MSG_WAITALL), SAY(send(s[0], "", 0, 0)), RECV(s[1], 5, MSG_DONTWAIT), SAY(read(s[1], buffer, 0)), SAY(lseek(s[0], 0, SEEK_CUR)), SAY(send(s[0], (void *)8, 5, 0)), SAY(send(s[0], "x", 1, 0)), SAY(recv(s[1], (void *)8, 1, 0)), RECV(s[1], 1, 0);
  SAY(shutdown(s[0], SHUT_WR)), SAY(ready(s[0])), SAY(ready(s[1])), RECV(s[1], 5, 0), RECV(s[1], 5, 0), SAY(send(s[0], "x", 1, MSG_NOSIGNAL)), SAY(send(s[1], "back", 4, 0)), RECV(s[0], 10, 0), SAY(shutdown(s[1], SHUT_WR)), SAY(ready(s[0])), SAY(ready(s[1])), RECV(s[0], 5, 0), name("after both", s[0], getpeername, 0), SAY(shutdown(s[0], SHUT_WR)), close(s[0]), close(s[1]);
  both(s), SAY(shutdown(s[1], SHUT_RD)), SAY(ready(s[1])), RECV(s[1], 5, 0), SAY(send(s[0], "late", 4, 0)), RECV(s[1], 5, 0), RECV(s[1], 5, 0), close(s[0]), close(s[1]);
  both(s), SAY(shutdown(s[1], SHUT_RDWR)), SAY(ready(s[1])), SAY(ready(s[0])), SAY(send(s[0], "late", 4, 0)), SAY(ready(s[0])), SAY(send(s[0], "later", 5, MSG_NOSIGNAL)), RECV(s[0], 5, 0), close(s[0]), close(s[1]);
  both(s), close(s[1]), SAY(ready(s[0])), RECV(s[0], 5, 0), SAY(send(s[0], "first", 5, 0)), SAY(ready(s[0])), RECV(s[0], 5, 0), SAY(so_error(s[0])), SAY(so_error(s[0])), SAY(send(s[0], "x", 1, MSG_NOSIGNAL)), close(s[0]);
  both(s), send(s[0], "unread", 6, 0), send(s[1], "read", 4, 0), close(s[1]), SAY(ready(s[0])), SAY(send(s[0], "x", 1, MSG_NOSIGNAL)), RECV(s[0], 10, 0), RECV(s[0], 10, 0), SAY(send(s[0], "x", 1, MSG_NOSIGNAL)), close(s[0]);
  both(s), send(s[0], "unread", 6, 0), close(s[1]), RECV(s[0], 10, 0), RECV(s[0], 10, 0), close(s[0]);
  struct linger none = {1, 0};
  both(s), SAY(setsockopt(s[1], SOL_SOCKET, SO_LINGER, &none, sizeof none)), close(s[1]), SAY(so_error(s[0])), SAY(ready(s[0])), RECV(s[0], 10, 0), name("reset", s[0], getpeername, 0), close(s[0]);
}
static void broken(int number, siginfo_t *info, void *context) { printf("signal %d\n", number), fflush(stdout); }
static void *late(void *fd) {
  usleep(20000);
  send(*(int *)fd, "56789", 5, 0), usleep(20000), send(*(int *)fd, "abcde", 5, 0);
  return 0;
}
static void waiting(void) {
  int s[2];
  pthread_t thread;
  struct timeval limit = {0, 30000}, told;
  socklen_t n = sizeof told;
  both(s), send(s[1], "01234", 5, 0), pthread_create(&thread, 0, late, &s[1]), RECV(s[0], 15, MSG_WAITALL), pthread_join(thread, 0);
  send(s[1], "01234", 5, 0), pthread_create(&thread, 0, late, &s[1]), RECV(s[0], 12, MSG_WAITALL | MSG_PEEK), pthread_join(thread, 0), RECV(s[0], 100, 0);
  SAY(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit)), SAY(getsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &told, &n)), SAY(told.tv_sec == 0 && told.tv_usec > 20000), RECV(s[0], 5, 0), SAY(setsockopt(s[0], SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit));
  int small = 4096;
  setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &small, 4);
  long sent = 0, one = 0;
  memset(buffer, 'z', sizeof buffer);
  while ((one = send(s[0], buffer, sizeof buffer, 0)) > 0) sent += one;
  printf("full: %d %s\n", sent > 4096, strerrorname_np(errno)), SAY(ready(s[0])), SAY(send(s[0], "x", 1, MSG_DONTWAIT));
  long taken = 0;
  while ((one = recv(s[1], buffer, 65536, MSG_DONTWAIT)) > 0 || (taken < sent && usleep(1000) == 0)) taken += one > 0 ? one : 0;
  SAY(taken == sent), SAY(ready(s[0]));
  on(SIGPIPE, broken, 0), close(s[1]), SAY(write(s[0], "x", 1)), SAY(write(s[0], "x", 1)), SAY(send(s[0], "x", 1, 0)), SAY(send(s[0], "x", 1, MSG_NOSIGNAL)), close(s[0]);
}
static void urgent(void) {
  int s[2], mark;
  both(s);
  SAY(send(s[0], "abc", 3, 0)), SAY(send(s[0], "dX", 2, MSG_OOB)), SAY(send(s[0], "ef", 2, 0)), SAY(ready(s[1])), SAY(ioctl(s[1], FIONREAD, &mark)), SAY(mark), SAY(ioctl(s[1], SIOCATMARK, &mark)), SAY(mark), RECV(s[1], 10, MSG_PEEK | MSG_OOB), RECV(s[1], 10, 0), SAY(ioctl(s[1], SIOCATMARK, &mark)), SAY(mark), RECV(s[1], 10, MSG_OOB), RECV(s[1], 10, MSG_OOB), RECV(s[1], 10, 0), SAY(ready(s[1])), RECV(s[1], 10, MSG_OOB);
  SAY(setsockopt(s[1], SOL_SOCKET, SO_OOBINLINE, &on_, 4)), SAY(send(s[0], "123", 3, MSG_OOB)), SAY(send(s[0], "45", 2, 0)), RECV(s[1], 10, MSG_OOB), RECV(s[1], 10, 0), RECV(s[1], 10, 0), close(s[0]), close(s[1]);
}
static void number(const char *what, int fd, int level, int option, int value) {
  int told = -7;
  socklen_t n = sizeof told;
  long set = value == -99 ? 0 : setsockopt(fd, level, option, &value, sizeof value);
  if (set) printf("%s = %d: %s, ", what, value, strerrorname_np(errno));
  if (getsockopt(fd, level, option, &told, &n)) printf("%s: %s\n", what, strerrorname_np(errno));
  else printf("%s: %d (%d)\n", what, told, n);
}
#define OPTION(fd, level, name, value) number(#name, fd, level, name, value)
static void options(void) {
  int s[2];
  both(s);
  OPTION(s[0], SOL_SOCKET, SO_TYPE, -99), OPTION(s[0], SOL_SOCKET, SO_DOMAIN, -99), OPTION(s[0], SOL_SOCKET, SO_PROTOCOL, -99), OPTION(s[0], SOL_SOCKET, SO_KEEPALIVE, 5), OPTION(s[0], SOL_SOCKET, SO_BROADCAST, 1), OPTION(s[0], SOL_SOCKET, SO_REUSEPORT, 1), OPTION(s[0], SOL_SOCKET, SO_RCVBUF, 5000), OPTION(s[0], SOL_SOCKET, SO_SNDBUF, 5000), OPTION(s[0], SOL_SOCKET, SO_RCVBUF, 1), OPTION(s[0], SOL_SOCKET, SO_SNDBUF, 1), OPTION(s[0], SOL_SOCKET, SO_RCVLOWAT, 3), OPTION(s[0], SOL_SOCKET, SO_SNDLOWAT, -99), OPTION(s[0], SOL_SOCKET, SO_PRIORITY, 4), OPTION(s[0], SOL_SOCKET, SO_ACCEPTCONN, -99), OPTION(s[0], SOL_SOCKET, 9999, 1);
  send(s[1], "ab", 2, 0), SAY(ready(s[0]) & POLLIN), send(s[1], "c", 1, 0), SAY(ready(s[0]) & POLLIN), RECV(s[0], 10, 0);
  OPTION(s[0], IPPROTO_TCP, TCP_NODELAY, 7), OPTION(s[0], IPPROTO_TCP, TCP_CORK, 1), OPTION(s[0], IPPROTO_TCP, TCP_KEEPIDLE, 60), OPTION(s[0], IPPROTO_TCP, TCP_KEEPIDLE, 0), OPTION(s[0], IPPROTO_TCP, TCP_KEEPINTVL, 40000), OPTION(s[0], IPPROTO_TCP, TCP_KEEPCNT, 3), OPTION(s[0], IPPROTO_TCP, TCP_KEEPCNT, 128), OPTION(s[0], IPPROTO_TCP, TCP_SYNCNT, 2), OPTION(s[0], IPPROTO_TCP, TCP_USER_TIMEOUT, 1000), OPTION(s[0], IPPROTO_TCP, TCP_USER_TIMEOUT, -1), OPTION(s[0], IPPROTO_TCP, 9999, 1);
  OPTION(s[0], IPPROTO_IP, IP_TTL, 10), OPTION(s[0], IPPROTO_IP, IP_TTL, -1), OPTION(s[0], IPPROTO_IP, IP_TTL, 0), OPTION(s[0], IPPROTO_IP, IP_TTL, 256), OPTION(s[0], IPPROTO_IP, IP_TOS, 0x1f), OPTION(s[0], IPPROTO_IP, 9999, 1), OPTION(s[0], IPPROTO_UDP, 1, 1), OPTION(s[0], 9999, 1, 1), OPTION(s[0], IPPROTO_IPV6, 26, 1);
  struct tcp_info info;
  socklen_t n = sizeof info;
  SAY(getsockopt(s[0], IPPROTO_TCP, TCP_INFO, &info, &n)), SAY(info.tcpi_state), shutdown(s[0], SHUT_WR), n = sizeof info, SAY(getsockopt(s[1], IPPROTO_TCP, TCP_INFO, &info, &n)), SAY(info.tcpi_state);
  struct linger l = {5, 7};
  n = sizeof l, SAY(setsockopt(s[0], SOL_SOCKET, SO_LINGER, &l, 4)), SAY(setsockopt(s[0], SOL_SOCKET, SO_LINGER, &l, sizeof l)), SAY(getsockopt(s[0], SOL_SOCKET, SO_LINGER, &l, &n)), SAY(l.l_onoff), SAY(l.l_linger), SAY(n);
  struct { int pid, uid, gid; } cred;
  n = sizeof cred, SAY(getsockopt(s[0], SOL_SOCKET, SO_PEERCRED, &cred, &n)), SAY(cred.pid), SAY(cred.uid == -1);
  l.l_onoff = 0, setsockopt(s[0], SOL_SOCKET, SO_LINGER, &l, sizeof l), close(s[0]), close(s[1]);
  int listens = listener(1, 0), c = socket(AF_INET, SOCK_STREAM, 0);
  In a = at("127.0.0.1", port_of(listens));
  OPTION(listens, SOL_SOCKET, SO_ACCEPTCONN, -99), OPTION(listens, IPPROTO_TCP, TCP_NODELAY, 1), OPTION(listens, SOL_SOCKET, SO_KEEPALIVE, 1), connect(c, (void *)&a, sizeof a), close(s[1]);
  int t = accept(listens, 0, 0);
  OPTION(t, IPPROTO_TCP, TCP_NODELAY, -99), OPTION(t, SOL_SOCKET, SO_KEEPALIVE, -99), OPTION(t, SOL_SOCKET, SO_ACCEPTCONN, -99), close(t), close(c), close(listens);
}
static void others(void) {
  int s[2], p[2], e = epoll_create1(0), l = listener(5, SOCK_NONBLOCK);
  struct epoll_event in = {EPOLLIN | EPOLLRDHUP | EPOLLET, {.u32 = 1}}, out[4];
  both(s), pipe(p);
  SAY(epoll_ctl(e, EPOLL_CTL_ADD, s[0], &in)), SAY(epoll_wait(e, out, 4, 0)), send(s[1], "x", 1, 0), SAY(epoll_wait(e, out, 4, 100)), SAY(out[0].events), SAY(epoll_wait(e, out, 4, 0)), shutdown(s[1], SHUT_WR), SAY(epoll_wait(e, out, 4, 100)), SAY(out[0].events);
  in.data.u32 = 2, SAY(epoll_ctl(e, EPOLL_CTL_ADD, l, &in)), SAY(accept(l, 0, 0));
  In a = at("127.0.0.1", port_of(l));
  int c = socket(AF_INET, SOCK_STREAM, 0);
  SAY(connect(c, (void *)&a, sizeof a)), SAY(epoll_wait(e, out, 4, 100)), SAY(out[0].data.u32), SAY(out[0].events), close(c), close(l);
  close(s[0]), close(s[1]), both(s);
  int f = open("/tmp/file", O_RDWR | O_CREAT, 0644);
  write(f, "contents of a file", 18);
  off_t from = 9;
  SAY(sendfile(s[0], f, &from, 100)), SAY(from), RECV(s[1], 100, 0), write(p[1], "through a pipe", 14), SAY(splice(p[0], 0, s[0], 0, 7, 0)), SAY(splice(s[1], 0, p[1], 0, 100, 0)), memset(buffer, 0, 99), SAY(read(p[0], buffer, 99)), puts(buffer), SAY(epoll_wait(e, out, 4, 0));
  struct stat st;
  SAY(fstat(s[0], &st)), SAY(st.st_mode), SAY(st.st_size), close(f), unlink("/tmp/file");
  pid_t child = fork();
  if (child == 0) {
    int n = recv(s[1], buffer, 100, 0);
    buffer[0] -= 32, send(s[1], buffer, n, 0), _exit(0);
  }
  SAY(send(s[0], "child", 5, 0)), RECV(s[0], 10, 0), say_wait("child", child), close(s[1]), RECV(s[0], 1, 0), close(s[0]), close(e), close(p[0]), close(p[1]);
}
int main(void) {
  refused(), connecting(), streams(), waiting(), urgent(), options(), others();
  return 0;
}
