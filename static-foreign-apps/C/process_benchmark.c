/*
 * A program for Linux that measures (docs/benchmarks.md): processes, switches between them, memory and signals.
 * Arguments, all optional: the most repetitions of a measurement, and the most calls in one repetition (0: no limit).
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "measure.h"

/* Operations of futex(2). */
enum { FUTEX_WAIT = 0, FUTEX_WAKE = 1 };
/* Whose turn it is. */
enum { OURS, ITS, NOBODYS };
enum { PAGE = 4096, PROCESS_REPETITIONS = 100, PROCESS_CALLS = 3 };
/* Pages that one measurement of copying touches: its repetitions and what warms up. */
enum { PAGES = REPETITIONS_MAX + REPETITIONS_MAX / WARM_UP };
/* The argument by which the program only ends. */
#define END "end"

static char *self;
static int request[2], answer[2];
/* Shared with the process at the other end. */
static atomic_uint *turn;
static unsigned char *pages;
static uint32_t touched;
static volatile sig_atomic_t delivered;

/* Says what does not work; the lines that are missing then say the rest. */
static _Noreturn void give_up(const char *what)
{
    perror(what);
    exit(1);
}

/* The call alone: what a C library does about its threads is none of the kernel's time. */
static pid_t make_process(void)
{
    return (pid_t)syscall(SYS_fork);
}

static void wait_for(pid_t child)
{
    if (child < 0 || waitpid(child, NULL, 0) != child) {
        give_up("waitpid");
    }
}

static void fork_and_wait(void)
{
    pid_t child = make_process();

    if (child == 0) {
        _exit(0);
    }
    wait_for(child);
}

static void execute_and_wait(void)
{
    pid_t child = make_process();

    if (child == 0) {
        execve(self, (char *[]){self, END, NULL}, (char *[]){NULL});
        _exit(1);
    }
    wait_for(child);
}

static void pipe_round(void)
{
    char byte = 0;

    if (write(request[1], &byte, 1) != 1 || read(answer[0], &byte, 1) != 1) {
        give_up("pipe");
    }
}

/* A process that sends back what it gets, until there is no more. */
static pid_t start_echo(void)
{
    pid_t child;
    char byte;

    if (pipe(request) != 0 || pipe(answer) != 0) {
        give_up("pipe");
    }
    child = make_process();
    if (child == 0) {
        close(request[1]);
        while (read(request[0], &byte, 1) == 1 && write(answer[1], &byte, 1) == 1) {
        }
        _exit(0);
    }
    close(request[0]);
    close(answer[1]);
    return child;
}

static void give_turn(uint32_t whose)
{
    atomic_store(turn, whose);
    syscall(SYS_futex, turn, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void futex_round(void)
{
    give_turn(ITS);
    while (atomic_load(turn) != OURS) {
        syscall(SYS_futex, turn, FUTEX_WAIT, ITS, NULL, NULL, 0);
    }
}

/* A process that gives every turn back. */
static pid_t start_partner(void)
{
    turn = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (turn == MAP_FAILED) {
        give_up("mmap");
    }
    pid_t child = make_process();
    while (child == 0) {
        uint32_t now = atomic_load(turn);

        if (now == NOBODYS) {
            _exit(0);
        }
        if (now == ITS) {
            give_turn(OURS);
        } else {
            syscall(SYS_futex, turn, FUTEX_WAIT, OURS, NULL, NULL, 0);
        }
    }
    return child;
}

static void *map(size_t length)
{
    void *mapped = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (mapped == MAP_FAILED) {
        give_up("mmap");
    }
    return mapped;
}

/* A page by itself, so that nothing gives it memory together with others. */
static void map_page(void)
{
    pages = map(PAGE);
    touched = 0;
}

static void touch_page(void)
{
    pages[(size_t)touched++ * PAGE] = 1;
}

static void map_and_unmap(void)
{
    munmap(map(PAGE), PAGE);
}

static void handle(int number)
{
    (void)number;
    delivered = 1;
}

static void deliver(void)
{
    delivered = 0;
    kill(getpid(), SIGUSR1);
    if (!delivered) {
        give_up("kill");
    }
}

static void measure_processes(void)
{
    measure_with("process.fork", "", PROCESS_REPETITIONS, PROCESS_CALLS, nothing, fork_and_wait);
    measure_with("process.exec", "", PROCESS_REPETITIONS, PROCESS_CALLS + 1, nothing, execute_and_wait);
    pid_t echo = start_echo();
    measure_with("process.pipe", "", REPETITIONS_MAX, 4, nothing, pipe_round);
    close(request[1]);
    close(answer[0]);
    wait_for(echo);
}

static void measure_switches(void)
{
    pid_t partner = start_partner();

    measure_with("process.switches", "", REPETITIONS_MAX, 4, nothing, futex_round);
    give_turn(NOBODYS);
    wait_for(partner);
}

static void measure_memory(void)
{
    int hold[2];
    char byte;

    measure_with("memory.map", "", REPETITIONS_MAX, 2, nothing, map_and_unmap);
    measure_with("memory.fault", "", REPETITIONS_MAX, 1, map_page, touch_page);
    pages = map((size_t)PAGES * PAGE);
    madvise(pages, (size_t)PAGES * PAGE, MADV_NOHUGEPAGE);
    memset(pages, 1, (size_t)PAGES * PAGE);
    if (pipe(hold) != 0) {
        give_up("pipe");
    }
    pid_t child = make_process();
    if (child == 0) {
        close(hold[1]);
        _exit(read(hold[0], &byte, 1) != 0);
    }
    touched = 0;
    measure("memory.copy", touch_page);
    close(hold[0]);
    close(hold[1]);
    wait_for(child);
    munmap(pages, (size_t)PAGES * PAGE);
}

static uint32_t limit(int argc, char **argv, int index)
{
    return index < argc ? (uint32_t)strtoul(argv[index], NULL, 10) : 0;
}

int main(int argc, char **argv)
{
    cpu_set_t first;

    if (argc > 1 && strcmp(argv[1], END) == 0) {
        _exit(0);
    }
    self = argv[0];
    /* On one processor a round trip is two switches. */
    CPU_ZERO(&first);
    CPU_SET(0, &first);
    sched_setaffinity(0, sizeof first, &first);
    signal(SIGUSR1, handle);
    start_measuring(limit(argc, argv, 1), limit(argc, argv, 2));
    measure_processes();
    measure_switches();
    measure_memory();
    measure("signal.deliver", deliver);
    return 0;
}
