// What a TCP stream keeps back (TCP_CORK, MSG_MORE), what makes it go (TCP_NODELAY, the option's end, a call without the flag,
// a full segment, urgent bytes, the end of the stream, 200 ms), and who is told of it.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef SIOCOUTQ
#define SIOCOUTQ 0x5411
#endif

static int from, to;
static char bytes[100000];

static void connected(void) {
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof name;
  bind(listener, (struct sockaddr *)&name, size);
  listen(listener, 1);
  getsockname(listener, (struct sockaddr *)&name, &size);
  from = socket(AF_INET, SOCK_STREAM, 0);
  connect(from, (struct sockaddr *)&name, sizeof name);
  to = accept(listener, NULL, NULL);
  close(listener);
}

static void closed(void) {
  close(from);
  close(to);
}

static void queues(const char *what) {
  int readable = 0, out = 0;
  struct pollfd ready = {to, POLLIN, 0};
  poll(&ready, 1, 0);
  ioctl(to, FIONREAD, &readable);
  ioctl(from, SIOCOUTQ, &out);
  printf("%s: readable %d, kept %d, ready %d\n", what, readable, out, ready.revents);
}

// As `queues`, when all that has come to the other side has been acknowledged.
static void settled(const char *what) {
  usleep(60000);
  queues(what);
}

static void option(int number, int value) {
  setsockopt(from, IPPROTO_TCP, number, &value, sizeof value);
}

static long since(struct timespec *then) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (now.tv_sec - then->tv_sec) * 1000 + (now.tv_nsec - then->tv_nsec) / 1000000;
}

static void switches(void) {
  connected();
  option(TCP_CORK, 1);
  send(from, "abc", 3, 0);
  queues("corked");
  send(from, "", 0, 0);
  queues("nothing more");
  option(TCP_CORK, 0);
  queues("uncorked");
  send(from, "abc", 3, MSG_MORE);
  queues("more to come");
  send(from, "abc", 3, MSG_MORE);
  queues("more to come");
  send(from, "", 0, 0);
  queues("nothing more");
  send(from, "d", 1, 0);
  queues("last");
  send(from, "abc", 3, MSG_MORE);
  option(TCP_CORK, 1);
  queues("corked behind");
  option(TCP_NODELAY, 0);
  queues("delay");
  option(TCP_NODELAY, 1);
  queues("no delay");
  send(from, "abc", 3, 0);
  queues("corked without delay");
  option(TCP_CORK, 1);
  queues("corked again");
  send(from, "x", 1, MSG_OOB);
  queues("urgent");
  option(TCP_CORK, 0);
  write(from, "abc", 3);
  queues("as ever");
  send(from, "abc", 3, MSG_MORE);
  char got[64];
  printf("read %zd\n", read(to, got, sizeof got));
  queues("read");
  shutdown(from, SHUT_WR);
  printf("read %zd", read(to, got, sizeof got));
  printf(" %zd\n", read(to, got, sizeof got));
  closed();
}

static void time_limit(void) {
  struct timespec begun;
  connected();
  option(TCP_CORK, 1);
  clock_gettime(CLOCK_MONOTONIC, &begun);
  send(from, "abc", 3, 0);
  usleep(50000);
  send(from, "abc", 3, 0);
  struct pollfd ready = {to, POLLIN, 0};
  int count = poll(&ready, 1, 2000);
  long passed = since(&begun);
  printf("polled %d, in time %d\n", count, passed >= 190 && passed < 260);
  queues("all of it");
  clock_gettime(CLOCK_MONOTONIC, &begun);
  send(from, "abc", 3, 0);
  pid_t child = fork();
  if (child == 0) {
    char got[16];
    recv(to, got, 6, 0);
    printf("received %zd", recv(to, got, sizeof got, 0));
    passed = since(&begun);
    printf(", in time %d\n", passed >= 190 && passed < 260);
    fflush(stdout);
    _exit(0);
  }
  waitpid(child, NULL, 0);
  closed();
}

static void segments(void) {
  connected();
  option(TCP_CORK, 1);
  for (int i = 0; i < 7; i++) send(from, bytes, 5000, 0);
  settled("seven times 5000");
  closed();
  connected();
  send(from, bytes, 40000, MSG_MORE);
  settled("40000");
  option(TCP_CORK, 0);
  settled("all");
  closed();
  connected();
  option(TCP_CORK, 1);
  send(from, bytes, 40000, 0);
  settled("40000, corked");
  closed();
  connected();
  option(TCP_MAXSEG, 1000);
  send(from, bytes, 100, MSG_MORE);
  queues("100");
  closed();
}

static void answers(void) {
  connected();
  send(from, "abc", 3, MSG_MORE);
  send(to, "x", 1, 0);
  settled("answered");
  option(TCP_CORK, 1);
  send(from, "abc", 3, 0);
  send(to, "x", 1, 0);
  queues("answered, corked");
  shutdown(to, SHUT_WR);
  queues("ended, corked");
  option(TCP_CORK, 0);
  settled("uncorked");
  closed();
  connected();
  send(from, "abc", 3, MSG_MORE);
  shutdown(to, SHUT_WR);
  settled("ended");
  closed();
}

static void ends(void) {
  char got[16];
  connected();
  send(from, "abc", 3, MSG_MORE);
  close(from);
  printf("closed: %zd", read(to, got, sizeof got));
  printf(" %zd\n", read(to, got, sizeof got));
  close(to);
  connected();
  send(to, "x", 1, 0);
  send(from, "abc", 3, MSG_MORE);
  close(from);
  printf("closed, unread: %zd", read(to, got, sizeof got));
  printf(" %s\n", strerrorname_np(errno));
  close(to);
  connected();
  send(from, "abc", 3, MSG_MORE);
  close(to);
  printf("to nobody: %zd", send(from, "abc", 3, MSG_MORE | MSG_NOSIGNAL));
  option(TCP_CORK, 0);
  printf(", then %zd", send(from, "abc", 3, MSG_NOSIGNAL));
  printf(" %s\n", strerrorname_np(errno));
  close(from);
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  switches();
  time_limit();
  segments();
  answers();
  ends();
  return 0;
}
