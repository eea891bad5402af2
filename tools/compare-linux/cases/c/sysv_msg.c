// Message queues of System V: msgget(2), msgop(2), msgctl(2), sysvipc(7).
#include "say.h"
#include <limits.h>
#include <sys/ipc.h>
#include <sys/msg.h>

#ifndef MSG_COPY
#define MSG_COPY 040000
#endif

struct message {
  long type;
  char text[9000];
};

static struct message out, in;

static int put(int id, long type, const char *text, int flags) {
  out.type = type;
  strcpy(out.text, text);
  return msgsnd(id, &out, strlen(text), flags);
}

/** Takes a message and prints it. */
static void get(const char *what, int id, size_t size, long type, int flags) {
  memset(&in, 0, sizeof in);
  ssize_t got = msgrcv(id, &in, size, type, flags);
  if (got < 0) printf("%s: %s\n", what, strerrorname_np(errno));
  else printf("%s: %zd bytes of type %ld: %s\n", what, got, in.type, in.text);
  fflush(stdout);
}

static void show(const char *what, int id) {
  struct msqid_ds ds;
  memset(&ds, 0x55, sizeof ds);
  if (msgctl(id, IPC_STAT, &ds) != 0) {
    printf("%s: %s\n", what, strerrorname_np(errno));
    return;
  }
  printf("%s: %ld messages, %lu bytes of %d, mode %o, sender %d, receiver %d, stime %d, rtime %d, ctime %d\n", what,
         (long)ds.msg_qnum, (long)ds.__msg_cbytes, (int)ds.msg_qbytes, ds.msg_perm.mode, ds.msg_lspid == getpid(),
         ds.msg_lrpid == getpid(), ds.msg_stime != 0, ds.msg_rtime != 0, ds.msg_ctime != 0);
  fflush(stdout);
}

static void keys(void) {
  key_t key = 0x5b000000 | getpid();
  SAY(msgget(key, 0600));
  int id = msgget(key, IPC_CREAT | 0620);
  SAY(msgget(key, 0) == id);
  SAY(msgget(key, IPC_CREAT | IPC_EXCL));
  show("new", id);
  SAY(msgctl(id, IPC_RMID, 0));
  SAY(msgctl(id, IPC_RMID, 0));
  SAY(msgget(key, 0));
  show("old", id);
}

static void types(void) {
  int id = msgget(IPC_PRIVATE, 0600);
  SAY(put(id, 0, "zero", 0));
  SAY(put(id, -5, "negative", 0));
  SAY(put(id, 3, "three", 0));
  SAY(put(id, 1, "one", 0));
  SAY(put(id, 5, "five", 0));
  SAY(put(id, 3, "three again", 0));
  SAY(put(id, 2, "", 0));
  SAY(put(id, 9, "nine", 0));
  show("six", id);
  get("equal", id, 100, 3, 0);
  get("none", id, 100, 7, IPC_NOWAIT);
  get("first", id, 100, 0, 0);
  get("up to 4", id, 100, -4, 0);
  get("except", id, 100, 5, MSG_EXCEPT);
  get("too short", id, 2, 0, 0);
  get("cut", id, 2, 0, MSG_NOERROR);
  get("empty room", id, 0, LONG_MIN, MSG_NOERROR);
  get("nothing", id, 0, LONG_MIN, IPC_NOWAIT);
  show("empty", id);
  SAY(msgctl(id, IPC_RMID, 0));
}

static void copies(void) {
  int id = msgget(IPC_PRIVATE, 0600);
  put(id, 1, "first", 0);
  put(id, 2, "second", 0);
  ssize_t got = msgrcv(id, &in, 100, 1, MSG_COPY | IPC_NOWAIT);
  int known = got >= 0 || errno != ENOSYS;
  printf("copied: %d\n", !known || (got == 6 && in.type == 2));
  printf("none: %d\n", !known || (msgrcv(id, &in, 100, 2, MSG_COPY | IPC_NOWAIT) < 0 && errno == ENOMSG));
  printf("short: %d\n", !known || (msgrcv(id, &in, 3, 0, MSG_COPY | IPC_NOWAIT | MSG_NOERROR) < 0 && errno == EINVAL));
  printf("waiting: %d\n", msgrcv(id, &in, 100, 0, MSG_COPY) < 0 && errno == EINVAL);
  printf("except: %d\n", msgrcv(id, &in, 100, 0, MSG_COPY | IPC_NOWAIT | MSG_EXCEPT) < 0 && errno == EINVAL);
  show("still there", id);
  msgctl(id, IPC_RMID, 0);
}

