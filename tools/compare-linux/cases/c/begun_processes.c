// What /proc tells of processes that began and have ended: processes of /proc/stat, the last number of a PID namespace in
// /proc/loadavg and /proc/sys/kernel/ns_last_pid.
#include "say.h"
#include <sched.h>
#include <sys/wait.h>

static void text_of(const char *path, char *text, unsigned long room) {
  int file = open(path, O_RDONLY);
  long length = read(file, text, room - 1);
  text[length > 0 ? length : 0] = 0;
  close(file);
}

static long processes(void) {
  static char text[1 << 16];
  text_of("/proc/stat", text, sizeof text);
  char *found = strstr(text, "\nprocesses ");
  return found == NULL ? -1 : atol(found + 11);
}

static int last_of_loadavg(void) {
  char text[100];
  text_of("/proc/loadavg", text, sizeof text);
  char *last = strrchr(text, ' ');
  return last == NULL ? -1 : atoi(last);
}

static int last_of_sys(void) {
  char text[100];
  text_of("/proc/sys/kernel/ns_last_pid", text, sizeof text);
  return atoi(text);
}

static void begin_some(int count) {
  for (int i = 0; i < count; i++) {
    pid_t child = fork();
    if (child == 0) _exit(0);
    waitpid(child, NULL, 0);
  }
}

int main(void) {
  long before = processes();
  begin_some(5);
  // Others of the machine may begin some meanwhile.
  printf("five more: %d\n", processes() - before >= 5);
  SAY(unshare(CLONE_NEWPID));
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    printf("inside %d: %d %d\n", getpid(), last_of_loadavg(), last_of_sys());
    begin_some(3);
    printf("and then: %d %d\n", last_of_loadavg(), last_of_sys());
    fflush(stdout);
    _exit(0);
  }
  waitpid(child, NULL, 0);
  return 0;
}
