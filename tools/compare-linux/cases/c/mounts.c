// mount(2), umount2(2), pivot_root(2): what they refuse and in which order, what is seen through mounts and what flags of
// theirs forbid. It has to be run by who may mount, in a namespace of its own; its answer is kept beside it.
#include "say.h"
#include <poll.h>
#include <sched.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#define HERE "/tmp/m"

/* The lines of a list of mounts that are about HERE, without numbers that depend on the system. */
static void mounts(const char *list) {
  char text[65536];
  int fd = open(list, O_RDONLY);
  int size = read(fd, text, sizeof text - 1);
  close(fd);
  text[size > 0 ? size : 0] = 0;
  for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
    char *from = line;
    if (!strstr(line, HERE) && !strstr(line, " /in") && !strstr(line, "deleted")) continue;
    if (strstr(list, "info"))
      for (int i = 0; i < 3; i++) from = strchr(from, ' ') + 1;
    printf("  %s\n", from);
  }
  fflush(stdout);
}

static void names(const char *path) {
  struct stat a, b;
  if (stat(path, &a) < 0) printf("%s: %s\n", path, strerrorname_np(errno));
  else printf("%s: mode %o size %d\n", path, a.st_mode, S_ISREG(a.st_mode) ? (int)a.st_size : 0);
  fflush(stdout);
}

static void same(const char *one, const char *other) {
  struct stat a, b;
  if (stat(one, &a) < 0 || stat(other, &b) < 0) perror(one);
  else printf("%s, %s: device %s, node %s\n", one, other, a.st_dev == b.st_dev ? "same" : "other",
              a.st_ino == b.st_ino ? "same" : "other");
  fflush(stdout);
}

static void room(const char *path) {
  struct statfs s;
  if (statfs(path, &s) < 0) perror(path);
  else printf("%s: type %lx blocks %ld free %ld files %ld free %ld flags %lx\n", path, (long)s.f_type,
              (long)s.f_blocks, (long)s.f_bfree, (long)s.f_files, (long)s.f_ffree, (long)s.f_flags);
  fflush(stdout);
}

static void bits(const char *path) {
  struct statfs s;
  if (statfs(path, &s) < 0) perror(path);
  else printf("%s: flags %lx\n", path, (long)s.f_flags);
  fflush(stdout);
}

static int fill(const char *path) {
  static char page[4096];
  int pages = 0;
  int fd = open(path, O_CREAT | O_WRONLY, 0644);
  while (write(fd, page, sizeof page) == sizeof page) pages++;
  printf("%s: %d pages, then %s\n", path, pages, strerrorname_np(errno));
  fflush(stdout);
  close(fd);
  return pages;
}

static void arguments(void) {
  puts("arguments");
  SAY(mount("none", "d", NULL, 0, NULL));
  SAY(mount("none", "d", "absent", 0, NULL));
  SAY(mount("none", "d", "tmpfs.sub", 0, NULL));
  SAY(mount("none", "absent", "tmpfs", 0, NULL));
  SAY(mount("none", "", "tmpfs", 0, NULL));
  SAY(mount("none", "file", "tmpfs", 0, NULL));
  SAY(mount("none", "file/x", "tmpfs", 0, NULL));
  SAY(mount("none", "d", (char *)8, 0, NULL));
  SAY(mount((char *)8, "d", "tmpfs", 0, NULL));
  SAY(mount("none", (char *)8, "tmpfs", 0, NULL));
  SAY(mount("none", "d", "tmpfs", 0, (char *)8));
  SAY(mount("none", "d", "tmpfs", 0, "x"));
  SAY(mount("none", "d", "tmpfs", 0, "size"));
  SAY(mount("none", "d", "tmpfs", 0, "size="));
  SAY(mount("none", "d", "tmpfs", 0, "size=1q"));
  SAY(mount("none", "d", "tmpfs", 0, "size=1m,5"));
  SAY(mount("none", "d", "tmpfs", 0, "mode=8"));
  SAY(mount("none", "d", "tmpfs", 0, "uid=-1"));
  SAY(mount("none", "d", "tmpfs", 0, "gid=x"));
  SAY(mount("none", "d", "tmpfs", 0, "ro=1,,=2,x"));
  SAY(mount("none", "d", "tmpfs", MS_NOUSER, NULL));
  SAY(mount("none", "d", "tmpfs", MS_BIND, NULL));
  SAY(mount("", "d", "tmpfs", MS_BIND, NULL));
  SAY(mount(NULL, "d", "tmpfs", MS_BIND, NULL));
  SAY(mount("file", "d", NULL, MS_BIND, NULL));
  SAY(mount("d", "file", NULL, MS_BIND, NULL));
  SAY(mount("d", "d", NULL, MS_MOVE, NULL));
  SAY(mount("none", "d", NULL, MS_REMOUNT, NULL));
  SAY(mount("none", "d", NULL, MS_REMOUNT | MS_BIND, NULL));
  SAY(mount("none", "d", NULL, MS_PRIVATE, NULL));
  SAY(mount("none", "/proc", NULL, MS_PRIVATE | MS_SLAVE, NULL));
  SAY(mount("none", "/proc", NULL, MS_PRIVATE | MS_RDONLY, NULL));
  SAY(umount2("d", 0));
  SAY(umount2("absent", 0));
  SAY(umount2("d", 16));
  SAY(umount2((char *)8, 0));
  SAY(umount2("file/x", 0));
  SAY(umount2("/proc/self/fd/0", 0));
  SAY(syscall(SYS_pivot_root, "absent", "d"));
  SAY(syscall(SYS_pivot_root, "file", "d"));
  SAY(syscall(SYS_pivot_root, "d", "d"));
  SAY(syscall(SYS_pivot_root, "/", "/"));
  mounts("/proc/self/mounts");
}