static void limits(void) {
  int id = msgget(IPC_PRIVATE, 0600);
  struct msqid_ds ds;
  out.type = 1;
  SAY(msgsnd(id, &out, 8193, 0));
  SAY(msgsnd(id, &out, -1, 0));
  SAY(msgsnd(-1, &out, 1, 0));
  SAY(msgsnd(id, (void *)8, 1, 0));
  SAY(msgsnd(id, &out, 8192, 0));
  SAY(msgsnd(id, &out, 8192, IPC_NOWAIT));
  SAY(msgsnd(id, &out, 1, IPC_NOWAIT));
  show("full", id);
  SAY(msgrcv(id, &in, 8191, 0, 0));
  SAY(msgrcv(id, &in, -1, 0, 0));
  SAY(msgrcv(id, (void *)8, 9000, 0, 0));
  show("lost", id);
  SAY(msgctl(id, IPC_STAT, &ds));
  ds.msg_qbytes = 10;
  ds.msg_perm.mode = 0666;
  SAY(msgctl(id, IPC_SET, &ds));
  SAY(msgsnd(id, &out, 8, IPC_NOWAIT));
  show("set", id);
  SAY(msgctl(id, IPC_SET, (void *)8));
  SAY(msgctl(id, IPC_STAT, (void *)8));
  SAY(msgctl(id, 99, 0));
  SAY(msgctl(-2, IPC_RMID, 0));
  SAY(msgctl(id, IPC_RMID, 0));
}

static void waiting(void) {
  int id = msgget(IPC_PRIVATE, 0600);
  int results[2];
  if (pipe(results) != 0) return;
  pid_t pids[3];
  for (int i = 0; i < 3; i++) {
    pids[i] = fork();
    if (pids[i] == 0) {
      long type = i == 0 ? 5 : i == 1 ? 0 : -7;
      get(i == 0 ? "waiter 0" : i == 1 ? "waiter 1" : "waiter 2", id, 50, type, 0);
      _exit(0);
    }
    until_asleep(pids[i]);
  }
  // The first who may take it does, without its being queued.
  put(id, 6, "for any", 0);
  say_wait("1", pids[1]);
  put(id, 7, "for seven at most", 0);
  say_wait("2", pids[2]);
  put(id, 7, "not for five", 0);
  put(id, 5, "for five", 0);
  say_wait("0", pids[0]);
  show("one is left", id);
  pid_t pid = fork();
  if (pid == 0) {
    get("too long", id, 3, 8, 0);
    _exit(0);
  }
  until_asleep(pid);
  put(id, 8, "long", 0);
  say_wait("too long", pid);
  show("both are left", id);
  pid = fork();
  if (pid == 0) {
    get("removed", id, 3, 9, 0);
    _exit(0);
  }
  until_asleep(pid);
  msgctl(id, IPC_RMID, 0);
  say_wait("removed", pid);
}

static void nothing(int number, siginfo_t *info, void *context) {
  (void)number, (void)info, (void)context;
}

static void senders(void) {
  int id = msgget(IPC_PRIVATE, 0600);
  pid_t pids[2];
  out.type = 1;
  for (int i = 0; i < 2; i++) msgsnd(id, &out, 8192, 0);
  for (int i = 0; i < 2; i++) {
    pids[i] = fork();
    if (pids[i] == 0) {
      int error = put(id, i + 2, i == 0 ? "a" : "b", 0) == 0 ? 0 : errno;
      _exit(error);
    }
    until_asleep(pids[i]);
  }
  SAY(msgrcv(id, &in, 9000, 1, 0));
  for (int i = 0; i < 2; i++) say_wait("sender", pids[i]);
  get("of the first", id, 100, 2, 0);
  get("of the second", id, 100, 3, 0);
  SAY(msgsnd(id, &out, 8192, 0));
  int over[2];
  char byte;
  if (pipe(over) != 0) return;
  pid_t pid = fork();
  if (pid == 0) {
    on(SIGUSR1, nothing, SA_RESTART);
    SAY(put(id, 4, "interrupted", 0));
    if (write(over[1], "", 1) != 1) _exit(1);
    SAY(put(id, 4, "removed", 0));
    _exit(0);
  }
  until_asleep(pid);
  kill(pid, SIGUSR1);
  SAY(read(over[0], &byte, 1));
  until_asleep(pid);
  msgctl(id, IPC_RMID, 0);
  say_wait("sender", pid);
}

static void information(void) {
  int id = msgget(IPC_PRIVATE, 0600);
  put(id, 1, "some text", 0);
  struct msginfo all;
  struct msqid_ds ds;
  SAY(msgctl(0, IPC_INFO, (void *)&all) >= 0);
  printf("%d %d %d %d %d\n", all.msgmax, all.msgmnb, all.msgssz, all.msgtql, all.msgseg);
  int last = msgctl(0, MSG_INFO, (void *)&all);
  SAY(all.msgpool >= 1 && all.msgmap >= 1 && all.msgtql >= 9);
  int found = 0;
  for (int i = 0; i <= last; i++) found += msgctl(i, MSG_STAT, &ds) == id;
  SAY(found);
  char line[300], wanted[40];
  snprintf(wanted, sizeof wanted, "%10d %10d", 0, id);
  FILE *file = fopen("/proc/sysvipc/msg", "r");
  if (fgets(line, sizeof line, file)) printf("%s", line);
  while (fgets(line, sizeof line, file)) {
    if (strncmp(line, wanted, strlen(wanted)) == 0) printf("%.30s\n", line + strlen(wanted));
  }
  fclose(file);
  msgctl(id, IPC_RMID, 0);
}

int main(void) {
  keys();
  types();
  copies();
  limits();
  waiting();
  senders();
  information();
  return 0;
}
