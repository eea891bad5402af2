// Files of /proc/sys that are written: how numbers and names are taken, what is refused, and what follows for objects of
// System V, message queues, pipes, watches and process ids. It changes the system that it runs on, which has to be one of
// its own (then SETTINGS_MAY_CHANGE is set); its answer is kept beside it.
#include "say.h"
#include <mqueue.h>
#include <sched.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif

static char text[200];

static void look(const char *path) {
  int fd = open(path, O_RDONLY);
  int size = read(fd, text, sizeof text - 1);
  close(fd);
  if (size < 0) printf("%s: %s\n", path, strerrorname_np(errno));
  else printf("%s: %.*s", path, size, text);
  fflush(stdout);
}

/** Writes the value, tells what came of it, and what is there now. */
static void put(const char *path, const char *value) {
  int fd = open(path, O_WRONLY | O_TRUNC);
  if (fd < 0) {
    printf("open %s: %s\n", path, strerrorname_np(errno));
    return;
  }
  int size = write(fd, value, strlen(value));
  if (size < 0) printf("'%s': %s, ", value, strerrorname_np(errno));
  else printf("'%s': %d, ", value, size);
  close(fd);
  look(path);
}

static void ways(void) {
  const char *max = "/proc/sys/kernel/msgmax";
  put(max, "100");
  put(max, " \t200\n");
  put(max, "0x10");
  put(max, "010");
  put(max, "08");
  put(max, "12 13");
  put(max, "12a");
  put(max, "-1");
  put(max, "2147483647");
  put(max, "2147483648");
  put(max, "99999999999999999999999");
  put(max, "");
  put(max, "  ");
  put(max, "+1");
  put(max, "8192");
  int fd = open(max, O_RDWR);
  SAY(pwrite(fd, "77", 2, 1));
  look(max);
  SAY(write(fd, "7", 1));
  SAY(write(fd, "8", 1));
  look(max);
  SAY(lseek(fd, 0, SEEK_SET));
  SAY(read(fd, text, 1));
  SAY(read(fd, text, 10));
  SAY(write(fd, (char *)1, 3));
  close(fd);
  put(max, "8192");
  put("/proc/sys/kernel/shmmax", "-5");
  put("/proc/sys/kernel/shmmax", "18446744073692774399");
  put("/proc/sys/kernel/shmmax", "18446744073709551616");
  put("/proc/sys/kernel/sem", "250 1000");
  put("/proc/sys/kernel/sem", "1 2 3 40000");
  put("/proc/sys/kernel/sem", "32000\t1024000000 500\n32000");
  put("/proc/sys/kernel/ostype", "Other");
  put("/proc/sys/kernel/absent", "1");
  SAY(open("/proc/uptime", O_WRONLY) >= 0);
  SAY(write(open("/proc/uptime", O_WRONLY), "1", 1));
  SAY(write(open("/proc/self/status", O_WRONLY), "1", 1));
}

static void names_(void) {
  struct utsname u;
  const char *host = "/proc/sys/kernel/hostname";
  put(host, "first\nsecond");
  int fd = open(host, O_WRONLY);
  SAY(pwrite(fd, "-more", 5, 5));
  SAY(pwrite(fd, "far", 3, 30));
  uname(&u);
  printf("%s\n", u.nodename);
  memset(text, 'x', 100);
  SAY(pwrite(fd, text, 100, 0));
  uname(&u);
  printf("%zu\n", strlen(u.nodename));
  put("/proc/sys/kernel/domainname", "example");
  sethostname("again", 5);
  look(host);
}

