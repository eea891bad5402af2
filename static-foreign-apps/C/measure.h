/*
 * Measuring: a function is called over and over, every call is timed by the time-stamp counter, and a line says how
 * many there were and the least, median and 99th percentile of their ticks (docs/benchmarks.md).
 */
#ifndef MEASURE_H
#define MEASURE_H

#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
    /* Most repetitions of a measurement. */
    REPETITIONS_MAX = 1000,
    /* A repetition that makes more calls is done once, without warm-up, and makes up for no others. */
    CALLS_MAX = 20000,
    /* Part of the repetitions that come before those that count. */
    WARM_UP = 10,
};

static uint64_t samples[REPETITIONS_MAX];
/* What reading the counter costs, in ticks; subtracted from every sample. */
static uint64_t overhead;
/* Limits that the program was given. */
static uint32_t most_repetitions = REPETITIONS_MAX;
static uint32_t most_calls = UINT32_MAX;

/* Read when everything before is done, and nothing behind begins earlier (Intel SDM vol. 2B, RDTSC). */
static inline uint64_t read_counter(void)
{
    uint32_t low, high;

    __asm__ volatile("lfence\n\trdtsc\n\tlfence" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

/* Functions with these names, so that the host can count instructions between them. */
__attribute__((noinline, used)) uint64_t measure_begin(void);
__attribute__((noinline, used)) uint64_t measure_end(void);

uint64_t measure_begin(void)
{
    return read_counter();
}

uint64_t measure_end(void)
{
    return read_counter();
}

static void nothing(void)
{
}

/* Lets the sample at `parent` sink to its place in the heap of `count` samples. */
static void sink(uint32_t parent, uint32_t count)
{
    for (uint32_t child; (child = 2 * parent + 1) < count; parent = child) {
        if (child + 1 < count && samples[child] < samples[child + 1]) {
            child++;
        }
        if (samples[parent] >= samples[child]) {
            return;
        }
        uint64_t value = samples[parent];
        samples[parent] = samples[child];
        samples[child] = value;
    }
}

/* Sorts the samples by heapsort: no memory, and the same work whatever they are. */
static void sort(uint32_t count)
{
    for (uint32_t start = count / 2; start > 0; start--) {
        sink(start - 1, count);
    }
    for (uint32_t end = count; end-- > 1;) {
        uint64_t value = samples[0];
        samples[0] = samples[end];
        samples[end] = value;
        sink(0, end);
    }
}

/* The sample that `percent` of `count` sorted ones do not exceed: nearest rank. */
static uint64_t percentile(uint32_t count, uint32_t percent)
{
    return samples[(count * percent + 99) / 100 - 1];
}

/* Prints the line of the measurement whose `count` samples are there. */
static void summarize(const char *name, const char *size, uint32_t count)
{
    sort(count);
    printf("BENCH %s%s n=%" PRIu32 " min=%" PRIu64 " median=%" PRIu64 " p99=%" PRIu64 "\n", name,
           size, count, samples[0], percentile(count, 50), percentile(count, 99));
    fflush(stdout);
}

static void take(uint32_t count, void (*before)(void), void (*work)(void))
{
    for (uint32_t i = 0; i < count; i++) {
        before();
        uint64_t start = measure_begin();
        work();
        uint64_t ticks = measure_end() - start;
        samples[i] = ticks > overhead ? ticks - overhead : 0;
    }
}

/*
 * Sets the most repetitions of a measurement and the most calls in one repetition, 0 where they stay, and measures what
 * measuring costs: the line about it, `timer.overhead`, is the first to be printed.
 */
static void start_measuring(uint32_t repetitions, uint32_t calls)
{
    if (repetitions != 0 && repetitions < REPETITIONS_MAX) {
        most_repetitions = repetitions;
    }
    if (calls != 0) {
        most_calls = calls;
    }
    take(most_repetitions, nothing, nothing);
    summarize("timer.overhead", "", most_repetitions);
    overhead = percentile(most_repetitions, 50);
}

/*
 * Measures `work`, which makes `calls` calls, at most `repetitions` times, and prints the line; `before` is called in
 * front of each repetition and not timed. The name is `name` and `size` behind it. 0 where a repetition needs more
 * calls than the program was told to make: there is no line then.
 */
static int measure_with(const char *name, const char *size, uint32_t repetitions, uint32_t calls,
                        void (*before)(void), void (*work)(void))
{
    if (calls > most_calls) {
        return 0;
    }
    uint32_t count = repetitions < most_repetitions ? repetitions : most_repetitions;
    if (count > CALLS_MAX / calls) {
        count = CALLS_MAX / calls > 0 ? CALLS_MAX / calls : 1;
    }
    take(calls > CALLS_MAX ? 0 : (count + WARM_UP - 1) / WARM_UP, before, work);
    take(count, before, work);
    summarize(name, size, count);
    return 1;
}

/* Measures `work`, a single call, as often as the program was told to. */
static void measure(const char *name, void (*work)(void))
{
    measure_with(name, "", REPETITIONS_MAX, 1, nothing, work);
}

#endif
