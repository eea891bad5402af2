// System V shared memory, semaphores and messages, in an IPC namespace of the seed's own where there are any.
#include "../sequence.h"
#include <sched.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

enum { IDS = 6, MADE = 256 };
#define AREA ((char *)0x200000000)
static int ids[3][IDS], made[3][MADE], count[3];

static int id(int kind) { return draw(30) ? ids[kind][draw(IDS)] : (int)ONE(-1, 1 << 30); }
static int key(void) { return draw(3) ? 0x7e570000 + draw(4) : IPC_PRIVATE; }
static long flags(void) { return ONE(0600, 0, 0400) | ONE(0, IPC_CREAT, IPC_CREAT, IPC_CREAT, IPC_CREAT | IPC_EXCL); }

static long got(int kind, long result) {
  if (result < 0) return result;
  ids[kind][draw(IDS)] = (int)result;
  for (int i = 0; i < count[kind]; i++)
    if (made[kind][i] == result) return 0;
  if (count[kind] < MADE) made[kind][count[kind]++] = (int)result;
  return 1;
}

static void begin(void) {
  CALL(unshare, CLONE_NEWIPC);
  memset(ids, -1, sizeof ids);
  handle(SIGSEGV, note_signal, 0), handle(SIGBUS, note_signal, 0);
  if (draw(4) == 0) CALL(setresuid, -1, 1000, -1);
}

static void end(void) {
  CALL(setresuid, -1, 0, -1);
  for (int i = 0; i < count[0]; i++) CALL(shmctl, made[0][i], IPC_RMID, 0);
  for (int i = 0; i < count[1]; i++) CALL(semctl, made[1][i], 0, IPC_RMID, 0);
  for (int i = 0; i < count[2]; i++) CALL(msgctl, made[2][i], IPC_RMID, 0);
}

static void tell_permissions(const struct ipc_perm *perm) {
  tell(" %x %o %u %u", perm->__key, perm->mode, perm->uid, perm->cuid);
}

static void segments(void) {
  int of = id(0);
  long size = ONE(0, 1, 4096, 4097, 10000, 20000), how = flags(), result;
  char *at = AREA + draw(8) * PAGE + (draw(6) ? 0 : 100);
  struct shmid_ds ds = {0};
  int value = draw(256), write = draw(2), fault, wanted = key();
  switch (draw(10)) {
  case 0: case 1: return tell("shmget %x %ld %lo = %ld", wanted, size, how, got(0, CALL(shmget, wanted, size, how)));
  case 2: case 3: {
    long options = ONE(0, SHM_RDONLY, SHM_RND, SHM_REMAP, SHM_REMAP | SHM_RDONLY, SHM_EXEC);
    return tell("shmat %ld %lo = %lx", at - AREA, options, CALL(shmat, of, at, options));
  }
  case 4: return tell("shmdt %ld = %ld", at - AREA, CALL(shmdt, at));
  case 5:
    result = CALL(shmctl, of, IPC_STAT, spoiled(&ds));
    tell("shmctl stat = %ld", result);
    if (result) return;
    tell_permissions(&ds.shm_perm);
    return tell(" %lu %lu %d %d", ds.shm_segsz, ds.shm_nattch, who(ds.shm_cpid), ds.shm_atime != 0);
  case 6:
    ds.shm_perm.mode = 0660 + draw(3), ds.shm_perm.uid = draw(3) * 500;
    return tell("shmctl set = %ld", CALL(shmctl, of, IPC_SET, &ds));
  case 7: {
    long what = ONE(IPC_RMID, IPC_RMID, SHM_LOCK, SHM_UNLOCK, 99);
    return tell("shmctl %ld = %ld", what, CALL(shmctl, of, what, 0));
  }
  case 8: return tell("munmap %ld = %ld", at - AREA, CALL(munmap, at, PAGE * (1 + draw(2))));
  default:
    fault = touched(at, write, &value);
    return tell("touch %ld %d %d = %d", at - AREA, write, value, fault);
  }
}