static void objects(void) {
  struct msginfo m;
  struct seminfo s;
  struct shminfo h;
  put("/proc/sys/kernel/msgmni", "1");
  int id = msgget(IPC_PRIVATE, 0600);
  SAY(msgget(IPC_PRIVATE, 0600));
  put("/proc/sys/kernel/msgmax", "20000");
  put("/proc/sys/kernel/msgmnb", "30000");
  put("/proc/sys/kernel/msgmni", "7");
  int large = msgget(IPC_PRIVATE, 0600);
  static struct { long type; char text[20000]; } message = {1};
  SAY(msgsnd(large, &message, 20001, IPC_NOWAIT));
  SAY(msgsnd(large, &message, 20000, IPC_NOWAIT));
  SAY(msgsnd(id, &message, 20000, IPC_NOWAIT));
  SAY(msgctl(0, IPC_INFO, (void *)&m) >= 0);
  printf("%d %d %d %d %d\n", m.msgmax, m.msgmnb, m.msgmni, m.msgpool, m.msgtql);
  msgctl(id, IPC_RMID, 0);
  msgctl(large, IPC_RMID, 0);
  put("/proc/sys/kernel/sem", "3 5 2 2");
  SAY(semget(IPC_PRIVATE, 4, 0600));
  int a = semget(IPC_PRIVATE, 3, 0600);
  SAY(semget(IPC_PRIVATE, 3, 0600));
  int b = semget(IPC_PRIVATE, 2, 0600);
  SAY(semget(IPC_PRIVATE, 1, 0600));
  struct sembuf ops[3] = {{0, 1, 0}, {0, 1, 0}, {0, 1, 0}};
  SAY(semop(a, ops, 3));
  SAY(semop(a, ops, 2));
  SAY(semctl(0, 0, IPC_INFO, &s) >= 0);
  printf("%d %d %d %d %d %d\n", s.semmsl, s.semmns, s.semopm, s.semmni, s.semmnu, s.semume);
  semctl(a, 0, IPC_RMID);
  semctl(b, 0, IPC_RMID);
  put("/proc/sys/kernel/sem", "32000 1024000000 500 32000");
  put("/proc/sys/kernel/shmmax", "4096");
  put("/proc/sys/kernel/shmall", "1");
  SAY(shmget(IPC_PRIVATE, 4097, 0600));
  int c = shmget(IPC_PRIVATE, 4096, 0600);
  SAY(shmget(IPC_PRIVATE, 1, 0600));
  SAY(shmctl(0, IPC_INFO, (void *)&h) >= 0);
  printf("%lu %lu %lu\n", h.shmmax, h.shmall, h.shmmni);
  shmctl(c, IPC_RMID, 0);
  put("/proc/sys/kernel/shmmni", "0");
  SAY(shmget(IPC_PRIVATE, 1, 0600));
  put("/proc/sys/kernel/shmmni", "40000");
}

static void chosen(void) {
  look("/proc/sys/kernel/msg_next_id");
  put("/proc/sys/kernel/msg_next_id", "65541");
  int first = msgget(IPC_PRIVATE, 0600);
  printf("%d\n", first);
  look("/proc/sys/kernel/msg_next_id");
  put("/proc/sys/kernel/msg_next_id", "98309");
  int second = msgget(IPC_PRIVATE, 0600);
  printf("%d\n", second);
  put("/proc/sys/kernel/msg_next_id", "32767");
  int last = msgget(IPC_PRIVATE, 0600);
  printf("%d\n", last);
  put("/proc/sys/kernel/msg_next_id", "-1");
  msgctl(first, IPC_RMID, 0);
  msgctl(second, IPC_RMID, 0);
  msgctl(last, IPC_RMID, 0);
  put("/proc/sys/kernel/sem_next_id", "3");
  int set = semget(IPC_PRIVATE, 1, 0600);
  printf("%d\n", set);
  semctl(set, 0, IPC_RMID);
}

static void user(void) {
  SAY(setresuid(1000, 1000, 1000));
  put("/proc/sys/kernel/msgmax", "1");
  put("/proc/sys/kernel/ns_last_pid", "500");
  SAY(open("/proc/sys/kernel/msgmax", O_RDWR));
  struct mq_attr attr = {.mq_maxmsg = 4, .mq_msgsize = 200};
  SAY(mq_open("/queue", O_CREAT | O_RDWR, 0600, &attr));
  attr.mq_maxmsg = 3;
  SAY(mq_open("/queue", O_CREAT | O_RDWR, 0600, &attr) >= 0);
  SAY(mq_open("/other", O_CREAT | O_RDWR, 0600, &attr));
  int ends[2];
  SAY(pipe(ends));
  SAY(fcntl(ends[0], F_GETPIPE_SZ));
  SAY(fcntl(ends[0], F_SETPIPE_SZ, 8193));
  SAY(fcntl(ends[0], F_SETPIPE_SZ, 8192));
  SAY(pipe(ends));
  SAY(fcntl(ends[0], F_GETPIPE_SZ));
  SAY(fcntl(ends[0], F_SETPIPE_SZ, 4096));
  SAY(pipe(ends));
  SAY(fcntl(ends[0], F_GETPIPE_SZ));
  SAY(fcntl(ends[0], F_SETPIPE_SZ, 8192));
  SAY(pipe(ends));
}

