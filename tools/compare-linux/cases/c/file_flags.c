// Flags of files (FS_IOC_SETFLAGS and its like): which there are, who may set them, what a new file has from its
// directory, and what immutable and append-only files and directories refuse. The answer is that of root with all
// capabilities on a tmpfs, which a host's root may not have.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

static long said(const char *what, long result) {
  if (result < 0) printf("%s: %s\n", what, strerrorname_np(errno));
  else printf("%s: %ld\n", what, result);
  return result;
}

/** Sets `flags` of `path`, and tells what they are then. */
static void set(const char *path, int flags) {
  int fd = open(path, O_RDONLY), now = -1;
  char what[80];
  snprintf(what, sizeof what, "%s = %#x", path, flags);
  said(what, ioctl(fd, FS_IOC_SETFLAGS, &flags));
  if (ioctl(fd, FS_IOC_GETFLAGS, &now) == 0) printf("  %#x\n", now);
  close(fd);
}

static void told(const char *path) {
  struct statx about;
  if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &about) != 0) perror(path);
  unsigned long long all = STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND | STATX_ATTR_NODUMP;
  printf("%s: attributes %#llx of %#llx\n", path, about.stx_attributes & all,
         about.stx_attributes_mask & all);
}

static void make(const char *path) {
  int fd = open(path, O_CREAT | O_WRONLY, 0644);
  if (write(fd, "contents", 8) != 8) perror(path);
  close(fd);
}

static void which(void) {
  make("file");
  set("file", 0);
  set("file", FS_NODUMP_FL);
  told("file");
  set("file", FS_NODUMP_FL | FS_NOATIME_FL);
  set("file", FS_SYNC_FL);
  set("file", FS_COMPR_FL);
  set("file", FS_EXTENT_FL);
  set("file", FS_DAX_FL);
  set("file", -1);
  set("file", 0);
  int fd = open("file", O_RDONLY), path = open("file", O_PATH), null = open("/dev/null", O_RDWR);
  int proc = open("/proc/version", O_RDONLY), memory = memfd_create("m", 0), pipes[2], flags = 0;
  if (pipe(pipes) != 0) exit(1);
  said("get nowhere", ioctl(fd, FS_IOC_GETFLAGS, NULL));
  said("set nowhere", ioctl(fd, FS_IOC_SETFLAGS, NULL));
  said("path", ioctl(path, FS_IOC_GETFLAGS, &flags));
  said("null", ioctl(null, FS_IOC_GETFLAGS, &flags));
  said("null set", ioctl(null, FS_IOC_SETFLAGS, &flags));
  said("null nowhere", ioctl(null, FS_IOC_SETFLAGS, NULL));
  said("proc", ioctl(proc, FS_IOC_GETFLAGS, &flags));
  said("pipe", ioctl(pipes[0], FS_IOC_GETFLAGS, &flags));
  said("memory", ioctl(memory, FS_IOC_GETFLAGS, &flags));
}

static void extended(void) {
  int fd = open("file", O_RDONLY), flags = 0;
  struct fsxattr x;
  memset(&x, 0xff, sizeof x);
  said("get", ioctl(fd, FS_IOC_FSGETXATTR, &x));
  printf("%#x %u %u %u %u\n", x.fsx_xflags, x.fsx_extsize, x.fsx_nextents, x.fsx_projid, x.fsx_cowextsize);
  x.fsx_xflags = FS_XFLAG_NODUMP | FS_XFLAG_APPEND;
  said("set", ioctl(fd, FS_IOC_FSSETXATTR, &x));
  said("flags", ioctl(fd, FS_IOC_GETFLAGS, &flags));
  printf("%#x\n", flags);
  static const unsigned refused[] = {FS_XFLAG_SYNC, FS_XFLAG_REALTIME, FS_XFLAG_EXTSIZE, FS_XFLAG_EXTSZINHERIT,
                                     FS_XFLAG_DAX, FS_XFLAG_PROJINHERIT, FS_XFLAG_NOATIME};
  for (unsigned i = 0; i < sizeof refused / sizeof *refused; i++) {
    memset(&x, 0, sizeof x);
    x.fsx_xflags = refused[i];
    said("flag", ioctl(fd, FS_IOC_FSSETXATTR, &x));
  }
  memset(&x, 0, sizeof x);
  x.fsx_projid = 5;
  said("project", ioctl(fd, FS_IOC_FSSETXATTR, &x));
  x.fsx_projid = -1;
  said("no project", ioctl(fd, FS_IOC_FSSETXATTR, &x));
  x.fsx_projid = 0;
  x.fsx_extsize = 4096;
  said("extents", ioctl(fd, FS_IOC_FSSETXATTR, &x));
  said("nowhere", ioctl(fd, FS_IOC_FSSETXATTR, NULL));
  said("get nowhere", ioctl(fd, FS_IOC_FSGETXATTR, NULL));
  set("file", 0);
}

static void inherited(void) {
  mkdir("d", 0755);
  set("d", FS_NODUMP_FL | FS_NOATIME_FL | FS_APPEND_FL);
  make("d/file");
  mkdir("d/inner", 0755);
  if (symlink("x", "d/link") != 0 || mkfifo("d/fifo", 0600) != 0) perror("d");
  set("d", 0);
  told("d/file");
  told("d/inner");
  told("d/link");
  told("d/fifo");
  int fd = open("d/file", O_RDONLY), flags = 0;
  ioctl(fd, FS_IOC_GETFLAGS, &flags);
  printf("file %#x\n", flags);
  fd = open("d/fifo", O_RDONLY | O_NONBLOCK);
  said("fifo", ioctl(fd, FS_IOC_GETFLAGS, &flags));
}

