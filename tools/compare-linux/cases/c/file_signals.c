// Signals of descriptors: F_SETOWN, F_SETSIG and O_ASYNC of fcntl(2), what they tell, and SIGURG.
#define _GNU_SOURCE
#include "say.h"
#include <arpa/inet.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

static sigset_t all;

// Takes all signals that wait, and tells what they tell.
static void take(const char *what) {
  siginfo_t info;
  struct timespec now = {0, 0};
  int count = 0;
  while (1) {
    memset(&info, 0, sizeof info);
    int got = sigtimedwait(&all, &info, &now);
    if (got < 0) break;
    count++;
    if (info.si_code > 0 && info.si_code < 7) printf("%s: signal %d code %d band %lx fd %d\n", what, got, info.si_code, info.si_band, info.si_fd);
    else if (info.si_code == SI_SIGIO) printf("%s: signal %d SI_SIGIO band %lx fd %d\n", what, got, info.si_band, info.si_fd);
    else printf("%s: signal %d code %d pid %d\n", what, got, info.si_code, info.si_pid);
  }
  if (count == 0) printf("%s: nothing\n", what);
  fflush(stdout);
}

static int add(int fd, int flag) { return fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | flag); }
static int drop(int fd, int flag) { return fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~flag); }
static int is_async(int fd) { return (fcntl(fd, F_GETFL) & O_ASYNC) != 0; }

static void owners(void) {
  int fd[2];
  struct f_owner_ex owner;
  pipe(fd);
  SAY(fcntl(fd[0], F_GETOWN));
  SAY(fcntl(fd[0], F_GETSIG));
  SAY(fcntl(fd[0], F_GETOWN_EX, &owner));
  printf("type %d is %d\n", owner.type, owner.pid);
  SAY(fcntl(fd[0], F_SETOWN, 32000));
  SAY(fcntl(fd[0], F_SETOWN, -32000));
  SAY(fcntl(fd[0], F_SETOWN, 0x80000000));
  SAY(fcntl(fd[0], F_SETOWN, getpid()));
  SAY(fcntl(fd[0], F_GETOWN) == getpid());
  SAY(fcntl(fd[0], F_GETOWN_EX, &owner));
  printf("type %d is %d\n", owner.type, owner.pid == getpid());
  SAY(fcntl(fd[0], F_SETOWN, -getpgrp()));
  SAY(syscall(SYS_fcntl, fd[0], F_GETOWN_EX, &owner));
  printf("type %d is %d\n", owner.type, owner.pid == getpgrp());
  owner.type = F_OWNER_TID, owner.pid = gettid();
  SAY(fcntl(fd[0], F_SETOWN_EX, &owner));
  SAY(fcntl(fd[0], F_GETOWN_EX, &owner));
  printf("type %d is %d\n", owner.type, owner.pid == gettid());
  owner.type = 3;
  SAY(fcntl(fd[0], F_SETOWN_EX, &owner));
  owner.type = F_OWNER_PID, owner.pid = 32000;
  SAY(fcntl(fd[0], F_SETOWN_EX, &owner));
  SAY(fcntl(fd[0], F_SETOWN_EX, (void *)8));
  SAY(fcntl(fd[0], F_GETOWN_EX, (void *)8));
  SAY(fcntl(fd[0], F_SETOWN, 0));
  SAY(fcntl(fd[0], F_GETOWN));
  SAY(fcntl(fd[0], F_SETSIG, 65));
  SAY(fcntl(fd[0], F_SETSIG, -1));
  SAY(fcntl(fd[0], F_SETSIG, 64));
  SAY(fcntl(fd[0], F_GETSIG));
  SAY(fcntl(fd[0], F_SETSIG, 0));
  // Others have the same open file, but not that of the other end.
  int other = dup(fd[0]);
  fcntl(other, F_SETSIG, SIGRTMIN + 1);
  SAY(fcntl(fd[0], F_GETSIG) == SIGRTMIN + 1);
  SAY(fcntl(fd[1], F_GETSIG));
  pid_t child = fork();
  if (child == 0) pause();
  SAY(fcntl(fd[0], F_SETOWN, child));
  SAY(fcntl(fd[0], F_GETOWN) == child);
  kill(child, SIGKILL);
  waitpid(child, 0, 0);
  struct timespec now = {0, 0};
  sigtimedwait(&all, 0, &now);
  SAY(fcntl(fd[0], F_GETOWN));
  close(fd[0]), close(fd[1]), close(other);
}

