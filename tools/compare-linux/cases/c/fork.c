// fork(2), wait(2): memory is the child's own, descriptors share their position.
#include "say.h"
int main(void) {
  int x = 1;
  int fd = open("/tmp/f", O_RDWR | O_CREAT, 0600);
  write(fd, "abcdef", 6);
  lseek(fd, 0, SEEK_SET);
  pid_t child = fork();
  if (child == 0) {
    char c;
    x = 2;
    read(fd, &c, 1);
    _exit(c == 'a' ? 7 : 8);
  }
  say_wait("child", child);
  SAY(x);
  SAY(lseek(fd, 0, SEEK_CUR));
  SAY(waitpid(-1, 0, 0));
  if ((child = fork()) == 0) raise(SIGKILL);
  say_wait("killed", child);
  if ((child = fork()) == 0) abort();
  say_wait("aborted", child);
  // A pipe that nobody writes to ends when the parent closes it: until then the child lives.
  int end[2];
  char c;
  SAY(pipe(end));
  if ((child = fork()) == 0) {
    close(end[1]);
    _exit(read(end[0], &c, 1) == 0 && getppid() > 0 ? 0 : 1);
  }
  SAY(waitpid(child, 0, WNOHANG));
  close(end[1]);
  say_wait("parent known", child);
  SAY(waitpid(child, 0, WNOHANG));
  for (int i = 0; i < 20; i++)
    if (fork() == 0) _exit(i);
  int sum = 0, status;
  while (wait(&status) > 0) sum += WEXITSTATUS(status);
  SAY(sum);
  return 0;
}
