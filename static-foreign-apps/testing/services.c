/*
 * Uses everything that hedron.h offers, between calls of Linux, and prints what comes of it. On Hedron only.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hedron.h"

enum { PD = 0x100, SM = 0x101, EC = 0x102, PT = 0x103 };
#define UTCB_OF_HANDLER 0x10000000

static void show(const char *what, long long result)
{
    printf("%s: %lld\n", what, result);
}

static void files(void)
{
    struct hedron_stat about;
    struct hedron_entry entry;
    char text[16] = "";

    show("mkdir", hedron_mkdir("/tmp/d", 0700));
    show("mkdir again", hedron_mkdir("/tmp/d", 0700));
    int fd = hedron_open("/tmp/d/file", O_CREAT | O_RDWR, 0640);
    show("write", hedron_write(fd, "native,", 7));
    show("write of Linux", write(fd, " Linux", 6));
    show("seek", hedron_seek(fd, 4));
    show("read", hedron_read(fd, text, sizeof text));
    show("is what was written", strcmp(text, "ve, Linux") == 0);
    show("fstat", hedron_fstat(fd, &about));
    printf("mode %o size %d links %u\n", (unsigned)about.mode, (int)about.size, (unsigned)about.links);
    show("close", hedron_close(fd));
    show("close again", hedron_close(fd));
    int directory = hedron_open("/tmp/d", O_RDONLY | O_DIRECTORY, 0);
    while (hedron_read_directory(directory, &entry) == 1) {
        printf("entry %s type %d\n", entry.name, entry.type);
    }
    show("close of Linux", close(directory));
    show("stat", hedron_stat("/tmp/d/file", &about));
    show("unlink", hedron_unlink("/tmp/d/file"));
    show("stat of nothing", hedron_stat("/tmp/d/file", &about));
    show("rmdir", hedron_rmdir("/tmp/d"));
    show("open of nothing", hedron_open("/tmp/d/file", O_RDONLY, 0));
}

static void memory(void)
{
    char *block = hedron_allocate(10000, 64);

    show("allocated", block != NULL && (uintptr_t)block % 64 == 0);
    memset(block, 1, 10000);
    hedron_free(block, 10000, 64);
    show("too much", hedron_allocate((uint64_t)1 << 46, 64) != NULL);
}

static void objects(void)
{
    uint64_t semaphore = hedron_crd(HEDRON_CRD_OBJ, SM, 0, HEDRON_PERM_ALL);

    show("create_pd", hedron_create_pd(PD, HEDRON_SEL_PD));
    show("create_pd again", hedron_create_pd(PD, HEDRON_SEL_PD));
    show("create_sm", hedron_create_sm(SM, HEDRON_SEL_PD, 1));
    show("sm_down", hedron_sm_down(SM, 0));
    show("sm_down until a time that has been", hedron_sm_down(SM, 1));
    show("sm_up", hedron_sm_up(SM));
    show("sm_down", hedron_sm_down(SM, 0));
    show("create_ec", hedron_create_ec(EC, 0, HEDRON_SEL_PD, 0, UTCB_OF_HANDLER, 0, 0));
    show("create_pt", hedron_create_pt(PT, HEDRON_SEL_PD, EC, 0, 0x1000));
    show("create_sc of a handler", hedron_create_sc(PT + 1, HEDRON_SEL_PD, EC, 1, 1000));
    show("pt_ctrl", hedron_pt_ctrl(PT, 7));
    show("pt_ctrl of a semaphore", hedron_pt_ctrl(SM, 7));
    show("ec_recall of a portal", hedron_ec_recall(PT));
    show("delegate", hedron_delegate(HEDRON_SEL_PD, PD, semaphore, semaphore, 0));
    show("lookup", hedron_lookup(semaphore).out2 ==
                       hedron_crd(HEDRON_CRD_OBJ, SM, 0, HEDRON_PERM_SM_UP | HEDRON_PERM_SM_DOWN));
    show("revoke", hedron_revoke(HEDRON_REVOKE_SELF, semaphore));
    show("lookup of nothing", hedron_lookup(semaphore).out2 == HEDRON_CRD_NULL);
    show("call of nothing", hedron_call(SM));
}

/* A call of Linux as a message to the portal that the kernel forwards the first thread's calls to. */
static int64_t message_call(uint64_t number)
{
    volatile struct hedron_state *state = &hedron_utcb()->data.state;

    hedron_utcb()->items = offsetof(struct hedron_state, qual) / 8;
    state->rax = number;
    hedron_call(HEDRON_SEL_FOREIGN);
    return (int64_t)state->rax;
}

static void *nothing(void *argument)
{
    return argument;
}

static void messages(void)
{
    pthread_t thread;

    show("a call by message", message_call(SYS_getpid) == getpid());
    show("pthread_create", pthread_create(&thread, NULL, nothing, NULL));
    show("pthread_join", pthread_join(thread, NULL));
    show("by message, in a program with threads, nothing", message_call(SYS_getpid) == SYS_getpid);
    show("a call", getpid() == (pid_t)syscall(SYS_getpid));
}

int main(void)
{
    static char long_text[10000];

    setvbuf(stdout, NULL, _IOLBF, 256);
    if (!hedron_is_here()) {
        return 1;
    }
    show("echo", hedron_echo());
    show("raw echo", hedron_raw_echo());
    memset(long_text, 'x', sizeof long_text - 2);
    long_text[sizeof long_text - 2] = '\n';
    show("print", hedron_print(HEDRON_SEL_STDOUT, long_text));
    show("print of an error", hedron_print(HEDRON_SEL_STDERR, "error\n"));
    files();
    memory();
    objects();
    messages();
    return 0;
}
