// Locks of ranges, fcntl(2): whose they are, what they keep others from, when they go.
#include "say.h"

struct pair { int to[2], from[2]; pid_t pid; };

static struct flock range(int type, int whence, long start, long length) {
  return (struct flock){.l_type = type, .l_whence = whence, .l_start = start, .l_len = length};
}

static int set(int fd, int command, int type, long start, long length) {
  struct flock lock = range(type, SEEK_SET, start, length);
  return fcntl(fd, command, &lock);
}

static int mine(const struct flock *lock) { return lock->l_pid == getpid() ? 1 : lock->l_pid == -1 ? -1 : lock->l_pid == 0 ? 0 : 2; }

static void ask_with(int fd, int command, int type, long start, long length) {
  struct flock lock = range(type, SEEK_SET, start, length);
  errno = 0;
  int result = fcntl(fd, command, &lock);
  if (result != 0) printf("asked %ld %ld: %s\n", start, length, strerrorname_np(errno));
  else if (lock.l_type == F_UNLCK) printf("asked %ld %ld: free\n", start, length);
  else printf("asked %ld %ld: type %d whence %d from %ld length %ld whose %d\n", start, length, lock.l_type, lock.l_whence, (long)lock.l_start, (long)lock.l_len, mine(&lock));
  fflush(stdout);
}

static void ask(int fd, int type, long start, long length) { ask_with(fd, F_GETLK, type, start, length); }

/** Runs `what` in a child and waits for it. */
static void child(const char *name, void (*what)(int), int fd) {
  pid_t pid = fork();
  if (pid == 0) {
    what(fd);
    _exit(0);
  }
  say_wait(name, pid);
}

static void look(int fd) {
  ask(fd, F_WRLCK, 0, 0);
  ask(fd, F_RDLCK, 0, 0);
  ask(fd, F_WRLCK, 150, 10);
  ask(fd, F_WRLCK, 1000, 10);
  SAY(set(fd, F_SETLK, F_RDLCK, 0, 10));
  SAY(set(fd, F_SETLK, F_WRLCK, 0, 10));
  SAY(set(fd, F_SETLK, F_WRLCK, 5000, 10));
  SAY(set(fd, F_SETLK, F_UNLCK, 0, 0));
}

static void close_another(int fd) {
  SAY(set(fd, F_SETLK, F_WRLCK, 5000, 10));
  SAY(close(open("/tmp/records", O_RDONLY)));
}

static void ranges(int fd) {
  SAY(set(fd, F_SETLK, F_WRLCK, 100, 100));
  child("one", look, fd);
  SAY(set(fd, F_SETLK, F_RDLCK, 140, 20));
  child("a reading middle", look, fd);
  SAY(set(fd, F_SETLK, F_UNLCK, 145, 5));
  child("a hole", look, fd);
  SAY(set(fd, F_SETLK, F_WRLCK, 200, 50));
  SAY(set(fd, F_SETLK, F_WRLCK, 140, 60));
  child("joined", look, fd);
  SAY(set(fd, F_SETLK, F_RDLCK, 0, 0));
  child("all", look, fd);
  SAY(set(fd, F_SETLK, F_UNLCK, 10, 0));
  child("the beginning", look, fd);
  SAY(set(fd, F_SETLK, F_UNLCK, 0, 0));
  child("nothing", look, fd);
}

