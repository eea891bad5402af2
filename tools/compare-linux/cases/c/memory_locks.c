// mlock(2) and its like with their limit, membarrier(2), process_vm_readv(2) and process_vm_writev(2).
#include "say.h"
#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#define PAGE 4096
#define RW (PROT_READ | PROT_WRITE)

static void no_capabilities(void) {
  struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {{0}};
  syscall(SYS_capset, &head, data);
}

static void limit(rlim_t pages) {
  struct rlimit l;
  getrlimit(RLIMIT_MEMLOCK, &l);
  l.rlim_cur = pages * PAGE;
  SAY(setrlimit(RLIMIT_MEMLOCK, &l));
}

static void locked(void) {
  char line[256];
  FILE *f = fopen("/proc/self/status", "r");
  while (fgets(line, sizeof line, f))
    if (!strncmp(line, "VmLck", 5)) fputs(line, stdout);
  fclose(f);
}

static int there(char *p) {
  unsigned char c = 0;
  return mincore(p, PAGE, &c) == 0 ? c & 1 : -1;
}

static void locks(void) {
  no_capabilities();
  char *p = mmap(0, 32 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  limit(8);
  SAY(mlock(p + 1, PAGE));
  locked();
  SAY(there(p) + there(p + PAGE));
  SAY(mlock(p, 8 * PAGE));
  locked();
  SAY(mlock(p, 8 * PAGE));
  SAY(mlock(p + 16 * PAGE, PAGE));
  SAY(mlock(p, 9 * PAGE));
  SAY(madvise(p, PAGE, MADV_DONTNEED));
  SAY(madvise(p + 8 * PAGE, PAGE, MADV_DONTNEED));
  SAY(munlock(p, 4 * PAGE));
  locked();
  SAY((long)mmap(0, 8 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0));
  char *q = mmap(0, 2 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);
  SAY(q != MAP_FAILED);
  locked();
  SAY((long)mremap(q, 2 * PAGE, 8 * PAGE, MREMAP_MAYMOVE));
  SAY(munmap(q, 2 * PAGE));
  locked();
  munmap(p + 20 * PAGE, PAGE);
  SAY(mlock(p + 19 * PAGE, 3 * PAGE));
  locked();
  SAY(munlock(p + 19 * PAGE, 3 * PAGE));
  SAY(mlock(p, 0));
  SAY(mlock(p, -1));
  SAY(syscall(SYS_mlock2, p, PAGE, 2));
  SAY(syscall(SYS_mlock2, p, PAGE, MLOCK_ONFAULT));
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    locked();
    fflush(stdout);
    _exit(0);
  }
  waitpid(pid, 0, 0);
  SAY(mlockall(0));
  SAY(mlockall(8));
  SAY(mlockall(MCL_ONFAULT));
  SAY(mlockall(MCL_CURRENT));
  SAY(munlockall());
  locked();
  SAY(mlockall(MCL_FUTURE));
  q = mmap(0, 2 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  SAY(there(q));
  locked();
  SAY(mmap(0, 8 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
  SAY(munlockall());
  locked();
  limit(0);
  SAY(mlock(p, PAGE));
  SAY(mlockall(MCL_CURRENT));
  SAY(munlock(p, PAGE));
  SAY((long)mmap(0, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0));
}

static void barriers(void) {
  long known = syscall(SYS_membarrier, 0, 0, 0);
  if (known < 0) {
    puts("no barriers");
    return;
  }
  SAY(syscall(SYS_membarrier, 0, 1, 0));
  SAY(syscall(SYS_membarrier, 8, 0, 0));
  SAY(syscall(SYS_membarrier, 16, 0, 0));
  SAY(syscall(SYS_membarrier, 8, 0, 0));
  SAY(syscall(SYS_membarrier, 2, 0, 0));
  SAY(syscall(SYS_membarrier, 4, 0, 0));
  SAY(syscall(SYS_membarrier, 2, 0, 0));
  SAY(syscall(SYS_membarrier, 3, 0, 0));
  SAY(syscall(SYS_membarrier, 1 << 30, 0, 0));
}

static long move(int call, pid_t pid, void *own, size_t size, void *other, size_t length) {
  struct iovec a = {own, size}, b = {other, length};
  return syscall(call, pid, &a, 1L, &b, 1L, 0L);
}

static void other_memory(void) {
  int go[2], done[2];
  char c, text[3 * PAGE];
  pipe(go), pipe(done);
  char *p = mmap(0, 3 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memset(p, 'a', 3 * PAGE);
  munmap(p + 2 * PAGE, PAGE);
  pid_t pid = fork();
  if (pid == 0) {
    strcpy(p, "of the child");
    mprotect(p + PAGE, PAGE, PROT_READ);
    write(done[1], "x", 1);
    read(go[0], &c, 1);
    printf("child has: %s\n", p);
    fflush(stdout);
    _exit(0);
  }
  read(done[0], &c, 1);
  SAY(move(SYS_process_vm_readv, pid, text, 13, p, 13));
  puts(text);
  SAY(move(SYS_process_vm_readv, pid, text, 3 * PAGE, p, 3 * PAGE));
  SAY(move(SYS_process_vm_readv, pid, text, 10, p + 2 * PAGE, 10));
  SAY(move(SYS_process_vm_readv, pid, text, 10, p, 0));
  SAY(move(SYS_process_vm_readv, pid, (void *)8, 0, p, 10));
  SAY(move(SYS_process_vm_readv, pid, (void *)8, 10, p, 10));
  SAY(move(SYS_process_vm_writev, pid, "of the parent", 14, p, 14));
  SAY(move(SYS_process_vm_writev, pid, text, 100, p + PAGE, 100));
  SAY(move(SYS_process_vm_writev, pid, text, 100, p + PAGE - 50, 100));
  SAY(move(SYS_process_vm_readv, 1 << 29, text, 10, p, 10));
  SAY(move(SYS_process_vm_readv, 1 << 29, text, 10, p, 0));
  SAY(move(SYS_process_vm_readv, getpid(), text, 4, "own", 4));
  struct iovec a[2] = {{text, 3}, {text + 100, 5}}, b[3] = {{p, 2}, {p + 2 * PAGE, 0}, {p + 3, 20}};
  SAY(syscall(SYS_process_vm_readv, pid, a, 2L, b, 3L, 0L));
  SAY(syscall(SYS_process_vm_readv, pid, a, 2L, b, 3L, 1L));
  SAY(syscall(SYS_process_vm_readv, pid, a, 1025L, b, 1L, 0L));
  SAY(syscall(SYS_process_vm_readv, pid, a, 1L, b, 1025L, 0L));
  SAY(syscall(SYS_process_vm_readv, pid, a, 1L, 8L, 1L, 0L));
  SAY(syscall(SYS_process_vm_readv, pid, 8L, 1L, b, 1L, 0L));
  b[0].iov_len = -1;
  SAY(syscall(SYS_process_vm_readv, pid, a, 1L, b, 1L, 0L));
  printf("parent has: %s\n", p);
  write(go[1], "x", 1);
  waitpid(pid, 0, 0);
  SAY(move(SYS_process_vm_readv, pid, text, 10, p, 10));
}

int main(void) {
  setvbuf(stdout, 0, _IONBF, 0);
  pid_t pid = fork();
  if (pid == 0) {
    locks();
    _exit(0);
  }
  say_wait("locks", pid);
  barriers();
  other_memory();
  return 0;
}
