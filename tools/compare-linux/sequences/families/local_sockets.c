// Sockets of this machine: names, pairs, messages with descriptors and credentials.
#include "../sequence.h"
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

static socklen_t some_address(struct sockaddr_un *to) {
  memset(to, 0, sizeof *to);
  to->sun_family = draw(20) ? AF_UNIX : ONE(AF_UNSPEC, AF_INET);
  if (draw(3)) {
    strcpy(to->sun_path, WORD("s1", "s1", "s2", "s3", "d/s", "f", "missing/s", "d"));
    return draw(12) ? 3 + strlen(to->sun_path) : ONE(0, 1, 2, 3, 4, 110, 111, -1);
  }
  return 3 + snprintf(to->sun_path + 1, 100, "%s.%d", base, draw(3));
}

static void tell_address(long result, const struct sockaddr_un *address, socklen_t n) {
  tell(" = %ld", result);
  // A name of five digits is the kernel's choice.
  if (result >= 0 && n == 8 && address->sun_path[0] == 0) return tell(" chosen");
  if (result >= 0) tell(" %u %d %d %s", n, n >= 2 ? address->sun_family : 0, n > 2 && address->sun_path[0] == 0, n > 2 && n < 100 ? address->sun_path + (address->sun_path[0] == 0) : "");
}

/** What sending on `fd` gave. Without a peer one of datagrams that sends no more is told of either; which, depends on the version. */
static long sent(int fd, long result) {
  int type = 0;
  socklen_t n = sizeof type;
  return result == -EPIPE && getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) == 0 && type == SOCK_DGRAM ? -ENOTCONN : result;
}

/** A file that is always there, and in no slot. */
static int always;

/** A descriptor that can be sent: when sockets that are only in each other's queues are found is a matter of the version. */
static int right(void) {
  int fd = slot(), type;
  socklen_t n = sizeof type;
  return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) == 0 ? always : fd;
}

static void send_message(int fd, long flags) {
  long size = ONE(0, 1, 10, 100, 1000);
  struct iovec vectors[2] = {{buffer, size}, {buffer + 10, draw(2) * 5}};
  char control[256] = {0};
  struct sockaddr_un address;
  struct msghdr message = {0, 0, vectors, 1 + draw(2), control, 0, 0};
  struct cmsghdr *head = (void *)control;
  int kind = draw(6), n = draw(3);
  if (draw(4) == 0) message.msg_namelen = some_address(&address), message.msg_name = &address;
  if (kind < 3) {
    n += 1;
    for (int i = 0; i < n; i++) ((int *)CMSG_DATA(head))[i] = right();
    *head = (struct cmsghdr){CMSG_LEN(4 * n), SOL_SOCKET, SCM_RIGHTS};
    message.msg_controllen = CMSG_SPACE(4 * n);
  } else if (kind == 3) {
    const struct ucred credentials = {draw(6) ? getpid() : 1 << 22, draw(3) * 100, 0};
    memcpy(CMSG_DATA(head), &credentials, sizeof credentials);
    *head = (struct cmsghdr){CMSG_LEN(12), SOL_SOCKET, SCM_CREDENTIALS};
    message.msg_controllen = CMSG_SPACE(12);
  } else if (kind == 4 && draw(3) == 0) {
    *head = (struct cmsghdr){ONE(0, 8, 16, 17, 20, 1000), ONE(SOL_SOCKET, 77), ONE(1, 2, 9)};
    if (head->cmsg_level == SOL_SOCKET && head->cmsg_type == 2 && head->cmsg_len == 20) head->cmsg_type = 9;
    ((int *)CMSG_DATA(head))[0] = fd;
    message.msg_controllen = ONE(8, 16, 24, 32);
  }
  tell("sendmsg %d %ld %d %d = %ld", fd, size, kind, n, sent(fd, CALL(sendmsg, fd, spoiled(&message), flags)));
}

static void receive_message(int fd, long flags) {
  long size = ONE(1, 10, 100, 2000, 0);
  struct iovec vectors[2] = {{buffer, size}, {buffer + 2000, 10}};
  char control[256] = {0};
  struct sockaddr_un address = {0};
  struct msghdr message = {&address, sizeof address, vectors, 1 + draw(2), control, ONE(256, 256, 100, 24, 20, 16, 0), 0};
  if (draw(3) == 0) flags |= MSG_CMSG_CLOEXEC;
  long result = CALL(recvmsg, fd, spoiled(&message), flags);
  tell("recvmsg %d %ld %lx = %ld", fd, size, flags, result);
  if (result < 0) return;
  tell(" %x flags %x control %ld", sum(buffer, result < size ? result : size), message.msg_flags, (long)message.msg_controllen);
  tell_address(0, &address, message.msg_namelen);
  for (struct cmsghdr *head = CMSG_FIRSTHDR(&message); head; head = CMSG_NXTHDR(&message, head)) {
    tell(" [%d %d %ld", head->cmsg_level, head->cmsg_type, (long)head->cmsg_len);
    int *data = (void *)CMSG_DATA(head);
    if (head->cmsg_type == SCM_CREDENTIALS) tell(" %d %d %d", data[0] ? who(data[0]) : 0, data[1], data[2]);
    for (size_t i = 0; head->cmsg_type == SCM_RIGHTS && i < (head->cmsg_len - 16) / 4; i++) {
      tell(" %d/%ld", data[i], CALL(fcntl, data[i], F_GETFD));
      if (draw(2)) keep(data[i]);
      else close(data[i]);
    }
    tell("]");
  }
}

