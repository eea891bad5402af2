// A pseudoterminal's two sides: settings, what is written and read, flushing, window size, packets, and readiness.
#include "../sequence.h"
#include <asm/termbits.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

static int master = -1, terminal = -1;

static void begin(void) {
  handle(SIGINT, note_signal, 0), handle(SIGQUIT, note_signal, 0), handle(SIGTSTP, note_signal, 0), handle(SIGWINCH, note_signal, 0);
  handle(SIGHUP, SIG_IGN, 0), handle(SIGTTOU, note_signal, 0), handle(SIGTTIN, note_signal, 0), handle(SIGCONT, note_signal, 0);
  CALL(setsid, 0);
  master = open("/dev/ptmx", O_RDWR | O_NONBLOCK | O_NOCTTY);
  if (master < 0 && CALL(unshare, CLONE_NEWNS) == 0 && mkdir("pts", 0755) == 0 && CALL(mount, "pts", "pts", "devpts", 0, "newinstance,ptmxmode=0666") == 0) {
    master = open("pts/ptmx", O_RDWR | O_NONBLOCK | O_NOCTTY);
  }
  int zero = 0;
  if (master >= 0) ioctl(master, TIOCSPTLCK, &zero);
  if (master >= 0) terminal = ioctl(master, TIOCGPTPEER, O_RDWR | O_NONBLOCK | O_NOCTTY);
  if (terminal >= 0 && draw(2)) ioctl(terminal, TIOCSCTTY, 0);
}

static void settle(void) {
  const struct timespec moment = {0, 300000};
  nanosleep(&moment, 0);
}

static void tell_settings(const struct termios *now) {
  tell(" %x %x %x %x %x", now->c_iflag, now->c_oflag, now->c_cflag, now->c_lflag, sum(now->c_cc, 17));
}

static void step(void) {
  if (terminal < 0) return;
  struct termios now;
  struct winsize size = {0, 0, 0, 0};
  int side = draw(2), fd = side ? terminal : master, value = -1;
  long result, n = ONE(1, 3, 10, 100, 0);
  memset(&now, 0, sizeof now);
  switch (draw(20)) {
  case 0: case 1: case 2: case 3: case 4: {
    const char *text = WORD("abc", "line\n", "x\rY\n", "er\177", "word w\027", "kill\025", "\004", "a\004", "\026\003", "tab\tb", "\022", "\033[A", "two\nlines\n", "\377", "UPPER", "\001\002", "\b", "\023", "\021");
    // Signals come where the terminal is a controlling one.
    if (draw(10) == 0) text = WORD("\003", "\034", "\032");
    result = CALL(write, fd, text, strlen(text));
    settle();
    return tell("write %d %x = %ld", side, sum(text, (long)strlen(text)), result);
  }
  case 5: case 6: case 7: case 8:
    result = CALL(read, fd, spoiled(buffer), n);
    settle();
    return tell("read %d %ld = %ld %x", side, n, result, result > 0 ? sum(buffer, result) : 0);
  case 9: result = CALL(ioctl, fd, ONE(FIONREAD, TIOCOUTQ), &value); return tell("pending %d = %ld %d", side, result, value);
  case 10: case 11: case 12: {
    ioctl(terminal, TCGETS, &now);
    int what = draw(5);
    if (what == 0) now.c_iflag ^= some(IGNBRK | BRKINT | PARMRK | INPCK | ISTRIP | INLCR | IGNCR | ICRNL | IUCLC | IXON | IXANY | IXOFF | IMAXBEL | IUTF8);
    if (what == 1) now.c_oflag ^= some(OPOST | OLCUC | ONLCR | OCRNL | ONOCR | ONLRET);
    if (what == 2 || what == 3) now.c_lflag ^= some(ISIG | ICANON | XCASE | ECHO | ECHOE | ECHOK | ECHONL | NOFLSH | ECHOCTL | ECHOPRT | ECHOKE | IEXTEN);
    if (what == 4) now.c_cc[draw(17)] = (unsigned char)ONE(0, 'q', 1, 5, 3);
    // With MIN and TIME a read that does not wait is still one.
    long command = ONE(TCSETS, TCSETS, TCSETSW, TCSETSF);
    result = CALL(ioctl, fd, command, spoiled(&now));
    settle();
    return tell("set %d %d %lx = %ld", side, what, command, result);
  }
  case 13: result = CALL(ioctl, fd, TCGETS, spoiled(&now)); tell("get %d = %ld", side, result); return result ? (void)0 : tell_settings(&now);
  case 14: { long queue = ONE(TCIFLUSH, TCOFLUSH, TCIOFLUSH, 9); result = CALL(ioctl, fd, TCFLSH, queue); settle(); return tell("flush %d %ld = %ld", side, queue, result); }
  case 15: {
    size.ws_row = draw(3), size.ws_col = draw(100);
    if (draw(2)) { result = CALL(ioctl, fd, TIOCSWINSZ, spoiled(&size)); settle(); return tell("size %d %d %d = %ld", side, size.ws_row, size.ws_col, result); }
    result = CALL(ioctl, fd, TIOCGWINSZ, &size);
    return tell("size %d = %ld %d %d", side, result, size.ws_row, size.ws_col);
  }
  case 16: value = draw(2); result = CALL(ioctl, fd, TIOCPKT, &value); return tell("packets %d %d = %ld", side, value, result);
  case 17: { struct pollfd polled[2] = {{master, POLLIN | POLLOUT | POLLPRI, 0}, {terminal, POLLIN | POLLOUT, 0}}; result = CALL(poll, polled, 2, 0); return tell("poll = %ld %x %x", result, polled[0].revents, polled[1].revents); }
  case 18: { long how = ONE(TCOOFF, TCOON, TCIOFF, TCION, 9); result = CALL(ioctl, fd, TCXONC, how); settle(); return tell("flow %d %ld = %ld", side, how, result); }
  default: {
    int group = 0;
    int kind = draw(4);
    if (kind == 0) { result = CALL(ioctl, fd, TIOCGPGRP, &group); return tell("foreground %d = %ld %d", side, result, group == getpgrp()); }
    if (kind == 1) { result = CALL(ioctl, fd, TIOCGSID, &group); return tell("session %d = %ld %d", side, result, group == getpid()); }
    if (kind == 2) { result = CALL(ioctl, fd, ONE(TIOCEXCL, TIOCNXCL, TIOCGEXCL), &value); CALL(ioctl, fd, TIOCNXCL, 0); return tell("excl %d = %ld", side, result); }
    if (side && draw(3) == 0) {
      close(terminal);
      terminal = ioctl(master, TIOCGPTPEER, O_RDWR | O_NONBLOCK | O_NOCTTY);
      settle();
      return tell("again %d", terminal >= 0);
    }
    result = CALL(ioctl, fd, ONE(TIOCGETD, TIOCGPTLCK, TIOCGPKT), &value);
    return tell("ask %d = %ld %d", side, result, value);
  }
  }
}

const struct family terminals_family = {"terminals", begin, step, 0};
