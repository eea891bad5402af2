// openat2(2): flags and sizes that are refused, and walks with limits.
#include "say.h"
#include <linux/openat2.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>

static char *base(int fd) {
  static char text[200], link[40];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, text, sizeof text - 1);
  text[n < 0 ? 0 : n] = 0;
  char *last = strrchr(text, '/');
  return last == NULL ? text : last;
}

static void walk(const char *what, int dir, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve) {
  struct open_how how = {flags, mode, resolve};
  long fd = syscall(SYS_openat2, dir, path, &how, sizeof how);
  if (fd < 0) printf("%s %s: %s\n", what, path, strerrorname_np(errno));
  else printf("%s %s: opened %s\n", what, path, base(fd)), close(fd);
  fflush(stdout);
}

static void sizes(void) {
  char *p = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(p + 4096, 4096);
  struct open_how *how = (void *)p;
  SAY(syscall(SYS_openat2, AT_FDCWD, "/", how, 0));
  SAY(syscall(SYS_openat2, AT_FDCWD, "/", how, 23));
  SAY(syscall(SYS_openat2, AT_FDCWD, "/", how, sizeof *how) > 2);
  SAY(syscall(SYS_openat2, AT_FDCWD, "/", how, 32) > 2);
  SAY(syscall(SYS_openat2, AT_FDCWD, "/", how, 4096) > 2);
  p[31] = 1;
  SAY(syscall(SYS_openat2, AT_FDCWD, "/", how, 32));
  SAY(syscall(SYS_openat2, AT_FDCWD, "/", how, 25) > 2);
  SAY(syscall(SYS_openat2, AT_FDCWD, "/", p + 4096 - 24, 25));
  SAY(syscall(SYS_openat2, AT_FDCWD, "/", p + 4096 - 8, 24));
  SAY(syscall(SYS_openat2, AT_FDCWD, (char *)8, how, 24));
  SAY(syscall(SYS_openat2, AT_FDCWD, "", how, 24));
  SAY(syscall(SYS_openat2, 77, "x", how, 24));
  SAY(syscall(SYS_openat2, 77, "/", how, 24) > 2);
  SAY(syscall(SYS_openat2, 77, "x", NULL, 24));
}

#define AT(flags, mode, resolve) walk(#flags " " #mode " " #resolve, AT_FDCWD, "/tmp/d/f", flags, mode, resolve)

static void flags(void) {
  AT(0, 0, 0);
  AT(0, 0600, 0);
  AT(O_CREAT, 0600, 0);
  AT(O_CREAT, 010600, 0);
  AT(O_CREAT, 1ULL << 40, 0);
  AT(O_RDONLY, 1ULL << 40, 0);
  AT(1ULL << 32, 0, 0);
  AT(1 << 30, 0, 0);
  AT(3, 0, 0);
  AT(0, 0, 64);
  AT(0, 0, 1ULL << 33);
  AT(0, 0, RESOLVE_BENEATH | RESOLVE_IN_ROOT);
  AT(O_PATH, 0, 0);
  AT(O_PATH | O_CLOEXEC | O_NOFOLLOW, 0, 0);
  AT(O_PATH | O_RDWR, 0, 0);
  AT(O_PATH | O_NONBLOCK, 0, 0);
  AT(O_PATH | O_CREAT, 0600, 0);
  AT(O_TMPFILE, 0, 0);
  AT(O_TMPFILE & ~O_DIRECTORY, 0, 0);
  AT(O_CREAT, 0600, RESOLVE_CACHED);
  AT(O_RDWR | O_TRUNC, 0, RESOLVE_CACHED);
  AT(O_TMPFILE | O_RDWR, 0600, RESOLVE_CACHED);
  AT(O_CREAT | O_EXCL, 0600, RESOLVE_BENEATH);
  walk("tmpfile", AT_FDCWD, "/tmp/d", O_TMPFILE | O_RDONLY, 0600, 0);
  walk("missing", AT_FDCWD, "/tmp/d/missing", O_RDWR, 0, 0);
}

