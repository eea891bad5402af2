// mknod(2): which nodes can be made, by whom, what they are when they are opened.
#include "say.h"
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

static void tell(const char *path) {
  struct stat is;
  struct statx more;
  if (lstat(path, &is) != 0 || statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &more) != 0) perror(path);
  printf("%s: mode %o device %d:%d, %d:%d\n", path, is.st_mode, major(is.st_rdev), minor(is.st_rdev), more.stx_rdev_major,
         more.stx_rdev_minor);
}

int main(void) {
  char bytes[8] = "12345678";
  SAY(chdir("/tmp"));
  umask(022);
  SAY(mkdir("d", 0755));
  SAY(mknod("null", S_IFCHR | 0666, makedev(1, 3)));
  SAY(mknod("zero", S_IFCHR | 0600, makedev(1, 5)));
  SAY(mknod("full", S_IFCHR | 0666, makedev(1, 7)));
  SAY(mknod("random", S_IFCHR | 0666, makedev(1, 8)));
  SAY(mknod("urandom", S_IFCHR | 0666, makedev(1, 9)));
  SAY(mknod("tty", S_IFCHR | 0666, makedev(5, 0)));
  SAY(mknod("absent", S_IFCHR | 0666, makedev(400, 70000)));
  SAY(mknod("disk", S_IFBLK | 0660, makedev(400, 1)));
  SAY(mknod("socket", S_IFSOCK | 0666, 0));
  SAY(mknod("fifo", S_IFIFO | 0666, makedev(1, 3)));
  SAY(mknod("file", S_IFREG | 0666, makedev(1, 3)));
  SAY(mknod("untyped", 0666, 0));
  tell("null");
  tell("zero");
  tell("absent");
  tell("disk");
  tell("socket");
  tell("fifo");
  tell("file");
  tell("untyped");
  SAY(mknod("null", S_IFCHR | 0666, makedev(1, 3)));
  SAY(mknod("directory", S_IFDIR | 0777, 0));
  SAY(mknod("link", S_IFLNK | 0777, 0));
  SAY(mknod("bad", 0xf000 | 0777, 0));
  SAY(mknod("missing/null", S_IFCHR | 0666, makedev(1, 3)));
  SAY(mknod("slash/", S_IFCHR | 0666, makedev(1, 3)));
  int fd = open("null", O_RDWR);
  SAY(write(fd, bytes, 8));
  SAY(read(fd, bytes, 8));
  close(fd);
  fd = open("zero", O_RDWR);
  SAY(write(fd, bytes, 8));
  SAY(read(fd, bytes, 8));
  printf("%d\n", bytes[0] | bytes[7]);
  close(fd);
  fd = open("full", O_RDWR);
  SAY(write(fd, bytes, 8));
  close(fd);
  fd = open("urandom", O_RDONLY);
  SAY(read(fd, bytes, 8));
  close(fd);
  fd = open("random", O_RDONLY);
  SAY(read(fd, bytes, 8));
  close(fd);
  SAY(open("absent", O_RDONLY));
  SAY(open("absent", O_PATH) >= 0);
  SAY(open("disk", O_RDONLY));
  SAY(open("socket", O_RDONLY));
  struct sockaddr_un address = {AF_UNIX, "socket"};
  SAY(connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&address, sizeof address));
  SAY(truncate("null", 0));
  SAY(open("null", O_RDWR | O_TRUNC) >= 0);
  SAY(link("null", "other"));
  tell("other");
  SAY(unlink("null"));
  SAY(chmod("zero", 0644));
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    SAY(setgid(1000) | setuid(1000));
    SAY(mknod("own", S_IFCHR | 0666, makedev(1, 3)));
    SAY(mknod("own", S_IFBLK | 0666, makedev(1, 3)));
    SAY(mknod("zero", S_IFCHR | 0666, makedev(1, 3)));
    SAY(mknod("d/null", S_IFCHR | 0666, makedev(1, 3)));
    SAY(mknod("whiteout", S_IFCHR | 0666, 0));
    SAY(mknod("their-fifo", S_IFIFO | 0666, 0));
    SAY(open("zero", O_RDONLY) >= 0);
    SAY(open("zero", O_RDWR));
    _exit(0);
  }
  say_wait("others", child);
  return 0;
}