/** Everything that changes the file `path`. */
static void change(const char *path) {
  struct timespec times[2] = {{1, 0}, {2, 0}}, one[2] = {{1, 0}, {0, UTIME_OMIT}};
  struct timespec none[2] = {{0, UTIME_OMIT}, {0, UTIME_OMIT}}, now[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};
  said("read", open(path, O_RDONLY) < 0 ? -1 : 0);
  said("write", open(path, O_WRONLY) < 0 ? -1 : 0);
  said("append", open(path, O_WRONLY | O_APPEND) < 0 ? -1 : 0);
  said("empty", open(path, O_RDONLY | O_TRUNC) < 0 ? -1 : 0);
  said("append, empty", open(path, O_WRONLY | O_APPEND | O_TRUNC) < 0 ? -1 : 0);
  said("access", access(path, W_OK));
  said("truncate", truncate(path, 3));
  said("chmod", chmod(path, 0600));
  said("chown", chown(path, 0, 0));
  said("chown none", chown(path, -1, -1));
  said("times", utimensat(AT_FDCWD, path, times, 0));
  said("one time", utimensat(AT_FDCWD, path, one, 0));
  said("no time", utimensat(AT_FDCWD, path, none, 0));
  said("now", utimensat(AT_FDCWD, path, now, 0));
  said("touch", utimensat(AT_FDCWD, path, NULL, 0));
  said("attribute", setxattr(path, "trusted.a", "1", 1, 0));
  said("attribute gone", removexattr(path, "trusted.a"));
  said("link", link(path, "other"));
  said("rename", rename(path, "other"));
  make("third");
  said("replace", rename("third", path));
  said("exchange", syscall(SYS_renameat2, AT_FDCWD, "third", AT_FDCWD, path, RENAME_EXCHANGE));
  said("unlink", unlink(path));
}

/** What may be done with `fd`, which was open for reading and writing before. */
static void changeOpen(int fd) {
  said("write", write(fd, "12", 2));
  said("cut", ftruncate(fd, 4));
  said("allocate", fallocate(fd, 0, 0, 4096));
  said("keep", fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 4096));
  said("hole", fallocate(fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 0, 4096));
  said("fchmod", fchmod(fd, 0640));
  said("flags", fcntl(fd, F_SETFL, O_APPEND));
  said("flags back", fcntl(fd, F_SETFL, 0));
  void *at = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
  said("map", at == MAP_FAILED ? -1 : 0);
  at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  said("map alone", at == MAP_FAILED ? -1 : 0);
  make("source");
  int from = open("source", O_RDONLY);
  said("copy", syscall(SYS_copy_file_range, from, NULL, fd, NULL, 4, 0));
  close(from);
}

static void fixed(const char *name, int flags) {
  printf("-- %s\n", name);
  make(name);
  int fd = open(name, O_RDWR);
  set(name, flags);
  told(name);
  change(name);
  changeOpen(fd);
  set(name, 0);
  said("unlink", unlink(name));
}

static void directory(const char *name, int flags) {
  char inside[64], fresh[64], inner[64];
  printf("-- directory %s\n", name);
  snprintf(inside, sizeof inside, "%s/there", name);
  snprintf(fresh, sizeof fresh, "%s/new", name);
  snprintf(inner, sizeof inner, "%s/inner", name);
  mkdir(name, 0755);
  mkdir(inner, 0755);
  make(inside);
  set(name, flags);
  said("read", open(inside, O_RDONLY) < 0 ? -1 : 0);
  said("write", open(inside, O_WRONLY) < 0 ? -1 : 0);
  said("create", open(fresh, O_WRONLY | O_CREAT, 0644) < 0 ? -1 : 0);
  said("create there", open(inside, O_WRONLY | O_CREAT, 0644) < 0 ? -1 : 0);
  said("nameless", open(name, O_WRONLY | O_TMPFILE, 0644) < 0 ? -1 : 0);
  said("mkdir", mkdir(fresh, 0755));
  said("unlink", unlink(inside));
  said("rmdir inner", rmdir(inner));
  said("rename out", rename(inside, "outside"));
  make("third");
  said("rename in", rename("third", fresh));
  said("chmod", chmod(name, 0700));
  said("rename", rename(name, "elsewhere"));
  said("rmdir", rmdir(name));
  set(name, 0);
}

/** Who is not root. */
static void others(void) {
  make("theirs");
  chown("theirs", 1000, 1000);
  make("mine");
  fflush(stdout);
  pid_t child = fork();
  if (child != 0) {
    waitpid(child, NULL, 0);
    return;
  }
  if (setgid(1000) != 0 || setuid(1000) != 0) exit(1);
  set("theirs", FS_NODUMP_FL);
  set("theirs", FS_NODUMP_FL | FS_IMMUTABLE_FL);
  set("theirs", FS_NODUMP_FL | FS_APPEND_FL);
  set("theirs", FS_COMPR_FL);
  set("mine", FS_NODUMP_FL);
  int mine = open("mine", O_RDONLY), theirs = open("theirs", O_RDONLY);
  said("time of access", fcntl(mine, F_SETFL, O_NOATIME));
  said("of its own", fcntl(theirs, F_SETFL, O_NOATIME));
  fflush(stdout);
  _exit(0);
}

int main(void) {
  umask(022);
  mkdir("/tmp/flags", 0755);
  if (chdir("/tmp/flags") != 0) return 1;
  which();
  extended();
  inherited();
  fixed("immutable", FS_IMMUTABLE_FL);
  fixed("append-only", FS_APPEND_FL);
  directory("still", FS_IMMUTABLE_FL);
  directory("growing", FS_APPEND_FL);
  others();
  return 0;
}
