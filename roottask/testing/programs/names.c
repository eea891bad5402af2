// Names and directories: what may be renamed, made and removed, removed directories, reading a directory while
// it changes; limits; interrupted waits. The same on Linux.

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void show(const char *what, long value) {
  if (value >= 0) printf("%s: %ld\n", what, value);
  else printf("%s: error %d\n", what, errno);
}

#define S(call) do { errno = 0; long value_ = (call); show(#call, value_); } while (0)
#define CLOSED(call) (close(call))

static void names(void) {
  struct stat s;
  S(mkdir("a", 0755));
  S(mkdir("a/b", 0755));
  S(mkdir("a/b/c/", 0755));
  S(mkdir("a/.", 0755));
  S(mkdir("a/..", 0755));
  S(mkdir("/", 0755));
  S(CLOSED(open("f", O_CREAT | O_WRONLY, 0644)));
  S(CLOSED(open("g", O_CREAT | O_WRONLY, 0644)));
  S(open("h/", O_CREAT | O_WRONLY, 0644));
  S(rename("a", "a/b/x"));
  S(rename("a/b", "a"));
  S(rename("f", "a/b"));
  S(rename("a/b", "f"));
  S(rename("a/b/.", "z"));
  S(rename("a/b/..", "z"));
  S(rename("f", "a/."));
  S(rename("f/", "z"));
  S(rename("f", "z/"));
  S(rename("missing", "z"));
  S(rename("f", "missing/z"));
  S(rename("f", "f"));
  S(rename("f", "g"));
  S(access("f", F_OK));
  S(link("g", "f"));
  S(rename("g", "f"));
  S((stat("g", &s), s.st_nlink));
  S(link("g", "l/"));
  S(link("a", "l"));
  S(symlink("t", "l/"));
  S(syscall(SYS_renameat2, AT_FDCWD, "f", AT_FDCWD, "a/b", 1));
  S(syscall(SYS_renameat2, AT_FDCWD, "f", AT_FDCWD, "a/b", 3));
  S(syscall(SYS_renameat2, AT_FDCWD, "f", AT_FDCWD, "none", 2));
  S(syscall(SYS_renameat2, AT_FDCWD, "a", AT_FDCWD, "a/b", 2));
  S(syscall(SYS_renameat2, AT_FDCWD, "f", AT_FDCWD, "a/b", 2));
  S((stat("f", &s), S_ISDIR(s.st_mode) ? s.st_nlink : 0));
  S((stat("a", &s), s.st_nlink));
  S(chdir("f/c"));
  S(CLOSED(open("../../g", O_RDONLY)));
  S(chdir("../.."));
  S(syscall(SYS_renameat2, AT_FDCWD, "f", AT_FDCWD, "a/b", 2));
  S(rmdir("a/b/."));
  S(rmdir("a/b/.."));
  S(rmdir("/"));
  S(rmdir("f"));
  S(rmdir("f/"));
  S(unlink("a"));
  S(unlink("a/"));
  S(unlink("f/"));
  S(unlink("a/."));
  S(unlinkat(AT_FDCWD, "f", 0x4000));
  S(rename("a/b/c", "c"));
  S(rmdir("a/b"));
  S(rmdir("a"));
  S((stat("c", &s), s.st_nlink));
}

static void removed(void) {
  char bytes[200];
  S(mkdir("m", 0755));
  S(mkdir("m/n", 0755));
  S(chdir("m/n"));
  S(rmdir("../n"));
  S(rmdir("../../m"));
  S(syscall(SYS_getcwd, bytes, 200));
  S(open("x", O_CREAT | O_WRONLY, 0644));
  S(mkdir("x", 0755));
  S(symlink("x", "y"));
  S(rename("../../f", "x"));
  int here = open(".", O_RDONLY);
  S(syscall(SYS_getdents64, here, bytes, 200));
  S(close(here));
  S(open("../f", O_RDONLY));
  S(chdir("../.."));
  S(CLOSED(open("f", O_RDONLY)));
}

static void directories(void) {
  char name[20];
  struct dirent *entry;
  int seen = 0;
  S(mkdir("many", 0755));
  for (int i = 0; i < 500; i++) {
    sprintf(name, "many/%d", i);
    close(open(name, O_CREAT | O_WRONLY, 0600));
  }
  DIR *directory = opendir("many");
  while ((entry = readdir(directory))) {
    if (entry->d_name[0] == '.') continue;
    seen++;
    if (unlinkat(dirfd(directory), entry->d_name, 0) != 0) printf("%s?\n", entry->d_name);
  }
  closedir(directory);
  printf("seen %d\n", seen);
  S(rmdir("many"));
}