static void pipes(void) {
  int fd[2];
  char bytes[70000];
  pipe(fd);
  SAY(add(fd[0], O_ASYNC));
  SAY(is_async(fd[0]));
  write(fd[1], "a", 1);
  take("no owner");
  fcntl(fd[0], F_SETOWN, getpid());
  write(fd[1], "a", 1);
  take("SIGIO");
  fcntl(fd[0], F_SETSIG, SIGIO);
  write(fd[1], "a", 1);
  take("SIGIO by choice");
  fcntl(fd[0], F_SETSIG, SIGRTMIN + 2);
  write(fd[1], "a", 1);
  write(fd[1], "a", 1);
  take("real time");
  fcntl(fd[0], F_SETSIG, SIGUSR1);
  write(fd[1], "a", 1);
  take("SIGUSR1");
  fcntl(fd[0], F_SETSIG, SIGCHLD);
  write(fd[1], "a", 1);
  take("SIGCHLD");
  SAY(write(fd[1], "", 0));
  take("no byte");
  int copy = fcntl(fd[0], F_DUPFD, 100);
  write(fd[1], "a", 1);
  take("duplicated");
  close(copy);
  write(fd[1], "a", 1);
  take("closed again");
  SAY(drop(fd[0], O_ASYNC));
  write(fd[1], "a", 1);
  take("not any more");
  int on = 1;
  SAY(ioctl(fd[0], FIOASYNC, &on));
  SAY(is_async(fd[0]));
  write(fd[1], "a", 1);
  take("by ioctl");
  close(fd[1]);
  take("no writer");
  close(fd[0]);
  take("closed");
  pipe(fd);
  fcntl(fd[1], F_SETOWN, getpid());
  fcntl(fd[1], F_SETSIG, SIGRTMIN + 3);
  add(fd[1], O_ASYNC);
  write(fd[1], "abc", 3);
  take("written");
  read(fd[0], bytes, 1);
  take("read");
  close(fd[0]);
  take("no reader");
  close(fd[1]);
}

static void others(void) {
  int on = 1;
  int file = open("file", O_CREAT | O_RDWR, 0600);
  SAY(fcntl(file, F_SETOWN, getpid()));
  SAY(add(file, O_ASYNC));
  SAY(is_async(file));
  SAY(ioctl(file, FIOASYNC, &on));
  SAY(ioctl(file, FIOASYNC, (void *)8));
  on = 0;
  SAY(ioctl(file, FIOASYNC, &on));
  int path = open("file", O_PATH);
  SAY(fcntl(path, F_SETOWN, getpid()));
  SAY(fcntl(path, F_SETSIG, SIGIO));
  SAY(fcntl(999, F_SETSIG, SIGIO));
  close(file), close(path);
}

static void sockets(void) {
  int fd[2], owner = getpid();
  char bytes[100000] = "";
  socketpair(AF_UNIX, SOCK_STREAM, 0, fd);
  SAY(ioctl(fd[0], SIOCSPGRP, &owner));
  owner = 0;
  SAY(ioctl(fd[0], SIOCGPGRP, &owner));
  SAY(owner == getpid());
  SAY(ioctl(fd[0], FIOSETOWN, (void *)8));
  fcntl(fd[0], F_SETSIG, SIGRTMIN + 4);
  add(fd[0], O_ASYNC);
  write(fd[1], "abc", 3);
  take("local");
  read(fd[0], bytes, 3);
  take("taken");
  write(fd[0], "abc", 3);
  read(fd[1], bytes, 3);
  take("had room");
  fcntl(fd[0], F_SETFL, O_NONBLOCK | O_ASYNC);
  while (write(fd[0], bytes, sizeof bytes) > 0) continue;
  take("full");
  while (recv(fd[1], bytes, sizeof bytes, MSG_DONTWAIT) > 0) continue;
  take("has room");
  shutdown(fd[1], SHUT_WR);
  take("shut");
  close(fd[1]);
  take("closed");
  close(fd[0]);
  socketpair(AF_UNIX, SOCK_DGRAM, 0, fd);
  fcntl(fd[0], F_SETOWN, getpid());
  fcntl(fd[0], F_SETSIG, SIGRTMIN + 5);
  add(fd[0], O_ASYNC);
  write(fd[1], "abc", 3);
  write(fd[1], "abc", 3);
  take("datagrams");
  close(fd[0]), close(fd[1]);
}

