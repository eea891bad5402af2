// A message that is received into memory that is not there is lost, but for a look at it.
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static void tried(const char *what, long result) {
  printf("%s: %ld %s\n", what, result, result < 0 ? strerrorname_np(errno) : "");
}

static void at(int type) {
  int pair[2], left;
  char bytes[8] = "";
  printf("type %d\n", type);
  socketpair(AF_UNIX, type, 0, pair);
  send(pair[0], "one", 3, 0);
  send(pair[0], "three", 5, 0);
  tried("look", recv(pair[1], (void *)1, 3, MSG_PEEK | MSG_DONTWAIT));
  tried("receive", recv(pair[1], (void *)1, 3, MSG_DONTWAIT));
  ioctl(pair[1], FIONREAD, &left);
  printf("left %d\n", left);
  tried("read", read(pair[1], (void *)1, 8));
  tried("rest", recv(pair[1], bytes, sizeof bytes, MSG_DONTWAIT));
  printf("%s\n", bytes);
}

int main(void) {
  at(SOCK_DGRAM);
  at(SOCK_SEQPACKET);
  at(SOCK_STREAM);
  return 0;
}
