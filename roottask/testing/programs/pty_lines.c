// Random settings and bytes at a pseudoterminal: what the slave reads, and what the master is shown. One process has both
// ends, so that nothing depends on who runs first. poll(2) lets what is on its way arrive, but only where nothing has arrived
// yet: a pause before it (in microseconds, the third argument) lets a loaded system do that too.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static unsigned long state;
static unsigned next(unsigned below) {
  state = state * 6364136223846793005UL + 1442695040888963407UL;
  return (unsigned)(state >> 33) % below;
}

static unsigned pause_us;

static void show(const char *what, int fd, int lines) {
  char buffer[64];
  struct pollfd ready = {fd, POLLIN, 0};
  if (pause_us != 0) usleep(pause_us);
  poll(&ready, 1, 0);
  printf(" %s ", what);
  // What is read into nowhere is lost, a piece at a time.
  if (next(8) == 0) printf("<%s>", read(fd, (void *)16, next(100)) < 0 ? strerror(errno) : "");
  for (int i = 0; i < 20; i++) {
    ssize_t count = read(fd, buffer, sizeof buffer);
    if (count < 0) {
      printf(" (%d)", errno);
      break;
    }
    // Lines are told apart, other bytes are not.
    if (lines) printf("[");
    for (ssize_t at = 0; at < count; at++) printf("%02x", (unsigned char)buffer[at]);
    if (lines) printf("]");
    if (count == 0 && !lines) break;
  }
}

static const char special[] = "\x7f\x15\x17\x16\x12\x04\n\r\t\x11\x01 \xc3\xa4\xff\x1c\x03\x1a";

static void session(unsigned long seed, unsigned steps) {
  state = seed;
  int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK), number, unlocked = 0;
  char name[32];
  if (master < 0 || ioctl(master, TIOCGPTN, &number) != 0 || ioctl(master, TIOCSPTLCK, &unlocked) != 0) {
    printf("no pseudoterminal: %d\n", errno);
    exit(1);
  }
  snprintf(name, sizeof name, "/dev/pts/%d", number);
  int slave = open(name, O_RDWR | O_NOCTTY | O_NONBLOCK);
  printf("seed %lu\n", seed);
  for (unsigned step = 0; step < steps; step++) {
    struct termios settings;
    if (next(3) == 0) {
      static const unsigned in[] = {ISTRIP, INLCR, IGNCR, ICRNL, IUCLC, IXON, IXANY, IUTF8, PARMRK};
      static const unsigned out[] = {OPOST, OLCUC, ONLCR, OCRNL, ONOCR, ONLRET, XTABS};
      static const unsigned local[] = {ISIG, ICANON, ECHO, ECHOE, ECHOK, ECHONL, NOFLSH, ECHOCTL, ECHOPRT, ECHOKE, IEXTEN};
      tcgetattr(slave, &settings);
      for (unsigned i = 0; i < 3; i++) {
        settings.c_iflag ^= in[next(9)];
        settings.c_oflag ^= out[next(7)];
        settings.c_lflag ^= local[next(11)];
      }
      settings.c_lflag |= next(2) ? ECHO | ICANON : 0;
      settings.c_cc[VEOL] = next(2) ? 'x' : 0;
      settings.c_cc[VMIN] = next(3);
      printf("set %d", tcsetattr(slave, next(4) ? TCSANOW : TCSAFLUSH, &settings));
    }
    int packets = next(2);
    if (next(6) == 0) printf(" packets %d", ioctl(master, TIOCPKT, &packets));
    if (next(4) == 0) {
      char written[8] = "a\tb\nc\rd\b";
      printf(" wrote %zd", write(slave, written, next(9)));
    } else {
      char typed[32];
      unsigned count = next(31);
      for (unsigned i = 0; i < count; i++) {
        typed[i] = next(2) ? 'a' + next(26) : special[next(sizeof special - 1)];
      }
      printf(" typed %zd", write(master, typed, count));
    }
    tcgetattr(slave, &settings);
    show("read", slave, (settings.c_lflag & ICANON) != 0);
    show("shown", master, 0);
    printf("\n");
    // Output that has stopped would hide the rest.
    if (next(3) == 0) tcflow(slave, TCOON);
  }
  close(slave);
  show("closed", master, 0);
  printf("\n");
  close(master);
}

int main(int argc, char **argv) {
  unsigned long seeds = strtoul(argv[1], 0, 0), steps = strtoul(argv[2], 0, 0);
  if (argc > 3) pause_us = strtoul(argv[3], 0, 0);
  for (unsigned long seed = 1; seed <= seeds; seed++) session(seed, steps);
  return 0;
}
