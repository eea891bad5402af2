// dup(2), fcntl(2), close(2), ioctl(2), record locks, limits.
#include "say.h"
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
int main(void) {
  int fd = open("/tmp/d", O_RDWR | O_CREAT | O_APPEND, 0600), n;
  SAY(fd);
  SAY(dup(fd));
  SAY(dup2(fd, 10));
  SAY(dup2(fd, fd));
  SAY(dup2(77, 5));
  SAY(dup2(fd, -1));
  SAY(dup2(fd, 5000));
  SAY(dup3(fd, fd, 0));
  SAY(dup3(fd, 11, O_CLOEXEC));
  SAY(fcntl(11, F_GETFD));
  SAY(fcntl(10, F_GETFD));
  SAY(fcntl(fd, F_GETFL) & ~O_NOFOLLOW);
  SAY(fcntl(fd, F_SETFL, O_NONBLOCK));
  SAY(fcntl(10, F_GETFL));
  SAY(fcntl(fd, F_DUPFD, 20));
  SAY(fcntl(fd, F_DUPFD, 100000));
  SAY(fcntl(fd, F_DUPFD_CLOEXEC, 20));
  SAY(fcntl(fd, 9999));
  SAY(ioctl(fd, FIOCLEX));
  SAY(fcntl(fd, F_GETFD));
  SAY(ioctl(fd, FIONREAD, &n));
  SAY(ioctl(fd, TIOCGWINSZ, &n));
  SAY(ioctl(fd, 0x1234, &n));
  struct flock lock = {F_WRLCK, SEEK_SET, 0, 10};
  SAY(fcntl(fd, F_SETLK, &lock));
  SAY(fcntl(fd, F_GETLK, &lock));
  SAY(lock.l_type);
  SAY(flock(fd, LOCK_EX | LOCK_NB));
  SAY(close(77));
  SAY(close(fd));
  SAY(close(fd));
  struct rlimit limit = {15, 15};
  SAY(setrlimit(RLIMIT_NOFILE, &limit));
  SAY(open("/etc/passwd", O_RDONLY));
  SAY(dup2(10, 15));
  return 0;
}
