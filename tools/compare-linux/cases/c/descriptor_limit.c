// /proc/sys/fs/nr_open (proc_sys_fs(5)): what tables of descriptors do not grow beyond. A setting of the whole system, so
// that the answers are written down in place of asking Linux.
#include "say.h"
#include <poll.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/syscall.h>

static int set(const char *text) {
  int fd = open("/proc/sys/fs/nr_open", O_WRONLY);
  int result = write(fd, text, strlen(text));
  int error = errno;
  close(fd);
  errno = error;
  return result;
}

static int limit(long most) {
  struct rlimit wanted = {64, most};
  return setrlimit(RLIMIT_NOFILE, &wanted);
}

static int child(int flags) {
  int pid = syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
  if (pid == 0) _exit(0);
  if (pid > 0) waitpid(pid, 0, 0);
  return pid < 0 ? -1 : 0;
}

/** Text of `path`, of which the first line is told. */
static void first_line(const char *path) {
  char text[100] = "";
  int fd = open(path, O_RDONLY);
  read(fd, text, sizeof text - 1);
  close(fd);
  printf("%s: %.*s\n", path, (int)strcspn(text, "\n"), text);
}

/** Who may raise the hard limit has tables that are larger than it is at first. */
static void large(void) {
  struct rlimit most = {1024, 4096};
  SAY(setrlimit(RLIMIT_NOFILE, &most));
  SAY(dup2(1, 4096));
  most = (struct rlimit){20000, 20000};
  SAY(setrlimit(RLIMIT_NOFILE, &most));
  int file = open("/tmp/large", O_CREAT | O_RDWR, 0600);
  SAY(dup2(file, 19999));
  SAY(dup2(file, 20000));
  SAY(write(19999, "large", 5));
  char text[100] = "";
  SAY(readlink("/proc/self/fd/19999", text, sizeof text));
  printf("%s\n", text);
  first_line("/proc/self/fdinfo/19999");
  struct stat about;
  SAY(stat("/proc/self/fd/19999", &about));
  SAY(lstat("/proc/self/fd/19999", &about));
  printf("rdev %ld\n", (long)about.st_rdev);
  struct pollfd polled = {19999, POLLIN | POLLOUT, 0};
  SAY(poll(&polled, 1, 0));
  static fd_set sets[20];
  ((unsigned char *)sets)[19999 / 8] = 1 << 19999 % 8;
  SAY(select(20000, sets, 0, 0, 0));
  fflush(stdout);
  if (fork() == 0) {
    SAY(pread(19999, text, 3, 2));
    SAY(close(19999));
    _exit(0);
  }
  wait(0);
  SAY(fcntl(19999, F_GETFD));
  SAY(fcntl(file, F_DUPFD, 15000));
  SAY(syscall(SYS_close_range, 4000, 30000, 0));
  SAY(access("/proc/self/fd/19999", F_OK));
  most = (struct rlimit){1048576, 1048576};
  SAY(setrlimit(RLIMIT_NOFILE, &most));
  SAY(dup2(file, 1048575));
  SAY(dup2(file, 1048576));
  SAY(fcntl(1048575, F_GETFD));
  close(1048575), close(file), unlink("/tmp/large");
}

static void all(void) {
  SAY(set("63"));
  SAY(dup2(1, 65));
  SAY(set("64"));
  // What there is room for may be had, and no more.
  SAY(dup2(1, 127));
  SAY(dup2(1, 128));
  SAY(fcntl(1, F_DUPFD, 126));
  SAY(fcntl(1, F_DUPFD, 128));
  SAY(child(0));
  SAY(child(CLONE_FILES));
  fflush(stdout);
  if (syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0) == 0) {
    SAY(unshare(CLONE_FILES));
    SAY(syscall(SYS_close_range, 70, 100, 2));
    SAY(syscall(SYS_close_range, 64, ~0u, 2));
    SAY(fcntl(127, F_GETFD));
    _exit(0);
  }
  wait(0);
  SAY(fcntl(127, F_GETFD));
  SAY(child(0));
  for (int fd = 64; fd < 128; fd++) close(fd);
  SAY(child(0));
  SAY(fcntl(1, F_DUPFD, 64));
  SAY(close(64));
  SAY(limit(65));
  SAY(set("128"));
  SAY(limit(65));
  SAY(set("1048576"));
  large();
}

int main(void) {
  // A child's table has room for 64, whatever that of its parent was for.
  close_range(3, ~0U, 0);
  pid_t pid = fork();
  if (pid == 0) {
    all();
    _exit(0);
  }
  int status = 1;
  waitpid(pid, &status, 0);
  return status != 0;
}
