// posix_spawn(3), vfork(2), system(3), popen(3).
#include "say.h"
#include <spawn.h>
int main(void) {
  pid_t child;
  char *echo[] = {"echo", "spawned", 0}, *none[] = {0};
  int failed = posix_spawn(&child, "/bin/echo", 0, 0, echo, none);
  say_wait("echo", child);
  SAY(failed);
  SAY(posix_spawn(&child, "/missing", 0, 0, echo, none));
  if ((child = vfork()) == 0) _exit(3);
  say_wait("vfork", child);
  SAY(WEXITSTATUS(system("exit 4")));
  FILE *pipe = popen("echo piped; exit 2", "r");
  char line[64] = "nothing";
  if (pipe) fgets(line, sizeof line, pipe), SAY(WEXITSTATUS(pclose(pipe)));
  fputs(line, stdout);
  return 0;
}
