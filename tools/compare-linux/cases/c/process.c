// getpid(2) and others about the process: groups, sessions, limits, priorities, prctl(2), uname(2).
#include "say.h"
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/utsname.h>
int main(void) {
  SAY(getpid() > 0);
  SAY(getuid() * 8 + geteuid() * 4 + getgid() * 2 + getegid());
  SAY(getpgid(0) > 0);
  SAY(getpgid(999999));
  SAY(setpgid(0, 999999));
  SAY(getsid(0) > 0);
  struct rlimit limit;
  SAY(getrlimit(RLIMIT_NOFILE, &limit));
  SAY(getrlimit(99, &limit));
  limit.rlim_cur = 10, limit.rlim_max = 5;
  SAY(setrlimit(RLIMIT_CORE, &limit));
  SAY(prctl(PR_SET_NAME, "renamed"));
  char name[16];
  SAY(prctl(PR_GET_NAME, name));
  puts(name);
  SAY(prctl(PR_GET_DUMPABLE));
  SAY(prctl(9999));
  SAY(sched_get_priority_max(SCHED_FIFO));
  SAY(sched_getscheduler(0));
  SAY(sched_yield());
  struct utsname u;
  SAY(uname(&u));
  puts(u.sysname), puts(u.machine);
  SAY(setuid(1000));
  SAY(getuid());
  SAY(setuid(0));
  return 0;
}
