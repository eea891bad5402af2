// vhangup(2): what becomes of a pseudoterminal that the leader of its session hangs up, for each who has to do with it.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define SAY(call) say(#call, (errno = 0, (long)(call)))

static volatile int hangups, continues;

static void say(const char *what, long result) {
  printf("%s = %ld %s\n", what, result, result < 0 ? strerrorname_np(errno) : "");
  fflush(stdout);
}

static void count(int signal) {
  if (signal == SIGHUP) hangups++;
  else continues++;
}

static int ready(int file) {
  struct pollfd entry = {file, POLLIN | POLLOUT, 0};
  poll(&entry, 1, 0);
  return entry.revents;
}

/** Hangs up what it has; `slave` is its terminal. */
static void leader(int slave, const char *name) {
  char byte;
  signal(SIGHUP, count);
  signal(SIGCONT, count);
  SAY(open("/dev/tty", O_RDWR) >= 0);
  struct termios settings;
  struct winsize size = {30, 90};
  tcgetattr(slave, &settings);
  settings.c_lflag &= ~ICANON;
  SAY(tcsetattr(slave, TCSANOW, &settings));
  SAY(ioctl(slave, TIOCSWINSZ, &size));
  SAY(poll(&(struct pollfd){slave, POLLIN}, 1, 5000));
  pid_t other = fork();
  if (other == 0) {
    signal(SIGHUP, SIG_DFL);
    pause();
    _exit(0);
  }
  SAY(syscall(SYS_vhangup));
  SAY(hangups);
  SAY(continues);
  SAY(read(slave, &byte, 1));
  SAY(write(slave, "x", 1));
  SAY(ready(slave));
  SAY(tcgetattr(slave, &settings));
  SAY(tcgetpgrp(slave));
  SAY(open("/dev/tty", O_RDWR));
  // Other processes of the session are not told, and there is nothing to hang up any more.
  SAY(waitpid(other, 0, WNOHANG));
  SAY(syscall(SYS_vhangup));
  SAY(hangups);
  kill(other, SIGKILL);
  waitpid(other, 0, 0);
  // The name leads to the terminal as before.
  int again = open(name, O_RDWR);
  SAY(again >= 0);
  SAY(tcgetpgrp(again) == getpgrp());
  // As it was at first, but for its size; what had been typed is gone.
  int typed = -1;
  SAY(ioctl(again, FIONREAD, &typed));
  SAY(typed);
  SAY(tcgetattr(again, &settings));
  SAY(settings.c_lflag & ICANON);
  SAY(ioctl(again, TIOCGWINSZ, &size));
  SAY(size.ws_col);
  SAY(write(again, "y", 1));
  _exit(0);
}

int main(void) {
  char name[64], bytes[8];
  int master = posix_openpt(O_RDWR | O_NOCTTY);
  grantpt(master), unlockpt(master);
  ptsname_r(master, name, sizeof name);
  int kept = open(name, O_RDWR | O_NOCTTY);
  struct termios quiet;
  tcgetattr(kept, &quiet);
  quiet.c_lflag &= ~ECHO;
  tcsetattr(kept, TCSANOW, &quiet);
  SAY(write(master, "typed", 5));
  pid_t child = fork();
  if (child == 0) {
    setsid();
    leader(open(name, O_RDWR), name);
  }
  waitpid(child, 0, 0);
  SAY(read(kept, bytes, 1));
  SAY(read(master, bytes, sizeof bytes));
  SAY(bytes[0]);
  SAY(ready(master));
  // Who has no terminal hangs up nothing; who may not is refused.
  child = fork();
  if (child == 0) {
    setsid();
    SAY(syscall(SYS_vhangup));
    if (setuid(1000) == 0) SAY(syscall(SYS_vhangup));
    _exit(0);
  }
  waitpid(child, 0, 0);
  return 0;
}
