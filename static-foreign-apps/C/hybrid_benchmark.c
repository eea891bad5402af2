/*
 * A program for Linux that measures (docs/benchmarks.md): system calls and files, and where it runs on Hedron hypercalls
 * and calls of services between them. Arguments, all optional: the most repetitions of a measurement, the most calls in
 * one repetition (0: no limit), and the folder that a file is made in (/tmp).
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hedron.h"
#include "measure.h"

/* Selectors behind those that every program has. */
enum { EC = 0x100, PT = 0x101, DOMAIN = 0x102 };
/* Message buffer of the handler of the hop: far from the program's image, and from what mmap gives. */
#define HOP_UTCB 0x10000000
enum { CPU = 0 };

enum { SMALL_FILE = 64 * 1024, LARGE_FILE = 1024 * 1024, FILE_REPETITIONS = 100 };

struct piece {
    uint32_t bytes;
    const char *name;
};

static const struct piece pieces[] = {
    {1, "1"},           {16, "16"},         {256, "256"},         {4096, "4k"},
    {16384, "16k"},     {32768, "32k"},     {65536, "64k"},       {131072, "128k"},
    {262144, "256k"},   {1048576, "1m"},
};

static char path[4096];
static int fd;
static int failed;
/* Room for struct stat, whatever the C library makes of it. */
static uint64_t status[18];
static unsigned char content[LARGE_FILE];
static uint32_t file_bytes, piece_bytes;

/* Says what went wrong; the program goes on and fails in the end. */
static void complain(const char *what)
{
    fprintf(stderr, "hybrid_benchmark: %s\n", what);
    failed = 1;
}

static int64_t linux_call(uint64_t number, uint64_t a1, uint64_t a2, uint64_t a3)
{
    __asm__ volatile("syscall"
                     : "+a"(number)
                     : "D"(a1), "S"(a2), "d"(a3)
                     : "rcx", "r11", "memory");
    return (int64_t)number;
}

/* The call as a message to the portal that the kernel forwards system calls to. */
static int64_t message_call(uint64_t number, uint64_t a1, uint64_t a2, uint64_t a3)
{
    volatile struct hedron_state *state = &hedron_utcb()->data.state;

    hedron_utcb()->items = offsetof(struct hedron_state, qual) / 8;
    state->rax = number;
    state->rdi = a1;
    state->rsi = a2;
    state->rdx = a3;
    hedron_call(HEDRON_SEL_FOREIGN + CPU);
    return (int64_t)state->rax;
}

/* A call within the domain, which stands for a mediator between the program and its personality. */
static void hop(void)
{
    hedron_call(PT);
}

/* Handler of the hop: answers at once, and whenever it is called again. */
#define QUOTED(text) #text
#define DIGITS(number) QUOTED(number)
__asm__(".pushsection .text\n"
        "reply_at_once:\n\t"
        "movl $" DIGITS(HEDRON_HC_REPLY) ", %edi\n\t"
        "syscall\n\t"
        "ud2\n"
        ".popsection");
extern const char reply_at_once[];

static void get_pid(void)
{
    linux_call(SYS_getpid, 0, 0, 0);
}

static void set_tid_address(void)
{
    linux_call(SYS_set_tid_address, 0, 0, 0);
}

static void stat_file(void)
{
    linux_call(SYS_fstat, (uint64_t)fd, (uintptr_t)status, 0);
}

static void open_and_close(void)
{
    linux_call(SYS_close, (uint64_t)linux_call(SYS_open, (uintptr_t)path, O_CREAT | O_WRONLY, 0600),
               0, 0);
}

static void hop_set_tid_address(void)
{
    hop();
    set_tid_address();
}

static void hop_stat_file(void)
{
    hop();
    stat_file();
}

static void hop_open_and_close(void)
{
    hop();
    int64_t opened = linux_call(SYS_open, (uintptr_t)path, O_CREAT | O_WRONLY, 0600);
    hop();
    linux_call(SYS_close, (uint64_t)opened, 0, 0);
}

static void message_set_tid_address(void)
{
    message_call(SYS_set_tid_address, 0, 0, 0);
}

static void message_stat_file(void)
{
    message_call(SYS_fstat, (uint64_t)fd, (uintptr_t)status, 0);
}

static void message_open_and_close(void)
{
    int64_t opened = message_call(SYS_open, (uintptr_t)path, O_CREAT | O_WRONLY, 0600);
    message_call(SYS_close, (uint64_t)opened, 0, 0);
}

static void control(void)
{
    static uint64_t id;

    hedron_pt_ctrl(PT, id++);
}

static void call_raw_echo(void)
{
    hedron_raw_echo();
}

static void call_echo(void)
{
    hedron_echo();
}

