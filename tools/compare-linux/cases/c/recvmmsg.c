// recvmmsg(2) with time limits.
#include "say.h"
#include <sys/socket.h>

static char bytes[4][8];
static struct iovec pieces[4];
static struct mmsghdr heads[4];

static int receive(int fd, unsigned count, int flags, struct timespec *limit) {
  for (int i = 0; i < 4; i++) {
    pieces[i] = (struct iovec){bytes[i], 8};
    heads[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &pieces[i], .msg_iovlen = 1}};
  }
  return recvmmsg(fd, heads, count, flags, limit);
}

int main(void) {
  int s[2];
  socketpair(AF_UNIX, SOCK_DGRAM, 0, s);
  struct timespec zero = {0, 0}, odd = {0, 1000000000}, negative = {-1, 0}, hour = {3600, 0}, one = {0, 1};
  SAY(receive(s[0], 4, 0, &odd));
  SAY(receive(s[0], 4, 0, &negative));
  SAY(receive(77, 4, 0, &odd));
  SAY(receive(77, 4, 0, (void *)8));
  SAY(receive(77, 4, 0, &zero));
  SAY(receive(0, 4, 0, &hour));
  for (int i = 0; i < 8; i++) send(s[1], "message", i + 1 > 7 ? 7 : i + 1, 0);
  SAY(receive(s[0], 4, 0, &zero));
  SAY(heads[0].msg_len);
  SAY(zero.tv_sec + zero.tv_nsec);
  SAY(receive(s[0], 2, 0, &one));
  SAY(heads[0].msg_len);
  SAY(one.tv_sec + one.tv_nsec);
  SAY(receive(s[0], 2, 0, &hour));
  SAY(heads[1].msg_len);
  SAY(hour.tv_sec == 3599 && hour.tv_nsec > 0);
  struct timespec kept = hour;
  SAY(receive(s[0], 4, MSG_WAITFORONE, &hour));
  SAY(heads[3].msg_len);
  SAY(hour.tv_sec == 3599);
  SAY(receive(s[0], 4, MSG_DONTWAIT, &kept));
  SAY(kept.tv_sec == hour.tv_sec);
  SAY(receive(s[0], 0, 0, &kept));
  SAY(receive(s[0], 4, MSG_DONTWAIT, NULL));
  return 0;
}
