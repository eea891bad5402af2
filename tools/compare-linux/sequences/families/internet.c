// TCP and UDP over the loopback addresses: connections, options, shutting down, readiness. Little is ever on its way, so
// that no buffer's size matters, and no port is told.
#include "../sequence.h"
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/** Addresses that sockets were bound to. */
static struct { socklen_t length; int fd; struct sockaddr_in6 address; } known[4];

static int family(void) { return (int)ONE(AF_INET, AF_INET, AF_INET6); }

static socklen_t some_address(struct sockaddr_in6 *to) {
  int kind = draw(8);
  if (kind < 5) {
    int i = draw(4);
    struct sockaddr_in6 now = {0};
    socklen_t n = sizeof now;
    // Another socket may have got a port that was let go, on one system and not on the other.
    if (known[i].length == 0 || getsockname(known[i].fd, (void *)&now, &n) || now.sin6_port != known[i].address.sin6_port) known[i].length = 0;
    if (known[i].length == 0) *to = (struct sockaddr_in6){0}, ((struct sockaddr_in *)to)->sin_family = AF_INET, to->sin6_port = htons(1), ((struct sockaddr_in *)to)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (known[i].length == 0) return 16;
    *to = known[i].address;
    return known[i].length;
  }
  memset(to, 0, sizeof *to);
  struct sockaddr_in *v4 = (void *)to;
  if (kind == 5) *v4 = (struct sockaddr_in){AF_INET, htons(1), {htonl(INADDR_LOOPBACK)}};
  else if (kind == 6) *to = (struct sockaddr_in6){AF_INET6, htons(1), 0, IN6ADDR_LOOPBACK_INIT};
  else *v4 = (struct sockaddr_in){ONE(AF_UNSPEC, AF_UNIX, AF_INET), htons(1), {htonl(ONE(INADDR_LOOPBACK, INADDR_ANY))}};
  return draw(10) ? (kind == 6 ? sizeof *to : sizeof *v4) : ONE(0, 1, 2, 8, 15, 16, 24, 28, 200, -1);
}

static void remember(int fd) {
  int i = draw(4);
  struct sockaddr_in6 address = {0};
  socklen_t n = sizeof address;
  if (getsockname(fd, (void *)&address, &n) == 0 && address.sin6_port != 0) {
    // Who is bound to any address is reached by the loopback's.
    struct sockaddr_in *v4 = (void *)&address;
    if (address.sin6_family == AF_INET && v4->sin_addr.s_addr == 0) v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    known[i].address = address, known[i].length = n, known[i].fd = fd;
  }
}

/** A family, and whether there are a port and an address. */
static void tell_address(long result, const struct sockaddr_in6 *address, socklen_t n) {
  tell(" = %ld", result);
  if (result < 0) return;
  tell(" %u %u %d", n, n >= 2 ? address->sin6_family : 0, n >= 4 && address->sin6_port != 0);
  if (n >= 16 && address->sin6_family == AF_INET) tell(" %x", ((const struct sockaddr_in *)address)->sin_addr.s_addr);
  if (n >= 28 && address->sin6_family == AF_INET6) tell(" %x", sum(&address->sin6_addr, 16));
}

