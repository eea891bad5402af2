// Children: clone3(2), process descriptors, signals to them, and waiting in all ways. After each thing done to a child its
// effect is waited for, so that nothing depends on who runs first.
#include "../sequence.h"
#include <linux/sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>

enum { MOST = 6 };
static struct child { int pid, fd, alive, stopped, doomed; } children[MOST];

static int index_of(long pid) {
  for (int i = 0; i < MOST; i++)
    if (pid > 0 && children[i].pid == pid) return i;
  return pid > 0 ? 99 : (int)pid;
}

static void settle(struct child *child, int what) {
  siginfo_t info;
  CALL(waitid, P_PID, child->pid, &info, what | WNOWAIT, 0);
}

static void begin(void) {
  memset(children, 0, sizeof children);
  for (int i = 0; i < MOST; i++) children[i].fd = -1;
  handle(SIGCHLD, draw(3) ? (void *)SIG_DFL : (void *)note_signal, SA_NOCLDSTOP);
}

static void end(void) {
  handle(SIGCHLD, SIG_DFL, 0);
  for (int i = 0; i < MOST; i++)
    if (children[i].pid) CALL(kill, children[i].pid, SIGKILL);
  while (wait(0) > 0);
}

static void make(struct child *child) {
  if (child->pid) return tell("there");
  int pidfd = -1, tid = -1;
  struct clone_args arguments = {.flags = some(CLONE_PIDFD | CLONE_PARENT_SETTID | CLONE_FS | CLONE_FILES | CLONE_CLEAR_SIGHAND | CLONE_SIGHAND), .pidfd = (long)&pidfd, .parent_tid = (long)&tid, .exit_signal = ONE(SIGCHLD, SIGCHLD, SIGCHLD, 0, SIGUSR2, 65)};
  if (draw(20) == 0) arguments.flags |= ONE(1ul << 50, CLONE_DETACHED, CLONE_THREAD);
  if (draw(20) == 0) arguments.stack = 4096;
  long size = draw(10) ? sizeof arguments : ONE(0, 63, 64, 80, 5000);
  int code = draw(4), stays = draw(2);
  handle(SIGUSR2, SIG_IGN, 0);
  long pid = CALL(clone3, spoiled(&arguments), size);
  if (pid == 0) {
    CALL(prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    while (stays) pause();
    _exit(code);
  }
  tell("clone3 %llx %lld %ld %d %d = %d", arguments.flags, arguments.exit_signal, size, stays, code, pid > 0 ? 1 : (int)pid);
  if (pid < 0) return;
  tell(" %d %d", pidfd, tid == pid);
  *child = (struct child){(int)pid, pidfd, 1, 0, 0};
  if (!stays) settle(child, WEXITED | __WALL);
  child->alive = stays;
}

static void send(struct child *child) {
  int number = ONE(0, SIGCONT, SIGSTOP, SIGKILL, SIGTERM, SIGUSR2, SIGWINCH, 65), by = draw(3);
  siginfo_t info = {.si_signo = number, .si_code = ONE(SI_QUEUE, SI_QUEUE, SI_USER, SI_KERNEL)};
  long result = by == 0 ? CALL(kill, child->pid ? child->pid : 1 << 22, number) : by == 1 ? CALL(pidfd_send_signal, child->fd, number, draw(2) ? 0 : &info, draw(10) ? 0 : 8) : CALL(rt_sigqueueinfo, child->pid ? child->pid : 1 << 22, number, &info);
  tell("signal %d %d %d = %ld", (int)(child - children), number, by, result);
  if (result != 0 || !child->alive) return;
  if (number == SIGKILL || (number == SIGTERM && !child->stopped)) {
    child->alive = 0;
    settle(child, WEXITED | __WALL);
  } else if (number == SIGTERM) {
    child->doomed = 1;
  } else if (number == SIGSTOP && !child->stopped) {
    child->stopped = 1;
    settle(child, WSTOPPED | __WALL);
  } else if (number == SIGCONT && child->stopped) {
    child->stopped = 0;
    if (child->doomed) child->alive = 0, settle(child, WEXITED | __WALL);
  }
}

static void wait_for(struct child *child) {
  static const int types[] = {P_ALL, P_PID, P_PID, P_PIDFD, P_PIDFD, P_PGID, 7};
  int type = types[draw(7)], id = type == P_PIDFD ? child->fd : type == P_PID ? child->pid : type == P_PGID ? 0 : 0;
  unsigned long options = WNOHANG | some(WEXITED | WSTOPPED | WCONTINUED | WNOWAIT | __WALL | __WCLONE | __WNOTHREAD | (draw(20) ? 0 : 0x40));
  siginfo_t info;
  memset(&info, 0, sizeof info);
  long result;
  int status = -1, pid;
  if (draw(2)) {
    result = CALL(waitid, type, id, draw(8) ? spoiled(&info) : 0, options, 0);
    tell("waitid %d %d %lx = %ld %d %d %d %d", type, (int)(child - children), options, result, info.si_signo, info.si_code, info.si_status, index_of(info.si_pid));
    pid = result == 0 && (info.si_code == CLD_EXITED || info.si_code == CLD_KILLED) && !(options & WNOWAIT) ? info.si_pid : 0;
  } else {
    options &= ~(unsigned long)(WEXITED | WNOWAIT);
    int whom = type == P_ALL ? -1 : type == P_PGID ? 0 : type == P_PIDFD ? -child->pid : child->pid ? child->pid : -1;
    result = CALL(wait4, whom, draw(8) ? &status : 0, options, 0);
    tell("wait4 %d %d %lx = %d %x", type, (int)(child - children), options, index_of(result), status);
    pid = status == -1 || WIFSTOPPED(status) || WIFCONTINUED(status) ? 0 : (int)result;
    if (result > 0 && status == -1) pid = kill((int)result, 0) ? (int)result : 0;
  }
  for (int i = 0; pid > 0 && i < MOST; i++)
    if (children[i].pid == pid) {
      tell(" gone");
      if (children[i].fd >= 0) close(children[i].fd);
      children[i] = (struct child){0, -1, 0, 0, 0};
    }
  // Who is gone without having been told of is seen here.
  for (int i = 0; i < MOST; i++)
    if (children[i].pid && kill(children[i].pid, 0) && errno == ESRCH) {
      if (children[i].fd >= 0) close(children[i].fd);
      children[i] = (struct child){0, -1, 0, 0, 0};
    }
}

static void step(void) {
  struct child *child = &children[draw(MOST)];
  struct pollfd polled = {child->fd, POLLIN, 0};
  long result;
  switch (draw(13)) {
  case 0: case 1: case 2: case 3: return make(child);
  case 4: case 5: case 6: return send(child);
  case 7: case 8: case 9: return wait_for(child);
  case 10:
    result = CALL(poll, &polled, 1, 0);
    return tell("poll %d = %ld %x", (int)(child - children), result, polled.revents);
  case 11: {
    long flags = ONE(0, 0, O_NONBLOCK, 1, O_CLOEXEC);
    result = CALL(pidfd_open, child->pid, flags);
    tell("pidfd_open %d %lx = %ld", (int)(child - children), flags, result);
    if (result >= 0 && child->fd < 0) child->fd = (int)result;
    else if (result >= 0) close((int)result);
    return;
  }
  default: {
    int fd = draw(5);
    // What has ended and not been waited for is told of differently by versions.
    if (!child->alive) return tell("nothing");
    result = CALL(pidfd_getfd, child->fd, fd, draw(10) ? 0 : 1);
    if (result >= 0) close((int)result);
    tell("pidfd_getfd %d %d = %ld", (int)(child - children), fd, result);
    if (child->pid) tell(" %d %d", CALL(getpgid, child->pid) == getpgrp(), (int)CALL(getpriority, PRIO_PROCESS, child->pid));
  }
  }
}

const struct family children_family = {"children", begin, step, end};
