// Creates threads one after the other, as many as asked for, and ends while others compute, sleep and wait.

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static volatile long sum;
static volatile int running;

static void *add(void *argument) {
  // Floating point, so that a register left by the thread before would show.
  double half = (long)argument * 0.5;
  sum += (long)(half * 2);
  return (void *)((long)argument + 1);
}

static void *compute(void *argument) {
  running++;
  for (;;) sum++;
}

static void *rest(void *argument) {
  running++;
  for (;;) sleep(1000);
}

static void *wait_for_mutex(void *argument) {
  running++;
  pthread_mutex_lock(&mutex);
  return 0;
}

int main(int argc, char **argv) {
  long count = atol(argv[1]);
  pthread_t thread;
  for (long i = 0; i < count; i++) {
    void *result;
    int error = pthread_create(&thread, 0, add, (void *)i);
    if (error != 0) {
      printf("thread %ld: error %d\n", i, error);
      return 1;
    }
    pthread_join(thread, &result);
    if ((long)result != i + 1) printf("thread %ld: wrong result\n", i);
  }
  printf("%ld threads one after the other, sum %ld\n", count, sum);
  fflush(stdout);
  pthread_mutex_lock(&mutex);
  for (int i = 0; i < 2; i++) {
    pthread_create(&thread, 0, compute, 0);
    pthread_create(&thread, 0, rest, 0);
    pthread_create(&thread, 0, wait_for_mutex, 0);
  }
  while (running < 6) usleep(1000);
  exit(5);
}