/* A domain, a handler in this one, and the services: what the kernel and the roottask give a program for Linux. */
static void be_native(void)
{
    static const char text[] = "written through Linux";
    char back[sizeof text] = "";

    if (hedron_create_pd(DOMAIN, HEDRON_SEL_PD) != HEDRON_SUCCESS) {
        complain("cannot create a domain");
    }
    if (hedron_print(HEDRON_SEL_STDERR, "This line goes through a portal.\n") != 0) {
        complain("cannot print through a portal");
    }
    if (write(fd, text, sizeof text) != (ssize_t)sizeof text || hedron_seek(fd, 0) != 0 ||
        hedron_read(fd, back, sizeof back) != (int64_t)sizeof text || strcmp(back, text) != 0) {
        complain("the file service does not have what Linux has written");
    }
    /* All system calls of a handler are hypercalls. */
    uint64_t ec = hedron_create_ec(EC, 0, HEDRON_SEL_PD, CPU, HOP_UTCB, 0, 0);
    if (ec == HEDRON_SUCCESS) {
        ((volatile struct hedron_utcb *)HOP_UTCB)->flags = HEDRON_UTCB_NSCT;
    }
    if (ec != HEDRON_SUCCESS ||
        hedron_create_pt(PT, HEDRON_SEL_PD, EC, 0, (uintptr_t)reply_at_once) != HEDRON_SUCCESS) {
        complain("cannot create a handler");
        return;
    }
    measure("syscall.hybrid", control);
    hedron_utcb()->items = 0;
    measure("hybrid.ipc.raw", call_raw_echo);
    measure("hybrid.ipc.regular", call_echo);
    hedron_utcb()->items = 0;
    measure("hop.set_tid_address", hop_set_tid_address);
    measure("hop.fstat", hop_stat_file);
    measure("hop.open", hop_open_and_close);
    measure("hybrid.set_tid_address", message_set_tid_address);
    measure("hybrid.fstat", message_stat_file);
    measure("hybrid.open", message_open_and_close);
    if (message_call(SYS_getpid, 0, 0, 0) != getpid()) {
        complain("a call by message differs");
    }
}

static void rewind_file(void)
{
    lseek(fd, 0, SEEK_SET);
}

static void write_file(void)
{
    for (uint32_t done = 0; done < file_bytes; done += piece_bytes) {
        if (write(fd, content + done, piece_bytes) != (ssize_t)piece_bytes) {
            failed = 1;
        }
    }
}

static void read_file(void)
{
    for (uint32_t done = 0; done < file_bytes; done += piece_bytes) {
        if (read(fd, content + done, piece_bytes) != (ssize_t)piece_bytes) {
            failed = 1;
        }
    }
}

/* A byte of the content, which tells its place. */
static unsigned char pattern_at(uint32_t at)
{
    return (unsigned char)(at * 7 + (at >> 8));
}

static void fill(void)
{
    for (uint32_t at = 0; at < file_bytes; at++) {
        content[at] = pattern_at(at);
    }
}

static int is_filled(void)
{
    for (uint32_t at = 0; at < file_bytes; at++) {
        if (content[at] != pattern_at(at)) {
            return 0;
        }
    }
    return 1;
}

/* A file of `bytes` bytes, written and read in pieces of every size. */
static void measure_file(const char *writes, const char *reads, uint32_t bytes)
{
    file_bytes = piece_bytes = bytes;
    fill();
    /* The file has its size from here on. */
    rewind_file();
    write_file();
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces && pieces[i].bytes <= bytes; i++) {
        piece_bytes = pieces[i].bytes;
        uint32_t calls = bytes / piece_bytes;

        fill();
        measure_with(writes, pieces[i].name, FILE_REPETITIONS, calls, rewind_file, write_file);
        memset(content, 0, bytes);
        if (measure_with(reads, pieces[i].name, FILE_REPETITIONS, calls, rewind_file, read_file) &&
            !is_filled()) {
            complain("what is read is not what has been written");
        }
    }
}

/* The limit that an argument gives: a decimal number, else 0. */
static uint32_t limit(const char *argument)
{
    uint32_t value = 0;

    for (; *argument >= '0' && *argument <= '9' && value < 100000000; argument++) {
        value = value * 10 + (uint32_t)(*argument - '0');
    }
    return *argument == '\0' ? value : 0;
}

int main(int argc, char **argv)
{
    static const char name[] = "/hybrid_benchmark_in_c";
    const char *folder = argc > 3 ? argv[3] : "/tmp";

    if (strlen(folder) + sizeof name > sizeof path) {
        complain("the folder's name is too long");
        return EXIT_FAILURE;
    }
    strcpy(path, folder);
    strcat(path, name);
    fd = open(path, O_CREAT | O_RDWR | O_TRUNC, 0600);
    if (fd < 0) {
        complain("cannot make a file in the folder");
        return EXIT_FAILURE;
    }
    puts(hedron_is_here() ? "This program for Linux runs on Hedron."
                           : "This program for Linux runs on Linux.");
    start_measuring(argc > 1 ? limit(argv[1]) : 0, argc > 2 ? limit(argv[2]) : 0);
    if (hedron_is_here()) {
        be_native();
    }
    measure("syscall.linux", get_pid);
    measure("call.set_tid_address", set_tid_address);
    measure("call.fstat", stat_file);
    measure("call.open", open_and_close);
    measure_file("file.write.64k.", "file.read.64k.", SMALL_FILE);
    measure_file("file.write.1m.", "file.read.1m.", LARGE_FILE);
    close(fd);
    unlink(path);
    if (failed) {
        complain("not everything was as it should be");
    }
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
