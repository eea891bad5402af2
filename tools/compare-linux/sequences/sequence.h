// What the families of random calls share: numbers that depend on seed and position alone, the kernel's own answers, and
// telling results. A family is a file of families/ and a line in sequence.c.
#pragma once
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SLOTS = 8, PAGE = 4096, MOST_FDS = 600 };

struct family {
  const char *name;
  /** Before the first call of a seed; in a process of the seed's own, in an empty folder, with descriptors 0 to 2 alone. */
  void (*begin)(void);
  /** One call. */
  void (*step)(void);
  /** After the last one: lets go what outlives the process. */
  void (*end)(void);
};

/** Folder of the seed, an absolute path. */
extern char base[64];
/** Bytes for whatever a call wants. */
extern char buffer[1 << 17];
/** Descriptors that calls made, or −1. */
extern int fds[SLOTS];

/** A number below `n`. */
unsigned draw(unsigned n);
/** One of the numbers. */
#define ONE(...) (((const long[]){__VA_ARGS__})[draw(sizeof((const long[]){__VA_ARGS__}) / sizeof(long))])
/** One of the texts. */
#define WORD(...) (((const char *const[]){__VA_ARGS__})[draw(sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))])
/** Some of the bits, often few. */
unsigned long some(unsigned long bits);

/** The kernel's own answer: a negative number is an error. */
long call(long number, long a, long b, long c, long d, long e, long f);
#define CALL_1(n, a) call(n, (long)(a), 0, 0, 0, 0, 0)
#define CALL_2(n, a, b) call(n, (long)(a), (long)(b), 0, 0, 0, 0)
#define CALL_3(n, a, b, c) call(n, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define CALL_4(n, a, b, c, d) call(n, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define CALL_5(n, a, b, c, d, e) call(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)
#define CALL_6(n, a, b, c, d, e, f) call(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define CALL_OF(a, b, c, d, e, f, chosen, ...) chosen
/** CALL(name, arguments of any type…), one at least. */
#define CALL(name, ...) CALL_OF(__VA_ARGS__, CALL_6, CALL_5, CALL_4, CALL_3, CALL_2, CALL_1)(SYS_##name, __VA_ARGS__)

/** Adds to what the seed gave. */
void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** The same by a name for the call that has no other arguments worth telling. */
unsigned sum(const void *bytes, long n);

/** A kept descriptor, seldom a number that is none. */
int slot(void);
/** Keeps a descriptor that a call made. */
void keep(long fd);
/** Bytes to write to a descriptor: `n`, or what an event counter takes of that, which from 6.10 on is no more than 8. */
long writable_bytes(int fd, long n);
/** `place`, or once in a while an address where nothing can be. */
void *spoiled(void *place);

/** Reads or writes a byte: 0, or 16 times the signal with its code. */
int touched(volatile char *at, int write, int *value);
/** Signals are told behind the call that they came in. */
void handle(int number, void *action, int flags);
void note_signal(int number, siginfo_t *info, void *context);

/** Another process, a child as it was when this was called; at most four. Their number, from 0. */
int fork_other(void);
/** Makes a call there and waits for its answer. */
long call_other(int other, long number, long a, long b, long c, long d, long e, long f);
#define OTHER_OF(a, b, c, d, e, f, chosen, ...) chosen
#define OTHER_1(o, n, a) call_other(o, n, (long)(a), 0, 0, 0, 0, 0)
#define OTHER_2(o, n, a, b) call_other(o, n, (long)(a), (long)(b), 0, 0, 0, 0)
#define OTHER_3(o, n, a, b, c) call_other(o, n, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define OTHER_4(o, n, a, b, c, d) call_other(o, n, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
/** BY(other, name, arguments…): the call there, or here where `other` is negative. */
#define BY(other, name, ...) OTHER_OF(__VA_ARGS__, 0, 0, OTHER_4, OTHER_3, OTHER_2, OTHER_1)(other, SYS_##name, __VA_ARGS__)
int pid_of_other(int other);
/** Memory that others see as well, for what their calls read and write. */
extern char *shared;
/** −1 for this process, the number of another, −2 for any other pid. */
int who(long pid);
