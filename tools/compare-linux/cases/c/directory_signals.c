// F_NOTIFY of fcntl(2): signals of what happens in a directory, what they tell, and when they end.
#include "say.h"
#include <dirent.h>

static sigset_t all;

/** Takes all signals that wait, and tells what they tell. */
static void take(const char *what) {
  siginfo_t info;
  struct timespec now = {0, 0};
  int count = 0;
  while (1) {
    memset(&info, 0, sizeof info);
    int got = sigtimedwait(&all, &info, &now);
    if (got < 0) break;
    count++;
    if (got == SIGIO && info.si_code == SI_KERNEL) printf("%s: SIGIO\n", what);
    else printf("%s: signal %d code %d band %lx fd %d\n", what, got, info.si_code, info.si_band, info.si_fd);
  }
  if (count == 0) printf("%s: nothing\n", what);
  fflush(stdout);
}

static void make(const char *path) { close(open(path, O_CREAT | O_WRONLY, 0644)); }

static void put(const char *path) {
  int fd = open(path, O_WRONLY);
  write(fd, "x", 1);
  close(fd);
}

static void get(const char *path) {
  char byte;
  int fd = open(path, O_RDONLY);
  read(fd, &byte, 1);
  close(fd);
}

static void list(const char *path) {
  DIR *directory = opendir(path);
  while (readdir(directory)) {}
  closedir(directory);
}

static int queued(int fd) { return fcntl(fd, F_SETSIG, SIGRTMIN + 1); }

/** Does everything that can be told of in and to the directory d. */
static void everything(const char *what) {
  char text[80];
#define STEP(name, action) (action, snprintf(text, sizeof text, "%s: %s", what, name), take(text))
  STEP("make", make("d/a"));
  STEP("write", put("d/a"));
  STEP("read", get("d/a"));
  STEP("chmod", chmod("d/a", 0600));
  STEP("chown", chown("d/a", getuid(), getgid()));
  STEP("cut", truncate("d/a", 0));
  STEP("rename", rename("d/a", "d/b"));
  STEP("move out", rename("d/b", "b"));
  STEP("move in", rename("b", "d/a"));
  STEP("link", link("d/a", "d/l"));
  STEP("unlink", unlink("d/l"));
  STEP("symlink", symlink("a", "d/s"));
  STEP("replace", rename("d/a", "d/s"));
  STEP("mkdir", mkdir("d/e", 0755));
  STEP("below", make("d/e/f"));
  STEP("below gone", unlink("d/e/f"));
  STEP("chmod of a directory in it", chmod("d/e", 0700));
  STEP("list of a directory in it", list("d/e"));
  STEP("rename of a directory", rename("d/e", "d/g"));
  STEP("rmdir", rmdir("d/g"));
  STEP("chmod of it", chmod("d", 0711));
  STEP("times of it", utimensat(AT_FDCWD, "d", 0, 0));
  STEP("list", list("d"));
  STEP("its move", rename("d", "h"));
  STEP("its move back", rename("h", "d"));
  STEP("unlink", unlink("d/s"));
}

static void kinds(void) {
  static const struct { const char *name; unsigned bits; } kinds[] = {
    {"access", DN_ACCESS}, {"modify", DN_MODIFY}, {"create", DN_CREATE}, {"delete", DN_DELETE},
    {"rename", DN_RENAME}, {"attrib", DN_ATTRIB}, {"unknown", 0x40}};
  for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    int fd = open("d", O_RDONLY);
    queued(fd);
    printf("%s %d\n", kinds[i].name, fcntl(fd, F_NOTIFY, kinds[i].bits | DN_MULTISHOT));
    everything(kinds[i].name);
    close(fd);
  }
}

