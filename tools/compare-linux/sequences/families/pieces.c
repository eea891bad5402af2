// Bytes from descriptor to descriptor: splice, tee, vmsplice, sendfile and copy_file_range between files, pipes and sockets.
#include "../sequence.h"
#include <sys/ioctl.h>
#include <sys/socket.h>

static void begin(void) {
  handle(SIGPIPE, note_signal, 0);
  for (int i = 0; i < 20000; i++) buffer[i] = (char)(i * 7 + i / 251);
  int fd = open("a", O_CREAT | O_RDWR, 0644), ends[2];
  if (write(fd, buffer, 20000) < 0) exit(1);
  keep(fd);
  keep(open("b", O_CREAT | O_RDWR, 0644)), keep(open("a", O_RDONLY)), keep(open("c", O_CREAT | O_WRONLY | O_APPEND, 0644));
  for (int i = 0; i < 2; i++) {
    if (pipe2(ends, O_NONBLOCK)) exit(1);
    keep(ends[0]), keep(ends[1]);
  }
  keep(open(".", O_RDONLY));
}

static int is_same(int one, int other) {
  struct stat a, b;
  return fstat(one, &a) == 0 && fstat(other, &b) == 0 && S_ISREG(a.st_mode) && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

static void step(void) {
  int in = slot(), out = slot(), ends[2] = {-1, -1}, pending = 0;
  long size = ONE(0, 1, 10, 100, 4095, 4096, 4097, 10000, 70000, -1), result;
  long from = ONE(0, 0, 1, 100, 4096, 19990, 20000, 30000, -1), to = ONE(0, 0, 1, 100, 4096, 20000, -1);
  long *off_in = draw(2) ? 0 : spoiled(&from), *off_out = draw(2) ? 0 : spoiled(&to);
  unsigned long flags = ONE(0, 2, 2, 2, 3, 6, 10, 16);
  switch (draw(22)) {
  case 0: case 1: case 2: case 3: case 4: case 5:
    // 6.5 refuses more bytes than any file can have, and older versions take what there is.
    if (size < 0) size = 1 << 30;
    result = CALL(splice, in, off_in, out, off_out, size, flags | 2);
    return tell("splice %d %d %ld %lx = %ld %ld %ld", in, out, size, flags, result, from, to);
  case 6: case 7: return tell("tee %d %d %ld %lx = %ld", in, out, size, flags, CALL(tee, in, out, size, flags | 2));
  case 8: {
    // What a pipe has taken from memory is that memory: only bytes that do not change are given.
    static char given[9000], taken[9000];
    char *bytes = (fcntl(out, F_GETFL) & O_ACCMODE) == O_RDONLY ? taken : given;
    struct iovec vectors[2] = {{bytes, size < 0 || size > 9000 ? 10 : size}, {bytes, 10}};
    int n = draw(3);
    return tell("vmsplice %d %ld %d = %ld", out, (long)vectors[0].iov_len, n, CALL(vmsplice, out, spoiled(vectors), n, 2));
  }
  case 9: case 10: case 11:
    // From 6.5 on nothing is nothing, even of what cannot be spliced.
    if (size == 0) size = 1;
    // A file that is sent into itself is copied out of the page that is written to, however that is done.
    if (is_same(in, out)) return;
    result = CALL(sendfile, out, in, off_in, size);
    return tell("sendfile %d %d %ld = %ld %ld", out, in, size, result, from);
  case 12: case 13: case 14:
    result = CALL(copy_file_range, in, off_in, out, off_out, size, draw(16) == 0);
    return tell("copy_file_range %d %d %ld = %ld %ld %ld", in, out, size, result, from, to);
  case 15: return tell("write %d %ld = %ld", out, size, CALL(write, out, buffer, size < 0 ? 5 : size));
  case 16: case 17:
    result = CALL(read, in, buffer + 70000, size < 0 || size > 50000 ? 50000 : size);
    return tell("read %d %ld = %ld %x", in, size, result, result > 0 ? sum(buffer + 70000, result) : 0);
  case 18: {
    long what = ONE(F_GETPIPE_SZ, F_SETPIPE_SZ, F_SETPIPE_SZ), amount = ONE(1, 4096, 8192, 10000, 65536, 0);
    return tell("pipe size %d %ld %ld = %ld", out, what, amount, CALL(fcntl, out, what, amount));
  }
  case 19:
    if (draw(2)) { result = CALL(ioctl, in, FIONREAD, &pending); return tell("FIONREAD %d = %ld %d", in, result, pending); }
    return tell("lseek %d %ld = %ld", in, from, CALL(lseek, in, from, 0));
  case 20: {
    struct pollfd polled[2] = {{in, POLLIN | POLLOUT, 0}, {out, POLLIN | POLLOUT, 0}};
    if (draw(3)) { result = CALL(poll, polled, 2, 0); return tell("poll %d %d = %ld %x %x", in, out, result, polled[0].revents, polled[1].revents); }
    return tell("ftruncate %d %ld = %ld", out, to, CALL(ftruncate, out, to));
  }
  default: {
    int kind = draw(6);
    if (kind == 0) return tell("close %d = %ld", in, CALL(close, in));
    if (kind < 3) { result = CALL(pipe2, ends, O_NONBLOCK); keep(ends[0]), keep(ends[1]); return tell("pipe = %ld %d %d", result, ends[0], ends[1]); }
    if (kind == 3) { result = CALL(socketpair, AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends); keep(ends[0]), keep(ends[1]); return tell("socketpair = %ld", result); }
    keep(result = CALL(open, WORD("a", "b", "c"), ONE(O_RDONLY, O_RDWR, O_WRONLY, O_RDWR | O_APPEND)));
    return tell("open = %ld", result);
  }
  }
}

const struct family pieces_family = {"pieces", begin, step, 0};
