// Extended attributes of files, directories, links and open files.
#include "../sequence.h"

/** What is wrong with a call: one thing, because which of two comes first depends on the version. */
enum { NOTHING, PATH, NAME, VALUE, SIZE, WRONGS };
static int wrong;

static const char *path(void) { return wrong == PATH ? WORD("missing", "", "a/") : WORD("a", "a", "d", "l", "p", "d/x", "h"); }

static const char *name(void) {
  static char long_name[300];
  memset(long_name, 'n', 299);
  memcpy(long_name, "user.", 5);
  long_name[wrong == NAME ? ONE(256, 299) : 255] = 0;
  if (draw(20) == 0) return long_name;
  if (wrong == NAME) return WORD("user.", "user", "", "other.o", "a");
  return WORD("user.a", "user.a", "user.b", "user.c", "trusted.t", "trusted.u", "security.s");
}

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void tell_list(long got) {
  char *names[64];
  int n = 0;
  for (long at = 0; at < got && n < 64; at += strlen(buffer + at) + 1) names[n++] = buffer + at;
  qsort(names, n, sizeof *names, by_text);
  for (int i = 0; i < n; i++) tell(" %.20s", names[i]);
}

static void begin(void) {
  keep(open("a", O_CREAT | O_RDWR, 0644));
  mkdir("d", 0755);
  keep(open("d/x", O_CREAT | O_RDONLY, 0600));
  symlink("a", "l");
  mkfifo("p", 0666);
  link("a", "h");
  keep(open("d", O_RDONLY));
  if (draw(3) == 0) CALL(setresuid, 1000, 1000, 1000);
}

static void step(void) {
  wrong = draw(2) ? NOTHING : (int)draw(WRONGS);
  const char *file = path(), *called = name();
  if (wrong == PATH) file = spoiled((void *)file);
  if (wrong == NAME) called = spoiled((void *)called);
  const char *seen = (long)file > 0 && (long)file < 0x1ffff0000 && (long)file > 8 ? file : "bad";
  const char *shown = (long)called > 8 && (long)called < 0x1ffff0000 ? called : "bad";
  long size = wrong == SIZE ? ONE(65537, -1) : ONE(0, 1, 5, 100, 3000, 65536), result;
  int fd = wrong == PATH ? -1 : fds[draw(SLOTS)], flags = wrong == NOTHING ? ONE(0, 0, 0, 1, 2) : 0, seed = draw(100);
  void *value = wrong == VALUE ? spoiled(buffer) : buffer;
  if (fd < 0 && wrong != PATH) fd = fds[0] >= 0 ? fds[0] : 3;
  for (int i = 0; i < 3000; i++) buffer[i] = (char)(seed + i * 7);
  switch (draw(16)) {
  case 0: case 1: case 2:
    if (size > 4000 && draw(4)) size = 10;
    return tell("setxattr %s %.20s %ld %d = %ld", seen, shown, size, flags, CALL(setxattr, file, called, value, size, flags));
  case 3: return tell("lsetxattr %s %.20s %ld %d = %ld", seen, shown, size, flags, CALL(lsetxattr, file, called, value, size, flags));
  case 4: return tell("fsetxattr %d %.20s %ld %d = %ld", fd, shown, size, flags, CALL(fsetxattr, fd, called, value, size, flags));
  case 5: case 6:
    result = CALL(getxattr, file, called, value, size);
    return tell("getxattr %s %.20s %ld = %ld %x", seen, shown, size, result, result > 0 ? sum(buffer, result) : 0);
  case 7:
    result = CALL(lgetxattr, file, called, value, size);
    return tell("lgetxattr %s %.20s %ld = %ld %x", seen, shown, size, result, result > 0 ? sum(buffer, result) : 0);
  case 8:
    result = CALL(fgetxattr, fd, called, value, size);
    return tell("fgetxattr %d %.20s %ld = %ld %x", fd, shown, size, result, result > 0 ? sum(buffer, result) : 0);
  case 9: case 10: case 11: {
    int kind = draw(3);
    result = kind == 0 ? CALL(listxattr, file, value, size) : kind == 1 ? CALL(llistxattr, file, value, size) : CALL(flistxattr, fd, value, size);
    tell("listxattr %d %s %d %ld = %ld", kind, seen, fd, size, result);
    return tell_list(value == buffer && size ? result : 0);
  }
  case 12: return tell("removexattr %s %.20s = %ld", seen, shown, CALL(removexattr, file, called));
  case 13: return tell("lremovexattr %s %.20s = %ld", seen, shown, CALL(lremovexattr, file, called));
  case 14: return tell("fremovexattr %d %.20s = %ld", fd, shown, CALL(fremovexattr, fd, called));
  default: {
    long mode = ONE(0644, 0, 0444, 0222, 01777);
    if (draw(2)) return tell("chmod %s %lo = %ld", seen, mode, CALL(chmod, file, mode));
    return tell("write %d = %ld", fd, CALL(write, fd, buffer, 3));
  }
  }
}

const struct family attributes_family = {"attributes", begin, step, 0};
