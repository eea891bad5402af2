// Limits that are kept to: setrlimit(2) and prlimit(2), of the own process and of others.
#include "say.h"
#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>

static int set(int resource, rlim_t soft, rlim_t hard) {
  struct rlimit limit = {soft, hard};
  return setrlimit(resource, &limit);
}

// Sets the soft limit alone.
static int lower(int resource, rlim_t soft) {
  struct rlimit limit;
  getrlimit(resource, &limit);
  limit.rlim_cur = soft;
  return setrlimit(resource, &limit);
}

static void no_capabilities(void) {
  struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {{0}};
  syscall(SYS_capset, &head, data);
}

static int maps(size_t bytes, int protection, int flags) {
  void *p = mmap(0, bytes, protection, flags | MAP_ANONYMOUS, -1, 0);
  return p == MAP_FAILED ? -1 : munmap(p, bytes);
}

static void in_child(void (*what)(void)) {
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    what();
    fflush(stdout);
    _exit(0);
  }
  int status;
  waitpid(pid, &status, 0);
  if (WIFSIGNALED(status)) printf("child: signal %d\n", WTERMSIG(status));
}

#define M (1 << 20)
#define RW (PROT_READ | PROT_WRITE)

static void address_space(void) {
  SAY(lower(RLIMIT_AS, 64 * M));
  SAY(maps(128 * M, RW, MAP_PRIVATE));
  SAY(maps(128 * M, PROT_NONE, MAP_PRIVATE));
  SAY(maps(128 * M, PROT_NONE, MAP_PRIVATE | MAP_NORESERVE));
  SAY(maps(128 * M, RW, MAP_SHARED));
  SAY(maps(16 * M, RW, MAP_PRIVATE));
  char *p = mmap(0, 32 * M, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  SAY(p != MAP_FAILED);
  SAY(mmap(p, 32 * M, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p);
  SAY(mremap(p, 32 * M, 80 * M, MREMAP_MAYMOVE) == MAP_FAILED);
  SAY(mremap(p, 32 * M, 40 * M, MREMAP_MAYMOVE) != MAP_FAILED);
  SAY(sbrk(64 * M) == (void *)-1);
  SAY(sbrk(M) != (void *)-1);
}

static void data(void) {
  SAY(lower(RLIMIT_DATA, 16 * M));
  SAY(maps(32 * M, RW, MAP_PRIVATE));
  SAY(maps(32 * M, PROT_READ, MAP_PRIVATE));
  SAY(maps(32 * M, RW, MAP_SHARED));
  SAY(maps(4 * M, RW, MAP_PRIVATE));
  char *p = mmap(0, 32 * M, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  SAY(p != MAP_FAILED);
  SAY(mprotect(p, 32 * M, RW));
  SAY(mprotect(p, 4 * M, RW));
  SAY(sbrk(16 * M) == (void *)-1);
}

static void cpu_soft(void) {
  SAY(set(RLIMIT_CPU, 1, 2));
  for (volatile long i = 0;; i++);
}

static volatile int seen;
static void exceeded(int number) { seen += number == SIGXCPU; }

static void cpu_hard(void) {
  signal(SIGXCPU, exceeded);
  SAY(set(RLIMIT_CPU, 1, 3));
  while (!seen);
  SAY(seen);
  struct rlimit limit;
  getrlimit(RLIMIT_CPU, &limit);
  SAY(limit.rlim_cur);
  while (seen < 2);
  getrlimit(RLIMIT_CPU, &limit);
  SAY(limit.rlim_cur);
  for (volatile long i = 0;; i++);
}

static void hard(void) {
  no_capabilities();
  SAY(set(RLIMIT_CORE, 100, 100) == 0 || errno == EPERM);
  SAY(set(RLIMIT_FSIZE, 1000, 2000));
  SAY(set(RLIMIT_FSIZE, 2000, 2000));
  SAY(set(RLIMIT_FSIZE, 2000, 2001));
  SAY(set(RLIMIT_FSIZE, 2001, 2000));
  SAY(set(RLIMIT_FSIZE, 0, RLIM_INFINITY));
  SAY(set(99, 0, 0));
  SAY(setrlimit(RLIMIT_FSIZE, (void *)8));
  SAY(setrlimit(99, (void *)8));
  SAY(getrlimit(99, (void *)8));
  SAY(getrlimit(RLIMIT_FSIZE, (void *)8));
  struct rlimit old, new = {500, 1000};
  SAY(prlimit(0, RLIMIT_FSIZE, &new, (void *)8));
  SAY(prlimit(0, RLIMIT_FSIZE, 0, &old));
  SAY(old.rlim_cur);
  SAY(prlimit(0, 99, 0, 0));
  SAY(prlimit(0, RLIMIT_FSIZE, 0, 0));
  SAY(prlimit(1 << 29, 99, 0, 0));
  SAY(prlimit(1 << 29, 0, (void *)8, 0));
  SAY(prlimit(-1, 0, 0, 0));
}

static void others(void) {
  int end[2];
  char c;
  pipe(end);
  pid_t pid = fork();
  if (pid == 0) {
    read(end[0], &c, 1);
    struct rlimit mine;
    getrlimit(RLIMIT_NOFILE, &mine);
    SAY(mine.rlim_cur);
    SAY(dup2(1, 20));
    _exit(0);
  }
  struct rlimit new = {20, 20}, old;
  SAY(prlimit(pid, RLIMIT_NOFILE, &new, &old));
  SAY(prlimit(pid, RLIMIT_NOFILE, 0, &old));
  SAY(old.rlim_max);
  write(end[1], "x", 1);
  waitpid(pid, 0, 0);
}

static int depth(int n) {
  volatile char room[4096];
  room[0] = n;
  return n == 0 ? 0 : depth(n - 1) + room[0] - n + 1;
}

static void stack(void) {
  SAY(lower(RLIMIT_STACK, M));
  SAY(depth(150));
  depth(1000);
  puts("deeper than it should be");
}

static void shown(void) {
  char line[256];
  set(RLIMIT_CPU, 100, 200);
  set(RLIMIT_FSIZE, 4096, RLIM_INFINITY);
  lower(RLIMIT_NOFILE, 33);
  FILE *f = fopen("/proc/self/limits", "r");
  while (fgets(line, sizeof line, f))
    if (strstr(line, "cpu") || strstr(line, "Max file size") || !strncmp(line, "Limit", 5)) fputs(line, stdout);
  fclose(f);
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  SAY(limit.rlim_cur);
}

int main(void) {
  in_child(address_space);
  in_child(data);
  in_child(cpu_soft);
  in_child(cpu_hard);
  in_child(hard);
  in_child(others);
  in_child(stack);
  in_child(shown);
  return 0;
}
