// Watching files: watches of several instances, what happens to files, and the events.
#include "../sequence.h"
#include <sys/inotify.h>
#include <sys/ioctl.h>

static unsigned cookies[64];
static int cookie_count;
static int files[4] = {-1, -1, -1, -1};

static const char *path(void) { return WORD("a", "b", "d", "e", "d/a", "d/b", "e/a", "l", ".", "d/sub", "missing/x", ""); }

/** Cookies count for the whole system. */
static int order_of(unsigned cookie) {
  if (cookie == 0) return 0;
  for (int i = 0; i < cookie_count; i++)
    if (cookies[i] == cookie) return i + 1;
  if (cookie_count == 64) cookie_count = 0;
  cookies[cookie_count++] = cookie;
  return cookie_count;
}

static void begin(void) {
  mkdir("d", 0755), mkdir("e", 0755), symlink("d", "l");
  close(open("a", O_CREAT | O_WRONLY, 0644));
  for (int i = 0; i < 2; i++) keep(CALL(inotify_init1, IN_NONBLOCK));
}

static void read_events(int fd) {
  long size = ONE(0, 10, 16, 32, 64, 4096, 4096), got = CALL(read, fd, spoiled(buffer), size);
  tell("read %d %ld = %ld", fd, size, got);
  for (long at = 0; at + 16 <= got && got <= size;) {
    const struct inotify_event *event = (void *)(buffer + at);
    tell(" [%d %x %d %u %s]", event->wd, event->mask, order_of(event->cookie), event->len, event->len ? event->name : "");
    at += sizeof *event + event->len;
  }
}

static void step(void) {
  int fd = slot(), *file = &files[draw(4)];
  const char *one = path(), *two = path();
  unsigned long mask = draw(4) == 0 ? IN_ALL_EVENTS : some(IN_ALL_EVENTS | IN_ONLYDIR | IN_DONT_FOLLOW | IN_EXCL_UNLINK | IN_MASK_CREATE | IN_MASK_ADD | IN_ONESHOT);
  long result;
  struct pollfd polled = {fd, POLLIN, 0};
  switch (draw(27)) {
  case 0:
    keep(result = CALL(inotify_init1, ONE(IN_NONBLOCK, IN_NONBLOCK | IN_CLOEXEC, IN_NONBLOCK | 1)));
    return tell("inotify_init1 = %ld", result);
  case 1: case 2: case 3: case 4:
    return tell("add %d %s %lx = %ld", fd, one, mask, CALL(inotify_add_watch, fd, one, mask));
  case 5: {
    int watch = draw(8);
    return tell("rm %d %d = %ld", fd, watch, CALL(inotify_rm_watch, fd, watch));
  }
  case 6: case 7: case 8: case 9: return read_events(fd);
  case 10: {
    int bytes = -1;
    result = CALL(ioctl, fd, FIONREAD, &bytes);
    return tell("FIONREAD %d = %ld %d", fd, result, result ? -1 : bytes);
  }
  case 11: result = CALL(poll, &polled, 1, 0); return tell("poll %d = %ld %x", fd, result, polled.revents);
  case 12: case 13: case 14: {
    if (*file >= 0) close(*file);
    // That a file is opened comes before that it is cut off since 6.8: nothing is cut off.
    long flags = ONE(O_RDONLY, O_RDWR | O_CREAT, O_WRONLY, O_PATH, O_RDWR | O_CREAT | O_EXCL, O_RDONLY | O_DIRECTORY);
    *file = (int)CALL(open, one, flags | O_NONBLOCK, 0644);
    return tell("open %s %lo = %d", one, flags, *file);
  }
  case 15: result = CALL(close, *file); *file = -1; return tell("close = %ld", result);
  case 16: return tell("write = %ld", CALL(write, *file, buffer, draw(3)));
  case 17: return tell("read = %ld", CALL(read, *file, buffer + 60000, draw(3) * 1000));
  case 18: return tell("getdents = %d", CALL(getdents64, *file, buffer + 60000, 30000) < 0);
  case 19: return tell("unlink %s = %ld", one, CALL(unlink, one));
  case 20: { long how = ONE(0, 0, 0, 1, 2); return tell("rename %s %s %ld = %ld", one, two, how, CALL(renameat2, AT_FDCWD, one, AT_FDCWD, two, how)); }
  case 21: return tell("link %s %s = %ld", one, two, CALL(link, one, two));
  case 22: return tell("mkdir %s = %ld", one, CALL(mkdir, one, 0755));
  case 23: return tell("rmdir %s = %ld", one, CALL(rmdir, one));
  case 24: {
    // Attributes of users are on tmpfs from 6.6 on.
    int kind = draw(6);
    const struct timespec times[2] = {{1, 0}, {kind == 2 ? UTIME_OMIT : 5, kind == 2 ? UTIME_OMIT : 0}};
    result = kind == 0 ? CALL(chmod, one, 0700 + draw(8)) : kind == 1 ? CALL(truncate, one, draw(10)) : kind < 4 ? CALL(utimensat, AT_FDCWD, one, times, 0) : CALL(chown, one, 0, 0);
    return tell("change %d %s = %ld", kind, one, result);
  }
  case 25: {
    int kind = draw(3);
    result = kind == 0 ? CALL(ftruncate, *file, draw(100)) : kind == 1 ? CALL(fchmod, *file, 0644) : CALL(fallocate, *file, 0, 0, 10);
    return tell("fchange %d = %ld", kind, result);
  }
  default: return tell("symlink %s = %ld", one, CALL(symlink, two, one));
  }
}

const struct family watches_family = {"watches", begin, step, 0};
