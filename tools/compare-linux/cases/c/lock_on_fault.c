// Memory that is locked as its pages are touched (MLOCK_ONFAULT, MCL_ONFAULT): what grows is not brought in either.
#include "say.h"
#include <sys/mman.h>

#define PAGE 4096L

static void pages(const char *what, char *at, int count) {
  unsigned char vector[16];
  printf("%s:", what);
  if (mincore(at, count * PAGE, vector) != 0) printf(" %s", strerrorname_np(errno));
  else
    for (int i = 0; i < count; i++) printf(" %d", vector[i] & 1);
  printf("\n");
  fflush(stdout);
}

static char *map(int flags) {
  return mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | flags, -1, 0);
}

int main(void) {
  char *area = map(0);
  SAY(munmap(area + 4 * PAGE, 4 * PAGE));
  SAY(mlock2(area, 4 * PAGE, MLOCK_ONFAULT));
  pages("locked on fault", area, 4);
  SAY(mremap(area, 4 * PAGE, 8 * PAGE, 0) == area);
  pages("grown in place", area, 8);
  area = mremap(area, 8 * PAGE, 12 * PAGE, MREMAP_MAYMOVE);
  pages("moved", area, 12);
  SAY(mlock(area, 2 * PAGE));
  pages("two locked", area, 12);
  SAY(mlock2(area, 16 * PAGE, 0));
  area = map(0);
  munmap(area + 4 * PAGE, 4 * PAGE);
  SAY(mlock2(area + PAGE, 6 * PAGE, MLOCK_ONFAULT));
  SAY(mremap(area + PAGE, 3 * PAGE, 6 * PAGE, 0) == area + PAGE);
  pages("grown behind a hole", area, 7);
  SAY(mlockall(MCL_FUTURE | MCL_ONFAULT));
  pages("future", map(0), 8);
  pages("future, filled in", map(MAP_POPULATE), 8);
  pages("future, locked", map(MAP_LOCKED), 8);
  char *before = sbrk(0);
  sbrk(8 * PAGE);
  pages("break", (char *)(((long)before + PAGE - 1) & -PAGE), 7);
  SAY(mlockall(MCL_FUTURE));
  pages("future at once", map(0), 8);
  SAY(mlockall(MCL_CURRENT | MCL_ONFAULT));
  SAY(munlockall());
  pages("unlocked", map(0), 8);
  pages("unlocked, locked", map(MAP_LOCKED), 8);
  return 0;
}
