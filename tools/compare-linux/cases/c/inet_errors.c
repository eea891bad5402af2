// What sockets of AF_INET and AF_INET6 are told after a reset or a shutdown, and of names without a family.
#include "inet.h"

static In free_port(void) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  In address = at("127.0.0.1", 0);
  bind(fd, (void *)&address, sizeof address);
  address.sin_port = htons(port_of(fd));
  close(fd);
  return address;
}

static int error_of(int fd) {
  int error = -1;
  socklen_t size = sizeof error;
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

static int leave(int fd) {
  In none = {AF_UNSPEC};
  return connect(fd, (void *)&none, sizeof none);
}

/** A connection that was refused and one that was left: the error stays. */
static void leave_connections(void) {
  In nobody = free_port(), somebody = at("127.0.0.1", 0);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), listener = socket(AF_INET, SOCK_STREAM, 0);
  bind(listener, (void *)&somebody, sizeof somebody), somebody.sin_port = htons(port_of(listener)), listen(listener, 5);
  SAY(connect(fd, (void *)&nobody, sizeof nobody));
  SAY(leave(fd));
  SAY(ready(fd));
  RECV(fd, 1, 0);
  SAY(ready(fd));
  SAY(connect(fd, (void *)&nobody, sizeof nobody));
  SAY(leave(fd));
  SAY(connect(fd, (void *)&somebody, sizeof somebody));
  SAY(error_of(fd));
  int served = accept(listener, 0, 0);
  SAY(send(fd, "unread", 6, 0));
  SAY(leave(served));
  SAY(ready(served));
  SAY(send(served, "x", 1, MSG_NOSIGNAL));
  SAY(send(served, "x", 1, MSG_NOSIGNAL));
  SAY(error_of(fd));
  close(fd), close(served), close(listener);
}

/** What was shut down before it listened. */
static void listen_shut(int how) {
  In address = at("127.0.0.1", 0);
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), fd = socket(AF_INET, SOCK_STREAM, 0);
  printf("shut %d\n", how);
  SAY(shutdown(listener, how));
  bind(listener, (void *)&address, sizeof address), address.sin_port = htons(port_of(listener));
  SAY(listen(listener, 5));
  SAY(ready(listener));
  SAY(accept(listener, 0, 0));
  SAY(connect(fd, (void *)&address, sizeof address));
  int served = accept(listener, 0, 0);
  SAY(ready(fd)), SAY(ready(served));
  SAY(recv(served, buffer, 1, MSG_DONTWAIT));
  SAY(send(served, "x", 1, MSG_NOSIGNAL));
  SAY(recv(fd, buffer, 1, MSG_DONTWAIT));
  SAY(send(fd, "x", 1, MSG_NOSIGNAL));
  SAY(send(fd, "x", 1, MSG_NOSIGNAL));
  SAY(ready(fd)), SAY(ready(served));
  close(fd), close(served), close(listener);
}

/** To no family is to the peer for IPv6. */
static void send_to_none(void) {
  In6 name = {AF_INET6, 0, 0, IN6ADDR_LOOPBACK_INIT};
  int to = socket(AF_INET6, SOCK_DGRAM, 0), fd = socket(AF_INET6, SOCK_DGRAM, 0);
  // Without IPv6 there is nobody to send to.
  if (bind(to, (void *)&name, sizeof name)) return;
  name.sin6_port = htons(port_of(to));
  static const int families[] = {AF_UNSPEC, AF_UNIX, 77};
  static const socklen_t lengths[] = {2, 16, 24, 28};
  for (int connected = 0; connected < 2; connected++) {
    if (connected) SAY(connect(fd, (void *)&name, sizeof name));
    for (unsigned i = 0; i < sizeof families / sizeof *families; i++)
      for (unsigned j = 0; j < sizeof lengths / sizeof *lengths; j++) {
        In6 none = {(sa_family_t)families[i], htons(1)};
        printf("family %d length %d ", families[i], (int)lengths[j]);
        SAY(sendto(fd, "x", 1, 0, (void *)&none, lengths[j]));
      }
  }
  close(to), close(fd);
}

/** The kind of service is a priority as well. */
static void serve(int type) {
  for (int service = -1; service < 256; service += service < 0 ? 1 : 5) {
    int fd = socket(AF_INET, type, 0), priority = 5;
    socklen_t size = sizeof priority;
    setsockopt(fd, SOL_SOCKET, SO_PRIORITY, &priority, size);
    setsockopt(fd, IPPROTO_IP, IP_TOS, &service, sizeof service);
    getsockopt(fd, SOL_SOCKET, SO_PRIORITY, &priority, &size);
    printf(" %d:%d", service, priority);
    close(fd);
  }
  puts("");
}

int main(void) {
  leave_connections();
  for (int how = 0; how < 3; how++) listen_shut(how);
  send_to_none();
  serve(SOCK_STREAM), serve(SOCK_DGRAM);
  return 0;
}
