// Names and attributes by the newer calls: openat2, statx, faccessat2, linkat, renameat2, utimensat, fchownat, and rights.
#include "../sequence.h"
#include <linux/openat2.h>
#include <linux/stat.h>

static const char *path(void) {
  return WORD("a", "b", "d", "d/a", "d/e", "d/e/f", "l", "dl", "d/up", "d/abs", "loop", "p", "../x", "d/../a", "d/e/..", "", "missing", "missing/x", "a/", "d/", "a/x", ".", "l/", "dl/a", "d/abs/x");
}

static void begin(void) {
  mkdir("d", 0755), mkdir("d/e", 0755);
  close(open("a", O_CREAT | O_WRONLY, 0644)), close(open("d/a", O_CREAT | O_WRONLY, 0600)), close(open("d/e/f", O_CREAT | O_WRONLY, 0755));
  symlink("a", "l"), symlink("d", "dl"), symlink("../a", "d/up"), symlink("loop", "loop"), mkfifo("p", 0644);
  char target[80];
  snprintf(target, sizeof target, "%s/d", base);
  symlink(target, "d/abs");
  keep(open(".", O_RDONLY)), keep(open("d", O_PATH)), keep(open("a", O_RDWR)), keep(open("d/e", O_RDONLY)), keep(open("l", O_PATH | O_NOFOLLOW)), keep(open("a", O_PATH));
  if (draw(3) == 0) {
    chown("d", 1000, 100), chown("a", 1000, 100);
    CALL(setresgid, 100, 100, 100);
    CALL(setresuid, 1000, 1000, 1000);
  }
}

