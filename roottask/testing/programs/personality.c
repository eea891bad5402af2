// Exercises what the Linux personality claims to do and prints what it sees: the output has to be the same
// on Linux and on the roottask. Runs in an empty working directory or in "/tmp"; no addresses, times or ids
// are printed.

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

static void show(const char *what, long result)
{
    if (result < 0)
        printf("%s: %s\n", what, strerror(errno));
    else
        printf("%s: %ld\n", what, result);
}

static void files(void)
{
    char buffer[64] = {0};
    struct stat st;
    puts("files");
    int fd = open("file", O_RDWR | O_CREAT | O_EXCL, 0644);
    show("create", fd);
    show("create again", open("file", O_RDWR | O_CREAT | O_EXCL, 0644));
    show("write", write(fd, "hello world", 11));
    show("pwrite", pwrite(fd, "J", 1, 0));
    show("lseek", lseek(fd, -5, SEEK_END));
    show("read", read(fd, buffer, 64));
    printf("%s\n", buffer);
    show("read at the end", read(fd, buffer, 64));
    show("seek before the start", lseek(fd, -1, SEEK_SET));
    show("truncate", ftruncate(fd, 5));
    show("fstat", fstat(fd, &st));
    printf("size %ld mode %o links %ld\n", (long)st.st_size, st.st_mode, (long)st.st_nlink);
    show("sparse", pwrite(fd, "x", 1, 9));
    show("pread", pread(fd, buffer, 64, 0));
    for (int i = 0; i < 10; i++) printf("%02x", (unsigned char)buffer[i]);
    puts("");
    struct iovec v[3] = {{"ab", 2}, {"", 0}, {"cde", 3}};
    show("writev", writev(fd, v, 3));
    show("write to a bad address", write(fd, (void *)8, 4));
    show("read only", open("file", O_RDONLY));
    int ro = open("file", O_RDONLY);
    show("write through it", write(ro, "x", 1));
    show("read of a write-only file", read(open("file", O_WRONLY), buffer, 1));
    int dupfd = dup(fd);
    show("dup", dupfd > fd);
    lseek(dupfd, 3, SEEK_SET);
    show("shared position", lseek(fd, 0, SEEK_CUR));
    show("append", open("file", O_WRONLY | O_APPEND));
    int append = open("file", O_WRONLY | O_APPEND);
    show("append write", write(append, "!", 1));
    show("append position", lseek(append, 0, SEEK_CUR));
    show("flags", fcntl(append, F_GETFL) & O_APPEND);
    show("close-on-exec", fcntl(fcntl(fd, F_DUPFD_CLOEXEC, 50), F_GETFD));
    show("close", close(fd));
    show("close twice", close(fd));
    show("bad descriptor", read(999, buffer, 1));
    show("missing", open("missing", O_RDONLY));
    show("below a file", open("file/x", O_RDONLY));
    show("slash behind a file", open("file/", O_RDONLY));
    show("empty name", open("", O_RDONLY));
    char longname[300];
    memset(longname, 'a', 299);
    longname[299] = 0;
    show("long name", open(longname, O_RDONLY));
    show("tty", isatty(1));
    show("seek in a pipe", lseek(1, 0, SEEK_CUR));
    show("end of input", read(0, buffer, 64));
    fd = open("/dev/null", O_RDWR);
    show("null write", write(fd, "abc", 3));
    show("null read", read(fd, buffer, 3));
    fd = open("/dev/zero", O_RDONLY);
    buffer[0] = 'x';
    show("zero read", read(fd, buffer, 3));
    show("zero", buffer[0]);
    struct pollfd p = {fd, POLLIN, 0};
    show("poll", poll(&p, 1, 0));
    FILE *f = fopen("text", "w");
    for (int i = 0; i < 3000; i++) fprintf(f, "line %d\n", i);
    fclose(f);
    f = fopen("text", "r");
    long sum = 0;
    while (fgets(buffer, 64, f)) sum += atol(buffer + 5);
    fclose(f);
    show("stdio", sum);
}

