// Leases: F_SETLEASE and F_GETLEASE of fcntl(2), what stands against them and what they hold up.
#include "say.h"

static sigset_t all;

static void take(const char *what) {
  siginfo_t info = {0};
  struct timespec now = {0, 0};
  int got = sigtimedwait(&all, &info, &now);
  if (got < 0) printf("%s: nothing\n", what);
  else if (info.si_code == 128) printf("%s: signal %d\n", what, got);
  else printf("%s: signal %d code %d band %lx fd %d\n", what, got, info.si_code, info.si_band, info.si_fd);
  fflush(stdout);
}

static int lease(int fd, int type) { return fcntl(fd, F_SETLEASE, type); }
static int which(int fd) { return fcntl(fd, F_GETLEASE); }

static int opens(const char *path, int flags) {
  int fd = open(path, flags, 0600);
  if (fd >= 0) close(fd);
  return fd < 0 ? -1 : 0;
}

// A child opens, and the lease becomes `type` when it has been told.
static void wanted(const char *what, int fd, int flags, int type) {
  fcntl(fd, F_SETSIG, SIGRTMIN + 1);
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    close(fd);
    _exit(opens("file", flags) == 0 ? 0 : errno);
  }
  sigset_t set;
  siginfo_t info;
  sigemptyset(&set);
  sigaddset(&set, SIGRTMIN + 1);
  struct timespec limit = {20, 0};
  int got = sigtimedwait(&set, &info, &limit);
  printf("%s: signal %d code %d band %lx fd %d, lease %d\n", what, got, info.si_code, info.si_band, info.si_fd == fd, which(fd));
  until_asleep(child);
  SAY(lease(fd, type));
  say_wait(what, child);
}

int main(void) {
  sigfillset(&all);
  sigdelset(&all, SIGCHLD);
  sigprocmask(SIG_BLOCK, &all, 0);
  chdir("/tmp");
  int fd = open("file", O_CREAT | O_RDWR, 0600);
  SAY(which(fd));
  SAY(lease(fd, F_UNLCK));
  SAY(lease(fd, 3));
  SAY(lease(fd, F_RDLCK));
  SAY(lease(fd, F_WRLCK));
  SAY(which(fd));
  SAY(fcntl(fd, F_GETOWN) == getpid());
  SAY(opens("file", O_RDONLY | O_NONBLOCK));
  take("opened for reading");
  SAY(which(fd));
  SAY(opens("file", O_RDONLY | O_NONBLOCK));
  take("once more");
  SAY(opens("file", O_WRONLY | O_NONBLOCK));
  take("opened for writing");
  SAY(which(fd));
  SAY(opens("file", O_PATH));
  SAY(lease(fd, F_WRLCK));
  SAY(which(fd));
  SAY(lease(fd, F_UNLCK));
  SAY(which(fd));
  int reader = open("file", O_RDONLY);
  SAY(lease(fd, F_WRLCK));
  SAY(lease(reader, F_RDLCK));
  close(fd);
  SAY(lease(reader, F_RDLCK));
  int second = open("file", O_RDONLY);
  SAY(lease(second, F_RDLCK));
  SAY(lease(second, F_WRLCK));
  SAY(opens("file", O_RDONLY | O_NONBLOCK));
  fcntl(reader, F_SETSIG, SIGRTMIN + 1);
  fcntl(second, F_SETSIG, SIGRTMIN + 2);
  SAY(opens("file", O_RDWR | O_NONBLOCK));
  take("first"), take("second"), take("no other");
  close(second);
  SAY(lease(reader, F_UNLCK) | lease(reader, F_RDLCK));
  wanted("written", reader, O_WRONLY, F_UNLCK);
  SAY(which(reader));
  SAY(lease(reader, F_WRLCK));
  SAY(fcntl(reader, F_GETSIG) == SIGRTMIN + 1);
  SAY(fcntl(reader, F_GETOWN) == getpid());
  wanted("read", reader, O_RDONLY, F_RDLCK);
  SAY(which(reader));
  int copy = dup(reader);
  close(reader);
  SAY(which(copy));
  close(copy);
  SAY(opens("file", O_RDWR | O_NONBLOCK));
  int directory = open(".", O_RDONLY), ends[2];
  pipe(ends);
  SAY(lease(directory, F_RDLCK));
  SAY(lease(ends[0], F_RDLCK));
  SAY(which(ends[0]));
  SAY(lease(99, F_RDLCK));
  return 0;
}
