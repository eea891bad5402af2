// vm.max_map_count: as many areas as may be, and what no longer works then; what continues a file's mapping becomes part of it.
#include "say.h"
#include <sys/mman.h>

#define PAGE 4096ul

static long limit(void) {
  FILE *file = fopen("/proc/sys/vm/max_map_count", "r");
  long value = 0;
  if (file && fscanf(file, "%ld", &value) != 1) value = 0;
  return value;
}

/** Lines of /proc/self/maps within [from, to). */
static int lines(char *from, char *to) {
  FILE *file = fopen("/proc/self/maps", "r");
  char line[512];
  int count = 0;
  while (fgets(line, sizeof line, file)) {
    unsigned long start;
    if (sscanf(line, "%lx-", &start) == 1 && start >= (unsigned long)from && start < (unsigned long)to) count++;
  }
  fclose(file);
  return count;
}

int main(void) {
  int fd = open("/tmp/areas", O_RDWR | O_CREAT, 0600);
  ftruncate(fd, 16 * PAGE);
  char *shared = mmap(0, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  SAY(mprotect(shared + 4 * PAGE, PAGE, PROT_READ));
  SAY(lines(shared, shared + 16 * PAGE));
  SAY(mprotect(shared + 4 * PAGE, PAGE, PROT_READ | PROT_WRITE));
  SAY(lines(shared, shared + 16 * PAGE));
  SAY(munmap(shared + 8 * PAGE, 8 * PAGE));
  SAY(mmap(shared + 8 * PAGE, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 8 * PAGE) == shared + 8 * PAGE);
  SAY(lines(shared, shared + 16 * PAGE));
  SAY(mmap(shared + 8 * PAGE, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) == shared + 8 * PAGE);
  SAY(lines(shared, shared + 16 * PAGE));

  long most = limit();
  SAY(most > 1000);
  char *big = mmap(0, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  char *room = mmap(0, (most + 1000) * 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  long made = 0;
  while (mprotect(room + made * 2 * PAGE, PAGE, PROT_READ) == 0 && made < most) made++;
  SAY(errno);
  // Each has made two more.
  SAY(made > most / 2 - 200 && made <= most / 2);
  // One more may still be there.
  for (int i = 0; i < 3; i++) {
    char *one = mmap(0, PAGE, i % 2 ? PROT_READ : PROT_READ | PROT_EXEC, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (one == MAP_FAILED) break;
  }
  SAY(mmap(0, PAGE, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? errno : 0);
  SAY(munmap(big + 8 * PAGE, PAGE));
  SAY(mprotect(big + 8 * PAGE, PAGE, PROT_READ));
  SAY(mlock2(big + 8 * PAGE, PAGE, MLOCK_ONFAULT));
  SAY(madvise(big + 8 * PAGE, PAGE, MADV_DONTFORK));
  SAY(madvise(big + 8 * PAGE, PAGE, MADV_DONTNEED));
  SAY(mremap(big, 64 * PAGE, 64 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, room) == MAP_FAILED ? errno : 0);
  // The whole, and ends, need no other area.
  SAY(mprotect(big, 64 * PAGE, PROT_READ));
  SAY(munmap(big + 63 * PAGE, PAGE));
  SAY(munmap(big, PAGE));
  // Where two have gone, one can be cut.
  SAY(munmap(room + 2 * PAGE, 2 * PAGE));
  SAY(munmap(big + 8 * PAGE, PAGE));
  SAY(munmap(room, (most + 1000) * 2 * PAGE));
  SAY(mprotect(big + 16 * PAGE, PAGE, PROT_NONE));
  pid_t child = fork();
  if (child == 0) _exit(mprotect(big + 32 * PAGE, PAGE, PROT_NONE) == 0 ? 7 : 8);
  int status;
  waitpid(child, &status, 0);
  SAY(WEXITSTATUS(status));
  return 0;
}