static void limits(void) {
  put("/proc/sys/fs/pipe-max-size", "1");
  put("/proc/sys/fs/pipe-max-size", "4097");
  put("/proc/sys/fs/pipe-max-size", "2147483649");
  put("/proc/sys/fs/pipe-max-size", "-1");
  put("/proc/sys/fs/pipe-user-pages-soft", "5");
  put("/proc/sys/fs/pipe-user-pages-hard", "5");
  put("/proc/sys/fs/mqueue/msg_max", "0");
  put("/proc/sys/fs/mqueue/msg_max", "3");
  put("/proc/sys/fs/mqueue/msgsize_max", "127");
  put("/proc/sys/fs/mqueue/msgsize_max", "200");
  put("/proc/sys/fs/mqueue/queues_max", "1");
  if (fork() == 0) {
    user();
    _exit(0);
  }
  wait(0);
  mq_unlink("/queue");
  struct mq_attr attr;
  mqd_t queue = mq_open("/default", O_CREAT | O_RDWR, 0600, 0);
  mq_getattr(queue, &attr);
  printf("%ld %ld\n", attr.mq_maxmsg, attr.mq_msgsize);
  mq_unlink("/default");
}

static void watches(void) {
  put("/proc/sys/fs/inotify/max_queued_events", "2");
  put("/proc/sys/fs/inotify/max_user_watches", "1");
  int fd = inotify_init1(IN_NONBLOCK);
  SAY(inotify_add_watch(fd, "/tmp", IN_CREATE | IN_DELETE));
  SAY(inotify_add_watch(fd, "/", IN_CREATE));
  for (int i = 0; i < 5; i++) {
    snprintf(text, sizeof text, "/tmp/w%d", i);
    close(open(text, O_CREAT | O_WRONLY, 0600));
    unlink(text);
  }
  char events[1000];
  int size = read(fd, events, sizeof events);
  for (char *at = events; at < events + size;) {
    struct inotify_event *event = (void *)at;
    printf("%x %s\n", event->mask, event->len ? event->name : "");
    at += sizeof *event + event->len;
  }
  close(fd);
  put("/proc/sys/fs/inotify/max_user_watches", "-1");
  put("/proc/sys/fs/inotify/max_user_watches", "65536");
  put("/proc/sys/fs/inotify/max_queued_events", "16384");
}

static int child(void) {
  int pid = fork();
  if (pid == 0) _exit(0);
  if (pid > 0) waitpid(pid, 0, 0);
  return pid;
}

static void ids(void) {
  put("/proc/sys/kernel/pid_max", "300");
  put("/proc/sys/kernel/pid_max", "4194305");
  put("/proc/sys/kernel/pid_max", "5000");
  put("/proc/sys/kernel/ns_last_pid", "4000");
  printf("%d\n", child());
  printf("%d\n", child());
  put("/proc/sys/kernel/ns_last_pid", "4998");
  printf("%d\n", child());
  int again = child();
  printf("%d\n", again >= 300 && again < 1000);
  put("/proc/sys/kernel/ns_last_pid", "-1");
  // A directory of /proc that was opened means the process that has gone, not one with its number.
  char path[40], last[20];
  int first = fork();
  if (first == 0) {
    pause();
    _exit(0);
  }
  snprintf(path, sizeof path, "/proc/%d", first);
  int directory = open(path, O_RDONLY), stat_ = openat(directory, "stat", O_RDONLY);
  kill(first, SIGKILL);
  waitpid(first, 0, 0);
  snprintf(last, sizeof last, "%d", first - 1);
  int fd = open("/proc/sys/kernel/ns_last_pid", O_WRONLY);
  write(fd, last, strlen(last));
  close(fd);
  int second = fork();
  if (second == 0) {
    pause();
    _exit(0);
  }
  SAY(second == first);
  SAY(syscall(SYS_pidfd_send_signal, directory, SIGKILL, 0, 0));
  SAY(read(stat_, text, 10));
  SAY(open(path, O_RDONLY) > 0);
  kill(second, SIGKILL);
  say_wait("second", second);
  put("/proc/sys/kernel/pid_max", "32768");
}

int main(void) {
  // Nobody is to run it by mistake on a system that others use.
  if (!getenv("LINUX_UNDER_HEDRON") && !getenv("SETTINGS_MAY_CHANGE")) return 1;
  ways();
  names_();
  objects();
  chosen();
  limits();
  watches();
  ids();
  return 0;
}
