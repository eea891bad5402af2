// pthreads: join, mutex, condition, thread-local data, cancellation, signals to threads.
#include "say.h"
#include <pthread.h>
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turned = PTHREAD_COND_INITIALIZER;
static long total, turn;
static __thread int own = 5;
static void *add(void *argument) {
  for (int i = 0; i < 1000; i++) pthread_mutex_lock(&lock), total++, pthread_mutex_unlock(&lock);
  return (void *)(long)(own += (int)(long)argument);
}
static void *ping(void *argument) {
  long me = (long)argument;
  for (int i = 0; i < 50; i++) {
    pthread_mutex_lock(&lock);
    while (turn % 2 != me) pthread_cond_wait(&turned, &lock);
    turn++;
    pthread_cond_broadcast(&turned);
    pthread_mutex_unlock(&lock);
  }
  return 0;
}
static void *forever(void *argument) {
  for (;;) pause();
}
int main(void) {
  pthread_t t[8];
  void *result;
  for (long i = 0; i < 8; i++) SAY(pthread_create(&t[i], 0, add, (void *)i));
  for (int i = 0; i < 8; i++) pthread_join(t[i], &result), SAY((long)result);
  SAY(total);
  for (long i = 0; i < 2; i++) pthread_create(&t[i], 0, ping, (void *)i);
  for (int i = 0; i < 2; i++) pthread_join(t[i], 0);
  SAY(turn);
  pthread_create(t, 0, forever, 0);
  SAY(pthread_cancel(t[0]));
  SAY(pthread_join(t[0], &result));
  SAY(result == PTHREAD_CANCELED);
  SAY(own);
  return 0;
}