static void tmpfs(void) {
  puts("tmpfs");
  SAY(mkdir("d/covered", 0755));
  SAY(mount("a disk#\\", "d", "tmpfs", 0, "size=64k,nr_inodes=6,mode=750,uid=5,gid=0x10"));
  names("d");
  names("d/covered");
  room("d");
  mounts("/proc/self/mounts");
  mounts("/proc/self/mountinfo");
  fill("d/a");
  SAY(mkdir("d/b", 0755));
  SAY(link("d/a", "d/c"));
  SAY(symlink("a", "d/l"));
  SAY(mkdir("d/e", 0755));
  SAY(open("d/e", O_CREAT | O_WRONLY, 0644));
  SAY(open("d", O_TMPFILE | O_WRONLY, 0644));
  SAY(link("d/a", "d/f"));
  room("d");
  SAY(mount("x", "d", NULL, MS_REMOUNT, "size=32k"));
  SAY(mount("x", "d", NULL, MS_REMOUNT, "nr_inodes=2"));
  SAY(mount("x", "d", NULL, MS_REMOUNT, "size=128k,mode=777"));
  fill("d/b/x");
  SAY(mount("x", "d", NULL, MS_REMOUNT, "nr_inodes=9"));
  fill("d/b/x");
  SAY(truncate("d/a", 4096));
  SAY(unlink("d/c"));
  room("d");
  mounts("/proc/self/mounts");
  SAY(mount("top", "d", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME, "size=0"));
  names("d/a");
  mounts("/proc/self/mounts");
  SAY(umount2("d", 0));
  names("d/a");
  SAY(mount("x", "d", NULL, MS_REMOUNT, "size=0"));
  SAY(mount("x", "d", NULL, MS_REMOUNT, "size=1m"));
  SAY(umount2("d", 0));
  names("d/covered");
  SAY(rmdir("d/covered"));
}

static void busy(void) {
  puts("busy");
  SAY(mount("none", "d", "tmpfs", 0, NULL));
  int fd = open("d/f", O_CREAT | O_RDWR, 0644);
  SAY(umount2("d", 0));
  SAY(umount2("d", MNT_EXPIRE));
  SAY(umount2("d", MNT_EXPIRE | MNT_DETACH));
  SAY(write(fd, "abcd", 4));
  void *map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
  close(fd);
  SAY(umount2("d", 0));
  SAY(umount2("d", MNT_FORCE));
  munmap(map, 4096);
  SAY(chdir("d"));
  SAY(umount2(HERE "/d", 0));
  SAY(chdir(".."));
  SAY(mkdir("d/in", 0755));
  SAY(mount("none", "d/in", "tmpfs", 0, NULL));
  SAY(umount2("d", 0));
  SAY(umount2("d/in", MNT_EXPIRE));
  SAY(umount2("d/in", MNT_EXPIRE));
  SAY(umount2("d/in", 0));
  SAY(umount2("d", MNT_EXPIRE));
  SAY(access("d", R_OK));
  SAY(umount2("d", MNT_EXPIRE));
  SAY(umount2("d", MNT_EXPIRE));
  SAY(umount2("d", MNT_EXPIRE));
  SAY(mount("none", "d", "tmpfs", 0, NULL));
  SAY(mkdir("d/in", 0755));
  SAY(mount("none", "d/in", "tmpfs", 0, NULL));
  SAY(chdir("d/in"));
  SAY(umount2(HERE "/d", MNT_DETACH));
  names(HERE "/d/in");
  SAY(open("here", O_CREAT | O_WRONLY, 0644) >= 0);
  char path[4096] = "";
  SAY(syscall(SYS_getcwd, path, sizeof path) > 0);
  puts(path);
  SAY(chdir(".."));
  names("here");
  SAY(mount("none", ".", "tmpfs", 0, NULL));
  SAY(umount2(".", 0));
  SAY(chdir(HERE));
  SAY(umount2("d", 0));
}