static void tcp(void) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof to;
  int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
  bind(listener, (void *)&to, sizeof to);
  listen(listener, 4);
  getsockname(listener, (void *)&to, &length);
  fcntl(listener, F_SETOWN, getpid());
  fcntl(listener, F_SETSIG, SIGRTMIN + 6);
  add(listener, O_ASYNC);
  SAY(connect(client, (void *)&to, sizeof to));
  take("a connection");
  int served = accept(listener, 0, 0);
  SAY(is_async(served));
  SAY(fcntl(served, F_GETOWN));
  // Urgent bytes are told of to an owner, whether O_ASYNC is set or not.
  send(client, "u", 1, MSG_OOB);
  take("urgent, no owner");
  fcntl(served, F_SETOWN, getpid());
  send(client, "ab", 2, MSG_OOB);
  take("urgent");
  fcntl(served, F_SETSIG, SIGRTMIN + 7);
  send(client, "u", 1, MSG_OOB);
  take("urgent, with a signal");
  fcntl(served, F_SETOWN, -getpgrp());
  send(client, "u", 1, MSG_OOB);
  take("urgent, group");
  fcntl(served, F_SETOWN, getpid());
  char bytes[16];
  while (recv(served, bytes, sizeof bytes, MSG_DONTWAIT) > 0) continue;
  add(served, O_ASYNC);
  send(client, "abc", 3, 0);
  take("bytes");
  shutdown(client, SHUT_WR);
  take("half closed");
  close(served);
  close(client);
  close(listener);
  int udp = socket(AF_INET, SOCK_DGRAM, 0), from = socket(AF_INET, SOCK_DGRAM, 0);
  to.sin_port = 0;
  bind(udp, (void *)&to, sizeof to);
  getsockname(udp, (void *)&to, &length);
  fcntl(udp, F_SETOWN, getpid());
  fcntl(udp, F_SETSIG, SIGRTMIN + 8);
  add(udp, O_ASYNC);
  sendto(from, "abc", 3, 0, (void *)&to, sizeof to);
  sendto(from, "", 0, 0, (void *)&to, sizeof to);
  take("datagrams");
  close(udp), close(from);
}

static int told[2];

static void *is_told(void *unused) {
  (void)unused;
  siginfo_t info;
  struct f_owner_ex owner = {F_OWNER_TID, gettid()};
  fcntl(told[0], F_SETOWN_EX, &owner);
  fcntl(told[0], F_SETSIG, SIGRTMIN + 9);
  add(told[0], O_ASYNC);
  write(told[1], "a", 1);
  sigset_t mine;
  sigpending(&mine);
  SAY(sigismember(&mine, SIGRTMIN + 9));
  return 0;
}

static void threads(void) {
  pthread_t thread;
  pipe(told);
  pthread_create(&thread, 0, is_told, 0);
  pthread_join(thread, 0);
  take("to a thread that has gone");
  write(told[1], "a", 1);
  take("none there");
  close(told[0]), close(told[1]);
}

static void full_queue(void) {
  int fd[2];
  pipe(fd);
  fcntl(fd[0], F_SETOWN, getpid());
  fcntl(fd[0], F_SETSIG, SIGRTMIN);
  add(fd[0], O_ASYNC);
  // Where no more may queue, there is SIGIO.
  struct rlimit { unsigned long soft, hard; } limit = {0, 0};
  syscall(SYS_prlimit64, 0, 11, &limit, 0);
  write(fd[1], "a", 1);
  take("no more may queue");
}

int main(void) {
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, 0);
  chdir("/tmp");
  owners();
  pipes();
  others();
  sockets();
  tcp();
  threads();
  full_queue();
  return 0;
}
