// inotify(7): which events come, in which order, with which names and cookies; masks, limits of reads, errors.
#include "say.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <utime.h>

static int fd;
static unsigned first_cookie;

static const char *const names[] = {"ACCESS", "MODIFY", "ATTRIB", "CLOSE_WRITE", "CLOSE_NOWRITE", "OPEN", "MOVED_FROM",
                                    "MOVED_TO", "CREATE", "DELETE", "DELETE_SELF", "MOVE_SELF", 0, "UNMOUNT",
                                    "Q_OVERFLOW", "IGNORED"};

static void show(const struct inotify_event *event) {
  printf("  %d", event->wd);
  for (int i = 0; i < 16; i++)
    if (event->mask & (1u << i)) printf(" %s", names[i] ? names[i] : "?");
  if (event->mask & IN_ISDIR) printf(" ISDIR");
  if (event->mask & ~(0xffffu | IN_ISDIR)) printf(" %x", event->mask);
  if (event->cookie != 0) {
    if (first_cookie == 0) first_cookie = event->cookie;
    printf(" cookie %u", event->cookie - first_cookie);
  }
  if (event->len != 0) printf(" %s (%u)", event->name, event->len);
  printf("\n");
}

// What has come since the last time.
static void events(const char *what) {
  static char buffer[65536] __attribute__((aligned(8)));
  printf("%s:\n", what);
  for (;;) {
    int waiting = -1;
    ioctl(fd, FIONREAD, &waiting);
    ssize_t size = read(fd, buffer, sizeof buffer);
    if (size <= 0) break;
    if (size != waiting) printf("  FIONREAD %d, read %zd\n", waiting, size);
    for (char *at = buffer; at < buffer + size;) {
      const struct inotify_event *event = (const struct inotify_event *)at;
      show(event);
      at += sizeof *event + event->len;
    }
  }
  fflush(stdout);
}

// Without O_TRUNC: whether it is told before IN_OPEN or behind it depends on the version.
static void make(const char *path, const char *text) {
  int file = open(path, O_CREAT | O_WRONLY, 0644);
  if (*text) write(file, text, strlen(text));
  close(file);
}

static void files(void) {
  char byte[10];
  SAY(inotify_add_watch(fd, "d", IN_ALL_EVENTS));
  make("d/f", "");
  events("made");
  make("d/f", "text");
  events("written");
  int file = open("d/f", O_RDWR);
  read(file, byte, 1);
  read(file, byte, 1);
  pread(file, byte, 1, 0);
  events("read");
  write(file, "x", 1);
  pwrite(file, "x", 1, 0);
  events("pwrite");
  read(file, byte, 10);
  read(file, byte, 10);
  write(file, "", 0);
  events("nothing to read or write");
  ftruncate(file, 2);
  events("ftruncate");
  posix_fallocate(file, 0, 10);
  events("fallocate");
  fchmod(file, 0600);
  fchown(file, getuid(), getgid());
  events("fchmod, fchown");
  close(dup(file));
  events("dup closed");
  char *memory = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  memory[0] = 'm';
  munmap(memory, 4096);
  events("mapped");
  close(file);
  events("closed");
  truncate("d/f", 1);
  events("truncate");
  chmod("d/f", 0644);
  chown("d/f", -1, -1);
  events("chown to the same");
  chown("d/f", getuid(), -1);
  events("chown");
  utime("d/f", 0);
  struct timespec times[2] = {{1, 0}, {0, UTIME_OMIT}};
  utimensat(AT_FDCWD, "d/f", times, 0);
  events("utime");
  times[0].tv_nsec = UTIME_OMIT;
  times[1].tv_nsec = 0;
  utimensat(AT_FDCWD, "d/f", times, 0);
  events("time of modification");
  stat("d/f", &(struct stat){0});
  access("d/f", R_OK);
  close(open("d/missing", O_RDONLY));
  close(open("d/f", O_RDONLY | O_CREAT | O_EXCL, 0600));
  events("nothing");
  int in = open("d/f", O_RDONLY), out = open("d/g", O_CREAT | O_WRONLY, 0644);
  sendfile(out, in, 0, 1);
  close(in);
  close(out);
  events("sendfile");
  unlink("d/g");
  events("unlink");
}