static void binds(void) {
  puts("binds");
  SAY(mkdir("a", 0755));
  SAY(mkdir("a/b", 0755));
  SAY(mkdir("a/b/c", 0755));
  SAY(mount("none", "a/b/c", "tmpfs", 0, NULL));
  SAY(mkdir("a/b/c/inner", 0755));
  SAY(mount("a/b", "d", NULL, MS_BIND, NULL));
  same("a/b", "d");
  same("d/..", ".");
  same("d/c", "a/b/c");
  SAY(umount2("d", 0));
  SAY(mount("a/b", "d", "ignored", MS_BIND | MS_REC, "ignored"));
  same("d/c/inner", "a/b/c/inner");
  mounts("/proc/self/mountinfo");
  SAY(umount2("d/c", 0));
  SAY(umount2("d", 0));
  SAY(mount("file", "other", NULL, MS_BIND, NULL));
  same("file", "other");
  SAY(unlink("other"));
  SAY(rename("other", "another"));
  SAY(rename("file", "other"));
  SAY(link("other", "third"));
  SAY(link("file", "third"));
  SAY(unlink("third"));
  mounts("/proc/self/mountinfo");
  SAY(unlink("file"));
  mounts("/proc/self/mountinfo");
  SAY(umount2("other", 0));
  close(open("file", O_CREAT | O_WRONLY, 0644));
  SAY(mount("a", "a/b", NULL, MS_BIND, NULL));
  SAY(mkdir("a/b/b/x", 0755));
  same("a/b/b", "a/b");
  SAY(rmdir("a/b/b/x"));
  SAY(rmdir("a/b"));
  SAY(rmdir("a/b/b"));
  SAY(rename("a/b", "a/x"));
  SAY(rename("a", "a2"));
  SAY(rename("a2", "a"));
  SAY(rename("a/b/b", "a/x"));
  SAY(rename("file", "a/b/file"));
  SAY(link("file", "a/b/file"));
  SAY(renameat2(AT_FDCWD, "a/b", AT_FDCWD, "d", RENAME_EXCHANGE));
  SAY(mount("a/b", "d", NULL, MS_MOVE, NULL));
  SAY(mount("a/b", "d/b", NULL, MS_MOVE, NULL));
  SAY(mount("d", "d/b/c", NULL, MS_MOVE, NULL));
  mounts("/proc/self/mounts");
  SAY(umount2("d", 0));
  SAY(mount("none", "a/b", NULL, MS_UNBINDABLE, NULL));
  SAY(mount("none", "a/b/c", NULL, MS_UNBINDABLE, NULL));
  mounts("/proc/self/mountinfo");
  SAY(mount("a/b/c", "d", NULL, MS_BIND, NULL));
  SAY(mount("a", "d", NULL, MS_BIND | MS_REC, NULL));
  mounts("/proc/self/mountinfo");
  SAY(umount2("d", 0));
  SAY(mount("none", "a/b/c", NULL, MS_PRIVATE, NULL));
  mounts("/proc/self/mountinfo");
  SAY(umount2("a/b/c", 0));
}

