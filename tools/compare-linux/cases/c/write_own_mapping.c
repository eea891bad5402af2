// Files that are written from mappings of themselves, pages of which are behind their end. Linux 6.18 lets a file reach to where
// a write began before it looks at what could not be read a second time, earlier versions do not, so that the answers are
// written down in place of asking Linux.
#include "say.h"
#include <sys/mman.h>

enum { PAGE = 4096, PIECE = 3000 };

static void write_from(long size, int page, long offset, int sharing) {
  int fd = memfd_create("own", 0);
  ftruncate(fd, size);
  if (size != 0) pwrite(fd, "abcdefgh", 8, 0);
  char *memory = mmap(0, 4 * PAGE, PROT_READ | PROT_WRITE, sharing, fd, 0);
  struct stat about;
  errno = 0;
  long result = pwrite(fd, memory + page * PAGE, PIECE, offset);
  printf("%ld bytes, page %d to %ld%s: %ld %s", size, page, offset, sharing == MAP_SHARED ? ", shared" : "", result, result < 0 ? strerrorname_np(errno) : "");
  fstat(fd, &about);
  printf(", size %ld", (long)about.st_size);
  errno = 0;
  result = pread(fd, memory + page * PAGE, PIECE, offset);
  printf(", back %ld %s\n", result, result < 0 ? strerrorname_np(errno) : "");
  munmap(memory, 4 * PAGE);
  close(fd);
}

int main(void) {
  static const long sizes[] = {0, 3000, 4096, 6000, 8192};
  for (int i = 0; i < 5; i++)
    for (int page = 0; page < 3; page++)
      for (long offset = 0; offset < 4 * PIECE; offset += PIECE) {
        write_from(sizes[i], page, offset, MAP_PRIVATE);
        write_from(sizes[i], page, offset, MAP_SHARED);
      }
  return 0;
}
