// What somebody who is not root may do with files: search, read, write, create, remove, change (path_resolution(7), inode(7)).
#include "say.h"
#include <grp.h>
#include <sys/syscall.h>
#include <utime.h>
#define AS(user, group, ...) do { fflush(stdout); pid_t child = fork(); \
  if (child == 0) { setgroups(0, 0); if (setgid(group) || setuid(user)) _exit(9); __VA_ARGS__; fflush(stdout); _exit(0); } \
  say_wait(#user, child); } while (0)
#define MODE(path) mode_of(path)
static void mode_of(const char *path) {
  struct stat s;
  if (lstat(path, &s)) printf("%s: %s\n", path, strerrorname_np(errno));
  else printf("%s: %o owner %d group %d\n", path, s.st_mode, s.st_uid, s.st_gid);
}
static void file(const char *path, mode_t mode, uid_t user, gid_t group) {
  int fd = open(path, O_CREAT | O_WRONLY, 0600);
  if (write(fd, "text\n", 5) != 5) puts("no write");
  close(fd);
  if (chown(path, user, group) || chmod(path, mode)) puts("no chown");
}
static void directory(const char *path, mode_t mode, uid_t user, gid_t group) {
  if (mkdir(path, 0700) || chown(path, user, group) || chmod(path, mode)) puts("no directory");
}
static void try(const char *path, int flags) {
  int fd = open(path, flags, 0644);
  if (fd < 0) printf("open %s %o: %s\n", path, flags, strerrorname_np(errno));
  else printf("open %s %o: ok\n", path, flags), close(fd);
}
static void opens(void) {
  static const mode_t modes[] = {0, 0400, 0200, 0040, 0004, 0640, 0604, 0666, 0070, 0007, 0111};
  for (int i = 0; i < 11; i++) {
    char path[32];
    sprintf(path, "m%d", i);
    file(path, modes[i], 1000, 100);
    try(path, O_RDWR);
    AS(1000, 100, try(path, O_RDONLY); try(path, O_WRONLY); try(path, O_RDONLY | O_TRUNC); SAY(access(path, X_OK)));
    AS(1001, 100, try(path, O_RDONLY); try(path, O_WRONLY); SAY(access(path, R_OK | X_OK)));
    AS(1002, 102, try(path, O_RDONLY); try(path, O_RDWR); try(path, O_PATH); SAY(access(path, F_OK)); SAY(access(path, W_OK)));
    AS(1002, 102, SAY(truncate(path, 0)); struct stat s; SAY(stat(path, &s)));
    SAY(access(path, R_OK | W_OK)), SAY(access(path, X_OK));
    SAY(chmod(path, modes[i]));
  }
}
static void directories(void) {
  directory("closed", 0700, 0, 0), directory("listed", 0744, 0, 0), directory("passed", 0711, 0, 0), directory("own", 0755, 1000, 100), directory("ownclosed", 0, 1000, 100);
  file("closed/f", 0666, 0, 0), file("listed/f", 0666, 0, 0), file("passed/f", 0666, 0, 0), file("own/f", 0600, 0, 0);
  symlink("closed/f", "link"), symlink("/tmp/w/passed/f", "passed/link");
  struct stat s;
  AS(1000, 100, try("closed/f", O_RDONLY); SAY(stat("closed/f", &s)); SAY(stat("closed", &s)); SAY(stat("closed/none", &s)); SAY(stat("closed/.", &s)); SAY(stat("closed/..", &s)); try("closed", O_RDONLY | O_DIRECTORY);
     SAY(chdir("closed")); SAY(stat("link", &s)); SAY(lstat("link", &s)); SAY(access("closed/f", F_OK)));
  AS(1000, 100, try("listed", O_RDONLY); SAY(stat("listed/f", &s)); SAY(chdir("listed")); int fd = open("listed", O_RDONLY); SAY(fchdir(fd)); SAY(faccessat(fd, "f", F_OK, 0)));
  AS(1000, 100, try("passed", O_RDONLY); try("passed/f", O_RDWR); SAY(chdir("passed")); try("f", O_RDONLY); try("link", O_RDONLY); try("new", O_CREAT | O_WRONLY); SAY(mkdir("d", 0755)); SAY(unlink("f")); SAY(symlink("x", "y")); SAY(mkfifo("p", 0600)); SAY(rename("f", "g")); SAY(rename("f", "../own/f2")); SAY(link("f", "h")); SAY(unlink("none")); SAY(rmdir("f")); SAY(rename("none", "g")); SAY(mkdir("f", 0755)); try("f", O_CREAT | O_EXCL | O_RDWR); try("..", O_WRONLY | O_TMPFILE));
  AS(1000, 100, try("own/f", O_RDONLY); try("own/new", O_CREAT | O_RDWR); try("own/new", O_RDWR); MODE("own/new"); SAY(mkdir("own/d", 0750)); MODE("own/d"); SAY(rename("own/f", "own/g")); SAY(unlink("own/g")); SAY(chmod("own", 0)); SAY(stat("own/new", &s)); SAY(chmod("own", 0755)); int fd = open("own/ro", O_CREAT | O_RDWR, 0400); SAY(fd >= 0); SAY(write(fd, "x", 1)); try("own/ro", O_WRONLY); SAY(symlink("a", "own/s")); MODE("own/s"); SAY(mkfifo("own/p", 0644)); MODE("own/p"));
  AS(1000, 100, try("ownclosed", O_RDONLY); SAY(chdir("ownclosed")); SAY(rmdir("ownclosed")); try("own", O_RDWR | O_TMPFILE));
  SAY(chdir("ownclosed")), SAY(chdir(".."));
}
static void sticky(void) {
  directory("sticky", 01777, 0, 0), directory("stickyown", 01777, 1000, 100);
  file("sticky/a", 0666, 1000, 100), file("sticky/b", 0666, 1001, 100), file("stickyown/b", 0666, 1001, 100), directory("sticky/d", 0777, 1001, 100), directory("sticky/e", 0777, 1000, 100);
  AS(1000, 100, SAY(unlink("sticky/b")); SAY(rename("sticky/b", "sticky/c")); SAY(rename("sticky/a", "sticky/b")); SAY(rmdir("sticky/d")); SAY(unlink("sticky/d")); SAY(rmdir("sticky/b")); SAY(rename("sticky/a", "sticky/c")); SAY(unlink("sticky/c")); SAY(unlink("stickyown/b")); SAY(rmdir("sticky/e")); try("sticky/n", O_CREAT | O_RDWR); SAY(syscall(SYS_renameat2, AT_FDCWD, "sticky/n", AT_FDCWD, "sticky/b", 2)));
  directory("from", 0777, 0, 0), directory("to", 0777, 0, 0), directory("from/d", 0555, 1000, 100), directory("from/r", 0755, 0, 0);
  AS(1000, 100, SAY(rename("from/d", "to/d")); SAY(rename("from/r", "to/r")); SAY(rename("from/r", "from/s")); SAY(rename("from/d", "from/t")); SAY(chmod("from/t", 0755)); SAY(rename("from/t", "to/t")));
}
static void changes(void) {
  struct timespec now[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}}, set[2] = {{5, 0}, {6, 0}}, omit[2] = {{0, UTIME_NOW}, {0, UTIME_OMIT}};
  file("his", 0644, 1000, 100), file("hers", 0666, 1001, 100), file("roots", 0644, 0, 0);
  AS(1000, 100, SAY(chmod("his", 0600)); SAY(chmod("hers", 0600)); SAY(chmod("roots", 0666)); SAY(utimensat(AT_FDCWD, "his", set, 0)); SAY(utimensat(AT_FDCWD, "hers", set, 0)); SAY(utimensat(AT_FDCWD, "hers", now, 0)); SAY(utimensat(AT_FDCWD, "hers", 0, 0)); SAY(utimensat(AT_FDCWD, "hers", omit, 0)); SAY(utimensat(AT_FDCWD, "roots", 0, 0)); SAY(utimensat(AT_FDCWD, "roots", set, 0)); SAY(utime("roots", 0)));
  AS(1000, 100, SAY(chown("his", 1000, -1)); SAY(chown("his", -1, 100)); SAY(chown("his", 1001, -1)); SAY(chown("his", -1, 200)); SAY(chown("his", -1, -1)); SAY(chown("hers", -1, -1)); SAY(chown("hers", -1, 100)); SAY(chown("roots", -1, 0)); SAY(lchown("roots", 1000, 100)));
  AS(1000, 100, int fd = open("hers", O_RDONLY); SAY(fchmod(fd, 0600)); SAY(fchown(fd, 1000, 100)); SAY(futimens(fd, 0)); SAY(futimens(fd, set)); SAY(open("hers", O_RDONLY | O_NOATIME)); SAY(open("his", O_RDONLY | O_NOATIME) >= 0));
  gid_t more[2] = {300, 400};
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    SAY(setgroups(2, more)), SAY(setgid(100)), SAY(setuid(1000));
    SAY(chown("his", -1, 400)), MODE("his"), SAY(chown("his", -1, 500)), SAY(chmod("his", 02755)), MODE("his");
    fflush(stdout), _exit(0);
  }
  say_wait("groups", child);
  file("foreign", 0644, 1000, 999);
  AS(1000, 100, SAY(chmod("foreign", 02755)); MODE("foreign"); SAY(chmod("foreign", 06777)); MODE("foreign"));
  SAY(chmod("foreign", 06755)), MODE("foreign");
}
static void bits(void) {
  static const mode_t modes[] = {04755, 02755, 06755, 02745, 06644, 06777, 01777};
  for (int i = 0; i < 7; i++) {
    file("bits", modes[i], 1000, 100);
    AS(1000, 100, int fd = open("bits", O_WRONLY); SAY(write(fd, "x", 0)); MODE("bits"); SAY(write(fd, "x", 1)); MODE("bits"));
    file("bits", modes[i], 1000, 300);
    AS(1000, 100, SAY(truncate("bits", 2)); MODE("bits"));
    file("bits", modes[i], 1000, 100);
    AS(1000, 100, SAY(chown("bits", -1, 100)); MODE("bits"));
    file("bits", modes[i], 1000, 100);
    int fd = open("bits", O_WRONLY);
    SAY(write(fd, "x", 1)), close(fd), MODE("bits"), SAY(chown("bits", 1001, -1)), MODE("bits"), unlink("bits");
  }
}
static void inherited(void) {
  directory("setgid", 02777, 0, 500), directory("plain", 0777, 0, 500);
  umask(027);
  AS(1000, 100, SAY(mkdir("setgid/d", 0777)); MODE("setgid/d"); try("setgid/f", O_CREAT | O_RDWR); MODE("setgid/f"); SAY(symlink("x", "setgid/s")); MODE("setgid/s"); SAY(mkfifo("setgid/p", 0666)); MODE("setgid/p"); close(open("setgid/g", O_CREAT | O_RDWR, 02755)); MODE("setgid/g"); close(open("setgid/h", O_CREAT | O_RDWR, 02744)); MODE("setgid/h");
     SAY(mkdir("plain/d", 02777)); MODE("plain/d"); close(open("plain/g", O_CREAT | O_RDWR, 06755)); MODE("plain/g"); SAY(umask(0)));
  SAY(umask(022));
  SAY(mkdir("setgid/r", 0777)), MODE("setgid/r");
}
static void links(void) {
  file("shared", 0666, 1001, 100), file("readable", 0644, 1001, 100), file("setuid", 04777, 1001, 100), directory("free", 0777, 0, 0);
  AS(1000, 100, SAY(link("shared", "free/a")); SAY(link("readable", "free/b")); SAY(link("setuid", "free/c")); SAY(link("his", "free/d")); SAY(link("free", "free/e")); SAY(link("shared", "passed/a")); SAY(link("shared", "free/a")));
}
static void accesses(void) {
  file("roots2", 0600, 0, 0), file("hers2", 0600, 1001, 100);
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    SAY(setresuid(1001, 0, 0));
    SAY(access("roots2", R_OK)), SAY(access("hers2", R_OK)), SAY(faccessat(AT_FDCWD, "roots2", R_OK, AT_EACCESS)), SAY(access("closed/f", F_OK));
    SAY(setresuid(0, 1001, 0));
    SAY(access("roots2", R_OK)), SAY(access("hers2", W_OK)), SAY(syscall(SYS_faccessat2, AT_FDCWD, "roots2", R_OK, AT_EACCESS)), SAY(syscall(SYS_faccessat2, AT_FDCWD, "hers2", W_OK, AT_EACCESS)), SAY(access("closed/f", F_OK)), try("closed/f", O_RDONLY);
    SAY(access("roots2", 8)), SAY(syscall(SYS_faccessat2, AT_FDCWD, "roots2", R_OK, 0x4000));
    fflush(stdout), _exit(0);
  }
  say_wait("access", child);
}
int main(void) {
  umask(022);
  if (mkdir("/tmp/w", 0777) || chmod("/tmp/w", 0777) || chdir("/tmp/w")) return 1;
  opens(), directories(), sticky(), changes(), bits(), inherited(), links(), accesses();
  return 0;
}
