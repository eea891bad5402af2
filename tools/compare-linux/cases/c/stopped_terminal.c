// What a stopped pseudoterminal shows of what is typed: nothing until it goes on, and then as settings are by that time. The
// answer is that of a Linux with /dev/ptmx, which the clean root is without.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static int master = -1, slave = -1;

static void fresh(void) {
  int zero = 0;
  close(master);
  close(slave);
  master = open("/dev/ptmx", O_RDWR | O_NONBLOCK | O_NOCTTY);
  ioctl(master, TIOCSPTLCK, &zero);
  slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NONBLOCK | O_NOCTTY);
}

static void type(const char *text) {
  write(master, text, strlen(text));
  usleep(5000);
}

static void shown(const char *when) {
  unsigned char bytes[200];
  usleep(5000);
  long count = read(master, bytes, sizeof bytes);
  printf("%s: ", when);
  if (count < 0) printf("%s", strerrorname_np(errno));
  for (long i = 0; i < count; i++) printf(bytes[i] < 32 || bytes[i] == 127 ? "\\%o" : "%c", bytes[i]);
  printf("\n");
}

static void change(int input_off, int input_on, int output_on, int local_off, int when) {
  struct termios settings;
  tcgetattr(slave, &settings);
  settings.c_iflag = (settings.c_iflag & ~input_off) | input_on;
  settings.c_oflag |= output_on;
  settings.c_lflag &= ~local_off;
  tcsetattr(slave, when, &settings);
}

int main(void) {
  fresh();
  type("ab\023cd");
  shown("stopped within");
  type("e\tf\177");
  shown("more");
  printf("write %zd %s\n", write(slave, "x", 1), strerrorname_np(errno));
  type("\021");
  shown("START");
  fresh();
  type("\023abc");
  tcflow(slave, TCOOFF);
  type("\021");
  shown("START is not enough");
  tcflow(slave, TCOON);
  shown("TCOON");
  type("d");
  shown("typed");
  fresh();
  tcflow(slave, TCOOFF);
  type("abc");
  tcflow(slave, TCIOFF);
  tcflow(slave, TCOON);
  shown("TCOON");
  write(slave, "W", 1);
  shown("written");
  fresh();
  type("\023abc");
  tcflow(slave, TCIOFF);
  shown("TCIOFF");
  fresh();
  type("\023abc");
  tcflush(slave, TCIFLUSH);
  type("\021");
  shown("input flushed");
  fresh();
  type("\023abc");
  tcflush(slave, TCOFLUSH);
  type("\021");
  shown("output flushed");
  fresh();
  type("\023abc");
  change(IXON, 0, 0, 0, TCSANOW);
  shown("without IXON");
  fresh();
  type("\023abc");
  change(0, IXANY, 0, 0, TCSANOW);
  shown("IXANY");
  type("d");
  shown("any");
  fresh();
  type("\023abc");
  change(0, 0, 0, ECHO, TCSANOW);
  type("\021");
  shown("without ECHO");
  fresh();
  type("\023abc");
  change(0, 0, OLCUC, 0, TCSANOW);
  type("\021");
  shown("capitals");
  fresh();
  type("\023abc");
  change(0, 0, 0, 0, TCSAFLUSH);
  type("\021");
  shown("TCSAFLUSH");
  fresh();
  type("\023abc");
  change(0, 0, 0, ICANON, TCSANOW);
  type("\021");
  shown("without ICANON");
  fresh();
  type("\023a\003b");
  shown("interrupted");
  fresh();
  tcflow(slave, TCOOFF);
  type("a\003b");
  shown("interrupted, by TCOOFF");
  tcflow(slave, TCOON);
  type("c");
  shown("typed");
  return 0;
}
