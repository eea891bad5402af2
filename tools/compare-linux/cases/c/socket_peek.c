// MSG_PEEK at local streams: how far a look goes for the open files that come along.
#include "say.h"
#include <sys/socket.h>

static void give(int fd, const char *text, int with) {
  long control[CMSG_SPACE(sizeof(int)) / sizeof(long)] = {0};
  struct iovec piece = {(char *)text, strlen(text)};
  struct msghdr message = {0, 0, &piece, 1, control, sizeof control, 0};
  struct cmsghdr *head = CMSG_FIRSTHDR(&message);
  *head = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
  memcpy(CMSG_DATA(head), &with, sizeof with);
  if (with < 0) message.msg_controllen = 0;
  SAY(sendmsg(fd, &message, 0));
}

static void look(int fd, size_t size, int flags) {
  char text[32] = "";
  long control[16] = {0};
  struct iovec piece = {text, size};
  struct msghdr message = {0, 0, &piece, 1, control, sizeof control, 0};
  long result = recvmsg(fd, &message, flags | MSG_DONTWAIT);
  printf("%d bytes, flags %x: %ld '%s' flags %x", (int)size, flags, result, text, message.msg_flags & ~MSG_DONTWAIT);
  for (struct cmsghdr *head = CMSG_FIRSTHDR(&message); result >= 0 && head; head = CMSG_NXTHDR(&message, head)) {
    int passed;
    memcpy(&passed, CMSG_DATA(head), sizeof passed);
    printf(" type %d length %d", head->cmsg_type, (int)head->cmsg_len);
    if (head->cmsg_type == SCM_RIGHTS) close(passed);
  }
  puts("");
}

static void all(int asks) {
  int pair[2];
  socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
  setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &asks, sizeof asks);
  give(pair[0], "one", -1), give(pair[0], "two", -1), give(pair[0], "three", 0), give(pair[0], "four", 1);
  for (size_t size = 0; size < 18; size++) look(pair[1], size, MSG_PEEK);
  for (size_t size = 0; size < 18; size += 3) look(pair[1], size, 0), look(pair[1], 2, MSG_PEEK);
  close(pair[0]), close(pair[1]);
}

int main(void) {
  all(0), all(1);
  return 0;
}