static void semaphores(void) {
  int of = id(1), wanted = key();
  long how = flags(), number = ONE(0, 1, 2, 5, 5, -1, 40000), result;
  struct sembuf operations[4];
  unsigned short values[8] = {draw(5), draw(5), draw(5), draw(5), draw(5), draw(70000)};
  struct semid_ds ds = {0};
  const struct timespec none = {0, 0};
  switch (draw(8)) {
  case 0: case 1: return tell("semget %x %ld %lo = %ld", wanted, number, how, got(1, CALL(semget, wanted, number, how)));
  case 2: case 3: case 4: {
    int n = 1 + draw(4);
    for (int i = 0; i < n; i++) operations[i] = (struct sembuf){draw(6), (short)ONE(-2, -1, 0, 1, 2, 3, 32767), IPC_NOWAIT | (draw(3) ? 0 : SEM_UNDO)};
    if (draw(30) == 0) n = ONE(0, 501, -1);
    result = draw(2) ? CALL(semop, of, spoiled(operations), n) : CALL(semtimedop, of, operations, n, &none);
    return tell("semop %d = %ld", n, result);
  }
  case 5: {
    long what = ONE(GETVAL, GETPID, GETNCNT, GETZCNT), at = ONE(0, 1, 4, 5, -1);
    result = CALL(semctl, of, at, what, 0);
    if (what == GETPID && result > 0) result = who(result);
    return tell("semctl %ld %ld = %ld", at, what, result);
  }
  case 6: {
    int kind = draw(4);
    result = kind == 0 ? CALL(semctl, of, draw(6), SETVAL, ONE(0, 1, 5, 32767, 32768, -1)) : kind == 1 ? CALL(semctl, of, 0, SETALL, values) : kind == 2 ? CALL(semctl, of, 0, GETALL, buffer) : CALL(semctl, of, 0, ONE(IPC_RMID, 99), 0);
    return tell("semctl %d = %ld %x", kind, result, kind == 2 && result == 0 ? sum(buffer, 4) : 0);
  }
  default:
    result = CALL(semctl, of, 0, IPC_STAT, spoiled(&ds));
    tell("semctl stat = %ld", result);
    if (result) return;
    tell_permissions(&ds.sem_perm);
    return tell(" %lu %d", ds.sem_nsems, ds.sem_otime != 0);
  }
}

static void messages(void) {
  int of = id(2), wanted = key();
  long how = flags(), size = ONE(0, 1, 100, 1000, 8192, 8193, -1), type = ONE(0, 1, 2, 3, -1, -2, -3, 1 << 20), result;
  struct msqid_ds ds = {0};
  switch (draw(8)) {
  case 0: case 1: return tell("msgget %x %lo = %ld", wanted, how, got(2, CALL(msgget, wanted, how)));
  case 2: case 3:
    *(long *)buffer = type;
    memset(buffer + 8, draw(256), 8192);
    return tell("msgsnd %ld %ld = %ld", type, size, CALL(msgsnd, of, spoiled(buffer), size, IPC_NOWAIT));
  case 4: case 5: {
    long options = IPC_NOWAIT | ONE(0, MSG_NOERROR, MSG_EXCEPT, 040000, 040000 | MSG_EXCEPT);
    result = CALL(msgrcv, of, options & 040000 ? buffer : spoiled(buffer), size, type, options);
    return tell("msgrcv %ld %ld %lo = %ld %ld %x", size, type, options, result, result < 0 ? 0 : *(long *)buffer, result < 0 ? 0 : sum(buffer + 8, result));
  }
  case 6:
    result = CALL(msgctl, of, IPC_STAT, spoiled(&ds));
    tell("msgctl stat = %ld", result);
    if (result) return;
    tell_permissions(&ds.msg_perm);
    return tell(" %lu %lu %lu %d %d", ds.msg_qnum, ds.__msg_cbytes, ds.msg_qbytes, who(ds.msg_lspid), who(ds.msg_lrpid));
  default:
    if (draw(3)) return tell("msgctl rmid = %ld", CALL(msgctl, of, ONE(IPC_RMID, 99), 0));
    ds.msg_perm.mode = 0600, ds.msg_qbytes = ONE(100, 16384, 16385, 1 << 20), ds.msg_perm.uid = draw(2) * 1000;
    return tell("msgctl set %lu = %ld", ds.msg_qbytes, CALL(msgctl, of, IPC_SET, &ds));
  }
}

static void step(void) { (void (*const[])(void)){segments, semaphores, messages}[draw(3)](); }

const struct family sysv_family = {"sysv", begin, step, end};
