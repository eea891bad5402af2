// Errors of futex(2): numbers of threads below 0, addresses where nothing can be, and which is told first.
#include "say.h"
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>

static long futex(void *address, int operation, int value, long count, void *second, int third) {
  return syscall(SYS_futex, address, operation, value, count, second, third);
}

static void all(const char *what, void *at, int flag) {
  static int word;
  printf("%s, flags %d\n", what, flag);
  SAY(futex(at, FUTEX_WAKE | flag, 1, 0, 0, 0));
  SAY(futex(at, FUTEX_WAKE_BITSET | flag, 1, 0, 0, 1));
  SAY(futex(at, FUTEX_WAKE_BITSET | flag, 1, 0, 0, 0));
  SAY(futex(at, FUTEX_REQUEUE | flag, 1, 1, &word, 0));
  SAY(futex(&word, FUTEX_REQUEUE | flag, 1, 1, at, 0));
  SAY(futex(at, FUTEX_CMP_REQUEUE | flag, 1, 1, &word, 3));
  SAY(futex(&word, FUTEX_CMP_REQUEUE | flag, 1, 1, at, 3));
  SAY(futex(&word, FUTEX_CMP_REQUEUE | flag, 1, 1, at, 0));
  SAY(futex(at, FUTEX_REQUEUE | flag, -1, 1, &word, 0));
  SAY(futex(at, FUTEX_REQUEUE | flag, 1, -1, &word, 0));
  SAY(futex(at, FUTEX_CMP_REQUEUE | flag, 1, -1, &word, 0));
  SAY(futex(at, FUTEX_REQUEUE | flag, 1, 1, (char *)&word + 1, 0));
  SAY(futex((char *)at + 1, FUTEX_CMP_REQUEUE | flag, 1, 1, (void *)-4096, 0));
  SAY(futex(at, FUTEX_WAIT | flag, 7, 0, 0, 0));
  SAY(futex(at, FUTEX_WAIT_BITSET | flag, 7, 0, 0, 0));
}

int main(void) {
  static int there;
  char *gone = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  char *none = mmap(0, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  char *readable = mmap(0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  int file = open("/tmp/file", O_RDWR | O_CREAT, 0600);
  SAY(ftruncate(file, 4096));
  char *cut = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  SAY(ftruncate(file, 0));
  munmap(gone, 4096);
  for (int flag = 0; flag <= FUTEX_PRIVATE_FLAG; flag += FUTEX_PRIVATE_FLAG) {
    all("memory", &there, flag);
    all("nothing", gone, flag);
    all("no access", none, flag);
    all("only readable", readable, flag);
    all("behind the end of a file", cut, flag);
    all("at 0", 0, flag);
    all("beyond all addresses", (void *)0x800000000000, flag);
    all("in the other half", (void *)-4096, flag);
    all("unaligned", (char *)&there + 2, flag);
    all("unaligned and absent", (char *)gone + 1, flag);
  }
  return 0;
}
