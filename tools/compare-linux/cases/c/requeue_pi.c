// FUTEX_WAIT_REQUEUE_PI and FUTEX_CMP_REQUEUE_PI (futex(2)), and locks with priority inheritance whose owners end in
// another process.
#include "say.h"
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>

static atomic_uint condition, lock;
static atomic_int ready, done;

static long futex(void *word, int operation, long value, long fourth, void *second, long third) {
  return syscall(SYS_futex, word, operation, value, fourth, second, third);
}

static unsigned tid(void) {
  return syscall(SYS_gettid);
}

static void word(const char *what, unsigned value, unsigned owner) {
  unsigned id = value & FUTEX_TID_MASK;
  printf("%s: owner %s%s%s\n", what, id == 0 ? "none" : id == owner ? "right" : "wrong", value & FUTEX_WAITERS ? ", waiters" : "",
         value & FUTEX_OWNER_DIED ? ", died" : "");
  fflush(stdout);
}

static void until_thread_sleeps(pid_t id) {
  char path[60], state = 0;
  snprintf(path, sizeof path, "/proc/self/task/%d/stat", id);
  while (state != 'S') {
    FILE *file = fopen(path, "r");
    if (file == NULL || fscanf(file, "%*d (%*[^)]) %c", &state) != 1) state = 0;
    if (file != NULL) fclose(file);
    usleep(1000);
  }
}

static void *waiter(void *argument) {
  (void)argument;
  ready = tid();
  long result = futex(&condition, FUTEX_WAIT_REQUEUE_PI | FUTEX_PRIVATE_FLAG, 0, 0, &lock, 0);
  if (result != 0) printf("waiter: %s\n", strerrorname_np(errno));
  if ((lock & FUTEX_TID_MASK) != tid()) printf("not the owner\n");
  done++;
  futex(&lock, FUTEX_UNLOCK_PI | FUTEX_PRIVATE_FLAG, 0, 0, 0, 0);
  return 0;
}

static void start(pthread_t *threads, int count) {
  for (int i = 0; i < count; i++) {
    ready = 0;
    pthread_create(&threads[i], 0, waiter, 0);
    while (ready == 0) usleep(100);
    until_thread_sleeps(ready);
  }
}

static long requeue(int wakes, long requeues, long value) {
  return futex(&condition, FUTEX_CMP_REQUEUE_PI | FUTEX_PRIVATE_FLAG, wakes, requeues, &lock, value);
}

static void requeues(void) {
  pthread_t threads[3];
  SAY(requeue(1, INT_MAX, 0));
  SAY(requeue(1, INT_MAX, 5));
  SAY(requeue(2, INT_MAX, 0));
  SAY(requeue(1, -1, 0));
  SAY(futex(&lock, FUTEX_CMP_REQUEUE_PI | FUTEX_PRIVATE_FLAG, 1, 1, &lock, 0));
  SAY(futex(&lock, FUTEX_WAIT_REQUEUE_PI | FUTEX_PRIVATE_FLAG, 0, 0, &lock, 0));
  SAY(futex(&condition, FUTEX_WAIT_REQUEUE_PI | FUTEX_PRIVATE_FLAG, 1, 0, &lock, 0));
  struct timespec past = {1, 0}, bad = {0, -1};
  SAY(futex(&condition, FUTEX_WAIT_REQUEUE_PI | FUTEX_PRIVATE_FLAG, 0, (long)&past, &lock, 0));
  SAY(futex(&condition, FUTEX_WAIT_REQUEUE_PI | FUTEX_PRIVATE_FLAG, 0, (long)&bad, &lock, 0));
  // Nobody has the lock: the first gets it at once, the others one after the other.
  start(threads, 3);
  SAY(requeue(1, INT_MAX, 0));
  for (int i = 0; i < 3; i++) pthread_join(threads[i], 0);
  SAY(done);
  word("free", lock, 0);
  // Whoever requeues has it.
  start(threads, 3);
  SAY(futex(&lock, FUTEX_LOCK_PI | FUTEX_PRIVATE_FLAG, 0, 0, 0, 0));
  SAY(requeue(1, 1, 0));
  SAY(done);
  word("mine", lock, tid());
  SAY(futex(&lock, FUTEX_UNLOCK_PI | FUTEX_PRIVATE_FLAG, 0, 0, 0, 0));
  while (done != 5) usleep(1000);
  SAY(requeue(1, 0, 0));
  for (int i = 0; i < 3; i++) pthread_join(threads[i], 0);
  SAY(done);
  start(threads, 1);
  SAY(futex(&condition, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, 0, 0, 0));
  unsigned other = 0;
  SAY(futex(&condition, FUTEX_CMP_REQUEUE_PI | FUTEX_PRIVATE_FLAG, 1, 1, &other, 0));
  SAY(requeue(1, 1, 0));
  pthread_join(threads[0], 0);
}

struct shared {
  atomic_uint word;
  pthread_mutex_t mutex;
};

static void deaths(void) {
  struct shared *shared = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  int held[2];
  char byte;
  if (pipe(held) != 0) return;
  pid_t pid = fork();
  if (pid == 0) {
    futex(&shared->word, FUTEX_LOCK_PI, 0, 0, 0, 0);
    if (write(held[1], "", 1) != 1) _exit(1);
    pid_t parent = getppid();
    until_asleep(parent);
    _exit(0);
  }
  SAY(read(held[0], &byte, 1));
  SAY(futex(&shared->word, FUTEX_LOCK_PI, 0, 0, 0, 0));
  word("after a death", shared->word, tid());
  say_wait("child", pid);
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_init(&shared->mutex, &attributes);
  pid = fork();
  if (pid == 0) {
    pthread_mutex_lock(&shared->mutex);
    if (write(held[1], "", 1) != 1) _exit(1);
    pid_t parent = getppid();
    until_asleep(parent);
    _exit(0);
  }
  SAY(read(held[0], &byte, 1));
  SAY(pthread_mutex_lock(&shared->mutex) == EOWNERDEAD);
  SAY(pthread_mutex_consistent(&shared->mutex));
  SAY(pthread_mutex_unlock(&shared->mutex));
  say_wait("robust child", pid);
}

int main(void) {
  requeues();
  deaths();
  return 0;
}
