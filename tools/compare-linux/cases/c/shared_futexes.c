// futex(2), semaphores and mutexes in memory that processes share.
#include "say.h"
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define PAGE 4096

struct shared {
  int turn, word, done, other;
  sem_t ready, go;
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  int count, stage;
};

static long futex(int *word, int operation, int value, void *fourth, int *second) {
  return syscall(SYS_futex, word, operation, value, fourth, second, 0);
}

/** Waits while `word` has `value`. */
static void wait_while(int *word, int value) {
  while (__atomic_load_n(word, __ATOMIC_SEQ_CST) == value) futex(word, FUTEX_WAIT, value, 0, 0);
}

static void set(int *word, int value) {
  __atomic_store_n(word, value, __ATOMIC_SEQ_CST);
  futex(word, FUTEX_WAKE, 1000, 0, 0);
}

static struct shared *map(int fd) {
  return mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
}

static void ping_pong(struct shared *shared) {
  pid_t pid = fork();
  int own = pid == 0;
  for (int i = 0; i < 50; i++) {
    wait_while(&shared->turn, !own);
    shared->count++;
    set(&shared->turn, !own);
  }
  if (pid == 0) _exit(0);
  say_wait("ping pong", pid);
  SAY(shared->count);
}

static void another_mapping(int fd) {
  struct shared *mine = map(fd);
  pid_t pid = fork();
  if (pid == 0) {
    int own = open("/tmp/futex", O_RDWR);
    struct shared *other = map(own);
    wait_while(&other->word, 0);
    set(&other->done, other->word + 1);
    _exit(0);
  }
  set(&mine->word, 41);
  wait_while(&mine->done, 0);
  SAY(mine->done);
  say_wait("another mapping", pid);
}

static void counted(struct shared *shared) {
  pid_t pids[3];
  shared->word = 0;
  for (int i = 0; i < 3; i++) {
    pids[i] = fork();
    if (pids[i] == 0) {
      sem_post(&shared->ready);
      _exit(futex(&shared->word, FUTEX_WAIT, 0, 0, 0) == 0 ? 7 : errno);
    }
  }
  for (int i = 0; i < 3; i++) sem_wait(&shared->ready);
  struct timespec pause = {.tv_nsec = 50000000};
  nanosleep(&pause, 0);
  // A private wake finds nobody; one is woken, one waits for something else, which wakes the rest.
  SAY(futex(&shared->word, FUTEX_WAKE_PRIVATE, 9, 0, 0));
  SAY(futex(&shared->word, FUTEX_WAKE, 1, 0, 0));
  SAY(futex(&shared->word, FUTEX_REQUEUE, 0, (void *)1, &shared->other));
  SAY(futex(&shared->other, FUTEX_WAKE, 9, 0, 0));
  SAY(futex(&shared->word, FUTEX_WAKE, 9, 0, 0));
  for (int i = 0; i < 3; i++) say_wait("woken", pids[i]);
}

static void locks(struct shared *shared) {
  pthread_mutexattr_t mutex;
  pthread_condattr_t condition;
  pthread_mutexattr_init(&mutex);
  pthread_condattr_init(&condition);
  SAY(pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED));
  SAY(pthread_condattr_setpshared(&condition, PTHREAD_PROCESS_SHARED));
  pthread_mutex_init(&shared->mutex, &mutex);
  pthread_cond_init(&shared->changed, &condition);
  shared->count = 0;
  pid_t pids[4];
  for (int i = 0; i < 4; i++) {
    pids[i] = fork();
    if (pids[i] != 0) continue;
    for (int j = 0; j < 100; j++) {
      pthread_mutex_lock(&shared->mutex);
      int seen = shared->count;
      if (j % 10 == 0) sched_yield();
      shared->count = seen + 1;
      pthread_mutex_unlock(&shared->mutex);
    }
    pthread_mutex_lock(&shared->mutex);
    while (shared->stage == 0) pthread_cond_wait(&shared->changed, &shared->mutex);
    pthread_mutex_unlock(&shared->mutex);
    sem_post(&shared->ready);
    _exit(0);
  }
  pthread_mutex_lock(&shared->mutex);
  shared->stage = 1;
  pthread_cond_broadcast(&shared->changed);
  pthread_mutex_unlock(&shared->mutex);
  for (int i = 0; i < 4; i++) say_wait("locks", pids[i]);
  SAY(shared->count);
  int left = -1;
  sem_getvalue(&shared->ready, &left);
  SAY(left);
}

static void limits(struct shared *shared) {
  struct timespec soon = {.tv_nsec = 10000000};
  shared->word = 3;
  SAY(futex(&shared->word, FUTEX_WAIT, 3, &soon, 0));
  SAY(futex(&shared->word, FUTEX_WAIT, 4, &soon, 0));
  SAY(futex((int *)((char *)&shared->word + 1), FUTEX_WAKE, 1, 0, 0));
}

int main(void) {
  int fd = open("/tmp/futex", O_RDWR | O_CREAT, 0600);
  SAY(ftruncate(fd, PAGE));
  another_mapping(fd);
  struct shared *shared = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  SAY(sem_init(&shared->ready, 1, 0));
  ping_pong(shared);
  counted(shared);
  locks(shared);
  limits(shared);
  return 0;
}
