// pipe(2), pipe(7): ends, capacity, atomic writes, SIGPIPE, FIONREAD.
#include "say.h"
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
static char big[70000];
int main(void) {
  int p[2] = {-1, -1}, n = 0;
  char b[16];
  SAY(pipe2(p, O_NONBLOCK));
  SAY(p[0] * 10 + p[1]);
  SAY(read(p[0], b, 1));
  SAY(write(p[1], "hello", 5));
  SAY(ioctl(p[0], FIONREAD, &n));
  SAY(ioctl(1, FIONREAD, &(int){0}));
  SAY(n);
  SAY(read(p[0], b, 2));
  SAY(read(p[0], b, 16));
  SAY(write(p[1], big, sizeof big));
  SAY(write(p[1], big, 1));
  SAY(read(p[0], big, 4096));
  SAY(write(p[1], big, 5000));
  SAY(write(p[1], big, 4096));
  SAY(lseek(p[0], 0, SEEK_SET));
  SAY(write(p[0], b, 1));
  SAY(read(p[1], b, 1));
  struct pollfd f[2] = {{p[0], POLLIN}, {p[1], POLLOUT}};
  SAY(poll(f, 2, 0));
  SAY(f[0].revents * 100 + f[1].revents);
  signal(SIGPIPE, SIG_IGN);
  close(p[0]);
  SAY(write(p[1], "x", 1));
  SAY(poll(f + 1, 1, 0));
  SAY(f[1].revents);
  SAY(pipe2(p, 1));
  SAY(pipe((int *)1));
  SAY(pipe(p));
  close(p[1]);
  SAY(read(p[0], b, 1));
  SAY(fcntl(p[0], F_GETFL));
  struct stat st;
  SAY(fstat(p[0], &st));
  SAY(S_ISFIFO(st.st_mode));
  // A message of a socket has buffers of its own.
  int s[2], q[2];
  SAY(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s)), SAY(pipe2(q, O_NONBLOCK));
  SAY(write(s[0], big, 5)), SAY(write(s[0], big, 7)), SAY(write(s[0], big, 3));
  SAY(fcntl(q[1], F_SETPIPE_SZ, 4096));
  SAY(splice(s[1], 0, q[1], 0, 100, SPLICE_F_NONBLOCK));
  SAY(splice(s[1], 0, q[1], 0, 100, SPLICE_F_NONBLOCK));
  SAY(read(q[0], big, 100));
  SAY(splice(s[1], 0, q[1], 0, 3, SPLICE_F_NONBLOCK));
  SAY(fcntl(q[1], F_SETPIPE_SZ, 8192));
  SAY(splice(s[1], 0, q[1], 0, 100, SPLICE_F_NONBLOCK));
  SAY(read(q[0], big, 100));
  SAY(splice(s[1], 0, q[1], 0, 100, SPLICE_F_NONBLOCK));
  signal(SIGPIPE, SIG_DFL);
  SAY(pipe(p));
  close(p[0]);
  write(p[1], "x", 1);
  puts("not reached");
}
