// ioprio_set(2), ioprio_get(2): classes, levels, who may set what, what is inherited.
#include "say.h"
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#define SET(which, who, value) syscall(SYS_ioprio_set, which, who, value)
#define GET(which, who) syscall(SYS_ioprio_get, which, who)
enum { PROCESS = 1, GROUP, USER };
enum { RT = 1 << 13, BE = 2 << 13, IDLE = 3 << 13 };

int main(void) {
  setpgid(0, 0);
  SAY(GET(PROCESS, 0));
  SAY(GET(PROCESS, getpid()));
  SAY(GET(GROUP, 0));
  SAY(GET(PROCESS, 999999));
  SAY(GET(GROUP, 999999));
  SAY(GET(USER, 54321));
  SAY(GET(0, 0));
  SAY(GET(4, 0));
  SAY(SET(4, 0, BE));
  SAY(SET(0, 0, BE | 9));
  SAY(SET(PROCESS, 999999, BE));
  SAY(SET(PROCESS, 0, BE | 8));
  SAY(SET(PROCESS, 0, 1));
  SAY(SET(PROCESS, 0, 4 << 13));
  SAY(SET(PROCESS, 0, IDLE));
  SAY(GET(PROCESS, 0));
  SAY(SET(PROCESS, 0, RT | 7));
  SAY(GET(PROCESS, 0));
  SAY(SET(PROCESS, 0, BE | 3));
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    SAY(GET(PROCESS, 0));
    SAY(SET(PROCESS, getppid(), BE | 6));
    SAY(SET(PROCESS, 0, BE | 1));
    SAY(GET(GROUP, 0));
    SAY(SET(GROUP, 0, BE | 5));
    _exit(0);
  }
  say_wait("child", child);
  SAY(GET(PROCESS, 0));
  SAY(SET(PROCESS, 0, 0));
  SAY(GET(PROCESS, 0));
  SAY(nice(10));
  SAY(GET(PROCESS, 0));
  SAY(GET(GROUP, 0));
  struct sched_param none = {0};
  SAY(sched_setscheduler(0, SCHED_IDLE, &none));
  SAY(GET(GROUP, 0));
  SAY(setuid(1000));
  SAY(SET(PROCESS, 0, RT | 7));
  SAY(SET(PROCESS, 0, IDLE));

  int p[2];
  SAY(pipe(p));
  char text[16] = "";
  FILE *file = fopen("/proc/sys/fs/pipe-max-size", "r");
  if (file) fgets(text, sizeof text, file);
  printf("%s", text);
  SAY(fcntl(p[0], F_SETPIPE_SZ, 1048576));
  SAY(fcntl(p[0], F_SETPIPE_SZ, 1048577));
  SAY(fcntl(p[0], F_SETPIPE_SZ, 0));
  SAY(fcntl(p[0], F_SETPIPE_SZ, 1u << 31));
  SAY(fcntl(p[0], F_SETPIPE_SZ, (1u << 31) + 1));
}