static void arguments(int fd) {
  int ro = open("/tmp/records", O_RDONLY), wo = open("/tmp/records", O_WRONLY), path = open("/tmp/records", O_PATH), pipes[2];
  struct flock lock = range(F_WRLCK, SEEK_END, -10, 5);
  SAY(pipe(pipes));
  SAY(lseek(fd, 30, SEEK_SET));
  SAY(fcntl(fd, F_SETLK, &lock));
  ask(fd, F_WRLCK, 0, 0);
  lock = range(F_WRLCK, SEEK_CUR, 0, -5);
  SAY(fcntl(fd, F_SETLK, &lock));
  lock = range(F_WRLCK, SEEK_SET, 3, -5);
  SAY(fcntl(fd, F_SETLK, &lock));
  lock = range(F_WRLCK, SEEK_CUR, -31, 1);
  SAY(fcntl(fd, F_SETLK, &lock));
  lock = range(F_WRLCK, SEEK_END, 0x7fffffffffffffff, 1);
  SAY(fcntl(fd, F_SETLK, &lock));
  lock = range(F_WRLCK, SEEK_SET, 0x7fffffffffffffff, 2);
  SAY(fcntl(fd, F_SETLK, &lock));
  lock = range(F_WRLCK, SEEK_SET, 0x7fffffffffffffff, 1);
  SAY(fcntl(fd, F_SETLK, &lock));
  lock = range(F_WRLCK, 3, 0, 1);
  SAY(fcntl(fd, F_SETLK, &lock));
  lock = range(7, SEEK_SET, 0, 1);
  SAY(fcntl(fd, F_SETLK, &lock));
  SAY(fcntl(fd, F_GETLK, &lock));
  lock = range(F_UNLCK, SEEK_SET, 0, 1);
  SAY(fcntl(fd, F_GETLK, &lock));
  SAY(fcntl(fd, F_OFD_GETLK, &lock));
  lock.l_pid = 1;
  SAY(fcntl(fd, F_OFD_GETLK, &lock));
  SAY(fcntl(fd, F_OFD_SETLK, &lock));
  SAY(fcntl(fd, F_SETLK, &lock));
  SAY(fcntl(fd, F_SETLK, (void *)8));
  SAY(fcntl(99, F_SETLK, &lock));
  SAY(set(ro, F_SETLK, F_WRLCK, 0, 1));
  SAY(set(wo, F_SETLK, F_RDLCK, 0, 1));
  SAY(set(path, F_SETLK, F_RDLCK, 0, 1));
  SAY(set(pipes[0], F_SETLK, F_RDLCK, 0, 1));
  SAY(set(open("/tmp", O_RDONLY), F_SETLK, F_RDLCK, 0, 1));
  SAY(close(ro) + close(wo) + close(path));
}

static void hold_for_parent(int fd) {
  ask(fd, F_WRLCK, 0, 0);
}

static void closing(int fd) {
  SAY(set(fd, F_SETLK, F_WRLCK, 0, 10));
  child("held", hold_for_parent, fd);
  SAY(close(dup(fd)));
  child("after the copy is closed", hold_for_parent, fd);
  SAY(set(fd, F_SETLK, F_WRLCK, 0, 10));
  SAY(close(open("/tmp/records", O_RDONLY)));
  child("after another is closed", hold_for_parent, fd);
  SAY(set(fd, F_SETLK, F_WRLCK, 0, 10));
  // A child has none of its parent's locks, and takes none away.
  child("a child", close_another, fd);
  child("still", hold_for_parent, fd);
  SAY(dup2(0, 50));
  int other = open("/tmp/records", O_RDWR);
  SAY(dup2(50, other) == other);
  child("after dup2", hold_for_parent, fd);
  SAY(lockf(fd, F_TLOCK, 0) + lockf(fd, F_TEST, 0) + lockf(fd, F_ULOCK, 0));
}

static void try_open_files(int fd) {
  int own = open("/tmp/records", O_RDWR);
  ask(own, F_WRLCK, 0, 0);
  ask_with(own, F_OFD_GETLK, F_WRLCK, 0, 0);
  SAY(set(own, F_OFD_SETLK, F_WRLCK, 5, 1));
  SAY(set(fd, F_OFD_SETLK, F_WRLCK, 5, 1));
  SAY(set(fd, F_SETLK, F_WRLCK, 5, 1));
  close(own);
}

