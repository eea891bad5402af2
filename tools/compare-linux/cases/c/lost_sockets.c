// Sockets that are in messages to each other alone are let go, with all else that is in those messages: whoever reads at
// the other end of a pipe finds its end. Linux looks for them when some socket is closed.
#include "say.h"
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

static void pass(int over, int fd) {
  char data = 'x', control[CMSG_SPACE(sizeof(int))] = {0};
  struct iovec piece = {&data, 1};
  struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  struct cmsghdr *head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(head), &fd, sizeof fd);
  if (sendmsg(over, &message, 0) != 1) perror("sendmsg");
}

static int receive(int from) {
  char data, control[CMSG_SPACE(sizeof(int))] = {0};
  struct iovec piece = {&data, 1};
  struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  int fd = -1;
  if (recvmsg(from, &message, 0) == 1 && CMSG_FIRSTHDR(&message)) memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
  return fd;
}

/** Some socket is closed. */
static void look(void) { close(socket(AF_UNIX, SOCK_STREAM, 0)); }

static void ends(const char *name, int pipe) {
  char byte;
  printf("%s: read %d\n", name, (int)read(pipe, &byte, 1));
  close(pipe);
}

/** The end of a pipe that is in flight, the other one is for the caller. */
static int flying(int over) {
  int ends[2];
  pipe(ends);
  pass(over, ends[1]);
  close(ends[1]);
  return ends[0];
}

static void to_itself(int type, const char *name) {
  int pair[2];
  socketpair(AF_UNIX, type, 0, pair);
  int pipe = flying(pair[0]);
  pass(pair[0], pair[1]);
  close(pair[0]), close(pair[1]);
  look();
  ends(name, pipe);
}

static void each_other(void) {
  int one[2], two[2];
  socketpair(AF_UNIX, SOCK_STREAM, 0, one);
  socketpair(AF_UNIX, SOCK_DGRAM, 0, two);
  int pipe = flying(two[0]);
  pass(one[0], two[1]), pass(two[0], one[1]);
  pass(one[0], two[0]), pass(two[0], one[0]);
  close(one[0]), close(one[1]), close(two[0]), close(two[1]);
  look();
  ends("each other", pipe);
}

static void not_accepted(void) {
  struct sockaddr_un name = {AF_UNIX, "\0lost sockets"};
  int listener = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
  if (bind(listener, (void *)&name, sizeof name) || listen(listener, 1)) perror("listen");
  if (connect(client, (void *)&name, sizeof name)) perror("connect");
  int pipe = flying(client);
  pass(client, listener);
  close(client), close(listener);
  look();
  ends("not accepted", pipe);
}

/** What somebody can receive stays, however it is reached. */
static void reachable(void) {
  int one[2], two[2], pipes[2];
  char byte;
  socketpair(AF_UNIX, SOCK_STREAM, 0, one);
  socketpair(AF_UNIX, SOCK_STREAM, 0, two);
  pipe(pipes);
  pass(two[0], pipes[1]);
  pass(two[0], two[1]);
  pass(one[0], two[1]);
  close(two[0]), close(two[1]), close(pipes[1]), close(one[0]);
  look();
  fcntl(pipes[0], F_SETFL, O_NONBLOCK);
  printf("held: read %d\n", (int)read(pipes[0], &byte, 1));
  int inner = receive(one[1]);
  int end = receive(inner), itself = receive(inner);
  printf("received: %d %d %d, ", inner >= 0, end >= 0, itself >= 0);
  printf("write %d, ", (int)write(end, "x", 1));
  printf("read %d\n", (int)read(pipes[0], &byte, 1));
  close(end), close(itself), close(inner), close(one[1]);
  look();
  ends("closed", pipes[0]);
}

static void long_chain(void) {
  int first[2], last = -1;
  int pipe = -1;
  for (int i = 0; i < 300; i++) {
    int pair[2];
    socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
    if (last < 0) pipe = flying(pair[0]);
    else pass(pair[0], last), close(last);
    close(pair[0]);
    last = pair[1];
  }
  close(last);
  look();
  ends("chain", pipe);
}

int main(void) {
  to_itself(SOCK_STREAM, "to itself, stream");
  to_itself(SOCK_DGRAM, "to itself, datagrams");
  to_itself(SOCK_SEQPACKET, "to itself, packets");
  each_other();
  not_accepted();
  reachable();
  long_chain();
  return 0;
}
