// Message queues of POSIX: mq_overview(7), mq_open(3) and its like as the system calls behind them.
#include "say.h"
#include <mqueue.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/syscall.h>

static char name[40];

static void attributes(const char *what, mqd_t queue) {
  struct mq_attr attr;
  if (mq_getattr(queue, &attr) != 0) printf("%s: %s\n", what, strerrorname_np(errno));
  else printf("%s: flags %lo, %ld of %ld messages of %ld\n", what, attr.mq_flags, attr.mq_curmsgs, attr.mq_maxmsg, attr.mq_msgsize);
  fflush(stdout);
}

static void get(const char *what, mqd_t queue, size_t size) {
  char text[9000] = "";
  unsigned priority = 0;
  ssize_t got = mq_receive(queue, text, size, &priority);
  if (got < 0) printf("%s: %s\n", what, strerrorname_np(errno));
  else printf("%s: %zd bytes, priority %u: %s\n", what, got, priority, text);
  fflush(stdout);
}

static mqd_t make(int flags, long messages, long size) {
  struct mq_attr attr = {.mq_maxmsg = messages, .mq_msgsize = size};
  return mq_open(name, O_CREAT | flags, 0640, &attr);
}

static void names(void) {
  SAY(mq_open(name, O_RDWR));
  SAY(mq_open("/", O_RDWR | O_CREAT, 0600, NULL));
  SAY(mq_open("/a/b", O_RDWR | O_CREAT, 0600, NULL));
  SAY(mq_open("no-slash", O_RDWR | O_CREAT, 0600, NULL));
  SAY(syscall(SYS_mq_open, ".", O_RDWR | O_CREAT, 0600, NULL));
  SAY(syscall(SYS_mq_open, "..", O_RDWR, 0600, NULL));
  SAY(syscall(SYS_mq_open, "", O_RDWR, 0600, NULL));
  SAY(syscall(SYS_mq_open, (char *)8, O_RDWR, 0600, NULL));
  SAY(syscall(SYS_mq_open, name + 1, O_RDWR | O_CREAT, 0600, (void *)8));
  char large[400];
  memset(large, 'x', sizeof large);
  large[0] = '/', large[256] = 0;
  mqd_t longest = mq_open(large, O_RDWR | O_CREAT, 0600, NULL);
  SAY(longest >= 0);
  SAY(mq_unlink(large));
  mq_close(longest);
  large[256] = 'x', large[399] = 0;
  SAY(mq_open(large, O_RDWR | O_CREAT, 0600, NULL));
  SAY(mq_unlink(name));
  SAY(mq_unlink("/a/b"));
  mqd_t queue = mq_open(name, O_RDWR | O_CREAT, 0600, NULL);
  attributes("usual", queue);
  SAY(mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, NULL));
  SAY(mq_open(name, O_ACCMODE));
  SAY(fcntl(queue, F_GETFD));
  SAY(mq_unlink(name));
  SAY(mq_open(name, O_RDWR));
  SAY(mq_send(queue, "still", 6, 0));
  get("still", queue, 9000);
  SAY(mq_close(queue));
  SAY(mq_close(queue));
}

