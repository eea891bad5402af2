// Robust futexes (get_robust_list(2)), locks with priority inheritance, FUTEX_WAKE_OP, requeueing and bit sets.
#include "say.h"
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#define FUTEX(address, operation, ...) syscall(SYS_futex, address, operation, ##__VA_ARGS__)
#define PRIVATE FUTEX_PRIVATE_FLAG
static struct node { struct robust_list list; atomic_uint futex; } nodes[4];
static struct robust_list_head head;
static atomic_int stage, woken;
static unsigned tid(void) { return syscall(SYS_gettid); }
static void word(const char *what, unsigned value, unsigned owner) {
  printf("%s: owner %s%s%s\n", what, (value & FUTEX_TID_MASK) == 0 ? "none" : (value & FUTEX_TID_MASK) == owner ? "right" : "wrong",
         value & FUTEX_WAITERS ? " waiters" : "", value & FUTEX_OWNER_DIED ? " died" : "");
  fflush(stdout);
}
static void list(int count) {
  head.list.next = count ? &nodes[0].list : &head.list;
  for (int i = 0; i < count; i++) nodes[i].list.next = i + 1 < count ? &nodes[i + 1].list : &head.list;
  head.futex_offset = (char *)&nodes[0].futex - (char *)&nodes[0].list;
  head.list_op_pending = 0;
}
static void *holds(void *argument) {
  (void)argument;
  SAY(syscall(SYS_set_robust_list, &head, sizeof head));
  list(3);
  nodes[0].futex = tid(), nodes[1].futex = tid() | FUTEX_WAITERS, nodes[2].futex = 12345, nodes[3].futex = tid();
  head.list_op_pending = &nodes[3].list;
  stage = 1;
  FUTEX(&stage, FUTEX_WAKE | PRIVATE, INT_MAX);
  while (stage != 2) usleep(1000);
  syscall(SYS_exit, 0);
  return 0;
}
static void *waits(void *argument) {
  unsigned value = nodes[1].futex;
  stage = 2;
  long result = FUTEX(&nodes[1].futex, FUTEX_WAIT, value, 0);
  printf("woken by a death: %ld %s\n", result, result < 0 ? strerrorname_np(errno) : "");
  (void)argument;
  return 0;
}
static void lists(void) {
  void *at;
  size_t size;
  SAY(syscall(SYS_set_robust_list, &head, 23)), SAY(syscall(SYS_get_robust_list, 0, &at, &size)), SAY(size), SAY(at != 0);
  SAY(syscall(SYS_get_robust_list, 999999, &at, &size)), SAY(syscall(SYS_get_robust_list, 0, 8, &size)), SAY(syscall(SYS_get_robust_list, -1, &at, &size));
  struct robust_list_head empty = {{&empty.list}, 0, 0};
  SAY(syscall(SYS_set_robust_list, &empty, sizeof empty)), SAY(syscall(SYS_get_robust_list, getpid(), &at, &size)), SAY(at == &empty);
  pthread_t holder, waiter;
  pthread_create(&holder, 0, holds, 0);
  while (stage != 1) usleep(1000);
  pthread_create(&waiter, 0, waits, 0);
  pthread_join(waiter, 0);
  usleep(20000);
  for (int i = 0; i < 4; i++) word("after a death", nodes[i].futex, 12345);
}
static pthread_mutex_t mutex;
static void *dies(void *argument) {
  (void)argument;
  SAY(pthread_mutex_lock(&mutex));
  return 0;
}
static void mutexes(int protocol) {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes), pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST), pthread_mutexattr_setprotocol(&attributes, protocol);
  pthread_mutex_init(&mutex, &attributes);
  pthread_t other;
  pthread_create(&other, 0, dies, 0), pthread_join(other, 0);
  SAY(pthread_mutex_lock(&mutex) == EOWNERDEAD), SAY(pthread_mutex_consistent(&mutex)), SAY(pthread_mutex_unlock(&mutex));
  pthread_create(&other, 0, dies, 0), pthread_join(other, 0);
  SAY(pthread_mutex_trylock(&mutex) == EOWNERDEAD), SAY(pthread_mutex_unlock(&mutex)), SAY(pthread_mutex_lock(&mutex) == ENOTRECOVERABLE);
  pthread_mutex_destroy(&mutex);
}
static atomic_uint lock;
static atomic_int order;
static void *contends(void *argument) {
  stage = 5;
  long result = FUTEX(&lock, FUTEX_LOCK_PI | PRIVATE, 0, 0);
  printf("%s: %ld\n", (char *)argument, result), word(argument, lock, tid());
  order++;
  SAY(FUTEX(&lock, FUTEX_UNLOCK_PI | PRIVATE));
  return 0;
}
static void *takes(void *argument) {
  SAY(FUTEX(&lock, FUTEX_LOCK_PI | PRIVATE, 0, 0));
  stage = 6;
  usleep(30000);
  (void)argument;
  return 0;
}
static void inheritance(void) {
  struct timespec past = {1, 0}, odd = {0, -1};
  SAY(FUTEX(&lock, FUTEX_LOCK_PI | PRIVATE, 0, 0)), word("locked", lock, tid()), SAY(FUTEX(&lock, FUTEX_LOCK_PI | PRIVATE, 0, 0)), SAY(FUTEX(&lock, FUTEX_TRYLOCK_PI | PRIVATE)), SAY(FUTEX(&lock, FUTEX_UNLOCK_PI | PRIVATE)), word("unlocked", lock, tid());
  SAY(FUTEX(&lock, FUTEX_UNLOCK_PI | PRIVATE)), SAY(FUTEX(&lock, FUTEX_TRYLOCK_PI | PRIVATE)), word("tried", lock, tid()), SAY(FUTEX(&lock, FUTEX_UNLOCK_PI | PRIVATE));
  lock = 0x3ffffffe;
  SAY(FUTEX(&lock, FUTEX_LOCK_PI | PRIVATE, 0, 0)), SAY(FUTEX(&lock, FUTEX_TRYLOCK_PI | PRIVATE));
  lock = FUTEX_OWNER_DIED;
  SAY(FUTEX(&lock, FUTEX_LOCK_PI | PRIVATE, 0, 0)), word("after a death", lock, tid()), SAY(FUTEX(&lock, FUTEX_UNLOCK_PI | PRIVATE)), word("unlocked", lock, tid());
  SAY(FUTEX((char *)&lock + 1, FUTEX_LOCK_PI | PRIVATE, 0, 0)), SAY(FUTEX(8, FUTEX_LOCK_PI | PRIVATE, 0, 0)), SAY(FUTEX(8, FUTEX_UNLOCK_PI | PRIVATE)), SAY(FUTEX(&lock, FUTEX_LOCK_PI | PRIVATE, 0, &odd));
  SAY(FUTEX(&lock, FUTEX_LOCK_PI | PRIVATE, 0, 0));
  pthread_t other;
  pthread_create(&other, 0, contends, "second");
  while (stage != 5) usleep(1000);
  usleep(20000);
  word("contended", lock, tid());
  SAY(order);
  long unlocked = FUTEX(&lock, FUTEX_UNLOCK_PI | PRIVATE);
  pthread_join(other, 0);
  SAY(unlocked), word("all done", lock, tid());
  pthread_create(&other, 0, takes, 0);
  while (stage != 6) usleep(1000);
  SAY(FUTEX(&lock, FUTEX_TRYLOCK_PI | PRIVATE)), SAY(FUTEX(&lock, FUTEX_LOCK_PI | PRIVATE, 0, &past)), SAY(FUTEX(&lock, FUTEX_UNLOCK_PI | PRIVATE));
  SAY(FUTEX(&lock, FUTEX_LOCK_PI | PRIVATE, 0, 0)), word("inherited", lock, tid()), pthread_join(other, 0);
}
static atomic_uint first, second;
static void *sleeps(void *argument) {
  woken = 0;
  long result = FUTEX(argument, FUTEX_WAIT_BITSET | PRIVATE, 0, 0, 0, argument == &first ? 1 : 2);
  printf("woken: %ld\n", result), fflush(stdout);
  woken++;
  return 0;
}
static void operations(void) {
  static const int values[] = {FUTEX_OP(0, 5, 0, 0), FUTEX_OP(1, 2, 1, 5), FUTEX_OP(2, 8, 2, 8), FUTEX_OP(3, 1, 3, 15), FUTEX_OP(4, 0xfff, 4, -1), FUTEX_OP(8, 4, 5, 0), FUTEX_OP(5, 0, 0, 0), FUTEX_OP(0, 0, 6, 0)};
  for (int i = 0; i < 8; i++) SAY(FUTEX(&first, FUTEX_WAKE_OP | PRIVATE, 1, 1, &second, values[i])), printf("second %x\n", second);
  SAY(FUTEX(&first, FUTEX_WAKE_OP | PRIVATE, 1, 1, 8, 0)), SAY(FUTEX(&first, FUTEX_WAKE_OP | PRIVATE, 1, 1, (char *)&second + 1, 0));
  first = second = 0;
  pthread_t a, b;
  pthread_create(&a, 0, sleeps, &first), pthread_create(&b, 0, sleeps, &second);
  usleep(30000);
  SAY(FUTEX(&first, FUTEX_WAKE_BITSET | PRIVATE, 5, 0, 0, 2)), SAY(FUTEX(&first, FUTEX_WAKE_BITSET | PRIVATE, 5, 0, 0, 0)), SAY(FUTEX(&first, FUTEX_WAIT_BITSET | PRIVATE, 0, 0, 0, 0));
  long both = FUTEX(&first, FUTEX_WAKE_OP | PRIVATE, 1, 1, &second, FUTEX_OP(0, 7, 0, 0));
  pthread_join(a, 0), pthread_join(b, 0);
  printf("woke %ld\n", both);
  first = 0;
  pthread_create(&a, 0, sleeps, &first);
  usleep(20000);
  SAY(FUTEX(&first, FUTEX_CMP_REQUEUE | PRIVATE, 0, 5, &second, 1)), SAY(FUTEX(&first, FUTEX_REQUEUE | PRIVATE, 0, 5, &second)), SAY(FUTEX(&first, FUTEX_WAKE | PRIVATE, 5));
  long moved = FUTEX(&second, FUTEX_WAKE | PRIVATE, 5);
  pthread_join(a, 0), printf("moved %ld\n", moved);
}
int main(void) {
  lists(), mutexes(PTHREAD_PRIO_NONE), mutexes(PTHREAD_PRIO_INHERIT), inheritance(), operations();
  return 0;
}
