// mprotect(2), madvise(2), mremap(2), munmap(2), msync(2), mincore(2), mlock(2) on ranges with holes, and what the
// advice does: order of effects and errors.
#include "say.h"
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define PAGE 4096
#define RW (PROT_READ | PROT_WRITE)
#define ANY (MAP_PRIVATE | MAP_ANONYMOUS)

static sigjmp_buf back;
static void fault(int number, siginfo_t *info, void *context) {
  (void)info, (void)context;
  siglongjmp(back, number);
}

// What a read and a write of a byte end with: 0, or the signal.
static int reads(volatile char *p) {
  int number = sigsetjmp(back, 1);
  if (number == 0) (void)*p;
  return number;
}

static int writes(volatile char *p) {
  int number = sigsetjmp(back, 1);
  if (number == 0) *p = *p;
  return number;
}

// Eight pages of which the fourth and the sixth are not there, each with its number in it.
static char *holes(void) {
  char *p = mmap(0, 8 * PAGE, RW, ANY, -1, 0);
  for (int i = 0; i < 8; i++) p[i * PAGE] = 'a' + i;
  munmap(p + 3 * PAGE, PAGE);
  munmap(p + 5 * PAGE, PAGE);
  return p;
}

static void look(char *p) {
  for (int i = 0; i < 8; i++) {
    int r = reads(p + i * PAGE), w = writes(p + i * PAGE);
    if (r != 0) printf(" -%d", r);
    else printf(" %s%c", w ? "r" : "w", p[i * PAGE] ? p[i * PAGE] : '0');
  }
  puts("");
}

static void protection(void) {
  char *p = holes();
  SAY(mprotect(p + PAGE, 6 * PAGE, PROT_READ));
  look(p);
  SAY(mprotect(p + 3 * PAGE, 2 * PAGE, PROT_READ));
  look(p);
  SAY(mprotect(p + 4 * PAGE, 0, 99));
  SAY(mprotect(p + 1, 0, RW));
  SAY(mprotect(p, PAGE, 0x40));
  SAY(mprotect(p + 3 * PAGE, PAGE, 0x40));
  SAY(mprotect(p, -1L, RW));
  SAY(mprotect(p, -PAGE, RW));
  SAY(mprotect(p, PAGE, RW | PROT_GROWSDOWN));
  SAY(mprotect(p, PAGE, RW | PROT_GROWSUP));
  SAY(mprotect(p + 3 * PAGE, PAGE, RW | PROT_GROWSUP));
  SAY(mprotect(p + 3 * PAGE, PAGE, RW | PROT_GROWSDOWN));
  SAY(mprotect(p + 3 * PAGE, 2 * PAGE, RW | PROT_GROWSDOWN));
  SAY(mprotect(p, PAGE, RW | PROT_GROWSDOWN | PROT_GROWSUP));
  look(p);
  // What cannot be written to in the middle.
  int fd = memfd_create("f", 0), ro;
  char path[40];
  ftruncate(fd, 4 * PAGE);
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  ro = open(path, O_RDONLY);
  SAY(mmap(p + 2 * PAGE, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, ro, 0) == p + 2 * PAGE);
  SAY(mprotect(p, PAGE, PROT_READ));
  SAY(mprotect(p, 6 * PAGE, RW));
  look(p);
  // Limits count where the area that becomes data is reached.
  struct rlimit l;
  getrlimit(RLIMIT_DATA, &l);
  char *q = mmap(0, 3 * PAGE, PROT_READ, ANY, -1, 0);
  SAY(mprotect(q + PAGE, PAGE, PROT_NONE));
  SAY(mprotect(q, PAGE, RW));
  struct rlimit none = {PAGE, l.rlim_max};
  SAY(mprotect(q, PAGE, PROT_READ));
  setrlimit(RLIMIT_DATA, &none);
  SAY(mprotect(q, 3 * PAGE, RW));
  setrlimit(RLIMIT_DATA, &l);
  SAY(writes(q));
  SAY(reads(q + PAGE));
  char local;
  SAY(mprotect((char *)((long)&local & -PAGE), PAGE, RW | PROT_GROWSDOWN));
  close(fd);
  close(ro);
}

