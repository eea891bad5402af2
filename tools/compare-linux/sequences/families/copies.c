// Numbers of descriptors: dup and its like, close_range, flags of numbers and of open files, the table's size.
#include "../sequence.h"
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/resource.h>

static int number(void) { return draw(12) ? (int)draw(24) + 3 : (int)ONE(-1, 100, 500, 1022, 1023, 1024, 1 << 30, -9999); }

static void begin(void) {
  int ends[2];
  open("a", O_CREAT | O_RDWR, 0644), open("a", O_RDONLY | O_CLOEXEC), open("b", O_CREAT | O_WRONLY | O_APPEND, 0644), open(".", O_RDONLY), open("a", O_PATH);
  if (pipe2(ends, O_NONBLOCK)) exit(1);
}

static void step(void) {
  int one = number(), two = number();
  long result, flags = ONE(0, 0, O_CLOEXEC, O_NONBLOCK);
  switch (draw(18)) {
  case 0: return tell("dup %d = %ld", one, CALL(dup, one));
  case 1: return tell("dup2 %d %d = %ld", one, two, CALL(dup2, one, two));
  case 2: case 3: return tell("dup3 %d %d %lx = %ld", one, two, flags, CALL(dup3, one, two, flags));
  case 4: case 5: { long command = draw(2) ? F_DUPFD : F_DUPFD_CLOEXEC; return tell("dupfd %d %d %ld = %ld", one, two, command, CALL(fcntl, one, command, two)); }
  case 6: {
    int last = draw(4) ? one + (int)draw(6) : two;
    flags = ONE(0, 0, 2, 4, 6, 1, 4);
    if (one >= 0 && one < 3) one = 3;
    return tell("close_range %d %d %lx = %ld", one, last, flags, CALL(close_range, one, last, flags));
  }
  case 7: case 8: return tell("close %d = %ld", one, one >= 3 || one < 0 ? CALL(close, one) : 0);
  case 9: { long on = draw(3); result = CALL(fcntl, one, F_SETFD, on); return tell("setfd %d %ld = %ld", one, on, result); }
  case 10: return tell("getfd %d = %ld", one, CALL(fcntl, one, F_GETFD, 0));
  case 11: return tell("getfl %d = %lo", one, CALL(fcntl, one, F_GETFL, 0));
  case 12: { unsigned long set = some(O_NONBLOCK | O_APPEND | O_NOATIME | O_ASYNC | O_CLOEXEC | O_RDWR | O_SYNC); return tell("setfl %d %lo = %ld", one, set, CALL(fcntl, one, F_SETFL, set)); }
  case 13: { int value = draw(2); long what = ONE(FIONBIO, FIOCLEX, FIONCLEX); return tell("ioctl %d %lx %d = %ld", one, what, value, CALL(ioctl, one, what, spoiled(&value))); }
  case 14: {
    flags = ONE(O_RDONLY, O_RDWR, O_WRONLY, O_RDWR | O_CLOEXEC | O_CREAT, O_RDONLY | O_DIRECTORY);
    return tell("open %lo = %ld", flags, CALL(open, WORD("a", "b", "c", "."), flags, 0644));
  }
  case 15: {
    int ends[2] = {-1, -1};
    unsigned long how = some(O_CLOEXEC | O_NONBLOCK | O_DIRECT | 1);
    result = CALL(pipe2, spoiled(ends), how);
    return tell("pipe2 %lo = %ld %d %d", how, result, ends[0], ends[1]);
  }
  case 16: {
    long command = ONE(F_GETOWN, F_GETSIG, F_GETLEASE, F_GETPIPE_SZ, 9999, F_GET_RW_HINT);
    if (command == F_GET_RW_HINT) command = F_GETSIG;
    return tell("fcntl %d %ld = %ld", one, command, CALL(fcntl, one, command, 0));
  }
  default: {
    struct rlimit limit = {ONE(10, 20, 64, 1024, 1024), 1024};
    if (draw(3)) {
      for (int fd = 3; fd < 32; fd++) tell(" %ld", CALL(fcntl, fd, F_GETFD, 0));
      return;
    }
    return tell("limit %ld = %ld", (long)limit.rlim_cur, CALL(prlimit64, 0, RLIMIT_NOFILE, &limit, 0));
  }
  }
}

const struct family copies_family = {"copies", begin, step, 0};