int main(void) {
  umask(0);
  mkdir("/tmp/d", 0755), mkdir("/tmp/d/e", 0755), mkdir("/tmp/o", 0755);
  close(open("/tmp/d/f", O_CREAT | O_RDWR, 0600)), close(open("/tmp/d/e/g", O_CREAT | O_RDWR, 0600));
  close(open("/tmp/o/out", O_CREAT | O_RDWR, 0600));
  symlink("e/g", "/tmp/d/in"), symlink("../o/out", "/tmp/d/up"), symlink("/e/g", "/tmp/d/top");
  symlink("/tmp/o/out", "/tmp/d/away"), symlink("../f", "/tmp/d/e/back"), symlink("loop", "/tmp/d/loop");
  symlink("../../../../f", "/tmp/d/e/far"), symlink("/proc/self/fd/1", "/tmp/d/magic");
  sizes();
  flags();
  int dir = open("/tmp/d", O_PATH | O_DIRECTORY), file = open("/tmp/d/f", O_RDONLY);
  static const char *const paths[] = {"f",    "e/g", "in",  "up",     "top",  "away",   "e/back", "loop", "e/far",
                                      "..",   ".",   "e/..", "e/../..", "/",    "/f",     "/tmp/d/f", "../d/f", "f/",
                                      "e/../f", "none/..", "in/", "e/../../d/f", "/..", "/../../e"};
  static const struct {
    const char *name;
    uint64_t bits;
  } kinds[] = {{"none", 0},
               {"no_symlinks", RESOLVE_NO_SYMLINKS},
               {"no_magiclinks", RESOLVE_NO_MAGICLINKS},
               {"beneath", RESOLVE_BENEATH},
               {"in_root", RESOLVE_IN_ROOT},
               {"beneath+no_symlinks", RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS},
               {"in_root+no_symlinks", RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS}};
  for (unsigned k = 0; k < sizeof kinds / sizeof *kinds; k++)
    for (unsigned i = 0; i < sizeof paths / sizeof *paths; i++) walk(kinds[k].name, dir, paths[i], 0, 0, kinds[k].bits);
  // Links at the end that are not followed.
  walk("nofollow", dir, "in", O_NOFOLLOW, 0, RESOLVE_NO_SYMLINKS);
  walk("path", dir, "in", O_PATH | O_NOFOLLOW, 0, RESOLVE_NO_SYMLINKS);
  walk("path", dir, "away", O_PATH | O_NOFOLLOW, 0, RESOLVE_BENEATH);
  walk("beneath", file, "x", 0, 0, RESOLVE_BENEATH);
  walk("in_root", file, "/x", 0, 0, RESOLVE_IN_ROOT);
  walk("in_root", 77, "/x", 0, 0, RESOLVE_IN_ROOT);
  walk("beneath", 77, "/x", 0, 0, RESOLVE_BENEATH);
  // What is made stays within.
  walk("make", dir, "../made", O_CREAT | O_RDWR, 0600, RESOLVE_BENEATH);
  walk("make", dir, "/made", O_CREAT | O_RDWR, 0600, RESOLVE_BENEATH);
  walk("make", dir, "/../made", O_CREAT | O_RDWR, 0600, RESOLVE_IN_ROOT);
  SAY(access("/tmp/d/made", F_OK));
  SAY(access("/tmp/made", F_OK));
  // The next walk is free again.
  SAY(access("/tmp/d/../o/out", F_OK));
  SAY(openat(dir, "../o/out", O_RDONLY) > 2);
  SAY(syscall(SYS_openat2, dir, "", &(struct open_how){.resolve = RESOLVE_BENEATH}, 24));
  SAY(openat(dir, "up", O_RDONLY) > 2);
  // Magic links.
  char name[40];
  snprintf(name, sizeof name, "/proc/self/fd/%d", file);
  SAY(syscall(SYS_openat2, AT_FDCWD, name, &(struct open_how){.resolve = RESOLVE_NO_MAGICLINKS}, 24));
  SAY(syscall(SYS_openat2, AT_FDCWD, name, &(struct open_how){.resolve = RESOLVE_NO_SYMLINKS}, 24));
  SAY(syscall(SYS_openat2, AT_FDCWD, name, &(struct open_how){0}, 24) > 2);
  SAY(syscall(SYS_openat2, AT_FDCWD, "/proc/self/stat", &(struct open_how){.resolve = RESOLVE_NO_MAGICLINKS}, 24) > 2);
  SAY(syscall(SYS_openat2, AT_FDCWD, "/proc/self/stat", &(struct open_how){.resolve = RESOLVE_NO_XDEV}, 24));
  SAY(syscall(SYS_openat2, dir, "magic", &(struct open_how){.resolve = RESOLVE_NO_MAGICLINKS}, 24));
  SAY(syscall(SYS_openat2, dir, "f", &(struct open_how){.resolve = RESOLVE_NO_XDEV}, 24) > 2);
  // A link to an absolute path leads elsewhere for who has not had to do with the root before.
  SAY(symlink("/tmp/d/f", "/tmp/d/absolute"));
  SAY(syscall(SYS_openat2, dir, "absolute", &(struct open_how){.resolve = RESOLVE_NO_XDEV}, 24));
  SAY(syscall(SYS_openat2, dir, "../d/absolute", &(struct open_how){.resolve = RESOLVE_NO_XDEV}, 24) > 2);
  SAY(syscall(SYS_openat2, dir, "/tmp/d/absolute", &(struct open_how){.resolve = RESOLVE_NO_XDEV}, 24) > 2);
  SAY(syscall(SYS_openat2, dir, "f", &(struct open_how){.resolve = RESOLVE_CACHED}, 24) > 2);
  int proc = open("/proc/self", O_PATH);
  SAY(syscall(SYS_openat2, proc, "cwd", &(struct open_how){.resolve = RESOLVE_BENEATH}, 24));
  SAY(syscall(SYS_openat2, proc, "cwd", &(struct open_how){.resolve = RESOLVE_IN_ROOT}, 24));
  SAY(syscall(SYS_openat2, proc, "cwd", &(struct open_how){.resolve = RESOLVE_NO_XDEV}, 24));
  SAY(syscall(SYS_openat2, proc, "..", &(struct open_how){.resolve = RESOLVE_NO_XDEV}, 24) > 2);
  SAY(syscall(SYS_openat2, proc, "../..", &(struct open_how){.resolve = RESOLVE_NO_XDEV}, 24));
  return 0;
}