static void others(void) {
  symlink("f", "d/l");
  mkfifo("d/p", 0600);
  mkdir("d/e", 0700);
  events("symlink, mkfifo, mkdir");
  link("d/f", "d/h");
  events("link");
  int file = open("d/h", O_RDONLY);
  unlink("d/h");
  events("unlink of an open file");
  char byte;
  read(file, &byte, 1);
  fchmod(file, 0600);
  close(file);
  events("of a name that has gone");
  rmdir("d/e");
  unlink("d/l");
  unlink("d/p");
  events("rmdir, unlink");
  int directory = open("d", O_RDONLY | O_DIRECTORY);
  char entries[1024];
  syscall(SYS_getdents64, directory, entries, sizeof entries);
  close(directory);
  events("the directory itself");
  chmod("d", 0700);
  chmod("d", 0755);
  events("its mode");
}

static void moves(void) {
  mkdir("e", 0755);
  SAY(inotify_add_watch(fd, "e", IN_ALL_EVENTS));
  SAY(inotify_add_watch(fd, "d/f", IN_ALL_EVENTS));
  rename("d/f", "d/g");
  events("within");
  rename("d/g", "e/f");
  events("between");
  rename("e/f", "f");
  events("out");
  rename("f", "e/f");
  events("in");
  make("e/old", "");
  SAY(inotify_add_watch(fd, "e/old", IN_ALL_EVENTS));
  events("another");
  rename("e/f", "e/old");
  events("replacing");
  make("e/x", "");
  events("x");
  SAY(syscall(SYS_renameat2, AT_FDCWD, "e/x", AT_FDCWD, "e/old", 2));
  events("exchanged");
  mkdir("d/m", 0755);
  rename("d/m", "e/n");
  events("directory");
  SAY(inotify_add_watch(fd, "e/n", IN_ALL_EVENTS));
  rename("e/n", "d/m");
  events("watched directory");
  rmdir("d/m");
  events("removed");
  rename("e/x", "e/x");
  events("no move");
  int file = open("e/x", O_RDONLY);
  rename("e/x", "d/y");
  close(file);
  events("closed elsewhere");
  rename("d/y", "e/x");
  events("back");
  file = open("e/x", O_RDONLY);
  unlink("e/x");
  events("unlinked while open");
  close(file);
  events("and closed");
}

static void masks(void) {
  events("before");
  SAY(inotify_add_watch(fd, "d", IN_CREATE));
  SAY(inotify_add_watch(fd, "d", IN_DELETE | IN_MASK_ADD));
  SAY(inotify_add_watch(fd, "d", IN_DELETE | IN_MASK_CREATE));
  SAY(inotify_add_watch(fd, "d", IN_DELETE | IN_MASK_CREATE | IN_MASK_ADD));
  make("d/a", "a");
  unlink("d/a");
  events("created and deleted");
  SAY(inotify_add_watch(fd, "d", IN_CLOSE | IN_EXCL_UNLINK) == inotify_add_watch(fd, "d", IN_CLOSE | IN_EXCL_UNLINK));
  int file = open("d/a", O_CREAT | O_RDWR, 0600);
  close(open("d/a", O_RDONLY));
  unlink("d/a");
  close(file);
  events("unlinked files excluded");
  int once = inotify_add_watch(fd, "d", IN_CREATE | IN_ONESHOT);
  make("d/a", "");
  make("d/b", "");
  events("once");
  SAY(inotify_rm_watch(fd, once));
  make("f", "");
  symlink("f", "l");
  SAY(inotify_add_watch(fd, "f", IN_OPEN | IN_ONLYDIR));
  SAY(inotify_add_watch(fd, "l", IN_OPEN | IN_ONLYDIR));
  int link = inotify_add_watch(fd, "l", IN_ALL_EVENTS | IN_DONT_FOLLOW);
  int target = inotify_add_watch(fd, "l", IN_OPEN);
  SAY(link != target);
  close(open("l", O_RDONLY));
  unlink("l");
  events("link");
  SAY(inotify_rm_watch(fd, target));
  events("removed");
  SAY(inotify_add_watch(fd, "f", IN_ISDIR));
  close(open("f", O_RDONLY));
  unlink("f");
  events("no events wanted");
}