static void sizes(void) {
  SAY(make(O_RDWR, 0, 10));
  SAY(make(O_RDWR, 10, 0));
  SAY(make(O_RDWR, -1, 10));
  SAY(make(O_RDWR, 10, 1 << 25));
  SAY(make(O_RDWR, 100000, 10));
  mqd_t queue = make(O_RDWR | O_NONBLOCK, 3, 20);
  attributes("small", queue);
  SAY(mq_send(queue, "123456789012345678901", 21, 0));
  SAY(mq_send(queue, "a", 2, 32768));
  SAY(mq_send(queue, "low", 4, 1));
  SAY(mq_send(queue, "high", 5, 32767));
  SAY(mq_send(queue, "low too", 8, 1));
  SAY(mq_send(queue, "full", 5, 1));
  attributes("full", queue);
  get("short", queue, 19);
  get("first", queue, 20);
  get("second", queue, 20);
  get("third", queue, 20);
  get("none", queue, 20);
  SAY(mq_send(queue, "", 0, 5));
  get("empty", queue, 20);
  SAY(mq_send(queue, (char *)8, 5, 5));
  SAY(mq_send(queue, "lost", 5, 5));
  SAY(mq_receive(queue, (char *)8, 20, NULL));
  attributes("lost", queue);
  struct mq_attr attr = {.mq_flags = 0, .mq_maxmsg = 99}, old;
  SAY(mq_setattr(queue, &attr, &old));
  printf("%lo\n", old.mq_flags);
  attributes("blocks", queue);
  attr.mq_flags = O_APPEND;
  SAY(mq_setattr(queue, &attr, &old));
  SAY(syscall(SYS_mq_getsetattr, queue, (void *)8, &old));
  SAY(syscall(SYS_mq_getsetattr, queue, NULL, (void *)8));
  SAY(syscall(SYS_mq_getsetattr, 0, NULL, &old));
  SAY(syscall(SYS_mq_getsetattr, -1, NULL, &old));
  SAY(syscall(SYS_mq_timedsend, 0, "", 0, 0, NULL));
  SAY(syscall(SYS_mq_timedreceive, 0, &attr, 64, 0, NULL));
  struct timespec past = {1, 0}, bad = {0, 1000000000};
  SAY(mq_timedreceive(queue, (char *)&attr, 64, 0, &past));
  SAY(mq_timedreceive(queue, (char *)&attr, 64, 0, &bad));
  SAY(syscall(SYS_mq_timedreceive, queue, &attr, 64, 0, (void *)8));
  struct timespec soon;
  clock_gettime(CLOCK_REALTIME, &soon);
  soon.tv_nsec += 3000000;
  if (soon.tv_nsec >= 1000000000) soon.tv_sec++, soon.tv_nsec -= 1000000000;
  SAY(mq_timedreceive(queue, (char *)&attr, 64, 0, &soon));
  mqd_t reader = mq_open(name, O_RDONLY), writer = mq_open(name, O_WRONLY);
  SAY(mq_send(reader, "x", 2, 0));
  SAY(mq_receive(writer, (char *)&attr, 64, 0));
  SAY(mq_send(writer, "x", 2, 0));
  get("reader", reader, 64);
  struct rlimit limit = {1000, 1000};
  mq_close(queue), mq_close(reader), mq_close(writer);
  mq_unlink(name);
  SAY(setrlimit(RLIMIT_MSGQUEUE, &limit));
  SAY(make(O_RDWR, 10, 100));
  queue = make(O_RDWR, 3, 100);
  SAY(queue >= 0);
  mq_close(queue);
  mq_unlink(name);
}

static void descriptors(void) {
  mqd_t queue = make(O_RDWR, 2, 20);
  struct stat s;
  SAY(fstat(queue, &s));
  printf("mode %o, size %ld, links %d\n", s.st_mode, (long)s.st_size, (int)s.st_nlink);
  char text[100] = "";
  SAY(mq_send(queue, "12345", 5, 0));
  SAY(read(queue, text, 100));
  printf("%s", text);
  SAY(read(queue, text, 100));
  SAY(lseek(queue, 3, SEEK_SET));
  SAY(read(queue, text, 100));
  SAY(write(queue, text, 1));
  SAY(fcntl(queue, F_GETFL));
  struct pollfd ready = {queue, POLLIN | POLLOUT, 0};
  SAY(poll(&ready, 1, 0));
  SAY(ready.revents);
  mq_send(queue, "x", 1, 0);
  SAY(poll(&ready, 1, 0));
  SAY(ready.revents);
  get("one", queue, 20), get("two", queue, 20);
  SAY(poll(&ready, 1, 0));
  SAY(ready.revents);
  int set = epoll_create1(0);
  struct epoll_event event = {EPOLLIN | EPOLLET, {.u32 = 5}}, got;
  SAY(epoll_ctl(set, EPOLL_CTL_ADD, queue, &event));
  SAY(epoll_wait(set, &got, 1, 0));
  mq_send(queue, "x", 1, 0);
  SAY(epoll_wait(set, &got, 1, -1));
  SAY(epoll_wait(set, &got, 1, 0));
  get("edge", queue, 20);
  pid_t pid = fork();
  if (pid == 0) {
    ready.events = POLLIN;
    SAY(poll(&ready, 1, -1));
    get("in a child", queue, 20);
    _exit(0);
  }
  until_asleep(pid);
  mq_send(queue, "child", 6, 7);
  say_wait("child", pid);
  mq_close(queue);
  close(set);
  mq_unlink(name);
}