static void advice(void) {
  char *p = holes();
  SAY(madvise(p + PAGE, 6 * PAGE, MADV_DONTNEED));
  look(p);
  SAY(madvise(p + 3 * PAGE, PAGE, MADV_DONTNEED));
  SAY(madvise(p + 3 * PAGE, PAGE, MADV_NORMAL));
  SAY(madvise(p + 7 * PAGE, 2 * PAGE, 77));
  SAY(madvise(p, -1L, MADV_DONTNEED));
  SAY(madvise(p, -PAGE, MADV_NORMAL));
  SAY(madvise(p + 1, PAGE, MADV_NORMAL));
  SAY(madvise(p + 3 * PAGE, 0, MADV_DONTNEED));
  SAY(madvise(p, 0, 77));
  static const int all[] = {MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED, MADV_DONTNEED, 5, 6, 7,
                            MADV_FREE, MADV_REMOVE, MADV_DONTFORK, MADV_DOFORK, MADV_DONTDUMP, MADV_DODUMP,
                            MADV_WIPEONFORK, MADV_KEEPONFORK, MADV_COLD, MADV_PAGEOUT, MADV_POPULATE_READ,
                            MADV_POPULATE_WRITE, 24, 26, 99, -1};
  int fd = memfd_create("f", 0);
  ftruncate(fd, 2 * PAGE);
  char *kinds[5];
  kinds[0] = mmap(0, 2 * PAGE, RW, ANY, -1, 0);
  kinds[1] = mmap(0, 2 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  kinds[2] = mmap(0, 2 * PAGE, RW, MAP_PRIVATE, fd, 0);
  kinds[3] = mmap(0, 2 * PAGE, RW, MAP_SHARED, fd, 0);
  kinds[4] = mmap(0, 2 * PAGE, RW, ANY, -1, 0);
  mlock(kinds[4], 2 * PAGE);
  for (unsigned i = 0; i < sizeof all / sizeof *all; i++) {
    printf("%d:", all[i]);
    for (int k = 0; k < 5; k++) {
      errno = 0;
      int r = madvise(kinds[k], 2 * PAGE, all[i]);
      printf(" %s", r == 0 ? "0" : strerrorname_np(errno));
    }
    puts("");
  }
  // Contents that are given up.
  kinds[1][0] = kinds[2][0] = 'x';
  kinds[3][0] = 'y';
  SAY(madvise(kinds[1], PAGE, MADV_DONTNEED) + kinds[1][0]);
  SAY(kinds[2][0]);
  SAY(madvise(kinds[2], PAGE, MADV_DONTNEED));
  SAY(kinds[2][0]);
  SAY(madvise(kinds[3], PAGE, MADV_REMOVE));
  SAY(kinds[3][0]);
  char *none = mmap(0, PAGE, PROT_NONE, ANY, -1, 0);
  SAY(madvise(none, PAGE, MADV_POPULATE_READ));
  SAY(madvise(none, PAGE, MADV_POPULATE_WRITE));
  SAY(mprotect(none, PAGE, PROT_READ));
  SAY(madvise(none, PAGE, MADV_POPULATE_READ));
  SAY(madvise(none, PAGE, MADV_POPULATE_WRITE));
  char *beyond = mmap(0, 4 * PAGE, RW, MAP_SHARED, fd, 0);
  SAY(madvise(beyond, 4 * PAGE, MADV_POPULATE_READ));
  SAY(madvise(beyond + 2 * PAGE, PAGE, MADV_POPULATE_WRITE));
  p = holes();
  SAY(madvise(p, 8 * PAGE, MADV_POPULATE_WRITE));
  // Nothing behind the first hole is brought in.
  for (int advice = MADV_POPULATE_READ; advice <= MADV_POPULATE_WRITE; advice++) {
    unsigned char present = 9;
    char *island = mmap(0, 3 * PAGE, RW, ANY, -1, 0);
    SAY(munmap(island, PAGE));
    SAY(madvise(island, 3 * PAGE, advice));
    SAY(mincore(island + PAGE, PAGE, &present));
    SAY(present & 1);
  }
  close(fd);
}

static void forks(void) {
  char *p = mmap(0, 4 * PAGE, RW, ANY, -1, 0);
  for (int i = 0; i < 4; i++) p[i * PAGE] = 'a' + i;
  SAY(madvise(p + PAGE, PAGE, MADV_WIPEONFORK));
  SAY(madvise(p + 2 * PAGE, PAGE, MADV_DONTFORK));
  for (int round = 0; round < 2; round++) {
    pid_t child = fork();
    if (child == 0) {
      for (int i = 0; i < 4; i++)
        if (reads(p + i * PAGE)) printf(" none");
        else printf(" %d", p[i * PAGE]);
      puts("");
      fflush(stdout);
      if (reads(p + PAGE) == 0) {
        p[PAGE] = 'z';
        child = fork();
        if (child == 0) printf("grandchild %d\n", p[PAGE]), fflush(stdout), _exit(0);
        say_wait("grandchild", child);
      }
      _exit(0);
    }
    say_wait("child", child);
    SAY(madvise(p, 4 * PAGE, MADV_KEEPONFORK));
    SAY(madvise(p, 4 * PAGE, MADV_DOFORK));
  }
  SAY(p[PAGE]);
  SAY(p[2 * PAGE]);
}

#define MOVE(...) (errno = 0, mremap(__VA_ARGS__) == MAP_FAILED ? errno : 0)

static void moving(void) {
  char *p = holes();
  char *room = mmap(0, 16 * PAGE, PROT_NONE, ANY, -1, 0);
  SAY(MOVE(p + 3 * PAGE, PAGE, PAGE, 0));
  SAY(MOVE(p + 3 * PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE));
  SAY(MOVE(p + 2 * PAGE, 2 * PAGE, 3 * PAGE, MREMAP_MAYMOVE));
  SAY(MOVE(p + 2 * PAGE, 2 * PAGE, 2 * PAGE, 0));
  SAY(MOVE(p + PAGE, PAGE, 2 * PAGE, 0));
  SAY(MOVE(p + 1, PAGE, PAGE, 0));
  SAY(MOVE(p, PAGE, 0, 0));
  SAY(MOVE(p, PAGE, PAGE, 8));
  SAY(MOVE(p, PAGE, PAGE, MREMAP_FIXED, room));
  SAY(MOVE(p, PAGE, PAGE, MREMAP_DONTUNMAP));
  SAY(MOVE(p, PAGE, 2 * PAGE, MREMAP_DONTUNMAP | MREMAP_MAYMOVE));
  SAY(MOVE(p, 0, PAGE, MREMAP_MAYMOVE));
  SAY(MOVE(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, room + 1));
  SAY(MOVE(p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + PAGE));
  SAY(MOVE(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)0x7ffffffff000));
  look(p);
  // Cutting may go over holes.
  SAY(MOVE(p, 8 * PAGE, PAGE, 0));
  look(p);
  p = holes();
  SAY(mremap(p, 2 * PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, room) == room);
  look(p);
  SAY(room[0]);
  SAY(writes(room));
  SAY(reads(room + PAGE));
  // The old place stays, empty.
  char *q = mremap(p + 2 * PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP);
  SAY(q != MAP_FAILED);
  SAY(q[0]);
  look(p);
  SAY(mremap(p + 4 * PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP | MREMAP_FIXED, room + 4 * PAGE) ==
      room + 4 * PAGE);
  look(p);
  SAY(room[4 * PAGE]);
  int fd = memfd_create("f", 0);
  ftruncate(fd, 2 * PAGE);
  char *s = mmap(0, 2 * PAGE, RW, MAP_SHARED, fd, 0);
  s[0] = 's', s[PAGE] = 't';
  char *t = mremap(s, 0, 2 * PAGE, MREMAP_MAYMOVE);
  SAY(t != MAP_FAILED);
  SAY(t[0] == 's' && s[0] == 's' && t != s);
  t[PAGE] = 'u';
  SAY(s[PAGE]);
  char *u = mremap(s, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP);
  SAY(u != MAP_FAILED && u[0] == 's' && s[0] == 's');
  SAY(munmap(s, 2 * PAGE) + munmap(t, 2 * PAGE));
  close(fd);
}

