// /proc/locks (proc_locks(5)): locks of ranges, of whole files and leases, in the order in which they came, as they are taken,
// changed, cut, joined and given up.
#include "say.h"
#include <sys/file.h>

static const char *names[] = {"first", "second", "third"};
static pid_t child;

/** Lines about our files, with names for files and processes. */
static void show(const char *what) {
  printf("%s\n", what);
  FILE *file = fopen("/proc/locks", "r");
  if (file == NULL) return;
  char line[200], form[20], kind[20], type[20], start[30], end[30];
  while (fgets(line, sizeof line, file) != NULL) {
    int number, pid, major, minor;
    unsigned long inode;
    // Who waits for one is not told everywhere.
    if (strstr(line, "->") != NULL) continue;
    if (sscanf(line, "%d: %19s %19s %19s %d %x:%x:%lu %29s %29s", &number, form, kind, type, &pid, &major, &minor, &inode, start, end) != 10) {
      printf("odd: %s", line);
      continue;
    }
    for (int i = 0; i < 3; i++) {
      struct stat about;
      if (stat(names[i], &about) != 0 || about.st_ino != inode || (about.st_dev & 255) != minor) continue;
      char *columns = strchr(line, ':') + 2;
      printf("  %.17s%s %s: ", columns, type, names[i]);
      printf("%s %s %s\n", pid == getpid() ? "ours" : pid == child ? "child's" : pid == -1 ? "-1" : "another's", start, end);
    }
  }
  fclose(file);
  fflush(stdout);
}

static void range(int fd, int command, int type, long start, long length) {
  struct flock lock = {type, SEEK_SET, start, length, 0};
  SAY(fcntl(fd, command, &lock));
}

int main(void) {
  chdir("/tmp");
  int fds[3], again;
  for (int i = 0; i < 3; i++) fds[i] = open(names[i], O_CREAT | O_RDWR, 0600);
  again = open("first", O_RDWR);
  show("none");
  SAY(flock(fds[0], LOCK_SH)), SAY(flock(again, LOCK_SH));
  show("two of whole files");
  SAY(flock(again, LOCK_UN)), SAY(flock(fds[0], LOCK_EX)), SAY(flock(fds[0], LOCK_EX)), SAY(flock(fds[1], LOCK_EX | LOCK_NB));
  show("changed");
  range(fds[0], F_SETLK, F_WRLCK, 10, 10);
  range(fds[0], F_SETLK, F_RDLCK, 100, 0);
  show("ranges");
  range(fds[1], F_OFD_SETLK, F_WRLCK, 0, 0);
  range(fds[0], F_SETLK, F_RDLCK, 14, 2);
  show("another type in the middle");
  range(fds[0], F_SETLK, F_WRLCK, 12, 6);
  show("and back");
  range(fds[0], F_SETLK, F_UNLCK, 13, 2);
  show("cut");
  range(fds[1], F_SETLK, F_RDLCK, 5, 1);
  range(fds[2], F_SETLK, F_RDLCK, 20, 5), range(fds[2], F_SETLK, F_WRLCK, 40, 5), range(fds[2], F_SETLK, F_RDLCK, 30, 5);
  show("three ranges");
  range(fds[2], F_SETLK, F_RDLCK, 25, 5);
  show("joined");
  range(fds[2], F_SETLK, F_RDLCK, 15, 10);
  show("joined in front");
  range(fds[2], F_SETLK, F_RDLCK, 0, 100);
  show("all");
  child = fork();
  if (child == 0) {
    range(fds[2], F_SETLK, F_RDLCK, 7, 7);
    child = getpid();
    pause();
  }
  usleep(200000);
  show("a child's");
  kill(child, SIGKILL), waitpid(child, 0, 0);
  child = 0;
  show("which has gone");
  close(fds[2]);
  int reader = open("third", O_RDONLY);
  SAY(fcntl(reader, F_SETLEASE, F_RDLCK));
  show("a lease");
  signal(SIGIO, SIG_IGN);
  SAY(open("third", O_WRONLY | O_NONBLOCK));
  show("which is to go");
  SAY(fcntl(reader, F_SETLEASE, F_UNLCK));
  close(again);
  show("a descriptor closed");
  close(fds[0]), close(fds[1]), close(reader);
  show("all closed");
  for (int i = 0; i < 3; i++) unlink(names[i]);
  return 0;
}
