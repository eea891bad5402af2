// futex_waitv(2), and how many FUTEX_WAKE(2const) wakes where it is asked for none.
#include "say.h"
#include <linux/futex.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>

struct waiter {
  uint64_t value, address;
  uint32_t flags, reserved;
};

static uint32_t words[4];

static long waitv(struct waiter *w, unsigned n, unsigned flags, struct timespec *t, int clock) {
  return syscall(SYS_futex_waitv, w, n, flags, t, clock);
}

static struct waiter on_word(uint32_t *word, uint32_t value, uint32_t flags) {
  return (struct waiter){value, (uintptr_t)word, flags, 0};
}

static long wake_some(uint32_t *word, int count, int flags) {
  return syscall(SYS_futex, word, FUTEX_WAKE | flags, count, NULL, NULL, 0);
}

// Wakes until `wanted` have been woken, and tells how many that were at once.
static void wake_until(uint32_t *word, int count, int flags) {
  long n = 0;
  while ((n = wake_some(word, count, flags)) == 0) usleep(1000);
  printf("woken: %ld\n", n);
}

static void *wait_word(void *word) {
  return (void *)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}

static void counts(void) {
  static const int asked[] = {0, -1, -2147483647 - 1, 1, 2};
  for (unsigned i = 0; i < sizeof asked / sizeof *asked; i++) {
    pthread_t t[3];
    int left = 3;
    words[0] = 0;
    for (int k = 0; k < 3; k++) pthread_create(&t[k], NULL, wait_word, &words[0]);
    // All sleep when three can be moved to where they are.
    while (syscall(SYS_futex, &words[0], FUTEX_REQUEUE_PRIVATE, 0, 3, &words[0], 0) != 3) usleep(1000);
    printf("asked for %d: ", asked[i]);
    long n = wake_some(&words[0], asked[i], FUTEX_PRIVATE_FLAG);
    printf("%ld\n", n);
    for (left -= n; left > 0; left -= wake_some(&words[0], 3, FUTEX_PRIVATE_FLAG)) usleep(1000);
    for (int k = 0; k < 3; k++) pthread_join(t[k], NULL);
  }
}

static void refusals(void) {
  struct waiter w[129];
  for (int i = 0; i < 129; i++) w[i] = on_word(&words[i % 4], 1, FUTEX_32 | FUTEX_PRIVATE_FLAG);
  memset(words, 0, sizeof words);
  struct timespec past = {0, 1}, odd = {0, 1000000000};
  SAY(waitv(w, 1, 1, NULL, 0));
  SAY(waitv(w, 0, 0, NULL, 0));
  SAY(waitv(w, 129, 0, NULL, 0));
  SAY(waitv(NULL, 1, 0, NULL, 0));
  SAY(waitv(w, 1, 0, &past, 2));
  SAY(waitv(w, 1, 0, &odd, CLOCK_MONOTONIC));
  SAY(waitv(w, 1, 0, (void *)8, CLOCK_MONOTONIC));
  SAY(waitv((void *)8, 1, 0, NULL, 2));
  SAY(waitv(w, 128, 0, NULL, 0));
  w[1].flags = FUTEX_PRIVATE_FLAG;
  SAY(waitv(w, 2, 0, NULL, 0));
  w[1].flags = FUTEX_32 | 4;
  SAY(waitv(w, 2, 0, NULL, 0));
  w[1].flags = FUTEX_32, w[1].reserved = 1;
  SAY(waitv(w, 2, 0, NULL, 0));
  w[1].reserved = 0, w[1].address++;
  SAY(waitv(w, 2, 0, NULL, 0));
  w[1].address = 8;
  SAY(waitv(w, 2, 0, NULL, 0));
  w[0].value = 0;
  SAY(waitv(w, 2, 0, NULL, 0));
  w[0].value = 0;
  SAY(waitv(w, 1, 0, &past, CLOCK_MONOTONIC));
  SAY(waitv(w, 1, 0, &past, CLOCK_REALTIME));
  struct timespec soon;
  clock_gettime(CLOCK_MONOTONIC, &soon);
  soon.tv_nsec += 20000000;
  if (soon.tv_nsec >= 1000000000) soon.tv_nsec -= 1000000000, soon.tv_sec++;
  SAY(waitv(w, 1, 0, &soon, CLOCK_MONOTONIC));
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  SAY(now.tv_sec > soon.tv_sec || (now.tv_sec == soon.tv_sec && now.tv_nsec >= soon.tv_nsec));
}

static uint32_t *shared;

static void *wait_three(void *flags) {
  struct waiter w[3];
  w[0] = on_word(&words[0], 0, FUTEX_32 | FUTEX_PRIVATE_FLAG);
  w[1] = on_word(&words[1], 0, FUTEX_32 | FUTEX_PRIVATE_FLAG);
  w[2] = on_word(shared, 0, FUTEX_32);
  (void)flags;
  long result = waitv(w, 3, 0, NULL, 0);
  return (void *)(result < 0 ? -errno : result);
}

static void one_of(uint32_t *word, int flags) {
  pthread_t t;
  void *result;
  pthread_create(&t, NULL, wait_three, NULL);
  wake_until(word, 1, flags);
  pthread_join(t, &result);
  printf("index: %ld\n", (long)result);
  printf("left: %ld\n", wake_some(&words[0], 9, FUTEX_PRIVATE_FLAG) + wake_some(&words[1], 9, FUTEX_PRIVATE_FLAG));
}

static void handler(int number, siginfo_t *info, void *context) {
  (void)number, (void)info, (void)context;
}

int main(void) {
  shared = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  counts();
  refusals();
  one_of(&words[0], FUTEX_PRIVATE_FLAG);
  one_of(&words[1], FUTEX_PRIVATE_FLAG);
  one_of(shared, 0);
  // From another process.
  pthread_t t;
  void *result;
  pthread_create(&t, NULL, wait_three, NULL);
  pid_t child = fork();
  if (child == 0) {
    wake_until(shared, 1, 0);
    _exit(0);
  }
  say_wait("child", child);
  pthread_join(t, &result);
  SAY((long)result);
  // One that is moved to another word waits for that.
  pthread_create(&t, NULL, wait_three, NULL);
  while (syscall(SYS_futex, &words[1], FUTEX_REQUEUE_PRIVATE, 0, 1, &words[3], 0) != 1) usleep(1000);
  SAY(wake_some(&words[1], 1, FUTEX_PRIVATE_FLAG));
  SAY(wake_some(&words[3], 1, FUTEX_PRIVATE_FLAG));
  pthread_join(t, &result);
  SAY((long)result);
  // A signal ends the wait.
  on(SIGUSR1, handler, 0);
  child = fork();
  if (child == 0) {
    long r = (long)wait_three(NULL);
    printf("interrupted: %s\n", r < 0 ? strerrorname_np(-r) : "no");
    fflush(stdout);
    _exit(0);
  }
  until_asleep(child);
  kill(child, SIGUSR1);
  say_wait("child", child);
  return 0;
}
