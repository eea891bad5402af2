// /proc/sys/fs/nr_open (proc_sys_fs(5)): what tables of descriptors do not grow beyond. A setting of the whole system, so
// that the answers are written down in place of asking Linux.
#include "say.h"
#include <sched.h>
#include <sys/resource.h>
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

int main(void) {
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
  SAY(set("4096"));
  return 0;
}
