// Sessions and process groups of four processes, and signals to groups.
#include "../sequence.h"

static int other[3];

static void begin(void) {
  handle(SIGUSR1, SIG_IGN, 0), handle(SIGHUP, SIG_IGN, 0), handle(SIGCONT, SIG_IGN, 0);
  CALL(setsid, 0);
  for (int i = 0; i < 3; i++) other[i] = fork_other();
}

/** A number of one of them, or of nobody. */
static long some_pid(void) {
  int i = draw(6);
  return i < 3 ? pid_of_other(other[i]) : i == 3 ? getpid() : ONE(0, 0, -1, 1 << 22);
}

static void step(void) {
  int by = draw(4), who_does = by == 3 ? -1 : other[by];
  long pid = some_pid(), group = some_pid(), result;
  switch (draw(10)) {
  case 0: case 1: case 2: return tell("setpgid by %d %d %d = %ld", by, pid > 0 ? who(pid) : (int)pid - 9, group > 0 ? who(group) : (int)group - 9, BY(who_does, setpgid, pid, group));
  case 3: result = BY(who_does, getpgid, pid); return tell("getpgid by %d %d = %d", by, pid > 0 ? who(pid) : (int)pid - 9, result > 0 ? who(result) : (int)result - 9);
  case 4: result = BY(who_does, getsid, pid); return tell("getsid by %d %d = %d", by, pid > 0 ? who(pid) : (int)pid - 9, result > 0 ? who(result) : (int)result - 9);
  case 5: if (draw(4)) return tell("nothing"); result = BY(who_does, setsid, 0); return tell("setsid by %d = %d", by, result > 0 ? who(result) : (int)result - 9);
  case 6: case 7: {
    if (group == 0 || group == -1) group = getpid();
    return tell("kill by %d group %d = %ld", by, who(group), BY(who_does, kill, -group, ONE(0, SIGUSR1)));
  }
  case 8: result = BY(who_does, getppid, 0); return tell("getppid by %d = %d", by, by == 3 ? 0 : who(result));
  default: return tell("kill by %d %d = %ld", by, pid > 0 ? who(pid) : -9, pid > 0 ? BY(who_does, kill, pid, ONE(0, SIGUSR1, 65)) : 0);
  }
}

const struct family groups_family = {"groups", begin, step, 0};
