// Roots and working directories: chroot(2), and paths that lead out of and into what can be seen.
#include "../sequence.h"

static const char *path(void) {
  return WORD("/", ".", "..", "d", "d/e", "/d", "/d/e", "/e", "../..", "l", "d/up", "d/abs", "/l", "f", "/f", "e", "d/e/../../..", "missing", "", "d/");
}

static void begin(void) {
  mkdir("d", 0755), mkdir("d/e", 0755), mkdir("d/d", 0700), mkdir("d/d/e", 0711);
  symlink("d", "l"), symlink("..", "d/up"), symlink("/d/e", "d/abs"), symlink("/", "d/e/root");
  close(open("f", O_CREAT | O_WRONLY, 0644)), close(open("d/f", O_CREAT | O_WRONLY, 0644));
  keep(open(".", O_RDONLY)), keep(open("d", O_PATH));
  CALL(chroot, ".");
}

/** How many folders below the first root the working directory is, where that cannot be seen from the root; otherwise -1. */
static int depth_outside(void) {
  if (CALL(getcwd, buffer, 1000) < 0 || buffer[0] == '/') return -1;
  const char *rest = strstr(buffer, base);
  int depth = 0;
  for (rest = rest ? rest + strlen(base) : ""; *rest; rest++) depth += *rest == '/';
  return depth;
}

/** What is above the first root is not the same everywhere. */
static int leads_above(const char *path) {
  int depth = depth_outside();
  if (depth < 0 || path[0] == '/') return 0;
  return depth < (strcmp(path, "../..") == 0 ? 2 : 1) && strstr(path, "..") != 0;
}

static void step(void) {
  const char *one = path(), *two = path();
  if (leads_above(one)) one = ".";
  struct stat st;
  long result;
  int fd = slot();
  switch (draw(12)) {
  case 0:
    // What is outside of the first root is to stay there.
    if (CALL(getcwd, buffer, 1000) < 0 || buffer[0] != '/') return tell("outside");
    result = CALL(chroot, one);
    return tell("chroot %s = %ld", one, result);
  case 1: case 2: return tell("chdir %s = %ld", one, CALL(chdir, one));
  case 3: return tell("fchdir %d = %ld", fd, CALL(fchdir, fd));
  case 4: case 5: result = CALL(getcwd, buffer, ONE(1000, 1000, 2, 5)); 
    // Where the first root itself is, nobody needs to know.
    if (result > 0 && buffer[0] != '/') return tell("getcwd outside");
    return tell("getcwd = %ld %s", result, result > 0 ? buffer : "");
  case 6: keep(result = CALL(open, one, O_RDONLY | (draw(2) ? O_DIRECTORY : 0))); return tell("open %s = %ld", one, result);
  case 7: result = CALL(stat, one, &st); return tell("stat %s = %ld %o %ld", one, result, result ? 0 : st.st_mode, result ? 0 : (long)st.st_nlink);
  case 8: result = CALL(readlink, one, buffer, 100); return tell("readlink %s = %ld %.*s", one, result, result > 0 ? (int)result : 0, buffer);
  case 9: {
    static const char *const make[] = {"e", "d/x", "/x", "../y", "x", "/d/x"};
    const char *name = make[draw(6)];
    int kind = draw(4);
    if (CALL(getcwd, buffer, 1000) < 0 || buffer[0] != '/') return tell("outside");
    result = kind == 0 ? CALL(mkdir, name, 0755) : kind == 1 ? CALL(rmdir, name) : kind == 2 ? CALL(rename, one, name) : CALL(symlink, two, name);
    return tell("make %d %s %s = %ld", kind, one, name, result);
  }
  case 10:
    // Where the descriptor is need not be known.
    if (strstr(one, "..")) one = "d";
    result = CALL(openat, fd, one, O_RDONLY); keep(result); return tell("openat %d %s = %ld", fd, one, result);
  default: result = CALL(close, fd); return tell("close %d = %ld", fd, result);
  }
}

const struct family roots_family = {"roots", begin, step, 0};
