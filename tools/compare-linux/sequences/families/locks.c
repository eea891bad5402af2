// Locks of three processes on the same files: records of processes and of open files, and whole files.
#include "../sequence.h"
#include <sys/file.h>

static int other[2], opened[3][4];

static void begin(void) {
  close(open("a", O_CREAT | O_RDWR, 0644)), close(open("b", O_CREAT | O_RDWR, 0644));
  if (truncate("a", 100)) exit(1);
  // Descriptors that all have, with the same open files.
  keep(open("a", O_RDWR)), keep(open("b", O_RDONLY));
  for (int i = 0; i < 3; i++)
    for (int k = 0; k < 4; k++) opened[i][k] = k < SLOTS ? fds[k] : -1;
  other[0] = fork_other(), other[1] = fork_other();
  strcpy(shared, "a"), strcpy(shared + 64, "b");
}

static void step(void) {
  int by = draw(3), who_does = by == 2 ? -1 : other[by], *place = &opened[by][draw(4)], fd = *place;
  struct flock *lock = (void *)(shared + 1024);
  long result;
  *lock = (struct flock){.l_type = (short)ONE(F_RDLCK, F_RDLCK, F_WRLCK, F_WRLCK, F_UNLCK, F_UNLCK, 7), .l_whence = (short)ONE(0, 0, 0, 1, 2, 5), .l_start = ONE(0, 10, 20, 50, 100, 110, -10, 0x7fffffffffffffff), .l_len = ONE(0, 1, 10, 10, 50, 100, -10, -100, 0x7fffffffffffffff)};
  char *name = shared + draw(2) * 64;
  switch (draw(12)) {
  case 0: case 1: {
    // What a number is depends on what its process has open: told by the position.
    long flags = ONE(O_RDONLY, O_RDWR, O_RDWR, O_WRONLY);
    if (fd >= 0 && draw(2)) BY(who_does, close, fd);
    *place = (int)BY(who_does, open, name, flags, 0);
    return tell("open %d %s %lo = %d", by, name, flags, *place);
  }
  case 2: result = BY(who_does, close, fd); *place = -1; return tell("close %d = %ld", by, result);
  case 3:
    result = BY(who_does, dup, fd);
    if (result >= 0) opened[by][draw(4)] = (int)result;
    return tell("dup %d = %ld", by, result);
  case 4: case 5: case 6: {
    long command = ONE(F_SETLK, F_SETLK, F_OFD_SETLK);
    if (command == F_OFD_SETLK && draw(20) == 0) lock->l_pid = 5;
    int type = lock->l_type, whence = lock->l_whence;
    long start = lock->l_start, length = lock->l_len;
    return tell("lock %d %ld %d %d %ld %ld = %ld", by, command, type, whence, start, length, BY(who_does, fcntl, fd, command, lock));
  }
  case 7: case 8: {
    long command = ONE(F_GETLK, F_GETLK, F_OFD_GETLK);
    // From 6.11 on F_UNLCK asks for locks of the open file itself, and other types are looked at later.
    if (command == F_OFD_GETLK && lock->l_type != F_WRLCK) lock->l_type = F_RDLCK;
    result = BY(who_does, fcntl, fd, command, lock);
    return tell("get %d %ld = %ld %d %d %ld %ld %d", by, command, result, lock->l_type, lock->l_whence, (long)lock->l_start, (long)lock->l_len, result || lock->l_type == F_UNLCK || lock->l_pid <= 0 ? lock->l_pid > 0 : who(lock->l_pid));
  }
  case 9: case 10: {
    long how = ONE(LOCK_SH, LOCK_EX, LOCK_UN, LOCK_EX, 3, 16) | LOCK_NB;
    return tell("flock %d %ld = %ld", by, how, BY(who_does, flock, fd, how));
  }
  default: {
    long offset = ONE(0, 10, 50, 100);
    return tell("lseek %d %ld = %ld", by, offset, BY(who_does, lseek, fd, offset, 0));
  }
  }
}

const struct family locks_family = {"locks", begin, step, 0};