static void directories(void)
{
    char buffer[256];
    struct stat st;
    puts("directories");
    show("mkdir", mkdir("d", 0755));
    show("mkdir again", mkdir("d", 0755));
    show("mkdir below nothing", mkdir("x/y", 0755));
    show("symlink", symlink("../file", "d/link"));
    show("readlink", readlink("d/link", buffer, 256));
    show("readlink of a file", readlink("file", buffer, 256));
    show("through the link", open("d/link", O_RDONLY) >= 0);
    show("not through it", open("d/link", O_RDONLY | O_NOFOLLOW));
    show("lstat", lstat("d/link", &st));
    printf("link %d size %ld\n", S_ISLNK(st.st_mode), (long)st.st_size);
    show("stat", stat("d", &st));
    printf("directory %d mode %o\n", S_ISDIR(st.st_mode), st.st_mode & 0777);
    show("read a directory", read(open("d", O_RDONLY), buffer, 16));
    show("write a directory", open("d", O_WRONLY));
    show("rmdir of a full one", rmdir("d"));
    show("unlink of a directory", unlink("d"));
    show("rename", rename("text", "d/text"));
    show("rename over", rename("file", "d/text"));
    show("rename a missing one", rename("file", "d/text"));
    show("directory into itself", rename("d", "d/e"));
    DIR *dir = opendir("d");
    int entries = 0, types = 0;
    for (struct dirent *e; (e = readdir(dir));) entries++, types += e->d_type;
    closedir(dir);
    printf("entries %d types %d\n", entries, types);
    show("chdir", chdir("d"));
    show("access", access("text", R_OK | W_OK));
    show("access to execute", access("text", X_OK));
    show("access missing", access("nothing", F_OK));
    show("loop", symlink("loop", "loop"));
    show("open loop", open("loop", O_RDONLY));
    show("chdir back", chdir(".."));
    show("chdir to a file", chdir("d/text"));
    int at = open("d", O_RDONLY | O_DIRECTORY);
    show("openat", openat(at, "text", O_RDONLY) >= 0);
    show("openat from a file", openat(open("d/text", O_RDONLY), "text", O_RDONLY));
    show("unlinkat", unlinkat(at, "text", 0));
    show("unlink", unlink("d/link") | unlink("d/loop"));
    show("rmdir", rmdir("d"));
    int gone = open("gone", O_RDWR | O_CREAT, 0600);
    unlink("gone");
    show("write to an unlinked file", write(gone, "abc", 3));
    show("its links", fstat(gone, &st) == 0 ? (long)st.st_nlink : -1);
}

static sigjmp_buf jump;
static volatile int caught, code;
static void *volatile where;

static void on_fault(int number, siginfo_t *info, void *context)
{
    (void)context;
    caught = number;
    code = info->si_code;
    where = info->si_addr;
    siglongjmp(jump, 1);
}

static const char *attempt(volatile char *address, int writing)
{
    if (sigsetjmp(jump, 1)) return caught == SIGSEGV ? (code == SEGV_MAPERR ? "unmapped" : "forbidden") : "bus error";
    if (writing)
        *address = 1;
    else
        (void)*address;
    return "fine";
}

