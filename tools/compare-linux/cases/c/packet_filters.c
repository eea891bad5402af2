// Filters of sockets (socket(7), SO_ATTACH_FILTER; Documentation/networking/filter.rst of Linux), and times of what comes.
#include "lo.h"
#include <linux/filter.h>
#include <sys/un.h>
#define PROGRAM(...) (struct sock_filter[]){__VA_ARGS__}, sizeof((struct sock_filter[]){__VA_ARGS__}) / sizeof(struct sock_filter)
static int s, d;
static In to;
static long attach(int fd, const struct sock_filter *p, int n) {
  struct sock_fprog f = {n, (void *)p};
  return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &f, sizeof f);
}
static void try(const char *what, const struct sock_filter *p, int n) {
  printf("%s ", what), SAY(attach(d, p, n));
  SAY(sendto(s, "abcdefgh", 8, 0, (void *)&to, sizeof to)), RECV(d, 99, MSG_DONTWAIT);
}
static void stamps(int fd, int option) {
  static union { char bytes[256]; struct cmsghdr first; } room;
  char c;
  struct iovec v = {&c, 1};
  struct msghdr h = {0, 0, &v, 1, &room, sizeof room};
  struct timespec now;
  int n = -1;
  socklen_t length = 4;
  SAY(setsockopt(fd, SOL_SOCKET, option, &on_, 4)), SAY(getsockopt(fd, SOL_SOCKET, SO_TIMESTAMP, &n, &length)), SAY(n), SAY(getsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &n, &length)), SAY(n), sendto(s, "x", 1, 0, (void *)&to, sizeof to), SAY(recvmsg(fd, &h, MSG_DONTWAIT)), clock_gettime(CLOCK_REALTIME, &now);
  for (struct cmsghdr *m = CMSG_FIRSTHDR(&h); m; m = CMSG_NXTHDR(&h, m)) {
    struct timespec *t = (void *)CMSG_DATA(m);
    printf("level %d type %d length %d %s\n", m->cmsg_level, m->cmsg_type, (int)m->cmsg_len, now.tv_sec - t->tv_sec >= 0 && now.tv_sec - t->tv_sec < 3 ? "now" : "some time");
  }
}
int main(void) {
  own_network();
  In a = at("127.0.0.1", 0);
  struct sock_filter got_[8];
  socklen_t n;
  int value = -1, u[2];
  s = socket(AF_INET, SOCK_DGRAM, 0), d = socket(AF_INET, SOCK_DGRAM, 0), bind(d, (void *)&a, sizeof a), to = at("127.0.0.1", port_of(d)), bind(s, (void *)&a, sizeof a);
  SAY(setsockopt(d, SOL_SOCKET, SO_DETACH_FILTER, &on_, 4)), n = 0, SAY(getsockopt(d, SOL_SOCKET, SO_GET_FILTER, 0, &n)), SAY(n);
  try("all", PROGRAM(BPF_STMT(BPF_RET | BPF_K, -1))), try("none", PROGRAM(BPF_STMT(BPF_RET | BPF_K, 0))), try("ten", PROGRAM(BPF_STMT(BPF_RET | BPF_K, 10))), try("three", PROGRAM(BPF_STMT(BPF_RET | BPF_K, 3)));
  try("first byte", PROGRAM(BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 8), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 'a', 0, 1), BPF_STMT(BPF_RET | BPF_K, 12), BPF_STMT(BPF_RET | BPF_K, 9)));
  try("length of UDP", PROGRAM(BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 4), BPF_STMT(BPF_ALU | BPF_SUB | BPF_K, 1), BPF_STMT(BPF_RET | BPF_A, 0)));
  try("length", PROGRAM(BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0), BPF_STMT(BPF_ALU | BPF_SUB | BPF_K, 2), BPF_STMT(BPF_RET | BPF_A, 0)));
  try("beyond", PROGRAM(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 13), BPF_STMT(BPF_RET | BPF_K, -1))), try("last word", PROGRAM(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 12), BPF_STMT(BPF_RET | BPF_K, -1))), try("far beyond", PROGRAM(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0x7fffffff), BPF_STMT(BPF_RET | BPF_K, -1)));
  try("network", PROGRAM(BPF_STMT(BPF_LD | BPF_B | BPF_ABS, SKF_NET_OFF + 9), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 17, 0, 1), BPF_STMT(BPF_RET | BPF_K, 10), BPF_STMT(BPF_RET | BPF_K, 0)));
  try("head's length", PROGRAM(BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, SKF_NET_OFF), BPF_STMT(BPF_MISC | BPF_TXA, 0), BPF_STMT(BPF_ALU | BPF_SUB | BPF_K, 9), BPF_STMT(BPF_RET | BPF_A, 0)));
  try("index", PROGRAM(BPF_STMT(BPF_LDX | BPF_IMM, 6), BPF_STMT(BPF_LD | BPF_B | BPF_IND, 4), BPF_STMT(BPF_ALU | BPF_SUB | BPF_K, 'c' - 11), BPF_STMT(BPF_RET | BPF_A, 0)));
  try("negative index", PROGRAM(BPF_STMT(BPF_LDX | BPF_IMM, -1), BPF_STMT(BPF_LD | BPF_B | BPF_IND, 9), BPF_STMT(BPF_ALU | BPF_SUB | BPF_K, 'a' - 11), BPF_STMT(BPF_RET | BPF_A, 0)));
  try("modulo", PROGRAM(BPF_STMT(BPF_LD | BPF_IMM, 32), BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, 21), BPF_STMT(BPF_RET | BPF_A, 0))), try("modulo 0", PROGRAM(BPF_STMT(BPF_LD | BPF_IMM, 32), BPF_STMT(BPF_ALU | BPF_MOD | BPF_X, 0), BPF_STMT(BPF_RET | BPF_K, -1)));
  try("protocol", PROGRAM(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SKF_AD_OFF + SKF_AD_PROTOCOL), BPF_STMT(BPF_ALU | BPF_SUB | BPF_K, 0x800 - 12), BPF_STMT(BPF_RET | BPF_A, 0))), try("interface", PROGRAM(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SKF_AD_OFF + SKF_AD_IFINDEX), BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, 8), BPF_STMT(BPF_RET | BPF_A, 0))), try("hardware", PROGRAM(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SKF_AD_OFF + SKF_AD_HATYPE), BPF_STMT(BPF_ALU | BPF_SUB | BPF_K, 772 - 13), BPF_STMT(BPF_RET | BPF_A, 0)));
  SAY(setsockopt(d, SOL_SOCKET, SO_DETACH_FILTER, &on_, 4)), RECV(d, 99, MSG_DONTWAIT);
  SAY(attach(d, PROGRAM(BPF_STMT(BPF_LD | BPF_IMM, 0)))), SAY(attach(d, PROGRAM(BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, 0), BPF_STMT(BPF_RET | BPF_K, -1)))), SAY(attach(d, PROGRAM(BPF_STMT(BPF_LD | BPF_MEM, 3), BPF_STMT(BPF_RET | BPF_K, -1)))), SAY(attach(d, PROGRAM(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, -4), BPF_STMT(BPF_RET | BPF_K, -1)))), SAY(attach(d, PROGRAM(BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0), BPF_STMT(BPF_RET | BPF_K, -1)))), SAY(attach(d, 0, 1)), SAY(attach(d, (void *)8, 1)), SAY(attach(d, got_, 0)), SAY(attach(d, got_, 4097)), SAY(setsockopt(d, SOL_SOCKET, SO_ATTACH_FILTER, got_, 15));
  SAY(attach(d, PROGRAM(BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0), BPF_STMT(BPF_RET | BPF_A, 0)))), n = 0, SAY(getsockopt(d, SOL_SOCKET, SO_GET_FILTER, 0, &n)), SAY(n), n = 1, SAY(getsockopt(d, SOL_SOCKET, SO_GET_FILTER, got_, &n)), n = 8, SAY(getsockopt(d, SOL_SOCKET, SO_GET_FILTER, got_, &n)), SAY(n), bytes("program", got_, 16);
  n = 4, SAY(getsockopt(d, SOL_SOCKET, SO_LOCK_FILTER, &value, &n)), SAY(value), SAY(setsockopt(d, SOL_SOCKET, SO_LOCK_FILTER, &on_, 4)), SAY(setsockopt(d, SOL_SOCKET, SO_LOCK_FILTER, &(int){0}, 4)), SAY(setsockopt(d, SOL_SOCKET, SO_DETACH_FILTER, &on_, 4)), SAY(attach(d, PROGRAM(BPF_STMT(BPF_RET | BPF_K, -1)))), SAY(getsockopt(d, SOL_SOCKET, SO_LOCK_FILTER, &value, &n)), SAY(value);
  SAY(socketpair(AF_UNIX, SOCK_DGRAM, 0, u)), SAY(attach(u[1], PROGRAM(BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 'y', 0, 1), BPF_STMT(BPF_RET | BPF_K, 2), BPF_STMT(BPF_RET | BPF_K, 0)))), SAY(send(u[0], "no", 2, 0)), SAY(send(u[0], "yes", 3, 0)), RECV(u[1], 9, MSG_DONTWAIT), RECV(u[1], 9, MSG_DONTWAIT), close(u[0]), close(u[1]);
  SAY(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, u)), SAY(attach(u[1], PROGRAM(BPF_STMT(BPF_RET | BPF_K, 2)))), SAY(send(u[0], "yes", 3, 0)), RECV(u[1], 9, MSG_DONTWAIT), SAY(attach(u[1], PROGRAM(BPF_STMT(BPF_RET | BPF_K, 0)))), SAY(send(u[0], "yes", 3, 0)), RECV(u[1], 9, MSG_DONTWAIT), close(u[0]), close(u[1]), SAY(socketpair(AF_UNIX, SOCK_STREAM, 0, u)), SAY(attach(u[1], PROGRAM(BPF_STMT(BPF_RET | BPF_K, 0)))), SAY(send(u[0], "yes", 3, 0)), RECV(u[1], 9, MSG_DONTWAIT), close(u[0]), close(u[1]);
  int r = socket(AF_INET, SOCK_RAW, IPPROTO_UDP);
  SAY(attach(r, PROGRAM(BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 28), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 'y', 0, 1), BPF_STMT(BPF_RET | BPF_K, 29), BPF_STMT(BPF_RET | BPF_K, 0)))), sendto(s, "no", 2, 0, (void *)&to, sizeof to), sendto(s, "yes", 3, 0, (void *)&to, sizeof to), SAY(recv(r, buffer, 99, MSG_DONTWAIT)), SAY(buffer[28]), SAY(recv(r, buffer, 99, MSG_DONTWAIT)), RECV(d, 9, MSG_DONTWAIT), RECV(d, 9, MSG_DONTWAIT);
  stamps(d, SO_TIMESTAMP), stamps(d, SO_TIMESTAMPNS), stamps(d, 63), stamps(d, 64), SAY(setsockopt(d, SOL_SOCKET, SO_TIMESTAMP, &(int){0}, 4)), SAY(getsockopt(d, SOL_SOCKET, SO_TIMESTAMPNS, &value, &n)), SAY(value);
  return 0;
}
