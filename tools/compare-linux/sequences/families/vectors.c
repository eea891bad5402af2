// Reading and writing by vectors: readv, preadv, preadv2 and their like, with all flags of a single call.
#include "../sequence.h"

/** Pages with nothing behind them, for lengths that nothing has. */
static char *wall;

static void begin(void) {
  int ends[2];
  wall = mmap(0, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  mprotect(wall + 2 * PAGE, PAGE, PROT_NONE);
  handle(SIGPIPE, note_signal, 0);
  keep(open("a", O_CREAT | O_RDWR, 0644)), keep(open("b", O_CREAT | O_RDWR | O_APPEND, 0644)), keep(open("a", O_RDONLY)), keep(open("b", O_WRONLY));
  if (pipe2(ends, O_NONBLOCK) == 0) keep(ends[0]), keep(ends[1]);
  keep(open(".", O_RDONLY));
}

/** A result; what is wrong with the vector and what the open file is not for are one, as 6.9 has turned their order round. */
static long told(int fd, int wanted, long result) {
  long mode = CALL(fcntl, fd, F_GETFL, 0);
  int refused = mode >= 0 && (mode & O_ACCMODE) != O_RDWR && (mode & O_ACCMODE) != wanted;
  return refused && (result == -EFAULT || result == -EINVAL) ? -EBADF : result;
}

static void step(void) {
  static struct iovec vectors[1100];
  int fd = slot();
  long n = draw(12) ? 1 + draw(4) : ONE(0, -1, 1024, 1025), result, offset = ONE(0, 0, 1, 100, 4096, 5000, -1, -2);
  for (int i = 0; i < 1100; i++) vectors[i] = (struct iovec){buffer + i, i < 5 && n < 10 ? (size_t)ONE(0, 1, 10, 100, 4096, 5000) : 1};
  if (draw(12) == 0) vectors[draw(3)].iov_base = spoiled((void *)8);
  if (draw(16) == 0) vectors[draw(3)] = (struct iovec){wall, (size_t)ONE(-1, 0x7fffffff)};
  long total = 0;
  for (int i = 0; i < n && i < 5; i++) total += (long)vectors[i].iov_len;
  if ((unsigned long)total > 100000) for (int i = 0; i < 5; i++) if (vectors[i].iov_len < 0x7fffffff) vectors[i].iov_len = 5;
  unsigned long flags = ONE(0, 0, 0, 1, 2, 4, 16, 6, 0x1000, -1);
  long high = draw(20) ? 0 : -1;
  switch (draw(12)) {
  case 0: return tell("writev %d %ld = %ld", fd, n, told(fd, O_WRONLY, CALL(writev, fd, spoiled(vectors), n)));
  case 1: return tell("readv %d %ld = %ld", fd, n, told(fd, O_RDONLY, CALL(readv, fd, spoiled(vectors), n)));
  case 2: return tell("pwritev %d %ld %ld = %ld", fd, n, offset, told(fd, O_WRONLY, CALL(pwritev, fd, vectors, n, offset, high)));
  case 3: return tell("preadv %d %ld %ld = %ld", fd, n, offset, told(fd, O_RDONLY, CALL(preadv, fd, vectors, n, offset, high)));
  case 4: case 5: case 6: return tell("pwritev2 %d %ld %ld %lx = %ld", fd, n, offset, flags, told(fd, O_WRONLY, CALL(pwritev2, fd, spoiled(vectors), n, offset, high, flags)));
  case 7: case 8: case 9:
    // Whether it would have to wait is the file system's own matter.
    result = CALL(preadv2, fd, spoiled(vectors), n, offset, high, flags);
    return tell("preadv2 %d %ld %ld %lx = %ld", fd, n, offset, flags, told(fd, O_RDONLY, result));
  case 10: return tell("lseek %d %ld = %ld", fd, offset, CALL(lseek, fd, offset, draw(3)));
  default:
    if (draw(2)) { long size = draw(10000); return tell("ftruncate %d %ld = %ld", fd, size, CALL(ftruncate, fd, size)); }
    memset(buffer, draw(256), 10000);
    return tell("filled");
  }
}

const struct family vectors_family = {"vectors", begin, step, 0};