static void once(void) {
  int fd = open("d", O_RDONLY);
  SAY(fcntl(fd, F_GETOWN));
  SAY(fcntl(fd, F_NOTIFY, DN_CREATE));
  SAY(fcntl(fd, F_GETOWN) == getpid());
  make("d/a");
  take("once, without a signal of its own");
  make("d/b");
  take("again");
  queued(fd);
  SAY(fcntl(fd, F_NOTIFY, DN_CREATE));
  SAY(fcntl(fd, F_NOTIFY, DN_DELETE));
  unlink("d/a");
  make("d/a");
  take("one of two");
  SAY(fcntl(fd, F_NOTIFY, DN_CREATE | DN_MULTISHOT));
  SAY(fcntl(fd, F_NOTIFY, DN_DELETE));
  unlink("d/a");
  unlink("d/b");
  make("d/a");
  take("one that stays");
  SAY(fcntl(fd, F_NOTIFY, 0));
  unlink("d/a");
  take("given up");
  SAY(fcntl(fd, F_NOTIFY, DN_DELETE | DN_MULTISHOT));
  SAY(fcntl(fd, F_NOTIFY, DN_MULTISHOT));
  make("d/a");
  unlink("d/a");
  take("given up otherwise");
  SAY(fcntl(fd, F_SETOWN, 0));
  SAY(fcntl(fd, F_NOTIFY, DN_CREATE));
  SAY(fcntl(fd, F_GETOWN) == getpid());
  close(fd);
}

static void descriptors(void) {
  int one = open("d", O_RDONLY), two = dup(one), other = open("d", O_RDONLY);
  queued(one), queued(other);
  SAY(fcntl(one, F_NOTIFY, DN_CREATE | DN_DELETE | DN_MULTISHOT));
  SAY(fcntl(other, F_NOTIFY, DN_CREATE | DN_MULTISHOT));
  make("d/a");
  take("two files");
  SAY(fcntl(two, F_NOTIFY, DN_CREATE | DN_MULTISHOT));
  unlink("d/a");
  take("the second descriptor");
  pid_t child = fork();
  if (child == 0) {
    close(one), close(two);
    SAY(fcntl(other, F_NOTIFY, 0));
    make("d/a");
    unlink("d/a");
    take("in the child");
    _exit(0);
  }
  say_wait("child", child);
  take("behind the child");
  close(two);
  make("d/a");
  unlink("d/a");
  take("one of two is closed");
  dup2(one, other);
  make("d/a");
  take("the other is replaced");
  unlink("d/a");
  close(one), close(other);
}

/** A child asks for what its parent is sent. */
static void others(void) {
  int fd = open("d", O_RDONLY);
  queued(fd);
  fcntl(fd, F_SETOWN, getpid());
  pid_t child = fork();
  if (child == 0) {
    SAY(fcntl(fd, F_NOTIFY, DN_CREATE | DN_MULTISHOT));
    make("d/a");
    take("in the child");
    _exit(0);
  }
  say_wait("child", child);
  take("the owner");
  unlink("d/a");
  make("d/a");
  take("when who asked has ended");
  unlink("d/a");
  close(fd);
}

static void errors(void) {
  make("f");
  int file = open("f", O_RDWR), path = open("d", O_PATH), ends[2];
  pipe(ends);
  SAY(fcntl(file, F_NOTIFY, DN_CREATE));
  SAY(fcntl(file, F_NOTIFY, DN_MULTISHOT));
  SAY(fcntl(file, F_NOTIFY, 0));
  SAY(fcntl(path, F_NOTIFY, DN_CREATE));
  SAY(fcntl(ends[0], F_NOTIFY, DN_CREATE));
  SAY(fcntl(1000, F_NOTIFY, DN_CREATE));
  int fd = open("d", O_RDONLY);
  SAY(fcntl(fd, F_NOTIFY, 0x100000000L));
  SAY(fcntl(fd, F_NOTIFY, DN_CREATE | DN_DELETE));
  unlink("f");
  make("d/a");
  take("somebody is told");
  unlink("d/a");
  take("once");
  rmdir("d");
  take("it goes");
  SAY(fcntl(fd, F_NOTIFY, DN_CREATE));
}

int main(void) {
  char folder[] = "/tmp/signalsXXXXXX";
  mkdtemp(folder);
  chdir(folder);
  mkdir("d", 0755);
  sigfillset(&all);
  sigdelset(&all, SIGCHLD);
  sigprocmask(SIG_BLOCK, &all, 0);
  kinds();
  once();
  descriptors();
  others();
  errors();
  chdir("/");
  rmdir(folder);
}
