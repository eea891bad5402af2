// mmap(2), msync(2), mremap(2), memfd_create(2): files and their mappings.
#include "say.h"
#include <sys/mman.h>
int main(void) {
  int fd = open("/tmp/m", O_RDWR | O_CREAT, 0600), ro = open("/tmp/m", O_RDONLY);
  char b[8] = "";
  SAY(ftruncate(fd, 5000));
  char *shared = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  char *private = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  SAY(shared != MAP_FAILED);
  if (shared != MAP_FAILED) {
    shared[0] = 'S';
    SAY(pread(fd, b, 1, 0));
    SAY(b[0]);
    SAY(pwrite(fd, "W", 1, 1));
    SAY(shared[1]);
    SAY(private[1]);
    private[2] = 'P';
    SAY(shared[2]);
    SAY(msync(shared, 8192, MS_SYNC));
  }
  SAY(mmap(0, 4096, PROT_WRITE, MAP_SHARED, ro, 0) == MAP_FAILED ? errno : 0);
  SAY(mmap(0, 4096, PROT_READ, MAP_SHARED, 77, 0) == MAP_FAILED ? errno : 0);
  SAY(mmap(0, 0, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED ? errno : 0);
  SAY(mmap(0, 4096, PROT_READ, MAP_PRIVATE, fd, 1) == MAP_FAILED ? errno : 0);
  SAY(mmap(0, 4096, PROT_READ, 0, fd, 0) == MAP_FAILED ? errno : 0);
  SAY(munmap((char *)1, 4096));
  SAY(munmap(private, 0));
  SAY(mprotect((char *)0x10000, 4096, PROT_READ));
  SAY(madvise(private, 4096, 999));
  char *area = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  area[0] = 'x';
  char *moved = mremap(area, 8192, 65536, MREMAP_MAYMOVE);
  SAY(moved != MAP_FAILED && moved[0] == 'x' && moved[65535] == 0);
  int memory = memfd_create("name", 0);
  SAY(write(memory, "memory", 6));
  SAY(lseek(memory, 0, SEEK_END));
  return 0;
}