static void limits(void) {
  struct rlimit limit = {64, 64};
  char bytes[300];
  memset(bytes, 'x', sizeof bytes);
  S(setrlimit(RLIMIT_NOFILE, &limit));
  S((getrlimit(RLIMIT_NOFILE, &limit), limit.rlim_cur));
  S(fcntl(1, F_DUPFD, 64));
  S(dup2(1, 64));
  S(close(dup2(1, 63)));
  limit.rlim_cur = 10;
  limit.rlim_max = 5;
  S(setrlimit(RLIMIT_CORE, &limit));
  S(getrlimit(99, &limit));
  limit.rlim_cur = limit.rlim_max = 200;
  S(setrlimit(RLIMIT_FSIZE, &limit));
  signal(SIGXFSZ, SIG_IGN);
  int fd = open("limited", O_CREAT | O_RDWR, 0600);
  S(write(fd, bytes, 300));
  S(write(fd, bytes, 1));
  S(pwrite(fd, bytes, 100, 150));
  S(pwrite(fd, bytes, 1, 200));
  S(ftruncate(fd, 201));
  S(ftruncate(fd, 100));
  S(truncate("limited", 201));
  S(fallocate(fd, 0, 0, 201));
  S(fallocate(fd, 0, 0, 200));
  S(lseek(fd, 0, SEEK_END));
  close(fd);
}

static pthread_t main_thread;

static volatile int handled;

static void nothing(int signal) { handled++; }

static void tell(int signal, siginfo_t *info, void *context) {
  printf("signal %d code %d own %d\n", signal, info->si_code, info->si_pid == getpid());
}

static void *send(void *unused) {
  usleep(50000);
  pthread_kill(main_thread, SIGUSR1);
  return 0;
}

static void interrupted(void) {
  // Long enough for the slowest host: the signal ends every wait.
  struct timespec wanted = {1000, 0}, left = {-1, -1};
  struct timeval time = {1000, 0};
  struct pollfd none = {.fd = -1};
  struct sigaction action = {.sa_handler = nothing};
  pthread_t thread;
  main_thread = pthread_self();
  sigaction(SIGUSR1, &action, 0);
#define INTERRUPTED(call) do { pthread_create(&thread, 0, send, 0); S(call); pthread_join(thread, 0); } while (0)
  INTERRUPTED(nanosleep(&wanted, &left));
  printf("left %s\n", left.tv_sec > 500 && left.tv_sec < 1000 ? "most of it" : "?");
  left.tv_sec = -1;
  INTERRUPTED(clock_nanosleep(CLOCK_MONOTONIC, 0, &wanted, &left));
  printf("left %s\n", left.tv_sec > 500 && left.tv_sec < 1000 ? "most of it" : "?");
  INTERRUPTED(poll(&none, 1, 1000000));
  INTERRUPTED(poll(&none, 1, -1));
  INTERRUPTED(select(0, 0, 0, 0, &time));
  action.sa_sigaction = tell;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGUSR2, &action, 0);
  S(kill(getpid(), SIGUSR2));
  S(raise(SIGUSR2));
  S(syscall(SYS_tgkill, getpid(), getpid(), SIGUSR2));
  S(kill(getpid(), 0));
  S(kill(getpid(), 99));
  sigset_t blocked, none_blocked, now;
  sigemptyset(&none_blocked);
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR1);
  INTERRUPTED(pause());
  INTERRUPTED(sigsuspend(&none_blocked));
  sigprocmask(SIG_BLOCK, &blocked, 0);
  handled = 0;
  raise(SIGUSR1);
  S(handled);
  S(sigsuspend(&none_blocked));
  S(handled);
  S((sigprocmask(SIG_BLOCK, 0, &now), sigismember(&now, SIGUSR1)));
  raise(SIGUSR1);
  wanted.tv_sec = 1000;
  S(ppoll(&none, 1, &wanted, &none_blocked));
  S(handled);
  S((sigprocmask(SIG_BLOCK, 0, &now), sigismember(&now, SIGUSR1)));
  raise(SIGUSR1);
  S(pselect(0, 0, 0, 0, &wanted, &none_blocked));
  S(handled);
  struct timespec short_time = {0, 1000};
  S(ppoll(&none, 1, &short_time, &none_blocked));
  S((sigprocmask(SIG_BLOCK, 0, &now), sigismember(&now, SIGUSR1)));
  S(clock_nanosleep(99, 0, &wanted, 0));
  S(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &wanted, 0));
}

static void ranges(void) {
  char *pages = mmap(0, 4 * 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(pages + 2 * 4096, 4096);
  S(mprotect(pages, 4 * 4096, PROT_READ | PROT_WRITE));
  pages[0] = pages[4096] = 1;
  S(mprotect(pages, 4096, PROT_READ | 8));
  S(mprotect(pages, 4096, 16));
  S(mprotect(pages + 1, 4096, PROT_READ));
  S(mprotect(pages + 2 * 4096, 4096, PROT_READ));
  S(msync(pages, 4096, MS_SYNC | MS_ASYNC));
  S(msync(pages, 4096, 8));
  S(msync(pages + 1, 4096, MS_SYNC));
  S(msync(pages, 4 * 4096, MS_SYNC));
  S(msync(pages, 2 * 4096, MS_SYNC));
  S(mlock(pages + 2 * 4096, 4096));
  S(syscall(SYS_tgkill, 0, 0, 0));
  S(syscall(SYS_tkill, -1, 0));
  S(getrusage(5, (void *)pages));
}

int main(int argc, char **argv) {
  S(chdir(argv[1]));
  names();
  removed();
  directories();
  limits();
  interrupted();
  ranges();
  return 0;
}
