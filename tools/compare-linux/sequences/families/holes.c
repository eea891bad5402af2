// Files with holes: fallocate(2) in all its modes, SEEK_DATA and SEEK_HOLE, sizes and blocks.
#include "../sequence.h"

static void begin(void) {
  keep(open("a", O_CREAT | O_RDWR, 0644)), keep(open("b", O_CREAT | O_RDWR, 0644));
  keep(open("a", O_RDONLY)), keep(open("b", O_WRONLY | O_APPEND)), keep(CALL(memfd_create, "m", 0));
  int ends[2];
  if (pipe2(ends, O_NONBLOCK) == 0) keep(ends[0]);
  keep(open(".", O_RDONLY));
}

// Where the last page of all is data, Linux finds none there: the end of that page is no number of loff_t.
static long offset(void) { return draw(12) ? ONE(0, 0, 1, 100, 4095, 4096, 4097, 8192, 10000, 12288, 16384, 20480, 40000, 65536) : ONE(-1, -4096, 1l << 40, 0x7fffffffffffffff, 0x7ffffffffff00000); }

static void step(void) {
  int fd = slot();
  long from = offset(), size = offset(), result;
  struct stat st;
  switch (draw(16)) {
  case 0: case 1: case 2: case 3: {
    long mode = ONE(0, 0, 1, 3, 3, 2, 8, 16, 17, 32, 64, 256);
    // No disk is that large, but which error says so depends on how full it is.
    if (size > 1l << 30 && (mode == 0 || mode == 1)) size = 4096;
    return tell("fallocate %d %ld %ld %ld = %ld", fd, mode, from, size, CALL(fallocate, fd, mode, from, size));
  }
  case 4: case 5: case 6: { long whence = ONE(SEEK_DATA, SEEK_HOLE, SEEK_DATA, SEEK_HOLE, SEEK_END, SEEK_CUR, 9); return tell("lseek %d %ld %ld = %ld", fd, from, whence, CALL(lseek, fd, from, whence)); }
  case 7: case 8: if (size < 0 || size > 65536) size = 3; return tell("pwrite %d %ld %ld = %ld", fd, size, from, CALL(pwrite64, fd, buffer, size, from));
  case 9: if (size < 0 || size > 65536) size = 3; return tell("write %d %ld = %ld", fd, size, CALL(write, fd, buffer, size));
  case 10: if (size < 0 || size > 65536) size = 3; 
    // What has been set aside is data once it was read, which the guest does not keep: only the end is read.
    result = CALL(pread64, fd, buffer, size, 1 << 20); memset(buffer, draw(256), 65536); return tell("pread %d %ld = %ld", fd, size, result);
  case 11: return tell("ftruncate %d %ld = %ld", fd, from, CALL(ftruncate, fd, from));
  case 12: case 13:
    result = CALL(fstat, fd, &st);
    return tell("fstat %d = %ld %ld %ld", fd, result, result || !S_ISREG(st.st_mode) ? 0 : (long)st.st_size, result ? 0 : (long)st.st_blocks);
  case 14: return tell("fadvise %d = %ld", fd, CALL(fadvise64, fd, from, size, ONE(0, 1, 2, 3, 4, 5, 6, -1)));
  default: {
    int kind = draw(4);
    result = kind == 0 ? CALL(fsync, fd) : kind == 1 ? CALL(fdatasync, fd) : kind == 2 ? CALL(sync_file_range, fd, from, size, ONE(0, 1, 2, 4, 8)) : CALL(readahead, fd, from, size);
    return tell("sync %d %d = %ld", kind, fd, result);
  }
  }
}

const struct family holes_family = {"holes", begin, step, 0};
