// Calls of sockets that a signal interrupts: they begin again by SA_RESTART, but not where SO_RCVTIMEO or SO_SNDTIMEO limits
// them, and not behind a stop either (signal(7)).
#include "say.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
typedef struct sockaddr_in In;
static volatile int handled;
static void handler(int number, siginfo_t *info, void *context) { handled = number; }
static char buffer[1 << 16];
/** Both sides of a connection, or of datagrams to each other. */
static void pair_of(int family, int type, int p[2]) {
  if (family == AF_UNIX) {
    socketpair(family, type, 0, p);
    return;
  }
  In a = {AF_INET, 0, {htonl(INADDR_LOOPBACK)}};
  socklen_t n = sizeof a;
  int l = socket(family, type, 0);
  bind(l, (void *)&a, sizeof a), getsockname(l, (void *)&a, &n);
  p[1] = socket(family, type, 0);
  if (type == SOCK_STREAM) listen(l, 1);
  connect(p[1], (void *)&a, sizeof a);
  p[0] = l;
  if (type == SOCK_STREAM) p[0] = accept(l, 0, 0), close(l);
}
enum { RECV, RECVMSG, READ, ACCEPT, SEND };
static const char *const names[] = {"recv", "recvmsg", "read", "accept", "send"};
static long call(int fd, int which) {
  struct iovec v = {buffer, 9};
  struct msghdr h = {0, 0, &v, 1};
  long sent = 0;
  switch (which) {
    case RECV: return recv(fd, buffer, 9, 0);
    case RECVMSG: return recvmsg(fd, &h, 0);
    case READ: return read(fd, buffer, 9);
    case ACCEPT: return accept(fd, 0, 0) < 0 ? -1 : 0;
    default:
      while (send(fd, buffer, 4096, MSG_DONTWAIT) > 0);
      sent = send(fd, buffer, 4096, 0);
      return sent < 0 ? -1 : 0;
  }
}
/** A child makes the call; a signal comes as it sleeps, and then what it waits for, unless it has ended. */
static void interrupt(const char *family, int of, int type, int which, int limited, int flags, int stop) {
  int p[2], told[2], status;
  pair_of(of, type, p), pipe(told);
  if (which == ACCEPT) {
    socklen_t n = sizeof(In);
    In a = {of, 0, {htonl(INADDR_LOOPBACK)}};
    close(p[0]), close(p[1]), p[0] = socket(of, type, 0), p[1] = socket(of, type, 0), bind(p[0], (void *)&a, of == AF_UNIX ? 2 : sizeof a), listen(p[0], 1);
  }
  struct timeval t = {limited ? 100 : 0, 0};
  setsockopt(p[0], SOL_SOCKET, which == SEND ? SO_SNDTIMEO : SO_RCVTIMEO, &t, sizeof t);
  pid_t pid = fork();
  if (pid == 0) {
    on(SIGUSR1, handler, flags);
    close(p[1]);
    errno = 0;
    long result = call(p[0], which);
    printf("%s type %d %s%s%s%s: %s, handler %s\n", family, type, names[which], limited ? " limited" : "", flags ? " restarts" : "", stop ? " stopped" : "", result < 0 ? strerrorname_np(errno) : "done", handled ? "ran" : "did not run");
    fflush(stdout), write(told[1], "x", 1), _exit(0);
  }
  until_asleep(pid);
  if (stop) kill(pid, SIGSTOP), waitpid(pid, &status, WUNTRACED), kill(pid, SIGCONT);
  else kill(pid, SIGUSR1);
  // What ends does so at once; what begins again gets what it waits for.
  if (limited || (!flags && !stop)) {
    read(told[0], buffer, 1);
  } else {
    if (!stop) usleep(20000);
    until_asleep(pid);
    if (which == ACCEPT) {
      struct sockaddr_storage a;
      socklen_t n = sizeof a;
      getsockname(p[0], (void *)&a, &n), connect(p[1], (void *)&a, n);
    } else if (which == SEND) {
      while (recv(p[1], buffer, sizeof buffer, MSG_DONTWAIT) > 0);
    } else {
      send(p[1], "x", 1, 0);
    }
  }
  waitpid(pid, &status, 0), close(p[0]), close(p[1]), close(told[0]), close(told[1]);
}
static void all(const char *name, int family, int type, int which) {
  for (int limited = 0; limited < 2; limited++)
    for (int kind = 0; kind < 3; kind++) interrupt(name, family, type, which, limited, kind == 1 ? SA_RESTART : 0, kind == 2);
}
int main(void) {
  static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
  for (int i = 0; i < 3; i++) {
    for (int which = RECV; which <= READ; which++) all("unix", AF_UNIX, types[i], which);
    all("unix", AF_UNIX, types[i], SEND);
  }
  for (int i = 0; i < 2; i++)
    for (int which = RECV; which <= READ; which++) all("inet", AF_INET, types[i], which);
  all("inet", AF_INET, SOCK_STREAM, SEND), all("unix", AF_UNIX, SOCK_STREAM, ACCEPT), all("inet", AF_INET, SOCK_STREAM, ACCEPT);
  return 0;
}