static void errors(void) {
  int file = open("d/a", O_RDONLY), path = open("d/a", O_PATH);
  SAY(inotify_init1(1));
  SAY(inotify_add_watch(fd, "d", 0));
  SAY(inotify_add_watch(99, "d", 0));
  SAY(inotify_add_watch(99, "d", IN_OPEN));
  SAY(inotify_add_watch(file, "d", IN_OPEN));
  SAY(inotify_add_watch(path, "d", IN_OPEN));
  SAY(inotify_add_watch(fd, "missing", IN_OPEN));
  SAY(inotify_add_watch(fd, "", IN_OPEN));
  SAY(inotify_add_watch(fd, (void *)1, IN_OPEN));
  SAY(inotify_rm_watch(fd, 9999));
  SAY(inotify_rm_watch(fd, -1));
  SAY(inotify_rm_watch(file, 1));
  SAY(inotify_rm_watch(99, 1));
  SAY(write(fd, "x", 1));
  SAY(lseek(fd, 0, SEEK_SET));
  SAY(fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK));
  close(file);
  close(path);
  events("after errors");
}

static void reads(void) {
  char buffer[256] __attribute__((aligned(8)));
  int wd = inotify_add_watch(fd, "d", IN_CREATE | IN_DELETE), other;
  SAY(read(fd, buffer, sizeof buffer));
  SAY(read(fd, buffer, 0));
  struct pollfd ready = {fd, POLLIN | POLLOUT, 0};
  SAY(poll(&ready, 1, 0));
  make("d/one", "");
  make("d/a-name-of-16-char", "");
  SAY(poll(&ready, 1, 0));
  printf("ready for %x\n", ready.revents);
  int queue = epoll_create1(0);
  struct epoll_event event = {EPOLLIN | EPOLLET, {0}};
  SAY(epoll_ctl(queue, EPOLL_CTL_ADD, fd, &event));
  SAY(epoll_wait(queue, &event, 1, 0));
  SAY(epoll_wait(queue, &event, 1, 0));
  unlink("d/one");
  SAY(epoll_wait(queue, &event, 1, 0));
  close(queue);
  SAY(read(fd, buffer, 0));
  SAY(read(fd, buffer, 16));
  SAY(read(fd, buffer, 31));
  SAY(read(fd, buffer, 32));
  SAY(read(fd, buffer, 50));
  SAY(read(fd, (void *)1, 64));
  SAY(read(fd, buffer, sizeof buffer));
  SAY(read(fd, buffer, sizeof buffer));
  unlink("d/a-name-of-16-char");
  events("left");
  SAY(inotify_rm_watch(fd, wd));
  events("removed");
  SAY((other = inotify_add_watch(fd, "d", IN_CREATE)) > wd);
  SAY(inotify_rm_watch(fd, other));
  events("numbers go on");
}

static void overflow(void) {
  int wd = inotify_add_watch(fd, "d", IN_ATTRIB | IN_OPEN), count = 0, lost = 0;
  char buffer[4096] __attribute__((aligned(8)));
  for (int i = 0; i < 9000; i++) {
    chmod("d/a", 0600);
    close(open("d/a", O_RDONLY));
  }
  for (ssize_t size; (size = read(fd, buffer, sizeof buffer)) > 0;)
    for (char *at = buffer; at < buffer + size; at += sizeof(struct inotify_event) + ((struct inotify_event *)at)->len) {
      const struct inotify_event *event = (struct inotify_event *)at;
      count++;
      if (event->mask == IN_Q_OVERFLOW) printf("lost after %d, descriptor %d\n", count, event->wd), lost++;
    }
  printf("%d times lost\n", lost);
  SAY(inotify_rm_watch(fd, wd));
  events("after the overflow");
}

static void waits(void) {
  int own = inotify_init(), parts[2];
  char buffer[64] __attribute__((aligned(8)));
  inotify_add_watch(own, "d", IN_CREATE | IN_DELETE_SELF);
  pipe(parts);
  pid_t child = fork();
  if (child == 0) {
    read(parts[0], buffer, 1);
    mkdir("d/child", 0755);
    _exit(0);
  }
  write(parts[1], "x", 1);
  SAY(read(own, buffer, sizeof buffer));
  show((struct inotify_event *)buffer);
  say_wait("child", child);
  child = fork();
  if (child == 0) {
    execl("/bin/busybox", "true", (char *)0);
    _exit(1);
  }
  say_wait("true", child);
  close(own);
  rmdir("d/child");
}

int main(void) {
  SAY(chdir("/tmp"));
  SAY(mkdir("d", 0755));
  fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  SAY(fcntl(fd, F_GETFD));
  files();
  others();
  moves();
  masks();
  errors();
  reads();
  overflow();
  waits();
  int wd = inotify_add_watch(fd, "d", IN_ALL_EVENTS);
  unlink("d/a");
  unlink("d/b");
  rmdir("d");
  events("end");
  SAY(inotify_rm_watch(fd, wd));
  return 0;
}
