// Local sockets (unix(7)): pairs, names, connections, messages with descriptors and credentials, readiness, ends.
#include "say.h"
#include <poll.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
static char buffer[65536];
static void got(const char *what, long result) {
  if (result < 0) printf("%s: %s\n", what, strerrorname_np(errno));
  else printf("%s: %ld '%.*s'\n", what, result, (int)(result < 40 ? result : 40), buffer);
  fflush(stdout);
}
#define RECV(fd, size, flags) (memset(buffer, 0, sizeof buffer), got("recv " #fd " " #size " " #flags, recv(fd, buffer, size, flags)))
static int ready(int fd) {
  struct pollfd p = {fd, POLLIN | POLLOUT | POLLRDHUP};
  poll(&p, 1, 0);
  return p.revents;
}
static struct sockaddr_un at(const char *path, socklen_t *length) {
  struct sockaddr_un a = {AF_UNIX};
  size_t n = strlen(path + 1) + 1;
  memcpy(a.sun_path, path, n);
  *length = offsetof(struct sockaddr_un, sun_path) + n + (path[0] != 0);
  return a;
}
static void name(const char *what, int fd, int (*of)(int, struct sockaddr *, socklen_t *)) {
  struct sockaddr_un a;
  socklen_t n = sizeof a;
  memset(&a, 0, sizeof a);
  if (of(fd, (void *)&a, &n)) printf("%s: %s\n", what, strerrorname_np(errno));
  else printf("%s: length %d family %d '%s' '%s'\n", what, n, a.sun_family, a.sun_path, a.sun_path[0] ? "" : a.sun_path + 1);
}
static void pairs(int type) {
  int s[2], bytes;
  printf("type %d\n", type);
  SAY(socketpair(AF_UNIX, type, 0, s));
  struct stat st;
  SAY(fstat(s[0], &st)), SAY(st.st_mode), SAY(st.st_size);
  SAY(ready(s[0])), SAY(send(s[0], "hello world", 11, 0)), SAY(send(s[0], "second", 6, 0)), SAY(ready(s[1]));
  SAY(ioctl(s[1], FIONREAD, &bytes)), SAY(bytes);
  RECV(s[1], 5, MSG_PEEK), RECV(s[1], 100, MSG_PEEK), RECV(s[1], 5, 0), RECV(s[1], 100, MSG_DONTWAIT), RECV(s[1], 100, MSG_DONTWAIT), RECV(s[1], 100, MSG_DONTWAIT);
  SAY(write(s[1], "truncated", 9)), RECV(s[0], 4, MSG_TRUNC), RECV(s[0], 100, MSG_DONTWAIT);
  SAY(send(s[0], "", 0, 0)), SAY(ready(s[1])), RECV(s[1], 10, MSG_DONTWAIT);
  SAY(read(s[0], buffer, 0)), SAY(fcntl(s[0], F_SETFL, O_NONBLOCK)), SAY(read(s[0], buffer, 5)), SAY(lseek(s[0], 0, SEEK_SET)), SAY(pread(s[0], buffer, 1, 0));
  name("sock", s[0], getsockname), name("peer", s[0], getpeername);
  SAY(shutdown(s[0], 3)), SAY(shutdown(s[0], SHUT_WR)), SAY(ready(s[0])), SAY(ready(s[1])), SAY(send(s[0], "x", 1, MSG_NOSIGNAL));
  SAY(send(s[1], "back", 4, MSG_NOSIGNAL)), RECV(s[0], 10, MSG_DONTWAIT), RECV(s[1], 10, MSG_DONTWAIT);
  SAY(shutdown(s[0], SHUT_RD)), SAY(ready(s[0])), SAY(ready(s[1])), SAY(send(s[1], "more", 4, MSG_NOSIGNAL)), RECV(s[0], 10, MSG_DONTWAIT);
  SAY(close(s[0])), SAY(ready(s[1])), SAY(send(s[1], "x", 1, MSG_NOSIGNAL)), RECV(s[1], 10, MSG_DONTWAIT), SAY(close(s[1]));
  SAY(socketpair(AF_UNIX, type, 0, s)), SAY(send(s[1], "unread", 6, 0)), SAY(close(s[0])), SAY(ready(s[1])), RECV(s[1], 10, MSG_DONTWAIT), SAY(send(s[1], "x", 1, MSG_NOSIGNAL)), SAY(close(s[1]));
  SAY(socketpair(AF_UNIX, type, 0, s)), SAY(send(s[1], "left", 4, 0)), SAY(close(s[1])), RECV(s[0], 10, 0), RECV(s[0], 10, MSG_DONTWAIT), SAY(close(s[0]));
}
static void broken(int number, siginfo_t *info, void *context) { printf("signal %d\n", number), fflush(stdout); }
static void refused(void) {
  int s[2];
  SAY(socket(AF_UNIX, 0, 0)), SAY(socket(AF_UNIX, 4, 0)), SAY(socket(AF_UNIX, 99, 0)), SAY(socket(AF_UNIX, SOCK_STREAM, 7)), SAY(socket(99, SOCK_STREAM, 0)), SAY(socket(-1, SOCK_STREAM, 0)), SAY(socketpair(AF_UNIX, SOCK_STREAM, 0, (void *)8)), SAY(send(0, "x", 1, 0)), SAY(send(99, "x", 1, 0)), SAY(listen(0, 1)), SAY(accept(0, 0, 0));
  int fd = socket(AF_UNIX, SOCK_STREAM, 0), d = socket(AF_UNIX, SOCK_DGRAM, 0), q = socket(AF_UNIX, SOCK_SEQPACKET, 0);
  SAY(ready(fd)), SAY(ready(d)), SAY(ready(q)), SAY(send(fd, "x", 1, MSG_NOSIGNAL)), SAY(send(d, "x", 1, 0)), SAY(send(q, "x", 1, 0)), RECV(fd, 1, 0), RECV(q, 1, 0), RECV(d, 1, MSG_DONTWAIT), SAY(listen(fd, 1)), SAY(listen(d, 1)), SAY(accept(fd, 0, 0)), SAY(accept(d, 0, 0)), SAY(shutdown(fd, 0));
  name("sock", fd, getsockname), name("peer", fd, getpeername);
  on(SIGPIPE, broken, 0);
  SAY(socketpair(AF_UNIX, SOCK_STREAM, 0, s)), close(s[0]), SAY(write(s[1], "x", 1)), SAY(send(s[1], "x", 1, 0)), SAY(send(s[1], "x", 1, MSG_NOSIGNAL)), close(s[1]);
  close(fd), close(d), close(q);
}
static void streams(const char *path) {
  socklen_t n;
  struct sockaddr_un a = at(path, &n);
  printf("stream at %s%s\n", path[0] ? "" : "@", path[0] ? path : path + 1);
  int l = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), c = socket(AF_UNIX, SOCK_STREAM, 0), other = socket(AF_UNIX, SOCK_DGRAM, 0);
  SAY(connect(c, (void *)&a, n)), SAY(bind(l, (void *)&a, 1)), SAY(bind(l, (void *)&a, 200)), SAY(bind(l, (void *)&a, n)), SAY(bind(l, (void *)&a, n)), SAY(bind(other, (void *)&a, n));
  name("bound", l, getsockname);
  struct stat st;
  if (path[0]) SAY(stat(path, &st)), SAY(st.st_mode), SAY(open(path, O_RDWR)), SAY(access(path, W_OK));
  SAY(connect(c, (void *)&a, n)), SAY(connect(other, (void *)&a, n)), SAY(listen(l, 1)), SAY(accept(l, 0, 0)), SAY(ready(l));
  SAY(connect(c, (void *)&a, n)), SAY(connect(c, (void *)&a, n)), SAY(ready(l)), SAY(ready(c));
  name("client", c, getsockname), name("client's peer", c, getpeername);
  SAY(send(c, "early", 5, 0));
  struct sockaddr_un from;
  socklen_t fn = sizeof from;
  int s = accept4(l, (void *)&from, &fn, SOCK_CLOEXEC);
  SAY(s >= 0), SAY(fn), SAY(fcntl(s, F_GETFD)), SAY(fcntl(s, F_GETFL));
  name("server", s, getsockname), name("server's peer", s, getpeername);
  RECV(s, 20, 0), SAY(send(s, "answer", 6, 0)), RECV(c, 20, 0), SAY(sendto(c, "x", 1, 0, (void *)&a, n)), SAY(listen(c, 1));
  struct ucred cred;
  socklen_t cn = sizeof cred;
  SAY(getsockopt(s, SOL_SOCKET, SO_PEERCRED, &cred, &cn)), SAY(cred.pid == getpid()), SAY(cred.uid), SAY(getsockopt(c, SOL_SOCKET, SO_PEERCRED, &cred, &cn)), SAY(cred.pid == getpid());
  int more = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), more2 = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), more3 = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
  SAY(connect(more, (void *)&a, n)), SAY(connect(more2, (void *)&a, n)), SAY(connect(more3, (void *)&a, n));
  SAY(send(more, "lost", 4, 0)), SAY(close(l)), SAY(ready(more)), RECV(more, 4, 0), RECV(more, 4, 0), SAY(connect(more3, (void *)&a, n));
  if (path[0]) SAY(unlink(path)), SAY(connect(more3, (void *)&a, n));
  close(c), close(s), close(more), close(more2), close(more3), close(other);
}
static void datagrams(void) {
  socklen_t n, m;
  struct sockaddr_un a = at("/tmp/da", &n), b = at("/tmp/db", &m), unspec = {AF_UNSPEC}, from;
  int x = socket(AF_UNIX, SOCK_DGRAM, 0), y = socket(AF_UNIX, SOCK_DGRAM, 0), z = socket(AF_UNIX, SOCK_DGRAM, 0), s = socket(AF_UNIX, SOCK_STREAM, 0);
  SAY(bind(x, (void *)&a, n)), SAY(bind(y, (void *)&b, m)), SAY(sendto(x, "to b", 4, 0, (void *)&b, m)), SAY(sendto(z, "nameless", 8, 0, (void *)&b, m));
  for (int i = 0; i < 2; i++) {
    socklen_t fn = sizeof from;
    memset(&from, 0, sizeof from);
    SAY(recvfrom(y, buffer, 20, 0, (void *)&from, &fn)), printf("from %d '%s'\n", fn, fn ? from.sun_path : "");
  }
  SAY(connect(y, (void *)&a, n)), SAY(send(y, "connected", 9, 0)), SAY(sendto(z, "x", 1, 0, (void *)&b, m)), RECV(x, 20, 0), SAY(connect(z, (void *)&b, m)), SAY(connect(s, (void *)&a, n)), SAY(sendto(s, "x", 1, 0, (void *)&a, n));
  SAY(connect(y, (void *)&unspec, sizeof unspec)), SAY(send(y, "x", 1, 0));
  int count = 0;
  while (sendto(z, "x", 1, MSG_DONTWAIT, (void *)&a, n) == 1) count++;
  printf("%d messages, then %s\n", count, strerrorname_np(errno));
  SAY(connect(z, (void *)&a, n)), SAY(ready(z)), RECV(x, 1, 0), SAY(ready(z));
  static char large[300000];
  SAY(send(z, large, sizeof large, 0)), SAY(close(x)), SAY(send(z, "x", 1, 0)), SAY(send(z, "x", 1, 0)), SAY(sendto(z, "x", 1, 0, (void *)&a, n)), unlink("/tmp/da"), SAY(sendto(z, "x", 1, 0, (void *)&a, n)), unlink("/tmp/db");
  int u = socket(AF_UNIX, SOCK_DGRAM, 0);
  SAY(bind(u, (void *)&unspec, n)), SAY(bind(u, (void *)&a, 2)), n = sizeof a, SAY(getsockname(u, (void *)&a, &n)), SAY(n), SAY(a.sun_path[0]);
  close(y), close(z), close(s), close(u);
}
static long with(int fd, const char *text, int type, const void *data, int size) {
  char control[256] = {0};
  struct iovec v[2] = {{(void *)text, strlen(text) / 2}, {(void *)text + strlen(text) / 2, strlen(text) - strlen(text) / 2}};
  struct msghdr h = {0, 0, v, 2, control, CMSG_SPACE(size)};
  struct cmsghdr *c = CMSG_FIRSTHDR(&h);
  c->cmsg_level = SOL_SOCKET, c->cmsg_type = type, c->cmsg_len = CMSG_LEN(size), memcpy(CMSG_DATA(c), data, size);
  return sendmsg(fd, &h, MSG_NOSIGNAL);
}
static int take(int fd, int room, int flags) {
  char control[256] = {0};
  int last = -1;
  struct iovec v = {buffer, 64};
  struct msghdr h = {0, 0, &v, 1, control, room};
  memset(buffer, 0, 64);
  long result = recvmsg(fd, &h, flags);
  got("recvmsg", result);
  if (result < 0) return -1;
  printf("flags %x control %zu\n", h.msg_flags, (size_t)h.msg_controllen);
  for (struct cmsghdr *c = CMSG_FIRSTHDR(&h); c; c = CMSG_NXTHDR(&h, c)) {
    printf("type %d length %zu\n", c->cmsg_type, (size_t)c->cmsg_len);
    if (c->cmsg_type == SCM_RIGHTS) {
      int *fds = (int *)CMSG_DATA(c);
      for (int i = 0; i < (int)(c->cmsg_len - CMSG_LEN(0)) / 4; i++) printf("descriptor %d closes %d\n", fds[i] > 2, fcntl(fds[i], F_GETFD)), last = fds[i];
    } else {
      struct ucred *u = (struct ucred *)CMSG_DATA(c);
      printf("from self %d user %d group %d\n", u->pid == getpid(), u->uid, u->gid);
    }
  }
  fflush(stdout);
  return last;
}
static void control(int type) {
  int s[2], p[2], on = 1, bad[1] = {99};
  SAY(socketpair(AF_UNIX, type, 0, s)), SAY(pipe(p));
  SAY(with(s[0], "a pipe", SCM_RIGHTS, p, 8));
  int fd = take(s[1], 200, 0);
  SAY(write(fd, "through", 7)), close(fd), close(p[1]), SAY(read(p[0], buffer, 20));
  SAY(with(s[0], "cut", SCM_RIGHTS, p, 4)), take(s[1], 0, 0), SAY(with(s[0], "cut", SCM_RIGHTS, s, 8)), close(take(s[1], CMSG_LEN(4), MSG_CMSG_CLOEXEC)), SAY(with(s[0], "bad", SCM_RIGHTS, bad, 4)), SAY(with(s[0], "unknown", 77, bad, 4));
  SAY(with(s[0], "plain", SCM_RIGHTS, p, 4)), SAY(send(s[0], "more", 4, 0)), close(take(s[1], 200, MSG_PEEK)), close(take(s[1], 200, 0)), take(s[1], 200, MSG_DONTWAIT);
  struct ucred self = {getpid(), 0, 0}, other = {getpid(), 5, 6};
  SAY(setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on)), SAY(send(s[0], "who", 3, 0)), take(s[1], 200, 0), SAY(with(s[0], "self", SCM_CREDENTIALS, &self, sizeof self)), take(s[1], 200, 0), SAY(with(s[0], "other", SCM_CREDENTIALS, &other, sizeof other)), take(s[1], 200, 0), SAY(with(s[0], "both", SCM_RIGHTS, p, 4)), close(take(s[1], 200, 0)), SAY(with(s[0], "short", SCM_CREDENTIALS, &self, 8));
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    setuid(1000);
    SAY(with(s[0], "fake", SCM_CREDENTIALS, &self, sizeof self)), SAY(send(s[0], "child", 5, 0));
    fflush(stdout), _exit(0);
  }
  say_wait("child", child), take(s[1], 200, 0);
  close(s[0]), take(s[1], 200, MSG_DONTWAIT), close(s[1]), close(p[0]);
}
static void options(void) {
  int s = socket(AF_UNIX, SOCK_STREAM, 0), value = 0, l = sizeof value;
  static const int numbers[] = {SO_TYPE, SO_ERROR, SO_DOMAIN, SO_PROTOCOL, SO_ACCEPTCONN, SO_REUSEADDR, SO_KEEPALIVE, SO_PASSCRED, SO_SNDBUF, SO_RCVBUF, SO_RCVLOWAT, 200};
  for (int i = 0; i < 12; i++) l = 4, value = -7, SAY(getsockopt(s, SOL_SOCKET, numbers[i], &value, &l)), printf("%d: %d %d\n", numbers[i], value, l);
  value = 1, SAY(setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &value, 4)), SAY(setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &value, 3)), SAY(setsockopt(s, SOL_SOCKET, 200, &value, 4)), SAY(setsockopt(s, SOL_SOCKET, SO_TYPE, &value, 4)), SAY(setsockopt(s, 6, 1, &value, 4)), SAY(getsockopt(s, 6, 1, &value, &l)), SAY(setsockopt(s, SOL_SOCKET, SO_REUSEADDR, (void *)8, 4)), l = 4, value = 0, SAY(getsockopt(s, SOL_SOCKET, SO_REUSEADDR, &value, &l)), SAY(value);
  value = 1, SAY(setsockopt(s, SOL_SOCKET, SO_SNDBUF, &value, 4)), SAY(getsockopt(s, SOL_SOCKET, SO_SNDBUF, &value, &l)), SAY(value), value = 50000, SAY(setsockopt(s, SOL_SOCKET, SO_RCVBUF, &value, 4)), SAY(getsockopt(s, SOL_SOCKET, SO_RCVBUF, &value, &l)), SAY(value);
  int p[2];
  struct timeval t = {0, 20000}, bad = {0, 2000000};
  SAY(socketpair(AF_UNIX, SOCK_STREAM, 0, p)), SAY(setsockopt(p[0], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t)), SAY(setsockopt(p[0], SOL_SOCKET, SO_RCVTIMEO, &bad, sizeof bad)), SAY(read(p[0], buffer, 1)), SAY(setsockopt(p[0], SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t));
  long total = 0, some;
  while ((some = write(p[0], buffer, 10000)) > 0) total += some;
  printf("filled %d, then %s\n", total > 100000, strerrorname_np(errno));
  SAY(ready(p[0]));
  while ((some = recv(p[1], buffer, 60000, MSG_DONTWAIT)) > 0) total -= some;
  SAY(total), SAY(ready(p[0])), close(p[0]), close(p[1]), close(s);
}
static void processes(void) {
  int s[2];
  SAY(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    close(s[0]);
    long sum = 0, some;
    while ((some = read(s[1], buffer, sizeof buffer)) > 0) sum += some;
    printf("child read %ld\n", sum), fflush(stdout);
    if (write(s[1], "done", 4) != 4) puts("no answer");
    _exit(0);
  }
  close(s[1]);
  long total = 0;
  for (int i = 0; i < 40; i++) total += write(s[0], buffer, 30000);
  SAY(total), SAY(shutdown(s[0], SHUT_WR)), RECV(s[0], 10, MSG_WAITALL), say_wait("child", child), close(s[0]);
  int e = epoll_create1(0);
  struct epoll_event v = {EPOLLIN | EPOLLRDHUP | EPOLLET};
  SAY(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s)), SAY(epoll_ctl(e, EPOLL_CTL_ADD, s[0], &v)), SAY(epoll_wait(e, &v, 1, 0)), SAY(send(s[1], "x", 1, 0)), SAY(epoll_wait(e, &v, 1, 0)), SAY(v.events), SAY(epoll_wait(e, &v, 1, 0)), SAY(close(s[1])), SAY(epoll_wait(e, &v, 1, 0)), SAY(v.events);
  close(s[0]), close(e);
}
int main(void) {
  pairs(SOCK_STREAM), pairs(SOCK_DGRAM), pairs(SOCK_SEQPACKET), refused(), streams("/tmp/socket"), streams("\0abstract"), datagrams(), control(SOCK_STREAM), control(SOCK_DGRAM), options(), processes();
  return 0;
}
