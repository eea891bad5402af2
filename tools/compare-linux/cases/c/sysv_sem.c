// Semaphores of System V: semget(2), semop(2), semctl(2), sysvipc(7).
#include "say.h"
#include <limits.h>
#include <sys/ipc.h>
#include <sys/sem.h>

union semun {
  int val;
  struct semid_ds *buf;
  unsigned short *array;
  struct seminfo *info;
};

#define OP(...) op(id, sizeof((struct sembuf[]){__VA_ARGS__}) / sizeof(struct sembuf), (struct sembuf[]){__VA_ARGS__})

static int op(int id, size_t count, struct sembuf *operations) {
  return semop(id, operations, count);
}

static void show(const char *what, int id, int count) {
  unsigned short values[20];
  union semun all = {.array = values};
  struct semid_ds ds;
  union semun stat = {.buf = &ds};
  if (semctl(id, 0, GETALL, all) != 0 || semctl(id, 0, IPC_STAT, stat) != 0) {
    printf("%s: %s\n", what, strerrorname_np(errno));
    return;
  }
  printf("%s:", what);
  for (int i = 0; i < count; i++) {
    printf(" %d(%d,%d,%d)", values[i], semctl(id, i, GETPID) == getpid(), semctl(id, i, GETNCNT), semctl(id, i, GETZCNT));
  }
  printf(" of %d, mode %o, otime %d, ctime %d\n", (int)ds.sem_nsems, ds.sem_perm.mode, ds.sem_otime != 0, ds.sem_ctime != 0);
  fflush(stdout);
}

static void keys(void) {
  key_t key = 0x5c000000 | getpid();
  SAY(semget(key, 1, 0600));
  int id = semget(key, 3, IPC_CREAT | 0640);
  SAY(semget(key, 3, 0) == id);
  SAY(semget(key, 0, 0) == id);
  SAY(semget(key, 4, 0));
  SAY(semget(key, 1, IPC_CREAT | IPC_EXCL));
  SAY(semget(IPC_PRIVATE, 0, 0600));
  SAY(semget(IPC_PRIVATE, -1, 0600));
  SAY(semget(IPC_PRIVATE, 32001, 0600));
  show("new", id, 3);
  SAY(semctl(id, 0, IPC_RMID));
  SAY(semctl(id, 0, IPC_RMID));
  SAY(semctl(id, 0, GETVAL));
  SAY(OP({0, 1, 0}));
}

static void operations(void) {
  int id = semget(IPC_PRIVATE, 3, 0600);
  union semun value = {.val = 5};
  SAY(semctl(id, 0, SETVAL, value));
  show("five", id, 3);
  SAY(OP({0, -3, 0}, {1, 2, 0}, {2, 0, 0}));
  show("several", id, 3);
  SAY(OP({1, -1, IPC_NOWAIT}, {0, -3, IPC_NOWAIT}));
  show("none of them", id, 3);
  SAY(OP({0, 0, IPC_NOWAIT}));
  // The same one more than once, in order.
  SAY(OP({2, 1, 0}, {2, -1, 0}, {2, 0, IPC_NOWAIT}));
  SAY(OP({2, -1, IPC_NOWAIT}, {2, 1, 0}));
  SAY(OP({3, 1, 0}));
  SAY(OP({2, 32767, 0}));
  SAY(OP({2, 1, 0}));
  SAY(OP({2, 32767, SEM_UNDO}));
  SAY(op(id, 0, 0));
  SAY(op(id, 501, 0));
  SAY(op(id, 1, (void *)8));
  SAY(op(-1, 1, (struct sembuf[]){{0, 1, 0}}));
  struct timespec bad = {.tv_nsec = -1}, none = {0, 0}, little = {0, 2000000};
  SAY(semtimedop(id, (struct sembuf[]){{0, 1, 0}}, 1, &bad));
  SAY(semtimedop(id, (struct sembuf[]){{0, 1, 0}}, 1, (void *)8));
  SAY(semtimedop(id, (struct sembuf[]){{0, -10, 0}}, 1, &none));
  SAY(semtimedop(id, (struct sembuf[]){{0, -10, 0}}, 1, &little));
  SAY(semtimedop(id, (struct sembuf[]){{0, -1, 0}}, 1, &little));
  show("left", id, 3);
  semctl(id, 0, IPC_RMID);
}

