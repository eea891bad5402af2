// What a stopped pseudoterminal has not shown yet of what was typed: when it appears, once output goes on. Each argument is a
// sequence of steps, a letter each: S and G stop the terminal's output and let it go on, w types a line, W writes to the
// terminal, r and R read at the master and the terminal, I, O and B flush the terminal's input, output and both, i the
// master's input. The first argument is a pause behind each step, in microseconds.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static int master, terminal;

static void tell_read(int fd) {
  unsigned char bytes[100];
  int count = read(fd, bytes, sizeof bytes);
  printf(" %d", count);
  for (int i = 0; i < count; i++) printf(" %02x", bytes[i]);
}

static void step(char letter) {
  switch (letter) {
    case 'S': ioctl(terminal, TCXONC, TCOOFF); break;
    case 'G': ioctl(terminal, TCXONC, TCOON); break;
    case 'i': ioctl(master, TCFLSH, TCIFLUSH); break;
    case 'I': ioctl(terminal, TCFLSH, TCIFLUSH); break;
    case 'O': ioctl(terminal, TCFLSH, TCOFLUSH); break;
    case 'B': ioctl(terminal, TCFLSH, TCIOFLUSH); break;
    case 'w': write(master, "line\n", 5); break;
    case 'W': write(terminal, "abc", 3); break;
    case 'r': tell_read(master); break;
    case 'R': tell_read(terminal); break;
  }
}

int main(int count, char **words) {
  for (int i = 2; i < count; i++) {
    int unlock = 0;
    master = open("/dev/ptmx", O_RDWR | O_NONBLOCK | O_NOCTTY);
    ioctl(master, TIOCSPTLCK, &unlock);
    terminal = ioctl(master, TIOCGPTPEER, O_RDWR | O_NONBLOCK | O_NOCTTY);
    printf("%s:", words[i]);
    for (const char *letter = words[i]; *letter; letter++) {
      int shown = -1, typed = -1;
      printf(" %c", *letter);
      step(*letter);
      usleep(atoi(words[1]));
      ioctl(master, FIONREAD, &shown), ioctl(terminal, FIONREAD, &typed);
      printf(" %d %d,", shown, typed);
    }
    printf("\n");
    close(master), close(terminal);
  }
  return 0;
}