static void options(int fd) {
  static const struct { int level, name; } table[] = {
    {SOL_SOCKET, SO_REUSEADDR}, {SOL_SOCKET, SO_KEEPALIVE}, {SOL_SOCKET, SO_BROADCAST}, {SOL_SOCKET, SO_LINGER}, {SOL_SOCKET, SO_RCVTIMEO},
    {SOL_SOCKET, SO_OOBINLINE}, {SOL_SOCKET, SO_TYPE}, {SOL_SOCKET, SO_ERROR}, {SOL_SOCKET, SO_ACCEPTCONN}, {SOL_SOCKET, SO_DOMAIN},
    {SOL_SOCKET, SO_PROTOCOL}, {SOL_SOCKET, SO_RCVLOWAT}, {SOL_SOCKET, SO_PRIORITY}, {SOL_SOCKET, SO_DONTROUTE},
    {IPPROTO_TCP, TCP_NODELAY}, {IPPROTO_TCP, TCP_KEEPIDLE}, {IPPROTO_TCP, TCP_KEEPINTVL}, {IPPROTO_TCP, TCP_KEEPCNT},
    {IPPROTO_TCP, TCP_SYNCNT}, {IPPROTO_TCP, TCP_LINGER2}, {IPPROTO_TCP, TCP_USER_TIMEOUT}, {IPPROTO_TCP, 99},
    {IPPROTO_IP, IP_TOS}, {IPPROTO_IP, IP_TTL}, {IPPROTO_IP, IP_PKTINFO}, {IPPROTO_IP, IP_RECVTTL}, {IPPROTO_IP, IP_MTU_DISCOVER},
    {IPPROTO_IPV6, IPV6_V6ONLY}, {IPPROTO_IPV6, IPV6_UNICAST_HOPS}, {IPPROTO_IPV6, IPV6_TCLASS}, {IPPROTO_IPV6, IPV6_RECVPKTINFO}, {SOL_SOCKET, 999}, {99, 1},
  };
  int i = draw(sizeof table / sizeof *table), level = table[i].level, name = table[i].name;
  long value[4] = {ONE(0, 1, 1, 2, 5, 10, 64, 255, 256, -1), ONE(0, 0, 1000, 5), 0, 0}, result;
  if (name == SO_LINGER && level == SOL_SOCKET) value[0] = ONE(0, 1);
  socklen_t size = ONE(4, 4, 4, 8, 16, 1, 2, 0, 3);
  // When bytes leave must not depend on times.
  int timed = level == IPPROTO_TCP && (name == TCP_NODELAY);
  if (draw(2) && !timed) return tell("setsockopt %d %d %d %ld %u = %ld", fd, level, name, value[0], size, CALL(setsockopt, fd, level, name, spoiled(value), size));
  memset(buffer, 0, 32);
  result = CALL(getsockopt, fd, level, name, spoiled(buffer), spoiled(&size));
  tell("getsockopt %d %d %d = %ld %u %x", fd, level, name, result, size, result ? 0 : sum(buffer, 16));
}

/** What is sent on a connection leaves at once. */
static void hurry(long fd) {
  int on = 1;
  if (fd >= 0) setsockopt((int)fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static int is_stream(int fd) {
  int type = 0;
  socklen_t n = sizeof type;
  return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) == 0 && type == SOCK_STREAM;
}

static int is_six(int fd) {
  int domain = 0;
  socklen_t n = sizeof domain;
  return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n) == 0 && domain == AF_INET6;
}

/** The address is that of the socket itself, to which a stream is not connected in the guest. */
static int is_own(int fd, const struct sockaddr_in6 *address, socklen_t n) {
  struct sockaddr_in6 own = {0};
  socklen_t length = sizeof own;
  return getsockname(fd, (void *)&own, &length) == 0 && n >= 16 && own.sin6_port != 0 && own.sin6_port == address->sin6_port;
}

static void begin(void) { handle(SIGPIPE, note_signal, 0), handle(SIGURG, note_signal, 0); }

