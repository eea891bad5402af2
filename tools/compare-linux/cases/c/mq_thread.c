// mq_notify(2) with SIGEV_THREAD: by the C library, and by netlink sockets of one's own.
#include "say.h"
#include <mqueue.h>
#include <semaphore.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

static sem_t told;
static int value;
static mqd_t queue;

static void function(union sigval v) {
  value = v.sival_int;
  sem_post(&told);
}

static long ask(int socket, void *cookie) {
  struct sigevent event = {.sigev_notify = SIGEV_THREAD, .sigev_signo = socket, .sigev_value = {.sival_ptr = cookie}};
  return syscall(SYS_mq_notify, queue, &event);
}

static void look(int socket) {
  unsigned char bytes[64] = {0};
  errno = 0;
  int n = recv(socket, bytes, sizeof bytes, MSG_DONTWAIT);
  if (n < 0) printf("nothing: %s\n", strerrorname_np(errno));
  else printf("%d bytes: %d %d %d ... %d\n", n, bytes[0], bytes[1], bytes[30], bytes[31]);
  fflush(stdout);
}

static void empty(void) {
  char text[20];
  while (mq_receive(queue, text, 20, NULL) >= 0);
}

int main(void) {
  struct mq_attr attributes = {.mq_maxmsg = 4, .mq_msgsize = 20};
  mq_unlink("/thread");
  queue = mq_open("/thread", O_CREAT | O_RDWR | O_NONBLOCK, 0600, &attributes);
  sem_init(&told, 0, 0);
  struct sigevent event = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = function, .sigev_value = {.sival_int = 41}};
  for (int i = 0; i < 3; i++) {
    event.sigev_value.sival_int++;
    SAY(mq_notify(queue, &event));
    SAY(mq_notify(queue, &event));
    SAY(mq_send(queue, "x", 1, 0));
    sem_wait(&told);
    SAY(value);
    empty();
  }
  SAY(mq_notify(queue, &event));
  SAY(mq_notify(queue, NULL));
  SAY(mq_send(queue, "x", 1, 0));
  SAY(sem_trywait(&told));
  empty();

  unsigned char cookie[32];
  for (int i = 0; i < 32; i++) cookie[i] = 100 + i;
  int s = socket(AF_NETLINK, SOCK_RAW, 0), pair[2];
  socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
  SAY(s > 2);
  SAY(ask(77, cookie));
  SAY(ask(0, cookie));
  SAY(ask(pair[0], cookie));
  SAY(ask(s, (void *)8));
  SAY(ask(77, (void *)8));
  SAY(ask(s, cookie));
  SAY(ask(s, cookie));
  look(s);
  mq_send(queue, "x", 1, 0);
  look(s);
  look(s);
  mq_send(queue, "y", 1, 0);
  look(s);
  empty();
  cookie[0] = 1;
  SAY(ask(s, cookie));
  SAY(mq_notify(queue, NULL));
  look(s);
  // A process that closes a descriptor of the queue is told no more.
  SAY(ask(s, cookie));
  close(dup(queue));
  look(s);
  // A child's end is not its parent's.
  SAY(ask(s, cookie));
  pid_t child = fork();
  if (child == 0) _exit(0);
  say_wait("child", child);
  look(s);
  child = fork();
  if (child == 0) mq_send(queue, "z", 1, 0), _exit(0);
  say_wait("sender", child);
  look(s);
  empty();
  // Whose socket is closed hears nothing.
  int other = socket(AF_NETLINK, SOCK_DGRAM, 0);
  SAY(ask(other, cookie));
  close(other);
  SAY(mq_send(queue, "x", 1, 0));
  SAY(ask(s, cookie));
  empty();
  // A child asks, and ends.
  mq_notify(queue, NULL);
  look(s);
  child = fork();
  if (child == 0) SAY(ask(s, cookie)), _exit(0);
  say_wait("asks", child);
  look(s);
  SAY(ask(s, cookie));
  SAY(mq_close(queue));
  look(s);
  SAY(mq_unlink("/thread"));
  return 0;
}
