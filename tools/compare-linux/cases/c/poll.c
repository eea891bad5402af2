// poll(2), select(2), epoll(7), eventfd(2).
#include "say.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
int main(void) {
  int file = open("/etc/passwd", O_RDONLY);
  struct pollfd f[3] = {{file, POLLIN | POLLOUT}, {77, POLLIN}, {-1, POLLIN}};
  SAY(poll(f, 3, 0));
  SAY(f[0].revents);
  SAY(f[1].revents);
  SAY(f[2].revents);
  SAY(poll(0, 0, 1));
  fd_set set;
  FD_ZERO(&set);
  FD_SET(file, &set);
  struct timeval zero = {0, 0};
  SAY(select(file + 1, &set, 0, 0, &zero));
  // Linux asks only descriptors that its table has room for, and 64 is the smallest table.
  FD_SET(61, &set);
  SAY(select(62, &set, 0, 0, &zero));
  SAY(select(-1, 0, 0, 0, &zero));
  int e = epoll_create1(0), v = eventfd(2, EFD_NONBLOCK);
  struct epoll_event in = {EPOLLIN, {.u64 = 42}}, out[4] = {{0}};
  SAY(epoll_ctl(e, EPOLL_CTL_ADD, v, &in));
  SAY(epoll_ctl(e, EPOLL_CTL_ADD, v, &in));
  SAY(epoll_ctl(e, EPOLL_CTL_ADD, file, &in));
  SAY(epoll_ctl(e, EPOLL_CTL_ADD, e, &in));
  SAY(epoll_ctl(e, EPOLL_CTL_DEL, 77, &in));
  SAY(epoll_wait(e, out, 4, 0));
  SAY(out[0].data.u64);
  unsigned long value = 0;
  SAY(read(v, &value, 8));
  SAY(value);
  SAY(read(v, &value, 8));
  SAY(read(v, &value, 4));
  SAY(epoll_wait(e, out, 4, 0));
  SAY(epoll_wait(e, out, 0, 0));
  return 0;
}
