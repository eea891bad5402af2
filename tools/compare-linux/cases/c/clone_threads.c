// Threads that do not share all: clone(2) with CLONE_THREAD but without CLONE_FS or CLONE_FILES, unshare(2) of threads.
#include "say.h"
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>

static volatile int tid;
static char *stack;

static void directory(const char *what) {
  char path[256];
  printf("%s: %s\n", what, getcwd(path, sizeof path));
  fflush(stdout);
}

static int moves(void *unused) {
  (void)unused;
  syscall(SYS_chdir, "/tmp");
  syscall(SYS_dup2, 1, 100);
  syscall(SYS_umask, 0);
  syscall(SYS_exit, 0);
  return 0;
}

static void combine(int flags) {
  chdir("/");
  close(100);
  umask(022);
  tid = 1;
  int all = CLONE_THREAD | CLONE_SIGHAND | CLONE_VM | CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID | flags;
  int id = clone(moves, stack, all, 0, 0, 0, (int *)&tid);
  SAY(id > 0);
  int now;
  while ((now = tid) != 0) syscall(SYS_futex, &tid, FUTEX_WAIT, now, 0, 0, 0);
  directory("thread has moved");
  SAY(fcntl(100, F_GETFD));
  SAY(umask(022));
}

static pthread_barrier_t barrier;

static void *parts(void *unused) {
  (void)unused;
  char text[16] = "";
  int fd = open("/tmp/one", O_RDONLY);
  SAY(fd);
  pthread_barrier_wait(&barrier);
  SAY(unshare(CLONE_FS | CLONE_FILES));
  SAY(unshare(CLONE_THREAD));
  SAY(chdir("/tmp"));
  SAY(close(fd));
  SAY(open("/tmp/two", O_RDONLY) == fd);
  for (int i = 0; i < 20; i++) {
    lseek(fd, 0, SEEK_SET);
    read(fd, text, 3);
  }
  printf("thread reads %s\n", text);
  directory("thread");
  pthread_barrier_wait(&barrier);
  pthread_barrier_wait(&barrier);
  directory("thread again");
  return 0;
}

int main(void) {
  stack = (char *)mmap(0, 1 << 18, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) + (1 << 18);
  combine(CLONE_FS | CLONE_FILES);
  combine(CLONE_FS);
  combine(CLONE_FILES);
  combine(0);
  write(open("/tmp/one", O_CREAT | O_WRONLY, 0600), "one", 3), close(3);
  write(open("/tmp/two", O_CREAT | O_WRONLY, 0600), "two", 3), close(3);
  pthread_barrier_init(&barrier, 0, 2);
  pthread_t thread;
  chdir("/");
  pthread_create(&thread, 0, parts, 0);
  pthread_barrier_wait(&barrier);
  pthread_barrier_wait(&barrier);
  char text[16] = "";
  for (int i = 0; i < 20; i++) {
    lseek(3, 0, SEEK_SET);
    read(3, text, 3);
  }
  printf("main reads %s\n", text);
  directory("main");
  // The whole process sees another mask of its own.
  pthread_barrier_wait(&barrier);
  pthread_join(thread, 0);
  SAY(fcntl(3, F_GETFD));
  char link[64] = "";
  readlink("/proc/self/cwd", link, sizeof link - 1);
  puts(link);
  return 0;
}
