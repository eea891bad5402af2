// Two programs of a start file whose memory is out. crowd many: many small processes until one is ended for memory, then
// /tmp/done is there. crowd one: a process larger than each of them, until then.

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define SMALL (256 << 10)
#define LARGE (1 << 20)

static char *touched(int size) {
  char *at = mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) return 0;
  for (int i = 0; i < size; i += 4096) at[i] = (char)(i >> 12);
  return at;
}

static int one(void) {
  char *at = touched(LARGE);
  if (!at) return 1;
  while (access("/tmp/done", F_OK)) usleep(1000);
  for (int i = 0; i < LARGE; i += 4096)
    if (at[i] != (char)(i >> 12)) return 2;
  puts("one: unharmed");
  return 0;
}

static int many(void) {
  int status = 0;
  while (waitpid(-1, &status, WNOHANG) <= 0) {
    pid_t pid = fork();
    if (pid < 0) usleep(1000);
    if (pid != 0) continue;
    signal(SIGTERM, SIG_DFL);
    touched(SMALL);
    for (;;) pause();
  }
  printf("many: the first ended by signal %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
  fflush(stdout);
  signal(SIGTERM, SIG_IGN);
  kill(0, SIGTERM);
  while (wait(0) > 0);
  close(open("/tmp/done", O_CREAT | O_WRONLY, 0600));
  return 0;
}

int main(int count, char **arguments) {
  return count > 1 && !strcmp(arguments[1], "many") ? many() : one();
}