static void setting(void) {
  int id = semget(IPC_PRIVATE, 3, 0600);
  union semun value = {.val = 32768};
  SAY(semctl(id, 0, SETVAL, value));
  value.val = -1;
  SAY(semctl(id, 0, SETVAL, value));
  value.val = 32767;
  SAY(semctl(id, 3, SETVAL, value));
  SAY(semctl(id, -1, SETVAL, value));
  SAY(semctl(id, 2, SETVAL, value));
  SAY(semctl(id, 2, GETVAL));
  SAY(semctl(id, 3, GETVAL));
  unsigned short values[] = {1, 2, 3};
  union semun all = {.array = values};
  SAY(semctl(id, 99, SETALL, all));
  show("all", id, 3);
  values[1] = 40000;
  SAY(semctl(id, 0, SETALL, all));
  all.array = (void *)8;
  SAY(semctl(id, 0, SETALL, all));
  SAY(semctl(id, 0, GETALL, all));
  SAY(semctl(id, 0, IPC_STAT, all));
  SAY(semctl(id, 0, IPC_SET, all));
  SAY(semctl(id, 0, 77, all));
  SAY(semctl(id, 0, -1, all));
  SAY(semctl(-1, 0, IPC_INFO, all));
  struct semid_ds ds;
  all.buf = &ds;
  SAY(semctl(id, 0, IPC_STAT, all));
  ds.sem_perm.mode = 01622;
  SAY(semctl(id, 0, IPC_SET, all));
  show("set", id, 3);
  semctl(id, 0, IPC_RMID);
}

static void undone(void) {
  int id = semget(IPC_PRIVATE, 3, 0600);
  unsigned short values[] = {5, 5, 5};
  union semun all = {.array = values};
  semctl(id, 0, SETALL, all);
  pid_t pid = fork();
  if (pid == 0) {
    OP({0, -3, SEM_UNDO}, {1, 4, SEM_UNDO});
    OP({0, 1, 0}, {1, -8, 0});
    show("in a child", id, 3);
    pid_t inner = fork();
    if (inner == 0) _exit(0);
    say_wait("inner", inner);
    show("undo is not inherited", id, 3);
    _exit(0);
  }
  say_wait("child", pid);
  // The second would be below 0.
  show("undone", id, 3);
  pid = fork();
  if (pid == 0) {
    OP({2, -5, SEM_UNDO});
    OP({0, 9, SEM_UNDO});
    union semun value = {.val = 1};
    semctl(id, 2, SETVAL, value);
    execl("/bin/true", "true", NULL);
    _exit(1);
  }
  say_wait("executed", pid);
  show("after exec", id, 3);
  pid = fork();
  if (pid == 0) {
    OP({2, -1, SEM_UNDO});
    raise(SIGKILL);
  }
  say_wait("killed", pid);
  show("after a kill", id, 3);
  // Somebody waits for what is undone.
  int ready[2];
  if (pipe(ready) != 0) return;
  pid = fork();
  if (pid == 0) {
    OP({2, -1, SEM_UNDO});
    pid_t waiter = fork();
    if (waiter == 0) {
      int result = OP({2, -1, 0});
      if (write(ready[1], result == 0 ? "y" : "n", 1) != 1) _exit(1);
      _exit(0);
    }
    until_asleep(waiter);
    _exit(0);
  }
  say_wait("holder", pid);
  char answer = 0;
  SAY(read(ready[0], &answer, 1));
  SAY(answer);
  semctl(id, 0, IPC_RMID);
}

static void child(int id, int which, int *pipes, struct sembuf *operations, int count, int expected) {
  (void)which;
  int result = semop(id, operations, count) == 0 ? 0 : errno;
  char name = 'a' + which;
  if (result != expected) name = '!';
  if (write(pipes[1], &name, 1) != 1) _exit(9);
  _exit(result);
}