static void step(void) {
  int at = draw(3) ? AT_FDCWD : slot(), to = draw(3) ? AT_FDCWD : slot();
  const char *one = path(), *two = path(), *named = spoiled((void *)one);
  // With AT_EMPTY_PATH newer versions take no name at all for an empty one.
  if (named == 0) named = one;
  long result, mode = ONE(0644, 0600, 0755, 0, 07777, 0444, 02755);
  unsigned long flags = some(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_SYMLINK_FOLLOW | AT_EACCESS | (draw(20) ? 0 : 0x10));
  switch (draw(18)) {
  case 0: case 1: case 2: case 3: {
    struct open_how how = {ONE(O_RDONLY, O_RDWR, O_WRONLY, O_RDONLY | O_DIRECTORY, O_PATH, O_PATH | O_NOFOLLOW, O_RDWR | O_CREAT, O_RDWR | O_CREAT | O_EXCL, O_RDONLY | O_NOFOLLOW, O_TMPFILE | O_RDWR, 1ul << 40, O_PATH | O_RDWR) | O_NONBLOCK, draw(4) ? 0 : mode, some(RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH | RESOLVE_IN_ROOT | (draw(20) ? 0 : 0x100))};
    if (how.flags & O_CREAT && draw(4)) how.mode = mode & 0777;
    if (how.flags & O_PATH) how.flags &= ~(unsigned long)O_NONBLOCK;
    long size = draw(16) ? sizeof how : ONE(0, 23, 32, 5000);
    memcpy(buffer, &how, sizeof how), memset(buffer + sizeof how, 0, 6000);
    result = CALL(openat2, at, named, spoiled(buffer), size);
    keep(result);
    return tell("openat2 %d %s %llx %llo %llx %ld = %ld", at, one, how.flags, how.mode, how.resolve, size, result);
  }
  case 4: case 5: case 6: {
    struct statx st;
    unsigned long wanted = draw(2) ? STATX_BASIC_STATS : some(0x9fff);
    memset(&st, 0, sizeof st);
    flags = (flags & ~(unsigned long)(AT_SYMLINK_FOLLOW | AT_EACCESS)) | ONE(0, 0, 0, AT_STATX_FORCE_SYNC, AT_STATX_DONT_SYNC, AT_STATX_SYNC_TYPE, AT_NO_AUTOMOUNT);
    result = CALL(statx, at, named, flags, wanted, spoiled(&st));
    tell("statx %d %s %lx %lx = %ld", at, one, flags, wanted, result);
    // From 6.13 on times that have not been asked for need not be told.
    st.stx_mask &= ~(unsigned)((STATX_MTIME | STATX_CTIME) & ~wanted);
    if (result == 0) tell(" %x %o %u %u %u %lld", st.stx_mask & STATX_BASIC_STATS, st.stx_mode, st.stx_nlink, st.stx_uid, st.stx_gid, S_ISDIR(st.stx_mode) ? 0 : st.stx_size);
    return;
  }
  case 7: { long how = draw(8); return tell("faccessat2 %d %s %ld %lx = %ld", at, one, how, flags, CALL(faccessat2, at, named, how, flags)); }
  // Who may do that without a name depends on the version.
  case 8: flags &= ~(unsigned long)AT_EMPTY_PATH; return tell("linkat %d %s %d %s %lx = %ld", at, one, to, two, flags, CALL(linkat, at, one, to, two, flags));
  case 9: { long how = ONE(0, 0, 1, 2, 8, 3); return tell("renameat2 %d %s %d %s %ld = %ld", at, one, to, two, how, CALL(renameat2, at, one, to, two, how)); }
  case 10: {
    const struct timespec times[2] = {{ONE(0, 1, 1l << 33, -1), ONE(0, 5, UTIME_NOW, UTIME_OMIT, 1000000000)}, {draw(100), ONE(0, 5, UTIME_NOW, UTIME_OMIT, -1)}};
    return tell("utimensat %d %s %lx = %ld", at, one, flags, CALL(utimensat, at, draw(6) ? one : 0, draw(5) ? spoiled((void *)times) : 0, flags));
  }
  case 11: { long uid = ONE(-1, 0, 1000), gid = ONE(-1, 0, 100, 1000); return tell("fchownat %d %s %ld %ld %lx = %ld", at, one, uid, gid, flags, CALL(fchownat, at, one, uid, gid, flags)); }
  case 12: return tell("fchmodat %d %s %lo = %ld", at, one, mode, CALL(fchmodat, at, one, mode));
  case 13: {
    long kind = ONE(S_IFREG, S_IFIFO, S_IFSOCK, S_IFDIR, S_IFCHR, 0, 0170000);
    return tell("mknodat %d %s %lo = %ld", at, one, kind, CALL(mknodat, at, one, kind | (mode & 0777), kind == S_IFCHR ? 0x103 : 0));
  }
  case 14: {
    int what = draw(4);
    result = what == 0 ? CALL(mkdirat, at, one, mode) : what == 1 ? CALL(unlinkat, at, one, ONE(0, AT_REMOVEDIR, 1)) : what == 2 ? CALL(symlinkat, two, at, one) : CALL(readlinkat, at, one, buffer, ONE(100, 1, 0, -1));
    return tell("name %d %d %s %s = %ld", what, at, one, two, result);
  }
  case 15: {
    int fd = slot(), what = draw(4);
    result = what == 0 ? CALL(fchmod, fd, mode) : what == 1 ? CALL(fchown, fd, ONE(-1, 1000, 0), -1) : what == 2 ? CALL(fchdir, fd) : CALL(close, fd);
    if (what == 2 && result == 0 && chdir(base) != 0) tell(" lost");
    return tell("descriptor %d %d = %ld", what, fd, result);
  }
  case 16: return tell("umask = %lo", CALL(umask, ONE(022, 0, 077, 027)));
  default: {
    char link[40];
    int fd = slot();
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    long how = ONE(O_RDONLY, O_RDWR, O_PATH) | O_NONBLOCK;
    keep(result = CALL(open, link, how));
    return tell("open again %d %lo = %ld", fd, how, result);
  }
  }
}

const struct family lookups_family = {"lookups", begin, step, 0};