static void waiting(void) {
  mqd_t queue = make(O_RDWR, 1, 20);
  pid_t pids[3];
  for (int i = 0; i < 3; i++) {
    pids[i] = fork();
    if (pids[i] == 0) {
      char text[20] = "";
      _exit(mq_receive(queue, text, 20, NULL) < 0 ? errno : text[0]);
    }
    until_asleep(pids[i]);
  }
  for (int i = 0; i < 3; i++) {
    char text[2] = {'a' + i, 0};
    mq_send(queue, text, 2, 3 - i);
  }
  for (int i = 0; i < 3; i++) say_wait("receiver", pids[i]);
  attributes("nothing left", queue);
  mq_send(queue, "in the queue", 13, 0);
  for (int i = 0; i < 3; i++) {
    pids[i] = fork();
    if (pids[i] == 0) {
      char text[2] = {'a' + i, 0};
      _exit(mq_send(queue, text, 2, i) != 0 ? errno : 0);
    }
    until_asleep(pids[i]);
  }
  for (int i = 0; i < 4; i++) {
    get("sent", queue, 20);
    if (i < 3) say_wait("sender", pids[i]);
  }
  pid_t pid = fork();
  if (pid == 0) {
    char text[20];
    mq_receive(queue, text, 20, NULL);
    _exit(1);
  }
  until_asleep(pid);
  kill(pid, SIGKILL);
  say_wait("killed", pid);
  mq_send(queue, "for nobody", 11, 0);
  attributes("nobody waits", queue);
  mq_close(queue);
  mq_unlink(name);
}

static volatile int handled;

static void note(int number, siginfo_t *info, void *context) {
  (void)context;
  handled++;
  printf("signal %d, code %d, value %d, pid %d, uid %d\n", number == SIGUSR1 ? 1 : 2, info->si_code, info->si_value.sival_int,
         info->si_pid == getpid(), info->si_uid == getuid());
}

static void notification(void) {
  mqd_t queue = make(O_RDWR | O_NONBLOCK, 3, 20);
  on(SIGUSR1, note, SA_RESTART);
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value = {.sival_int = 77}};
  SAY(mq_notify(queue, &event));
  SAY(mq_notify(queue, &event));
  char text[100] = "";
  lseek(queue, 0, SEEK_SET);
  read(queue, text, 45);
  printf("%s\n", text);
  mq_send(queue, "a", 2, 0);
  SAY(handled);
  mq_send(queue, "b", 2, 0);
  SAY(handled);
  SAY(mq_notify(queue, &event));
  mq_send(queue, "c", 2, 0);
  SAY(handled);
  get("a", queue, 20), get("b", queue, 20), get("c", queue, 20);
  mq_send(queue, "d", 2, 0);
  SAY(handled);
  get("d", queue, 20);
  SAY(mq_notify(queue, &event));
  SAY(mq_notify(queue, NULL));
  mq_send(queue, "e", 2, 0);
  SAY(handled);
  get("e", queue, 20);
  event.sigev_signo = 65;
  SAY(mq_notify(queue, &event));
  event.sigev_notify = 99;
  SAY(mq_notify(queue, &event));
  SAY(syscall(SYS_mq_notify, queue, 8));
  SAY(mq_notify(0, NULL));
  SAY(mq_notify(-1, NULL));
  event.sigev_notify = SIGEV_NONE;
  SAY(mq_notify(queue, &event));
  pid_t pid = fork();
  if (pid == 0) {
    SAY(mq_notify(queue, &event));
    SAY(mq_notify(queue, NULL));
    _exit(0);
  }
  say_wait("child", pid);
  int copy = dup(queue);
  close(copy);
  SAY(mq_notify(queue, &event));
  // Who waits for a message gets it instead of a signal.
  mq_notify(queue, NULL);
  event.sigev_notify = SIGEV_SIGNAL, event.sigev_signo = SIGUSR1;
  SAY(mq_notify(queue, &event));
  struct mq_attr blocks = {0};
  mq_setattr(queue, &blocks, NULL);
  pid = fork();
  if (pid == 0) {
    get("receiver", queue, 20);
    _exit(0);
  }
  until_asleep(pid);
  mq_send(queue, "f", 2, 0);
  say_wait("receiver", pid);
  SAY(handled);
  pid = fork();
  if (pid == 0) {
    mq_send(queue, "g", 2, 0);
    _exit(0);
  }
  say_wait("sender", pid);
  SAY(handled);
  mq_close(queue);
  mq_unlink(name);
}

int main(void) {
  snprintf(name, sizeof name, "/compare-%d", getpid());
  names();
  descriptors();
  waiting();
  notification();
  sizes();
  return 0;
}