static void order(void) {
  int id = semget(IPC_PRIVATE, 2, 0600);
  int pipes[2];
  char order[8] = "";
  if (pipe(pipes) != 0) return;
  struct sembuf wanted[][2] = {
      {{0, -2, 0}}, {{0, -1, 0}}, {{0, -1, 0}, {1, -1, 0}}, {{1, 0, 0}}, {{1, -1, 0}}, {{0, 0, 0}, {0, 1, 0}},
  };
  int counts[] = {1, 1, 2, 1, 1, 2};
  pid_t pids[6];
  OP({1, 1, 0}, {0, 1, 0});
  OP({0, -1, 0});
  for (int i = 0; i < 4; i++) {
    pids[i] = fork();
    if (pids[i] == 0) child(id, i, pipes, wanted[i], counts[i], 0);
    until_asleep(pids[i]);
  }
  show("four wait", id, 2);
  OP({0, 1, 0});
  say_wait("the smaller one", pids[1]);
  SAY(read(pipes[0], order, 1));
  printf("%s\n", order);
  show("three wait", id, 2);
  OP({0, 1, 0});
  say_wait("both at once", pids[2]);
  say_wait("zero", pids[3]);
  SAY(read(pipes[0], order, 1));
  SAY(read(pipes[0], order, 1));
  show("one waits", id, 2);
  OP({0, 2, 0});
  say_wait("two", pids[0]);
  SAY(read(pipes[0], order, 1));
  show("nobody waits", id, 2);
  for (int i = 4; i < 6; i++) {
    if (i == 5) OP({0, 1, 0});
    pids[i] = fork();
    if (pids[i] == 0) child(id, i, pipes, wanted[i], counts[i], EIDRM);
    until_asleep(pids[i]);
  }
  show("two wait", id, 2);
  semctl(id, 0, IPC_RMID);
  say_wait("removed", pids[4]);
  say_wait("removed", pids[5]);
}

static void nothing(int number, siginfo_t *info, void *context) {
  (void)number, (void)info, (void)context;
}

static void interrupted(void) {
  int id = semget(IPC_PRIVATE, 1, 0600);
  int over[2];
  char byte;
  if (pipe(over) != 0) return;
  pid_t pid = fork();
  if (pid == 0) {
    on(SIGUSR1, nothing, SA_RESTART);
    SAY(OP({0, -1, 0}));
    if (write(over[1], "", 1) != 1) _exit(1);
    SAY(OP({0, -1, 0}));
    _exit(0);
  }
  until_asleep(pid);
  kill(pid, SIGUSR1);
  SAY(read(over[0], &byte, 1));
  until_asleep(pid);
  SAY(semctl(id, 0, GETNCNT));
  union semun value = {.val = 1};
  int set = semctl(id, 0, SETVAL, value);
  say_wait("interrupted", pid);
  SAY(set);
  pid = fork();
  if (pid == 0) {
    OP({0, -1, 0});
    _exit(0);
  }
  until_asleep(pid);
  kill(pid, SIGKILL);
  say_wait("killed", pid);
  SAY(semctl(id, 0, GETNCNT));
  semctl(id, 0, IPC_RMID);
}

static void information(void) {
  int id = semget(IPC_PRIVATE, 7, 0600);
  struct seminfo all;
  struct semid_ds ds;
  union semun info = {.info = &all}, stat = {.buf = &ds};
  SAY(semctl(0, 0, IPC_INFO, info) >= 0);
  printf("%d %d %d %d %d\n", all.semmsl, all.semopm, all.semusz, all.semvmx, all.semaem);
  int last = semctl(0, 0, SEM_INFO, info);
  SAY(all.semusz >= 1 && all.semaem >= 7);
  int found = 0;
  for (int i = 0; i <= last; i++) found += semctl(i, 0, SEM_STAT, stat) == id;
  SAY(found);
  char line[300], wanted[40];
  snprintf(wanted, sizeof wanted, "%10d %10d", 0, id);
  FILE *file = fopen("/proc/sysvipc/sem", "r");
  if (fgets(line, sizeof line, file)) printf("%s", line);
  while (fgets(line, sizeof line, file)) {
    if (strncmp(line, wanted, strlen(wanted)) == 0) printf("%.20s\n", line + strlen(wanted));
  }
  fclose(file);
  semctl(id, 0, IPC_RMID);
}

int main(void) {
  keys();
  operations();
  setting();
  undone();
  order();
  interrupted();
  information();
  return 0;
}
