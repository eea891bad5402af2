// chroot(2): where paths begin and ".." ends, what getcwd and /proc say, and who may.
#include "say.h"
#include <sys/syscall.h>

static void put(const char *path, const char *text) {
  int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0644);
  write(fd, text, strlen(text));
  close(fd);
}

static void get(const char *path) {
  char text[64] = "";
  int fd = open(path, O_RDONLY);
  if (fd < 0) printf("%s: %s\n", path, strerrorname_np(errno));
  else {
    read(fd, text, sizeof text - 1);
    printf("%s: %s\n", path, text);
  }
  close(fd);
  fflush(stdout);
}

static void where(void) {
  char path[256] = "";
  if (syscall(SYS_getcwd, path, sizeof path) < 0) perror("getcwd");
  printf("in %s\n", path);
  fflush(stdout);
}

static void inside(void) {
  int outside = open("/", O_RDONLY | O_DIRECTORY);
  SAY(chroot("r"));
  where();
  get("/file");
  get("/../file");
  get("/../../tmp/file");
  get("file");
  get("../tmp/file");
  SAY(chdir("/"));
  where();
  get("file");
  get("../../file");
  get("absolute");
  get("relative");
  get("up");
  SAY(chdir("d"));
  where();
  SAY(chdir("../.."));
  where();
  SAY(mkdir("/new", 0755));
  SAY(rename("/new", "/../newer"));
  SAY(symlink("/newer", "/link"));
  SAY(chdir("/link"));
  where();
  SAY(rmdir("/newer"));
  get("/proc/self/stat");
  SAY(fchdir(outside));
  where();
  get("tmp/file");
  get("/file");
  pid_t child = fork();
  if (child == 0) {
    where();
    get("/file");
    SAY(chroot("tmp"));
    get("/file");
    _exit(0);
  }
  say_wait("child", child);
  get("/file");
  SAY(chroot("."));
  SAY(chdir("/tmp"));
  get("/tmp/file");
  char target[64] = "";
  SAY(readlink("/proc/self/root", target, sizeof target));
  printf("%s\n", target);
}

int main(void) {
  SAY(chdir("/tmp"));
  SAY(mkdir("r", 0755) | mkdir("r/d", 0755));
  put("file", "outside");
  put("r/file", "inside");
  SAY(symlink("/file", "r/absolute"));
  SAY(symlink("../file", "r/relative"));
  SAY(symlink("../../../../tmp/file", "r/up"));
  SAY(chroot("missing"));
  SAY(chroot("file"));
  SAY(chroot("file/x"));
  SAY(chroot(""));
  SAY(chroot((void *)1));
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    SAY(setuid(1000));
    SAY(chroot("r"));
    _exit(0);
  }
  say_wait("others", child);
  inside();
  return 0;
}
