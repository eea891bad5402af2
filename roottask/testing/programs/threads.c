// Threads as a C library makes them: creation, joining, thread-local storage, mutexes, condition variables,
// barriers, signals between threads, the end of a program with threads running. The output does not depend
// on how they are scheduled and has to be the same on Linux and on the roottask.

#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 8, ROUNDS = 2000 };

static _Thread_local int own = 5;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static long counter;
static atomic_long spins;
static int turn;

static void *count(void *argument)
{
    long number = (long)argument;
    double work = number;
    own += (int)number;
    for (int i = 0; i < ROUNDS; i++) {
        pthread_mutex_lock(&mutex);
        counter++;
        pthread_mutex_unlock(&mutex);
        atomic_fetch_add(&spins, 1);
        work = work * 1.0000001 + 1;
        if (i % 500 == 0) sched_yield();
    }
    char *block = malloc(100000);
    memset(block, (int)number, 100000);
    long sum = block[99999] + (work > ROUNDS);
    free(block);
    pthread_barrier_wait(&barrier);
    return (void *)(sum * 1000 + own);
}

static void *take_turns(void *argument)
{
    int number = (int)(long)argument;
    for (int i = 0; i < 5; i++) {
        pthread_mutex_lock(&mutex);
        while (turn % THREADS != number) pthread_cond_wait(&condition, &mutex);
        turn++;
        if (number == THREADS - 1) printf("round %d\n", i);
        pthread_cond_broadcast(&condition);
        pthread_mutex_unlock(&mutex);
    }
    return 0;
}

static atomic_int handled;
static atomic_long handler_thread;
static sem_t ready;

static void handler(int number)
{
    (void)number;
    handler_thread = syscall(SYS_gettid);
    handled++;
}

static void *sleeper(void *argument)
{
    struct timespec long_time = {100, 0};
    sem_post(&ready);
    int result = nanosleep(&long_time, 0);
    *(long *)argument = syscall(SYS_gettid);
    return (void *)(long)(result == -1 && errno == EINTR);
}

static void *spinner(void *argument)
{
    sem_post(&ready);
    while (!handled) *(volatile long *)argument += 1;
    return 0;
}

static void *forever(void *argument)
{
    volatile long *at = argument;
    sem_post(&ready);
    while (*at >= 0) ++*at;
    return 0;
}

static void *quick(void *argument)
{
    return argument;
}

static void *waits(void *argument)
{
    sem_post(&ready);
    sem_wait(argument);
    return 0;
}

int main(void)
{
    pthread_t threads[THREADS];
    void *result;
    long sum = 0, scratch = 0, tid = 0;
    setvbuf(stdout, 0, _IOLBF, 4096);
    pthread_barrier_init(&barrier, 0, THREADS);
    sem_init(&ready, 0, 0);
    for (long i = 0; i < THREADS; i++) pthread_create(&threads[i], 0, count, (void *)i);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], &result);
        sum += (long)result;
    }
    printf("counter %ld spins %ld results %ld own %d\n", counter, (long)spins, sum, own);

    for (long i = 0; i < THREADS; i++) pthread_create(&threads[i], 0, take_turns, (void *)i);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], 0);
    printf("turns %d\n", turn);

    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 3000000;
    if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
    pthread_mutex_lock(&mutex);
    printf("timed out %d\n", pthread_cond_timedwait(&condition, &mutex, &until) == ETIMEDOUT);
    pthread_mutex_unlock(&mutex);

    struct sigaction action = {.sa_handler = handler};
    sigaction(SIGUSR1, &action, 0);
    pthread_create(&threads[0], 0, sleeper, &tid);
    sem_wait(&ready);
    struct timespec moment = {0, 20000000};
    nanosleep(&moment, 0);
    pthread_kill(threads[0], SIGUSR1);
    pthread_join(threads[0], &result);
    printf("sleep interrupted %ld in its thread %d\n", (long)result, handler_thread == tid);
    handled = 0;
    pthread_create(&threads[0], 0, spinner, &scratch);
    sem_wait(&ready);
    pthread_kill(threads[0], SIGUSR1);
    pthread_join(threads[0], 0);
    printf("loop interrupted %d\n", handled);
    printf("own process %d own thread %d\n", getpid() == syscall(SYS_gettid), tid != getpid());

    for (long i = 0; i < 300; i++) {
        pthread_create(&threads[0], 0, quick, (void *)i);
        pthread_join(threads[0], &result);
        if ((long)result != i) puts("wrong result");
    }
    puts("many threads one after the other");
    pthread_create(&threads[0], 0, forever, &scratch);
    sem_t never;
    sem_init(&never, 0, 0);
    pthread_create(&threads[1], 0, waits, &never);
    sem_wait(&ready);
    sem_wait(&ready);
    puts("leaving threads behind");
    exit(3);
}
