// How many descriptors a table has room for: that of a program behind a shell, which has had one at 255, and those of its
// children, which are as large as what is open wants. select(2) looks at no more than there is room for.
#include "say.h"
#include <sys/select.h>

static long room(void) {
  char line[128];
  long count = -1;
  FILE *file = fopen("/proc/self/status", "r");
  while (fgets(line, sizeof line, file) != NULL) sscanf(line, "FDSize: %ld", &count);
  fclose(file);
  return count;
}

static void look_at(int fd) {
  fd_set set;
  struct timeval now = {0, 0};
  FD_ZERO(&set);
  FD_SET(fd, &set);
  printf("%d: ", fd);
  SAY(select(fd + 1, &set, 0, 0, &now));
}

static void look(void) {
  SAY(room());
  const int all[] = {63, 64, 77, 127, 128, 255, 256, 511, 512};
  for (unsigned i = 0; i < sizeof all / sizeof *all; i++) look_at(all[i]);
}

/** A child, its table grown by `fd` which it closes again, and a child of that one. */
static void grown(int fd) {
  pid_t child = fork();
  if (child == 0) {
    SAY(dup2(0, fd));
    look();
    pid_t second = fork();
    if (second == 0) {
      SAY(room());
      SAY(close(fd));
      SAY(room());
      pid_t third = fork();
      if (third == 0) {
        look();
        _exit(0);
      }
      say_wait("third", third);
      _exit(0);
    }
    say_wait("second", second);
    _exit(0);
  }
  say_wait("child", child);
}

int main(int count, char **words) {
  if (count > 1) {
    look();
    return 0;
  }
  // What this program's starter had open beside the three.
  close_range(3, ~0U, 0);
  look();
  grown(60);
  grown(64);
  grown(100);
  grown(129);
  grown(191);
  grown(192);
  grown(300);
  // The program that a child becomes keeps the child's table.
  pid_t child = fork();
  if (child == 0) {
    SAY(dup3(0, 70, O_CLOEXEC));
    execl(words[0], words[0], "again", (char *)0);
    _exit(1);
  }
  say_wait("child", child);
  execl(words[0], words[0], "again", (char *)0);
  return 1;
}
