// ETXTBSY: what is open for writing is not run, what runs is not written to (execve(2), open(2), truncate(2)).
#include "say.h"
#include <sys/mman.h>

static void copy(const char *from, int to) {
  char buffer[65536];
  int in = open(from, O_RDONLY);
  for (ssize_t n; (n = read(in, buffer, sizeof buffer)) > 0;) write(to, buffer, n);
  close(in);
}

static void make(const char *path, const char *text) {
  int fd = open(path, O_CREAT | O_WRONLY, 0755);
  write(fd, text, strlen(text));
  close(fd);
}

// A child that runs `path`; its error is its exit status.
static pid_t run(const char *path, int fd, char *word) {
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    char *arguments[] = {"x", word, 0}, *none[] = {0};
    if (path) execve(path, arguments, none);
    else fexecve(fd, arguments, none);
    _exit(errno);
  }
  return child;
}
#define TRY(path) say_wait(#path, run(path, -1, "quick"))

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "quick") == 0) return 100;
  if (argc > 1) {
    char c;
    write(9, "r", 1);
    return read(8, &c, 1) == 1 ? 101 : 102;
  }
  printf("ETXTBSY %d\n", ETXTBSY);
  int fd = open("/tmp/x", O_CREAT | O_WRONLY, 0755);
  copy("/proc/self/exe", fd);
  TRY("/tmp/x");
  int reader = open("/tmp/x", O_RDONLY), second = dup(fd);
  close(fd);
  TRY("/tmp/x");
  close(second);
  TRY("/tmp/x");
  fd = open("/tmp/x", O_RDWR);
  SAY(chmod("/tmp/x", 0644));
  TRY("/tmp/x");
  SAY(chmod("/tmp/x", 0755));
  close(fd);
  fd = open("/tmp/x", O_RDONLY | O_TRUNC | O_PATH);
  TRY("/tmp/x");
  close(fd);

  int to[2], from[2];
  pipe(to), pipe(from);
  dup2(to[0], 8), dup2(from[1], 9);
  pid_t child = run("/tmp/x", -1, "slow");
  char c;
  read(from[0], &c, 1);
  SAY(open("/tmp/x", O_WRONLY));
  SAY(open("/tmp/x", O_RDWR));
  SAY(open("/tmp/x", O_RDWR | O_TRUNC));
  SAY(open("/tmp/x", O_RDONLY | O_TRUNC));
  SAY(open("/tmp/x", O_WRONLY | O_CREAT, 0600));
  SAY(open("/tmp/x", O_WRONLY | O_CREAT | O_EXCL, 0600));
  SAY(open("/tmp/x", O_WRONLY | O_DIRECTORY));
  SAY(truncate("/tmp/x", 0));
  SAY(truncate("/tmp/x", -1));
  SAY(fd = open("/tmp/x", O_RDONLY) > 0);
  SAY(access("/tmp/x", W_OK));
  SAY(link("/tmp/x", "/tmp/other"));
  SAY(open("/tmp/other", O_WRONLY));
  SAY(rename("/tmp/x", "/tmp/y"));
  SAY(chmod("/tmp/y", 0700));
  TRY("/tmp/y");
  SAY(open("/proc/self/exe", O_WRONLY));
  SAY(unlink("/tmp/y"));
  write(to[1], "x", 1);
  say_wait("slow", child);
  SAY((fd = open("/tmp/other", O_WRONLY)) > 0);
  TRY("/tmp/other");
  close(fd);

  make("/tmp/script", "#!/tmp/other quick\n");
  TRY("/tmp/script");
  fd = open("/tmp/other", O_WRONLY);
  TRY("/tmp/script");
  close(fd);
  fd = open("/tmp/script", O_WRONLY);
  TRY("/tmp/script");
  close(fd);
  TRY("/tmp/script");

  fd = memfd_create("m", 0);
  copy("/tmp/other", fd);
  say_wait("memory", run(NULL, fd, "quick"));
  char path[40];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  second = open(path, O_RDWR);
  say_wait("memory opened again", run(NULL, fd, "quick"));
  close(second);
  say_wait("memory", run(NULL, fd, "quick"));
  second = open("/tmp", O_TMPFILE | O_RDWR, 0700);
  copy("/tmp/other", second);
  say_wait("temporary", run(NULL, second, "quick"));
  return 0;
}