static void step(void) {
  struct sockaddr_in6 address;
  socklen_t n;
  int fd = slot(), pending = 0;
  long result, size = ONE(0, 1, 10, 50, 100);
  long send_flags = ONE(0, 0, 0, MSG_NOSIGNAL, MSG_OOB, MSG_MORE, MSG_EOR, MSG_DONTROUTE) | MSG_DONTWAIT;
  long receive_flags = ONE(0, 0, 0, MSG_PEEK, MSG_TRUNC, MSG_OOB, MSG_WAITALL, MSG_ERRQUEUE, MSG_PEEK | MSG_TRUNC) | MSG_DONTWAIT;
  struct pollfd polled[2] = {{fd, POLLIN | POLLOUT | POLLRDHUP | POLLPRI, 0}, {slot(), POLLIN, 0}};
  // When streams let go what they keep back depends on when segments are acknowledged.
  if (is_stream(fd)) send_flags &= ~MSG_MORE;
  if (send_flags & MSG_OOB && !is_stream(fd)) send_flags &= ~MSG_OOB;
  for (int i = 0; i < size; i++) buffer[i] = (char)(size + i);
  switch (draw(32)) {
  case 0: case 1: case 2: {
    int domain = draw(20) ? family() : 77, type = ONE(SOCK_STREAM, SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET, 9);
    int protocol = ONE(0, 0, 0, IPPROTO_TCP, IPPROTO_UDP, 99);
    keep(result = CALL(socket, domain, type | SOCK_NONBLOCK, protocol));
    hurry(result);
    return tell("socket %d %d %d = %ld", domain, type, protocol, result);
  }
  case 3: case 4: {
    int v6 = family() == AF_INET6;
    struct sockaddr_in v4 = {AF_INET, 0, {htonl(ONE(INADDR_LOOPBACK, INADDR_ANY, 0x7f000002, 0x08080808))}};
    struct sockaddr_in6 six = {AF_INET6, 0, 0, IN6ADDR_LOOPBACK_INIT};
    result = v6 ? CALL(bind, fd, &six, sizeof six) : CALL(bind, fd, &v4, sizeof v4);
    if (result == 0) remember(fd);
    return tell("bind %d %d %x = %ld", fd, v6, v4.sin_addr.s_addr, result);
  }
  case 5: case 6: {
    long backlog = ONE(5, 5, 5, 100, -1);
    result = CALL(listen, fd, backlog);
    if (result == 0) remember(fd);
    return tell("listen %d %ld = %ld", fd, backlog, result);
  }
  case 7: case 8: case 9: case 10:
    n = some_address(&address);
    if (is_stream(fd) && is_own(fd, &address, n)) n = 0;
    return tell("connect %d %u %d = %ld", fd, n, address.sin6_family, CALL(connect, fd, spoiled(&address), n));
  case 11: case 12: case 13:
    n = sizeof address;
    result = CALL(accept4, fd, spoiled(&address), &n, ONE(SOCK_NONBLOCK, SOCK_NONBLOCK | SOCK_CLOEXEC));
    keep(result);
    hurry(result);
    tell("accept %d", fd);
    return tell_address(result, &address, n);
  case 14: case 15: case 16: return tell("send %d %ld %lx = %ld", fd, size, send_flags, CALL(sendto, fd, spoiled(buffer), size, send_flags, 0, 0));
  case 17: case 18:
    n = some_address(&address);
    if (n == 0) n = 16;
    // With no family Linux sends to the peer by IPv6, also to one of IPv4: where that goes depends on the host's routes.
    if (address.sin6_family == AF_UNSPEC && is_six(fd)) address.sin6_family = AF_INET;
    return tell("sendto %d %ld %u %d = %ld", fd, size, n, address.sin6_family, CALL(sendto, fd, buffer, size, send_flags, &address, n));
  case 19: case 20: case 21:
    n = ONE(28, 16, 4);
    result = CALL(recvfrom, fd, spoiled(buffer), size, receive_flags, draw(2) ? &address : 0, &n);
    return tell("recv %d %ld %lx = %ld %x", fd, size, receive_flags, result, result > 0 ? sum(buffer, result < size ? result : size) : 0);
  case 22: { long how = ONE(0, 1, 2, 3); return tell("shutdown %d %ld = %ld", fd, how, CALL(shutdown, fd, how)); }
  case 23: case 24:
    result = CALL(poll, polled, 2, 0);
    return tell("poll %d %d = %ld %x %x", fd, polled[1].fd, result, polled[0].revents, polled[1].revents);
  case 25: return tell("close %d = %ld", fd, CALL(close, fd));
  case 26:
    n = ONE(28, 28, 16, 3, 0);
    int peer = draw(2);
    memset(&address, 0, sizeof address);
    result = peer ? CALL(getpeername, fd, &address, &n) : CALL(getsockname, fd, &address, &n);
    tell("getname %d %d", peer, fd);
    return tell_address(result, &address, n);
  case 27: { long what = ONE(FIONREAD, SIOCATMARK, FIONBIO); pending = 1; result = CALL(ioctl, fd, what, &pending); return tell("ioctl %d %lx = %ld %d", fd, what, result, pending); }
  case 28: {
    struct iovec vectors[2] = {{buffer, size}, {buffer, 3}};
    struct msghdr message = {0, 0, vectors, 2, 0, 0, 0};
    if (draw(2)) return tell("sendmsg %d %ld = %ld", fd, size, CALL(sendmsg, fd, spoiled(&message), send_flags));
    result = CALL(recvmsg, fd, spoiled(&message), receive_flags);
    return tell("recvmsg %d %ld %lx = %ld %x", fd, size, receive_flags, result, result < 0 ? 0 : message.msg_flags);
  }
  default: return options(fd);
  }
}

const struct family internet_family = {"internet", begin, step, 0};
