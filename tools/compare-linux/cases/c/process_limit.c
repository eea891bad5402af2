// RLIMIT_NPROC after a change of the user: setuid(2) succeeds, and execve(2) fails as long as there are too many.
#include "say.h"
#include <sys/resource.h>

#define USER 4711

static int ready[2];
static pid_t sleepers[8];
static int count;

static void add(void) {
  pid_t pid = fork();
  if (pid == 0) {
    setresuid(USER, USER, USER);
    write(ready[1], "", 1);
    while (1) pause();
  }
  sleepers[count++] = pid;
  char byte;
  read(ready[0], &byte, 1);
}

static void take(void) {
  kill(sleepers[--count], SIGKILL);
  waitpid(sleepers[count], 0, 0);
}

static int run(const char *path) { return execl(path, path, "again", NULL); }

// What the root process does when the child asks for it.
static int asked[2], done[2];

static void ask(char what) {
  char byte;
  write(asked[1], &what, 1);
  read(done[0], &byte, 1);
}

static void serve(void) {
  char what;
  while (read(asked[0], &what, 1) == 1) {
    if (what == '+') add();
    if (what == '-') take();
    write(done[1], "", 1);
    if (what == 'q') return;
  }
}

static const char *self;

static void changed(void) {
  SAY(setresuid(USER, USER, USER));
  SAY(run(self));
  SAY(run("/missing"));
  SAY(run(""));
  SAY(run((void *)8));
  SAY(fork());
  ask('-');
  SAY(run(self));
  ask('-');
  // Enough have gone, and from now on nobody asks.
  SAY(run("/missing"));
  ask('+');
  ask('+');
  ask('q');
  run(self);
}

static void inherited(void) {
  pid_t pid;
  setresuid(USER, USER, 0);
  SAY(run(self));
  // A child has it from its parent, who has it no more.
  setresuid(-1, 0, -1);
  fflush(stdout);
  pid = fork();
  if (pid == 0) {
    SAY(setresuid(-1, USER, -1));
    SAY(run(self));
    _exit(0);
  }
  say_wait("child", pid);
  SAY(setresuid(-1, USER, -1));
  ask('q');
  run(self);
}

static void in_child(const char *what, void (*part)(void)) {
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    part();
    _exit(0);
  }
  serve();
  say_wait(what, pid);
}

static void root(void) {
  SAY(setresuid(0, USER, 0));
  ask('q');
  run(self);
}

int main(int argc, char **argv) {
  if (argc > 1) {
    printf("%s\n", argv[1]);
    return 0;
  }
  self = argv[0];
  pipe(ready), pipe(asked), pipe(done);
  struct rlimit limit = {2, 2};
  SAY(setrlimit(RLIMIT_NPROC, &limit));
  add(), add(), add();
  in_child("changed", changed);
  in_child("inherited", inherited);
  in_child("root", root);
  while (count > 0) take();
  return 0;
}
