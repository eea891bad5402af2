// The first process of another Linux kernel (other-kernel.ts): runs the commands of /jobs, one after the other, in a root
// on a tmpfs that has the programs of /bin. What they write goes to the first serial line, between lines "[init] start N"
// and "[init] end N STATUS", the status as wait(2) tells it.
#define _GNU_SOURCE
#include <fcntl.h>
#include <ftw.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

/** Seconds after which a program is taken to hang. */
enum { PATIENCE = 120 };

static int serial;

/** Ends the machine with a reason. */
static void give_up(const char *what) {
  dprintf(serial, "[init] failed %s: %m\n", what);
  tcdrain(serial);
  reboot(RB_AUTOBOOT);
}

static void copy(const char *from, const char *to) {
  struct stat status;
  int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT, 0755);
  if (in < 0 || out < 0 || fstat(in, &status) != 0) give_up(to);
  for (off_t at = 0; at < status.st_size;)
    if (sendfile(out, in, &at, status.st_size - at) <= 0) give_up(from);
  close(in), close(out);
}

static void device(const char *path, int major, int minor) {
  mknod(path, S_IFCHR | 0666, makedev(major, minor));
  chmod(path, 0666);
}

static void make_root(void) {
  mkdir("/root", 0755);
  if (mount("root", "/root", "tmpfs", 0, 0) != 0 || chdir("/root") != 0) give_up("root");
  // The root that programs enter is no mount, as on any Linux that compares.
  mkdir("inner", 0755);
  if (chdir("inner") != 0) give_up("inner");
  mkdir("bin", 0755), mkdir("dev", 0755), mkdir("proc", 0755), mkdir("tmp", 01777), chmod("tmp", 01777);
  if (mount("proc", "proc", "proc", 0, 0) != 0) give_up("proc");
  mkdir("dev/shm", 01777), chmod("dev/shm", 01777);
  device("dev/null", 1, 3), device("dev/zero", 1, 5), device("dev/random", 1, 8), device("dev/urandom", 1, 9);
  copy("/bin/sequence", "bin/sequence");
  struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (ioctl(fd, SIOCSIFFLAGS, &lo) != 0) give_up("lo");
  close(fd);
}

static int take_away(const char *path, const struct stat *status, int type, struct FTW *at) {
  (void)status, (void)type;
  if (at->level > 0) remove(path);
  return 0;
}

static void run(int number, char *command) {
  int input[2], output[2];
  if (pipe2(input, O_CLOEXEC) || pipe2(output, O_CLOEXEC)) give_up("pipe");
  dprintf(serial, "[init] start %d\n", number);
  pid_t pid = fork();
  if (pid == 0) {
    char *words[16] = {0};
    int count = 0;
    for (char *word = strtok(command, " "); word && count < 15; word = strtok(0, " ")) words[count++] = word;
    setsid();
    dup2(input[0], 0), dup2(output[1], 1), dup2(output[1], 2);
    if (chroot(".") != 0 || chdir("/") != 0) _exit(126);
    umask(022);
    struct rlimit files = {1024, 4096};
    setrlimit(RLIMIT_NOFILE, &files);
    execv(words[0], words);
    _exit(127);
  }
  close(input[0]), close(input[1]), close(output[1]);
  // The reader ends with the last writer, who may be a child that was left behind.
  pid_t reader = fork();
  if (reader == 0) {
    char bytes[4096];
    for (long n; (n = read(output[0], bytes, sizeof bytes)) > 0;)
      for (long at = 0; at < n;) at += write(serial, bytes + at, (size_t)(n - at));
    _exit(0);
  }
  close(output[0]);
  pid_t timer = fork();
  if (timer == 0) {
    sleep(PATIENCE);
    kill(-pid, SIGKILL);
    _exit(0);
  }
  int status = 0, ignored;
  waitpid(pid, &status, 0);
  kill(-pid, SIGKILL);
  kill(timer, SIGKILL);
  while (waitpid(-1, &ignored, 0) > 0) {}
  dprintf(serial, "[init] end %d %d\n", number, status);
  nftw("tmp", take_away, 16, FTW_DEPTH | FTW_PHYS);
}

int main(void) {
  mkdir("/dev", 0755);
  mount("dev", "/dev", "devtmpfs", 0, 0);
  serial = open("/dev/ttyS0", O_RDWR | O_NOCTTY | O_CLOEXEC);
  struct termios plain;
  tcgetattr(serial, &plain);
  cfmakeraw(&plain);
  cfsetspeed(&plain, B115200);
  tcsetattr(serial, TCSANOW, &plain);
  umask(0);
  make_root();
  FILE *jobs = fopen("/jobs", "re");
  if (jobs == 0) give_up("/jobs");
  char line[65536];
  for (int number = 0; fgets(line, sizeof line, jobs); number++) {
    line[strcspn(line, "\n")] = 0;
    run(number, line);
  }
  tcdrain(serial);
  reboot(RB_AUTOBOOT);
}
