// mincore(2): which pages of anonymous memory are there is told by pages, whatever a fault brings in beside the one it is
// for: those that were written to, and what is read, written or given to calls once somebody has asked.
#include "say.h"
#include <sys/mman.h>

enum { PAGE = 4096, PAGES = 64 };
static char *area;

static void tell(const char *what) {
  unsigned char there[PAGES];
  printf("%s: ", what);
  if (mincore(area, PAGES * PAGE, there) != 0) printf("%s", strerrorname_np(errno));
  else
    for (int i = 0; i < PAGES; i++) putchar("-x"[there[i] & 1]);
  putchar('\n');
  fflush(stdout);
}

static void make(void) {
  area = mmap((void *)0x200000000, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  madvise(area, PAGES * PAGE, MADV_NOHUGEPAGE);
}

/** The first question is a new process's. */
static void asking(const char *what, void (*uses)(void)) {
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    make();
    uses();
    tell(what);
    _exit(0);
  }
  say_wait(what, pid);
}

static void one(void) { area[20 * PAGE] = 1; }
static void several(void) { area[0] = 1, area[17 * PAGE + 5] = 2, area[18 * PAGE + 4095] = 3, area[63 * PAGE] = 4; }
static void by_calls(void) {
  int ends[2];
  pipe(ends);
  write(ends[1], area + 5 * PAGE, 3 * PAGE);
  read(ends[0], area + 33 * PAGE, PAGE);
  write(ends[1], area + 40 * PAGE + 100, 1);
}
static void discarded(void) {
  area[3 * PAGE] = area[4 * PAGE] = area[5 * PAGE] = 1;
  madvise(area + 4 * PAGE, PAGE, MADV_DONTNEED);
}
static void protected_again(void) {
  area[9 * PAGE] = 1;
  mprotect(area + 8 * PAGE, 4 * PAGE, PROT_READ);
  mprotect(area + 10 * PAGE, PAGE, PROT_READ | PROT_WRITE);
  area[10 * PAGE] = 1;
}
static void moved(void) {
  area[9 * PAGE] = area[30 * PAGE] = 1;
  area = mremap(area, PAGES * PAGE, PAGES * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)0x300000000);
}

static void locked(void) {
  area[20 * PAGE] = 1;
  mlock(area + 17 * PAGE, 9 * PAGE);
}
static void populated(void) {
  area[20 * PAGE] = 1;
  madvise(area + 22 * PAGE, 3 * PAGE, MADV_POPULATE_READ);
  madvise(area + 28 * PAGE, 2 * PAGE, MADV_POPULATE_WRITE);
}
static void locked_then_writable(void) {
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
  mmap(area + 2 * PAGE, 3 * PAGE, PROT_NONE, flags | MAP_LOCKED, -1, 0);
  mmap(area + 8 * PAGE, 3 * PAGE, PROT_NONE, flags, -1, 0);
  mlock2(area + 12 * PAGE, 3 * PAGE, MLOCK_ONFAULT);
  mprotect(area + 12 * PAGE, 3 * PAGE, PROT_NONE);
  mprotect(area, 16 * PAGE, PROT_READ | PROT_WRITE);
}

int main(void) {
  asking("locked", locked);
  asking("populated", populated);
  asking("locked, then writable", locked_then_writable);
  asking("none", make);
  asking("one", one);
  asking("several", several);
  asking("by calls", by_calls);
  asking("discarded", discarded);
  asking("protected", protected_again);
  asking("moved", moved);
  // Who has asked is told of reads as well.
  make();
  tell("new");
  volatile char seen = area[7 * PAGE];
  tell("read");
  area[8 * PAGE] = 0;
  tell("written a zero");
  seen = area[50 * PAGE], seen = area[52 * PAGE];
  tell("read more");
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    tell("inherited");
    area[51 * PAGE] = 1, area[20 * PAGE] = 0;
    tell("a child's own");
    _exit(0);
  }
  say_wait("child", pid);
  tell("its parent's");
  return 0;
}
