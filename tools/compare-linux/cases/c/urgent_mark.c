// TCP's urgent byte as the next one to read: who asks for no bytes stays in front of it, and a second one takes the first
// one's place. Each sequence is of steps, a letter each: a and b send a byte, o an urgent one, O reads that, 0 to 2 read
// as many bytes; T and P read with MSG_TRUNC and MSG_PEEK from then on, i has urgent bytes among the others.
#include "lo.h"
#include <sys/ioctl.h>

static int ends[2];

static void connect_ends(void) {
  struct sockaddr_in at = {AF_INET, 0, {htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof at;
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  ends[0] = socket(AF_INET, SOCK_STREAM, 0);
  bind(listener, (void *)&at, size), listen(listener, 5), getsockname(listener, (void *)&at, &size);
  connect(ends[0], (void *)&at, size);
  ends[1] = accept(listener, 0, 0);
  close(listener);
}

static long step(char letter, int *flags) {
  char data[9];
  int inlined = 1;
  switch (letter) {
    case 'a': case 'b': return send(ends[0], &letter, 1, 0);
    case 'o': return send(ends[0], &letter, 1, MSG_OOB);
    case 'O': return recv(ends[1], data, 1, MSG_OOB | MSG_DONTWAIT);
    case 'T': return *flags |= MSG_TRUNC;
    case 'P': return *flags |= MSG_PEEK;
    case 'i': return setsockopt(ends[1], SOL_SOCKET, SO_OOBINLINE, &inlined, sizeof inlined);
    default: return recv(ends[1], data, letter - '0', *flags);
  }
}

int main(void) {
  static const char *const all[] = {"o0",   "oT0",  "ao0",  "ao1",   "aoT1", "ob0",  "ob1",   "aob0", "aob2",  "ao10", "oO0",  "o0O",
                                    "i0o0", "oo0",  "oo1",  "aobT0", "oP0",  "aoP0", "a1o0",  "ao1b0", "oOo0", "oOoO", "oaob2", "ooo1",
                                    "oaoO", "iooo2", "o1o0", "aoo12"};
  own_network();
  for (unsigned i = 0; i < sizeof all / sizeof *all; i++) {
    int flags = MSG_DONTWAIT;
    connect_ends();
    printf("%s:", all[i]);
    for (const char *letter = all[i]; *letter; letter++) {
      errno = 0;
      long result = step(*letter, &flags);
      struct pollfd polled = {ends[1], POLLIN | POLLPRI, 0};
      int ready = poll(&polled, 1, 0), waiting = -1, mark = -1;
      ioctl(ends[1], FIONREAD, &waiting), ioctl(ends[1], SIOCATMARK, &mark);
      printf(" %c %ld %s %d %x %d %d,", *letter, result, result < 0 ? strerrorname_np(errno) : "", ready, polled.revents, waiting, mark);
    }
    printf("\n");
    close(ends[0]), close(ends[1]);
  }
  return 0;
}