static void flags(void) {
  puts("flags");
  SAY(mount("none", "d", "tmpfs", 0, "size=2m,nr_inodes=50"));
  SAY(mkdir("d/dir", 0777));
  close(open("d/f", O_CREAT | O_WRONLY, 0666));
  SAY(symlink("f", "d/l"));
  SAY(mknod("d/null", S_IFCHR | 0666, makedev(1, 3)));
  SAY(mkfifo("d/fifo", 0666));
  int in = open("/proc/self/exe", O_RDONLY), out = open("d/run", O_CREAT | O_WRONLY, 0755);
  char buffer[65536];
  for (int n; (n = read(in, buffer, sizeof buffer)) > 0;) write(out, buffer, n);
  close(in);
  close(out);
  SAY(mount("d", "e", NULL, MS_BIND | MS_RDONLY, NULL));
  int fd = open("e/f", O_RDWR);
  SAY(mount("none", "e", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
  SAY(mount("none", "d", NULL, MS_REMOUNT | MS_RDONLY, NULL));
  close(fd);
  fd = open("d/f", O_RDWR);
  SAY(mount("none", "e", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
  SAY(mount("none", "d", NULL, MS_REMOUNT | MS_RDONLY, NULL));
  close(fd);
  mounts("/proc/self/mountinfo");
  bits("e");
  SAY(open("e/f", O_WRONLY));
  SAY(open("e/f", O_RDONLY | O_TRUNC));
  SAY(open("e/absent", O_RDONLY));
  SAY(open("e/absent", O_RDONLY | O_CREAT, 0644));
  SAY(open("e/f", O_RDONLY | O_CREAT, 0644) >= 0);
  SAY(open("e/f", O_RDONLY | O_CREAT | O_EXCL, 0644));
  SAY(open("e", O_TMPFILE | O_RDWR, 0644));
  SAY(open("e/null", O_WRONLY) >= 0);
  SAY(open("e/fifo", O_RDWR) >= 0);
  SAY(mkdir("e/dir", 0755));
  SAY(mkdir("e/new", 0755));
  SAY(mkdir("e/absent/new", 0755));
  SAY(mknod("e/new", S_IFIFO, 0));
  SAY(symlink("x", "e/new"));
  SAY(link("e/f", "e/new"));
  SAY(link("d/f", "e/new"));
  SAY(link("e/f", "d/new"));
  SAY(unlink("e/f"));
  SAY(unlink("e/absent"));
  SAY(unlink("e/.."));
  SAY(rmdir("e/absent"));
  SAY(rmdir("e/."));
  SAY(rename("e/f", "e/new"));
  SAY(rename("e/absent", "e/new"));
  SAY(rename("e/f", "d/new"));
  SAY(rename("e/.", "e/new"));
  SAY(chmod("e/f", 0600));
  SAY(chown("e/f", 1, 1));
  SAY(truncate("e/f", 0));
  SAY(truncate("e/dir", 0));
  SAY(utimensat(AT_FDCWD, "e/f", NULL, 0));
  SAY(access("e/f", R_OK));
  SAY(access("e/f", W_OK));
  SAY(access("e/dir", W_OK));
  SAY(access("e/null", W_OK));
  fd = open("e/f", O_RDONLY);
  SAY(fchmod(fd, 0600));
  SAY(fchown(fd, 0, 0));
  SAY(futimens(fd, NULL));
  close(fd);
  SAY(mkdir("d/made", 0755));
  SAY(rmdir("e/made"));
  SAY(mount("none", "d", NULL, MS_REMOUNT | MS_RDONLY, NULL));
  mounts("/proc/self/mountinfo");
  SAY(mkdir("d/new", 0755));
  SAY(mount("none", "e", NULL, MS_REMOUNT | MS_BIND, NULL));
  SAY(mkdir("e/new", 0755));
  SAY(mount("none", "d", NULL, MS_REMOUNT, "rw"));
  SAY(mkdir("e/new", 0755));
  SAY(mount("none", "d", NULL, MS_REMOUNT, "ro"));
  mounts("/proc/self/mountinfo");
  SAY(mount("none", "d", NULL, MS_REMOUNT, NULL));
  SAY(mount("none", "e", NULL, MS_REMOUNT | MS_BIND | MS_NODEV | MS_NOEXEC | MS_NOSUID | 256, NULL));
  mounts("/proc/self/mounts");
  bits("e");
  SAY(open("e/null", O_RDONLY));
  SAY(open("e/null", O_PATH) >= 0);
  SAY(open("d/null", O_RDONLY) >= 0);
  SAY(open("e/fifo", O_RDWR) >= 0);
  SAY(open("e/l", O_RDONLY));
  SAY(open("e/l", O_PATH | O_NOFOLLOW) >= 0);
  SAY(readlink("e/l", buffer, 10));
  SAY(access("e/run", X_OK));
  SAY(access("d/run", X_OK));
  SAY(access("e/dir", X_OK));
  SAY(execl("e/run", "run", "again", NULL));
  fd = open("e/run", O_RDONLY);
  SAY(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED);
  void *map = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
  SAY(map != MAP_FAILED);
  SAY(mprotect(map, 4096, PROT_READ | PROT_EXEC));
  munmap(map, 4096);
  close(fd);
  SAY(mount("none", "e", NULL, MS_REMOUNT | MS_BIND | MS_NOSUID, NULL));
  SAY(chown("e/run", 7, 7));
  SAY(chmod("e/run", 06755));
  for (int i = 0; i < 2; i++) {
    int status;
    if (fork() == 0) {
      execl(i ? "d/run" : "e/run", "run", "ids", NULL);
      _exit(9);
    }
    wait(&status);
  }
  SAY(mount("none", "e", NULL, MS_REMOUNT | MS_BIND | MS_NOATIME | MS_NODIRATIME, NULL));
  SAY(mount("none", "e", NULL, MS_REMOUNT | MS_BIND | MS_NODEV, NULL));
  mounts("/proc/self/mounts");
  SAY(mount("none", "e", NULL, MS_REMOUNT | MS_BIND | MS_STRICTATIME, NULL));
  mounts("/proc/self/mounts");
  SAY(umount2("e", MNT_DETACH));
  SAY(umount2("d", MNT_DETACH));
}

static void told(void) {
  puts("told");
  struct pollfd p = {open("/proc/self/mounts", O_RDONLY), POLLPRI};
  SAY(poll(&p, 1, 0));
  SAY(mount("none", "d", "tmpfs", 0, NULL));
  SAY(poll(&p, 1, 0));
  printf("%x\n", p.revents);
  SAY(poll(&p, 1, 0));
  p.events = POLLIN;
  SAY(poll(&p, 1, 0));
  printf("%x\n", p.revents);
  SAY(mkdir("d/w", 0755));
  int in = inotify_init1(IN_NONBLOCK);
  SAY(inotify_add_watch(in, "d/w", IN_ALL_EVENTS));
  SAY(inotify_add_watch(in, "d", IN_ALL_EVENTS));
  SAY(umount2("d", 0));
  char events[1024];
  int size = read(in, events, sizeof events), seen = 0;
  for (char *at = events; at < events + size;) {
    struct inotify_event *e = (void *)at;
    if (e->mask == (IN_UNMOUNT | IN_ISDIR)) seen++;
    else if (e->mask == IN_IGNORED) seen += 10;
    else printf("event %x\n", e->mask);
    at += sizeof *e + e->len;
  }
  printf("%d\n", seen);
  SAY(poll(&p, 1, 0));
  close(in);
  close(p.fd);
}

static void attributes(void) {
  puts("attributes");
  SAY(mount("none", "d", "tmpfs", 0, NULL));
  struct statx a, b;
  SAY(statx(AT_FDCWD, "d", 0, STATX_BASIC_STATS, &a));
  SAY(statx(AT_FDCWD, ".", 0, STATX_BASIC_STATS, &b));
  printf("%d %d %d\n", !!(a.stx_mask & STATX_MNT_ID), a.stx_mnt_id != b.stx_mnt_id,
         !!(a.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT));
  printf("%d %d\n", !!(a.stx_attributes & STATX_ATTR_MOUNT_ROOT),
         !!(b.stx_attributes & STATX_ATTR_MOUNT_ROOT));
  int fd = open("d/f", O_CREAT | O_RDWR, 0644), other = open("file", O_RDWR);
  SAY(write(fd, "abc", 3));
  SAY(copy_file_range(fd, &(off_t){0}, other, NULL, 3, 0));
  char link[64], to[256] = "";
  sprintf(link, "/proc/self/fd/%d", fd);
  SAY(readlink(link, to, sizeof to - 1) > 0);
  puts(to);
  SAY(linkat(AT_FDCWD, link, AT_FDCWD, "d/g", AT_SYMLINK_FOLLOW));
  SAY(linkat(AT_FDCWD, link, AT_FDCWD, "g", AT_SYMLINK_FOLLOW));
  SAY(umount2("d", MNT_DETACH));
  memset(to, 0, sizeof to);
  SAY(readlink(link, to, sizeof to - 1) > 0);
  puts(to);
  close(fd);
  close(other);
}

static void nobody(void) {
  fflush(stdout);
  if (fork() == 0) {
    SAY(setresuid(1, 1, 1));
    SAY(mount("none", "d", "absent", 0, NULL));
    SAY(mount("none", "absent", "tmpfs", 0, NULL));
    SAY(mount("none", "d", "tmpfs", MS_NOUSER, NULL));
    SAY(mount(NULL, "d", NULL, MS_BIND, NULL));
    SAY(umount2("d", 0));
    SAY(umount2("d", 16));
    SAY(umount2("absent", 0));
    SAY(syscall(SYS_pivot_root, "absent", "absent"));
    SAY(unshare(CLONE_NEWNS));
    exit(0);
  }
  wait(NULL);
}

static void roots(void) {
  puts("roots");
  int status;
  fflush(stdout);
  if (fork() == 0) {
    SAY(unshare(CLONE_NEWNS));
    SAY(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
    SAY(mount("none", "d", "tmpfs", 0, NULL));
    SAY(mkdir("d/old", 0755));
    SAY(mkdir("d/in", 0755));
    SAY(mkdir("d/proc", 0755));
    SAY(mount("proc", "d/proc", "proc", 0, NULL));
    SAY(chdir("d"));
    SAY(syscall(SYS_pivot_root, "in", "in"));
    SAY(syscall(SYS_pivot_root, ".", ".."));
    SAY(syscall(SYS_pivot_root, ".", "old"));
    char path[256] = "";
    SAY(syscall(SYS_getcwd, path, sizeof path) > 0);
    puts(path);
    names("/in");
    names("/old" HERE "/file");
    SAY(umount2("/old", 0));
    SAY(umount2("/old", MNT_DETACH));
    names("/old" HERE);
    SAY(mount("x y", "/in", "tmpfs", 0, NULL));
    mounts("/proc/self/mounts");
    SAY(mkdir("/in/r", 0755));
    SAY(mkdir("/in/r/in", 0755));
    SAY(mkdir("/in/r/proc", 0755));
    SAY(mount("z", "/in/r/in", "tmpfs", 0, NULL));
    SAY(mount("proc", "/in/r/proc", "proc", MS_RDONLY, NULL));
    SAY(chroot("/in/r"));
    mounts("/proc/self/mounts");
    SAY(umount2("/in", 0));
    SAY(umount2("/", 0));
    SAY(chdir("/"));
    SAY(umount2("/", MNT_DETACH));
    exit(3);
  }
  wait(&status);
  printf("status %d\n", WEXITSTATUS(status));
  mounts("/proc/self/mounts");
  fflush(stdout);
  if (fork() == 0) {
    SAY(unshare(CLONE_NEWNS));
    SAY(mount("none", "d", "tmpfs", 0, NULL));
    SAY(chdir("d"));
    SAY(syscall(SYS_pivot_root, ".", "."));
    SAY(umount2(".", MNT_DETACH));
    SAY(open("/x", O_CREAT | O_WRONLY, 0644) >= 0);
    names("x");
    names("/tmp");
    exit(4);
  }
  wait(&status);
  printf("status %d\n", WEXITSTATUS(status));
  SAY(mount("none", "d", "tmpfs", 0, NULL));
  fflush(stdout);
  int pipes[2], back[2];
  char c;
  pipe(pipes);
  pipe(back);
  if (fork() == 0) {
    SAY(unshare(CLONE_NEWNS));
    SAY(umount2("d", 0));
    SAY(rmdir("d"));
    write(back[1], "x", 1);
    read(pipes[0], &c, 1);
    SAY(open("d/f", O_RDONLY));
    exit(5);
  }
  read(back[0], &c, 1);
  SAY(open("d/f", O_CREAT | O_WRONLY, 0644));
  mounts("/proc/self/mounts");
  write(pipes[1], "x", 1);
  wait(&status);
  printf("status %d\n", WEXITSTATUS(status));
  SAY(mkdir("d", 0755));
}

int main(int argc, char **argv) {
  if (argc > 1) {
    printf("%s: uid %d gid %d\n", argv[1], geteuid(), getegid());
    return 0;
  }
  umask(0);
  SAY(mkdir(HERE, 0755));
  SAY(mount("m", HERE, "tmpfs", 0, "size=4m,nr_inodes=100"));
  SAY(chdir(HERE));
  SAY(mkdir("d", 0755));
  SAY(mkdir("e", 0755));
  close(open("file", O_CREAT | O_WRONLY, 0644));
  close(open("other", O_CREAT | O_WRONLY, 0644));
  arguments();
  tmpfs();
  busy();
  binds();
  flags();
  told();
  attributes();
  nobody();
  roots();
  SAY(umount2(HERE, 0));
  SAY(chdir("/"));
  SAY(umount2(HERE, 0));
  SAY(rmdir(HERE));
  return 0;
}