static void others(void) {
  char *p = holes();
  unsigned char v[8];
  memset(v, 9, sizeof v);
  SAY(mincore(p, 8 * PAGE, v));
  SAY(mincore(p + 4 * PAGE, PAGE - 1, v));
  SAY(v[0] & 1);
  SAY(mincore(p + 1, PAGE, v));
  SAY(mincore(p, PAGE, (void *)8));
  SAY(mincore(p, 0, 0));
  SAY(mincore(p + 3 * PAGE, PAGE, (void *)8));
  SAY(mincore(p, -1L, v));
  SAY(mincore(p, PAGE, (void *)-1L));
  int fd = memfd_create("f", 0);
  ftruncate(fd, 2 * PAGE);
  pwrite(fd, "x", 1, 0);
  char *s = mmap(0, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
  SAY(mincore(s, 2 * PAGE, v));
  SAY(v[0] & 1);
  SAY(v[1] & 1);
  SAY(msync(p, 8 * PAGE, MS_SYNC));
  SAY(msync(p, 8 * PAGE, MS_ASYNC));
  SAY(msync(p, 3 * PAGE, MS_ASYNC));
  SAY(msync(p + 3 * PAGE, PAGE, 0));
  SAY(msync(p + 3 * PAGE, 0, MS_SYNC));
  SAY(msync(p + 1, PAGE, MS_SYNC));
  SAY(msync(p, PAGE, MS_SYNC | MS_ASYNC));
  SAY(msync(p, PAGE, 8));
  SAY(msync(p, -1L, MS_SYNC));
  SAY(msync(p, -PAGE, MS_SYNC));
  SAY(mlock(p, PAGE));
  SAY(msync(p, 4 * PAGE, MS_SYNC | MS_INVALIDATE));
  SAY(msync(p + PAGE, 4 * PAGE, MS_SYNC | MS_INVALIDATE));
  SAY(munlock(p, 8 * PAGE));
  SAY(msync(p, PAGE, MS_INVALIDATE));
  // What lies before a hole is locked.
  SAY(mlock(p + PAGE, 4 * PAGE));
  SAY(madvise(p + PAGE, PAGE, MADV_DONTNEED));
  SAY(madvise(p + 4 * PAGE, PAGE, MADV_DONTNEED));
  SAY(munlock(p + 2 * PAGE, 2 * PAGE));
  SAY(madvise(p + PAGE, PAGE, MADV_DONTNEED));
  SAY(madvise(p + 2 * PAGE, PAGE, MADV_DONTNEED));
  SAY(munlock(p + 3 * PAGE, PAGE));
  SAY(mlock(p + 3 * PAGE, 0));
  SAY(mlock(mmap(0, PAGE, PROT_NONE, ANY, -1, 0), PAGE));
  SAY(munmap(p + 3 * PAGE, PAGE));
  SAY(munmap(p + 2 * PAGE, 4 * PAGE));
  look(p);
  SAY(munmap(p, -1L));
  SAY(munmap(p, -PAGE));
  SAY(munmap(p + 1, 1));
  SAY(munmap(p, 1));
  look(p);
  close(fd);
}

#define MAP(...) (errno = 0, mmap(__VA_ARGS__) == MAP_FAILED ? errno : 0)

static void placing(void) {
  char *p = holes();
  SAY(MAP(p + 3 * PAGE, PAGE, RW, ANY | MAP_FIXED_NOREPLACE, -1, 0));
  SAY(MAP(p + 4 * PAGE, 2 * PAGE, RW, ANY | MAP_FIXED_NOREPLACE, -1, 0));
  SAY(MAP(p + 5 * PAGE, PAGE, RW, ANY | MAP_FIXED | MAP_FIXED_NOREPLACE, -1, 0));
  SAY(MAP(p + 1, PAGE, RW, ANY | MAP_FIXED_NOREPLACE, -1, 0));
  SAY(MAP(p + 1, PAGE, RW, ANY | MAP_FIXED, -1, 0));
  SAY(MAP((void *)0x7ffffffff001, PAGE, RW, ANY | MAP_FIXED, -1, 0));
  SAY(MAP((void *)0x7ffffffff000, PAGE, RW, ANY | MAP_FIXED, -1, 0));
  SAY(MAP((void *)0x1000, PAGE, RW, ANY, -1, 0));
  SAY(MAP(0, PAGE, RW, MAP_ANONYMOUS, -1, 0));
  SAY(MAP(0, PAGE, RW, MAP_ANONYMOUS | MAP_SHARED_VALIDATE, -1, 0));
  SAY(MAP(0, 0, RW, MAP_ANONYMOUS, -1, 0));
  SAY(MAP(0, -1L, RW, ANY, -1, 0));
  SAY(MAP(0, 1L << 47, RW, ANY, -1, 0));
  SAY(MAP(0, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0));
  int fd = memfd_create("f", 0);
  ftruncate(fd, PAGE);
  SAY(MAP(0, PAGE, RW, MAP_PRIVATE | MAP_GROWSDOWN, fd, 0));
  SAY(MAP(0, PAGE, RW, MAP_SHARED | MAP_GROWSDOWN, fd, 0));
  SAY(MAP(0, PAGE, RW, MAP_SHARED | MAP_HUGETLB, fd, 0));
  SAY(MAP(0, PAGE, RW, ANY | MAP_HUGETLB | (13 << 26), -1, 0));
  // Areas that grow down, as far as the next one leaves room.
  char *area = mmap(0, 2048 * PAGE, PROT_NONE, ANY, -1, 0);
  munmap(area, 2048 * PAGE);
  char *top = area + 2047 * PAGE;
  SAY(mmap(top, PAGE, RW, ANY | MAP_GROWSDOWN | MAP_FIXED, -1, 0) == top);
  top[-1] = 'g';
  top[-8 * PAGE] = 'h';
  SAY(top[-1]);
  SAY(writes(top - 8 * PAGE + 1));
  SAY(top[-4 * PAGE]);
  SAY(read(open("/dev/zero", O_RDONLY), top - 9 * PAGE, PAGE));
  SAY(mmap(top - 300 * PAGE, PAGE, RW, ANY | MAP_FIXED, -1, 0) == top - 300 * PAGE);
  SAY(writes(top - 40 * PAGE));
  SAY(writes(top - 60 * PAGE));
  SAY(mprotect(top, PAGE, PROT_READ | PROT_GROWSDOWN));
  SAY(writes(top));
  SAY(writes(top - 8 * PAGE));
  SAY(munmap(top - 300 * PAGE, 301 * PAGE));
  SAY(reads(top));
  close(fd);
}

int main(void) {
  on(SIGSEGV, fault, 0);
  on(SIGBUS, fault, 0);

  protection();
  advice();
  forks();
  moving();
  others();
  placing();
  return 0;
}