static void begin(void) {
  handle(SIGPIPE, note_signal, 0);
  mkdir("d", 0755);
  close(open("f", O_CREAT | O_RDWR, 0644));
  keep(open("f", O_RDWR));
  keep(open("d", O_RDONLY));
  always = fcntl(open("f", O_RDWR), F_DUPFD, MOST_FDS);
}

static void step(void) {
  struct sockaddr_un address = {0};
  int fd = slot(), ends[2] = {-1, -1}, value = 7;
  long result, size = ONE(0, 1, 10, 100, 1000);
  long send_flags = ONE(0, 0, 0, MSG_NOSIGNAL, MSG_EOR, MSG_MORE) | MSG_DONTWAIT;
  long receive_flags = ONE(0, 0, 0, MSG_PEEK, MSG_TRUNC, MSG_WAITALL, MSG_PEEK | MSG_TRUNC) | MSG_DONTWAIT;
  long type = ONE(SOCK_STREAM, SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET, 9);
  socklen_t n;
  struct pollfd polled[2] = {{fd, POLLIN | POLLOUT | POLLRDHUP, 0}, {slot(), POLLIN, 0}};
  switch (draw(30)) {
  case 0: case 1: keep(result = CALL(socket, AF_UNIX, type | SOCK_NONBLOCK, draw(10) ? 0 : 5)); return tell("socket %ld = %ld", type, result);
  case 2: case 3: case 4:
    result = CALL(socketpair, AF_UNIX, type | SOCK_NONBLOCK, 0, ends);
    if (result == 0) keep(ends[0]), keep(ends[1]);
    return tell("socketpair %ld = %ld %d %d", type, result, result ? 0 : ends[0], result ? 0 : ends[1]);
  case 5: case 6: n = some_address(&address); return tell("bind %d %u %s = %ld", fd, n, address.sun_path, CALL(bind, fd, spoiled(&address), n));
  case 7: return tell("listen %d = %ld", fd, CALL(listen, fd, draw(4)));
  case 8: case 9: case 10: n = some_address(&address); return tell("connect %d %u %s = %ld", fd, n, address.sun_path, CALL(connect, fd, spoiled(&address), n));
  case 11: case 12:
    n = sizeof address;
    keep(result = CALL(accept4, fd, &address, &n, SOCK_NONBLOCK));
    tell("accept %d", fd);
    return tell_address(result, &address, n);
  case 13: case 14: case 15: case 16: return send_message(fd, send_flags);
  case 17: case 18: case 19: case 20: case 21: return receive_message(fd, receive_flags);
  case 22:
    n = some_address(&address);
    if (draw(3)) n = 0;
    return tell("sendto %d %ld %u %s = %ld", fd, size, n, address.sun_path, sent(fd, CALL(sendto, fd, spoiled(buffer), size, send_flags, n ? &address : 0, n)));
  case 23:
    n = ONE(110, 110, 5, 0);
    result = CALL(recvfrom, fd, spoiled(buffer), size, receive_flags, &address, &n);
    return tell_address(result, &address, n);
  case 24: { long how = ONE(0, 1, 2, 3); return tell("shutdown %d %ld = %ld", fd, how, CALL(shutdown, fd, how)); }
  case 25: result = CALL(poll, polled, 2, 0); return tell("poll %d %d = %ld %x %x", fd, polled[1].fd, result, polled[0].revents, polled[1].revents);
  case 26:
    if (draw(2)) return tell("close %d = %ld", fd, CALL(close, fd));
    { const char *name = WORD("s1", "s2", "s3", "d/s"); return tell("unlink %s = %ld", name, CALL(unlink, name)); }
  case 27:
    n = ONE(110, 110, 5, 2, 0);
    int peer = draw(2);
    result = peer ? CALL(getpeername, fd, &address, &n) : CALL(getsockname, fd, &address, &n);
    tell("getname %d %d", peer, fd);
    return tell_address(result, &address, n);
  case 28: { long what = ONE(FIONREAD, FIONREAD, FIONBIO); value = 1; result = CALL(ioctl, fd, what, &value); return tell("ioctl %d %lx = %ld %d", fd, what, result, value); }
  default: {
    long name = ONE(SO_TYPE, SO_ERROR, SO_ACCEPTCONN, SO_DOMAIN, SO_PROTOCOL, SO_PASSCRED, SO_PASSCRED, SO_PASSCRED, SO_PEERCRED, SO_RCVLOWAT, SO_LINGER, SO_REUSEADDR, SO_KEEPALIVE, 999);
    n = ONE(4, 4, 4, 8, 12, 1, 0);
    if (draw(2)) { value = draw(2); return tell("setsockopt %d %ld %d %u = %ld", fd, name, value, n, CALL(setsockopt, fd, SOL_SOCKET, name, &value, n)); }
    memset(buffer, 0, 32);
    result = CALL(getsockopt, fd, SOL_SOCKET, name, spoiled(buffer), &n);
    if (name == SO_PEERCRED && result == 0) *(int *)buffer = n >= 4 ? who(*(int *)buffer) : 0;
    return tell("getsockopt %d %ld = %ld %u %x", fd, name, result, n, result ? 0 : sum(buffer, 16));
  }
  }
}

const struct family local_sockets_family = {"local_sockets", begin, step, 0};