static void memory(void)
{
    puts("memory");
    struct sigaction action = {0};
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGSEGV, &action, 0);
    sigaction(SIGBUS, &action, 0);
    char *area = mmap(0, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    printf("write %s\n", attempt(area + 4096, 1));
    mprotect(area, 4096, PROT_READ);
    printf("read-only: read %s write %s", attempt(area, 0), attempt(area, 1));
    printf(" at the address %d\n", where == area);
    mprotect(area, 4096, PROT_NONE);
    printf("none: read %s\n", attempt(area, 0));
    munmap(area + 8192, 4096);
    printf("unmapped: read %s, behind it %s\n", attempt(area + 8192, 0), attempt(area + 12288, 1));
    area[16384] = 7;
    madvise(area + 16384, 4096, MADV_DONTNEED);
    printf("forgotten %d\n", area[16384]);
    char *big = mmap(0, 64ul << 30, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    printf("reserve %d\n", big != MAP_FAILED);
    printf("open up %d\n", mprotect(big + (40ul << 30), 1 << 20, PROT_READ | PROT_WRITE));
    big[(40ul << 30) + 5] = 1;
    printf("beside it %s\n", attempt(big + (41ul << 30), 0));
    munmap(big, 64ul << 30);
    int fd = open("mapped", O_RDWR | O_CREAT, 0644);
    ftruncate(fd, 5000);
    pwrite(fd, "mapped file", 11, 4096);
    char *file = mmap(0, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    printf("file %s, behind its end %s\n", file + 4096, attempt(file + 8192, 0));
    file[4096] = 'M';
    char check[2] = {0};
    pread(fd, check, 1, 4096);
    printf("private %s\n", check);
    show("zero length", (long)mmap(0, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    show("bad offset", (long)mmap(0, 4096, PROT_READ, MAP_PRIVATE, fd, 5));
    show("bad address", munmap((void *)5, 4096));
    show("occupied", (long)mmap(area + 4096, 4096, PROT_READ,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
    char *grown = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    strcpy(grown, "moved");
    grown = mremap(grown, 8192, 1 << 22, MREMAP_MAYMOVE);
    printf("%s %d\n", grown, grown[(1 << 22) - 1]);
    char *blocks[200];
    for (int i = 0; i < 200; i++) memset(blocks[i] = malloc(1000 * (i + 1)), i, 1000 * (i + 1));
    long sum = 0;
    for (int i = 0; i < 200; i++) sum += blocks[i][1000 * i], free(blocks[i]);
    printf("malloc %ld\n", sum);
    char *start = (char *)syscall(SYS_brk, 0);
    char *end = (char *)syscall(SYS_brk, start + 100000);
    end[-1] = 1;
    printf("brk %ld\n", (long)(end - start));
    printf("null %s\n", attempt(0, 0));
    printf("code %s\n", attempt((char *)(long)memory, 1));
}

static int depth(int n)
{
    volatile char frame[4096];
    frame[0] = n;
    return n ? depth(n - 1) + frame[0] - (n & 127) : 0;
}

static volatile int order[8], orders;

static void note(int number)
{
    order[orders++] = number;
}

static void on_alternate(int number)
{
    stack_t now;
    (void)number;
    sigaltstack(0, &now);
    order[orders++] = now.ss_flags == SS_ONSTACK ? 100 : 200;
}

static void signals(void)
{
    puts("signals");
    signal(SIGUSR1, note);
    signal(SIGUSR2, note);
    show("raise", raise(SIGUSR1));
    sigset_t set, old;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, &old);
    raise(SIGUSR2);
    raise(SIGUSR1);
    raise(SIGUSR1);
    sigpending(&set);
    printf("pending %d %d\n", sigismember(&set, SIGUSR1), sigismember(&set, SIGHUP));
    printf("held back %d\n", orders);
    sigprocmask(SIG_SETMASK, &old, 0);
    int sum = 0;
    for (int i = 0; i < orders; i++) sum += order[i];
    printf("delivered %d sum %d\n", orders, sum);
    static char stack[65536];
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
    show("sigaltstack", sigaltstack(&alternate, 0));
    struct sigaction action = {0};
    action.sa_handler = on_alternate;
    action.sa_flags = SA_ONSTACK | SA_RESETHAND;
    sigaction(SIGUSR1, &action, 0);
    orders = 0;
    raise(SIGUSR1);
    printf("on the alternate stack %d\n", order[0]);
    sigaction(SIGUSR1, 0, &action);
    printf("reset %d\n", action.sa_handler == SIG_DFL);
    signal(SIGUSR1, SIG_IGN);
    show("ignored", raise(SIGUSR1));
    show("kill nobody", kill(0x3ffffff, 0));
    show("bad signal", raise(99));
    show("uncatchable", sigaction(SIGKILL, &action, 0));
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGILL, &action, 0);
    sigaction(SIGFPE, &action, 0);
    if (!sigsetjmp(jump, 1)) __asm__ volatile("ud2");
    printf("illegal instruction %d\n", caught == SIGILL);
    int quotient = 1, rest = 0, zero = 0;
    if (!sigsetjmp(jump, 1)) __asm__ volatile("idivl %2" : "+a"(quotient), "+d"(rest) : "r"(zero));
    printf("division %d code %d\n", caught == SIGFPE, code == FPE_INTDIV);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void arithmetic(void)
{
    puts("arithmetic");
    static double values[20000];
    unsigned seed = 1;
    for (int i = 0; i < 20000; i++) {
        seed = seed * 1103515245 + 12345;
        values[i] = sin(seed / 1000.0) * sqrt(seed);
    }
    qsort(values, 20000, sizeof *values, compare);
    printf("%.6f %.6f %.6f\n", values[0], values[10000], values[19999]);
    printf("%g %a %.15Lg\n", exp(1), 1.0 / 3, 2.0L / 3);
}

static void system_(void)
{
    puts("system");
    struct utsname name;
    uname(&name);
    printf("%s %s\n", name.sysname, name.machine);
    struct timespec a, b, pause = {0, 2000000};
    clock_gettime(CLOCK_MONOTONIC, &a);
    show("nanosleep", nanosleep(&pause, 0));
    clock_gettime(CLOCK_MONOTONIC, &b);
    long passed = (b.tv_sec - a.tv_sec) * 1000000000 + b.tv_nsec - a.tv_nsec;
    printf("slept %d\n", passed >= 2000000);
    printf("after 2020 %d\n", time(0) > 1577836800);
    pause.tv_nsec = 1000000000;
    show("bad time", nanosleep(&pause, 0));
    show("bad clock", clock_gettime(77, &a));
    unsigned char random[32] = {0};
    show("getrandom", getrandom(random, 32, 0));
    int different = 0;
    for (int i = 1; i < 32; i++) different += random[i] != random[0];
    printf("random %d\n", different > 5);
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    printf("descriptors %d\n", limit.rlim_cur >= 256);
    printf("page size %ld auxv %lu\n", sysconf(_SC_PAGESIZE), getauxval(AT_PAGESZ));
    show("unknown call", syscall(448 + 1000));
    show("futex mismatch", syscall(SYS_futex, &different, 0, different + 1, 0));
    printf("stack %d\n", depth(1000));
    char *text = getenv("PERSONALITY");
    printf("variable %s\n", text ? text : "none");
}

int main(int argc, char **argv)
{
    setvbuf(stdout, 0, _IOFBF, 1 << 16);
    printf("arguments %d", argc);
    for (int i = 1; i < argc; i++) printf(" [%s]", argv[i]);
    puts("");
    umask(022);
    if (argc > 2 && chdir(argv[2]) != 0) return 1;
    files();
    directories();
    memory();
    signals();
    arithmetic();
    system_();
    fflush(stdout);
    return argc > 1 ? atoi(argv[1]) : 0;
}
