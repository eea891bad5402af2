// A write that is larger than what a TCP connection takes at once, to a peer that has closed it: not all is said to be sent.
#include "say.h"
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

static char buffer[1 << 20];

static void pair(int s[2]) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof a;
  int listens = socket(AF_INET, SOCK_STREAM, 0);
  bind(listens, (void *)&a, sizeof a), listen(listens, 1), getsockname(listens, (void *)&a, &length);
  s[0] = socket(AF_INET, SOCK_STREAM, 0);
  connect(s[0], (void *)&a, sizeof a);
  s[1] = accept(listens, 0, 0);
  close(listens);
}

int main(void) {
  int s[2];
  signal(SIGPIPE, SIG_IGN);
  struct iovec pieces[1024];
  for (int i = 0; i < 1024; i++) pieces[i] = (struct iovec){buffer, sizeof buffer};
  pair(s), close(s[1]);
  ssize_t sent = writev(s[0], pieces, 1024);
  printf("sent some %d, not all %d\n", sent > 0, sent < 1 << 30);
  SAY(writev(s[0], pieces, 1024));
  SAY(write(s[0], "x", 1));
  close(s[0]);
  pair(s), close(s[1]);
  SAY(write(s[0], "few", 3));
  SAY(write(s[0], "x", 1));
}
