// Who may do what with objects of System V (sysvipc(7)) and queues of POSIX: owner, creator, group, others.
#include "say.h"
#include <grp.h>
#include <mqueue.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

#define AS(user, group, ...) do { fflush(stdout); pid_t child = fork(); \
  if (child == 0) { setgroups(0, 0); if (setgid(group) || setuid(user)) _exit(9); __VA_ARGS__; fflush(stdout); _exit(0); } \
  say_wait(#user, child); } while (0)

union semun {
  int val;
  struct semid_ds *buf;
};

static void memory(int id) {
  struct shmid_ds ds;
  memset(&ds, 0, sizeof ds);
  SAY(shmctl(id, IPC_STAT, &ds));
  SAY((long)shmat(id, 0, SHM_RDONLY) == -1);
  SAY((long)shmat(id, 0, 0) == -1);
  SAY((long)shmat(id, 0, SHM_EXEC) == -1);
  SAY(shmctl(id, SHM_LOCK, 0));
  SAY(shmctl(id, SHM_UNLOCK, 0));
  SAY(shmctl(id, IPC_SET, &ds));
}

static void semaphores(int id) {
  struct sembuf zero = {0, 0, 0}, up = {0, 1, 0};
  SAY(semctl(id, 0, GETVAL));
  SAY(semop(id, &zero, 1));
  SAY(semop(id, &up, 1));
  SAY(semctl(id, 0, SETVAL, (union semun){.val = 0}));
}

static void messages(int id) {
  struct { long type; char text[8]; } message = {1, ""};
  struct msqid_ds ds;
  SAY(msgsnd(id, &message, 1, IPC_NOWAIT));
  SAY(msgrcv(id, &message, 1, 0, IPC_NOWAIT));
  SAY(msgctl(id, IPC_STAT, &ds));
  ds.msg_qbytes = 10000;
  SAY(msgctl(id, IPC_SET, &ds));
}

int main(void) {
  static const int modes[] = {0600, 0640, 0604, 0606, 0060, 0006, 0777};
  for (int i = 0; i < 7; i++) {
    printf("mode %o\n", modes[i]);
    int m = shmget(IPC_PRIVATE, 4096, modes[i]), s = semget(IPC_PRIVATE, 1, modes[i]), q = msgget(IPC_PRIVATE, modes[i]);
    AS(1000, 1000, memory(m); semaphores(s); messages(q));
    AS(1000, 0, memory(m); semaphores(s); messages(q));
    memory(m), semaphores(s), messages(q);
    // Given away: the creator and the new owner may.
    struct shmid_ds ds;
    shmctl(m, IPC_STAT, &ds);
    ds.shm_perm.uid = 1000;
    ds.shm_perm.mode = modes[i];
    SAY(shmctl(m, IPC_SET, &ds));
    AS(1000, 1000, memory(m));
    AS(1001, 1000, SAY(shmctl(m, IPC_RMID, 0)));
    AS(1000, 1001, SAY(shmctl(m, IPC_RMID, 0)));
    AS(1000, 1000, SAY(semctl(s, 0, IPC_RMID)); SAY(msgctl(q, IPC_RMID, 0)));
    SAY(semctl(s, 0, IPC_RMID)), SAY(msgctl(q, IPC_RMID, 0));
  }
  key_t key = 0x5d000000 | getpid();
  int id = shmget(key, 4096, IPC_CREAT | 0604);
  AS(1000, 1000, SAY(shmget(key, 0, 0) == id); SAY(shmget(key, 0, 0400) == id); SAY(shmget(key, 0, 0600));
     SAY(shmget(key, 0, 0004) == id); SAY(shmget(key, 9000, 0600)); SAY(shmget(key, 0, IPC_CREAT | IPC_EXCL | 0600)));
  shmctl(id, IPC_RMID, 0);
  char name[40];
  snprintf(name, sizeof name, "/compare-%d", getpid());
  mqd_t queue = mq_open(name, O_RDWR | O_CREAT, 0644, NULL);
  AS(1000, 1000, SAY(mq_open(name, O_RDONLY) >= 0); SAY(mq_open(name, O_WRONLY)); SAY(mq_open(name, O_RDWR));
     SAY(mq_unlink(name)); struct mq_attr many = {.mq_maxmsg = 11, .mq_msgsize = 10}, large = {.mq_maxmsg = 1, .mq_msgsize = 8193};
     SAY(mq_open("/other", O_RDWR | O_CREAT, 0600, &many)); SAY(mq_open("/other", O_RDWR | O_CREAT, 0600, &large)));
  mq_close(queue);
  SAY(mq_unlink(name));
  return 0;
}