static void open_files(int fd) {
  int other = open("/tmp/records", O_RDWR);
  SAY(set(fd, F_OFD_SETLK, F_WRLCK, 0, 10));
  SAY(set(other, F_OFD_SETLK, F_WRLCK, 5, 10));
  SAY(set(other, F_OFD_SETLK, F_RDLCK, 5, 10));
  SAY(set(other, F_OFD_SETLK, F_WRLCK, 10, 10));
  SAY(set(fd, F_SETLK, F_WRLCK, 0, 1));
  ask_with(fd, F_OFD_GETLK, F_WRLCK, 0, 0);
  ask_with(fd, F_OFD_GETLK, F_UNLCK, 0, 0);
  ask_with(other, F_OFD_GETLK, F_RDLCK, 0, 5);
  ask(fd, F_WRLCK, 0, 0);
  child("inherited", try_open_files, fd);
  int copy = dup(fd);
  SAY(close(copy));
  SAY(set(other, F_OFD_SETLK, F_RDLCK, 5, 1));
  SAY(close(other));
  SAY(set(fd, F_OFD_SETLK, F_RDLCK, 0, 100));
  SAY(set(fd, F_OFD_SETLK, F_UNLCK, 0, 0));
}

static void rang(int number, siginfo_t *info, void *context) { (void)number, (void)info, (void)context; }

static void waiting(int fd) {
  int ready[2], go[2];
  char byte = 0;
  if (pipe(ready) != 0 || pipe(go) != 0) return;
  pid_t pid = fork();
  if (pid == 0) {
    set(fd, F_SETLK, F_WRLCK, 0, 10);
    write(ready[1], &byte, 1);
    read(go[0], &byte, 1);
    // Whoever waits has not got it yet.
    struct timespec pause = {.tv_nsec = 50000000};
    nanosleep(&pause, 0);
    pwrite(fd, "child", 5, 0);
    _exit(0);
  }
  read(ready[0], &byte, 1);
  SAY(set(fd, F_SETLK, F_WRLCK, 5, 10));
  write(go[1], &byte, 1);
  SAY(set(fd, F_SETLKW, F_WRLCK, 5, 10));
  char buffer[6] = "";
  pread(fd, buffer, 5, 0);
  SAY(strcmp(buffer, "child"));
  say_wait("the lock's end", pid);
  // Two that wait for each other.
  SAY(set(fd, F_SETLK, F_WRLCK, 0, 1));
  pid = fork();
  if (pid == 0) {
    set(fd, F_SETLK, F_WRLCK, 1, 1);
    write(ready[1], &byte, 1);
    _exit(set(fd, F_SETLKW, F_WRLCK, 0, 1) == 0 ? 5 : errno);
  }
  read(ready[0], &byte, 1);
  struct timespec pause = {.tv_nsec = 50000000};
  nanosleep(&pause, 0);
  SAY(set(fd, F_SETLKW, F_WRLCK, 1, 1));
  SAY(set(fd, F_SETLK, F_UNLCK, 0, 0));
  say_wait("the other", pid);
  // A signal ends a wait, and with SA_RESTART does not.
  pid = fork();
  if (pid == 0) {
    set(fd, F_SETLK, F_WRLCK, 0, 1);
    write(ready[1], &byte, 1);
    nanosleep(&pause, 0);
    kill(getppid(), SIGUSR1);
    nanosleep(&pause, 0);
    kill(getppid(), SIGUSR2);
    nanosleep(&pause, 0);
    _exit(0);
  }
  on(SIGUSR1, rang, SA_RESTART);
  on(SIGUSR2, rang, 0);
  read(ready[0], &byte, 1);
  SAY(set(fd, F_SETLKW, F_RDLCK, 0, 1));
  SAY(set(fd, F_SETLKW, F_RDLCK, 0, 1));
  say_wait("the signals", pid);
}

int main(int count, char **words) {
  if (count > 1) {
    ask(atoi(words[1]), F_WRLCK, 0, 0);
    return 0;
  }
  int fd = open("/tmp/records", O_RDWR | O_CREAT, 0600);
  if (ftruncate(fd, 100) != 0) return 1;
  ranges(fd);
  arguments(fd);
  closing(fd);
  open_files(fd);
  waiting(fd);
  // Locks stay over execve(2): nobody else is there to see them, so a child looks.
  SAY(set(fd, F_SETLK, F_UNLCK, 0, 0));
  SAY(set(fd, F_SETLK, F_WRLCK, 7, 3));
  pid_t pid = fork();
  if (pid == 0) {
    execl("/proc/self/exe", "locks", "3", (char *)0);
    _exit(9);
  }
  say_wait("another program", pid);
  return 0;
}
