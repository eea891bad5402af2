// What is told of and set for a process that has ended and was not waited for: nice value, policy, processors, limits,
// groups, signals, descriptors of it, its memory, and what /proc has of it.
#include "say.h"
#include <dirent.h>
#include <linux/ioprio.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#define RAW(name, ...) syscall(SYS_##name, ##__VA_ARGS__)
struct attributes {
  int size, policy;
  long flags;
  int nice, priority;
  long runtime, deadline, period;
  int least, most;
};

static pid_t ended(int value, int policy, const char *name) {
  pid_t child = fork();
  if (child == 0) {
    struct sched_param none = {0};
    struct rlimit few = {77, 88};
    setpgid(0, 0);
    RAW(prctl, 15, name);
    RAW(setpriority, PRIO_PROCESS, 0, value);
    RAW(ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 3));
    sched_setscheduler(0, policy, &none);
    setrlimit(RLIMIT_NOFILE, &few);
    _exit(7);
  }
  siginfo_t info;
  waitid(P_PID, child, &info, WEXITED | WNOWAIT);
  return child;
}

static void show(pid_t z) {
  struct sched_param p = {-1};
  struct attributes a = {0};
  struct timespec t = {-1, -1};
  struct rlimit l = {0};
  unsigned long mask[16] = {0}, own[16] = {0};
  SAY(RAW(getpriority, PRIO_PROCESS, z));
  SAY(RAW(getpriority, PRIO_PGRP, z));
  SAY(RAW(sched_getscheduler, z));
  SAY(RAW(sched_getparam, z, &p));
  SAY(p.sched_priority);
  SAY(RAW(sched_getattr, z, &a, sizeof a, 0));
  SAY(a.policy);
  SAY(a.nice);
  SAY(RAW(sched_rr_get_interval, z, &t));
  SAY(RAW(sched_getaffinity, z, sizeof mask, mask) > 0);
  RAW(sched_getaffinity, 0, sizeof own, own);
  SAY(memcmp(mask, own, sizeof own));
  SAY(RAW(ioprio_get, IOPRIO_WHO_PROCESS, z) >= 0);
  SAY(RAW(prlimit64, z, RLIMIT_NOFILE, 0, &l));
  SAY(l.rlim_cur);
  SAY(l.rlim_max);
  SAY(getpgid(z) == z);
  SAY(getsid(z) == getsid(0));
  SAY(kill(z, 0));
  SAY(kill(z, SIGTERM));
  SAY(kill(-z, SIGKILL));
  SAY(RAW(tkill, z, 0));
  SAY(RAW(tkill, z, SIGUSR1));
  SAY(RAW(tgkill, z, z, SIGTERM));
  SAY(kill(z, 77));
  SAY(RAW(tkill, z, 77));
}

static void set(pid_t z) {
  struct sched_param none = {0}, one = {1};
  struct attributes a = {sizeof a, SCHED_BATCH, 0, 9};
  struct rlimit l = {55, 66}, old = {0};
  unsigned long mask[16] = {0};
  SAY(RAW(setpriority, PRIO_PROCESS, z, 7));
  SAY(RAW(getpriority, PRIO_PROCESS, z));
  SAY(RAW(setpriority, PRIO_PGRP, z, 8));
  SAY(RAW(getpriority, PRIO_PGRP, z));
  SAY(sched_setscheduler(z, SCHED_BATCH, &none));
  SAY(sched_getscheduler(z));
  SAY(sched_setscheduler(z, SCHED_OTHER, &one));
  SAY(sched_setparam(z, &none));
  SAY(RAW(sched_setattr, z, &a, 0));
  SAY(RAW(getpriority, PRIO_PROCESS, z));
  SAY(sched_setscheduler(z, 77, &none));
  SAY(RAW(sched_getaffinity, 0, sizeof mask, mask) > 0);
  SAY(RAW(sched_setaffinity, z, sizeof mask, mask));
  memset(mask, 0, sizeof mask);
  SAY(RAW(sched_setaffinity, z, sizeof mask, mask));
  SAY(RAW(getpriority, PRIO_PROCESS, getpid()));
  SAY(RAW(sched_getattr, z, 0, sizeof a, 0));
  SAY(RAW(sched_getparam, z, 8));
  SAY(RAW(sched_getaffinity, z, sizeof mask, 8));
  SAY(RAW(ioprio_set, IOPRIO_WHO_PROCESS, z, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 5)));
  SAY(RAW(prlimit64, z, RLIMIT_NOFILE, &l, &old));
  SAY(old.rlim_cur);
  SAY(RAW(prlimit64, z, RLIMIT_NOFILE, 0, &old));
  SAY(old.rlim_cur);
  SAY(RAW(prlimit64, z, RLIMIT_STACK, &old, 0));
  SAY(RAW(prlimit64, z, RLIMIT_CPU, &old, 0));
  SAY(setpgid(z, getpgid(0)));
  SAY(getpgid(z) == getpgid(0));
  SAY(setpgid(z, z));
}

static void others(pid_t z) {
  char text[8];
  struct iovec here = {text, sizeof text}, there = {text, sizeof text};
  unsigned header[2] = {0x20080522, z}, sets[6];
  long head, length;
  SAY(RAW(process_vm_readv, z, &here, 1, &there, 1, 0));
  SAY(RAW(process_vm_writev, z, &here, 1, &there, 1, 0));
  SAY(RAW(capget, header, sets));
  SAY(RAW(get_robust_list, z, &head, &length));
  int fd = RAW(pidfd_open, z, 0);
  SAY(fd >= 0);
  SAY(RAW(pidfd_send_signal, fd, SIGTERM, 0, 0));
  siginfo_t info;
  info.si_pid = 0;
  SAY(waitid(3, fd, &info, WEXITED | WNOWAIT));
  SAY(info.si_pid == z);
  SAY(info.si_status);
  close(fd);
}

static void put(const char *path) {
  char text[4096];
  int fd = open(path, O_RDONLY);
  if (fd < 0) {
    printf("%s\n", strerrorname_np(errno));
    return;
  }
  long got = read(fd, text, sizeof text - 1);
  close(fd);
  if (got < 0) printf("%s\n", strerrorname_np(errno));
  else text[got] = 0, printf("%ld: %s\n", got, text);
}

static void about(pid_t z) {
  static const char *const files[] = {"cmdline", "comm", "statm", "oom_score_adj", "mounts", "mountinfo"};
  static const char *const links[] = {"exe", "cwd", "root"};
  static const char *const fields[] = {"Name:", "State:", "Threads:", "VmSize:", "Umask:", "FDSize:", "NoNewPrivs:"};
  char path[100], text[4096];
  for (int i = 0; i < sizeof files / sizeof *files; i++) {
    snprintf(path, sizeof path, "/proc/%d/%s", z, files[i]);
    printf("%s ", files[i]);
    put(path);
  }
  for (int i = 0; i < sizeof links / sizeof *links; i++) {
    snprintf(path, sizeof path, "/proc/%d/%s", z, links[i]);
    printf("%s ", links[i]);
    SAY(readlink(path, text, sizeof text));
  }
  static const char *const folders[] = {"fd", "fdinfo", "task"};
  for (int i = 0; i < sizeof folders / sizeof *folders; i++) {
    snprintf(path, sizeof path, "/proc/%d/%s", z, folders[i]);
    DIR *folder = opendir(path);
    int count = 0;
    while (folder && readdir(folder)) count++;
    printf("%s %d\n", folders[i], count);
    if (folder) closedir(folder);
  }
  snprintf(path, sizeof path, "/proc/%d/status", z);
  FILE *file = fopen(path, "r");
  while (file && fgets(text, sizeof text, file)) {
    for (int i = 0; i < sizeof fields / sizeof *fields; i++) {
      if (!strncmp(text, fields[i], strlen(fields[i]))) printf("%s", text);
    }
    unsigned ids[4];
    if (sscanf(text, "Uid: %u %u %u %u", ids, ids + 1, ids + 2, ids + 3) == 4) SAY(ids[0] == getuid() && ids[3] == geteuid());
  }
  if (file) fclose(file);
  static const char *const stats[] = {"stat", "task/%d/stat"};
  for (int i = 0; i < 2; i++) {
    int length = snprintf(path, sizeof path, "/proc/%d/", z);
    snprintf(path + length, sizeof path - length, stats[i], z);
    file = fopen(path, "r");
    char name[50] = "", state = '?';
    int parent = 0;
    long nice = 77, threads = 0;
    if (file) fscanf(file, "%*d %49s %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %ld %ld", name, &state, &parent, &nice, &threads);
    if (file) fclose(file);
    printf("%s %s %c %d %ld %ld\n", stats[i], name, state, parent == getpid(), nice, threads);
  }
  snprintf(path, sizeof path, "/proc/%d/limits", z);
  file = fopen(path, "r");
  while (file && fgets(text, sizeof text, file)) {
    if (strstr(text, "open files")) printf("%s", text);
  }
  if (file) fclose(file);
  snprintf(path, sizeof path, "/proc/%d/oom_score_adj", z);
  int fd = open(path, O_WRONLY);
  SAY(fd >= 0);
  SAY(write(fd, "500", 3));
  close(fd);
  put(path);
}

int main(void) {
  unsigned long mask[16];
  pid_t z = ended(5, SCHED_OTHER, "first");
  show(z), set(z), others(z), about(z);
  say_wait("zombie", z);
  SAY(RAW(getpriority, PRIO_PROCESS, z));
  SAY(sched_getscheduler(z));
  SAY(RAW(setpriority, PRIO_PROCESS, z, 7));
  SAY(RAW(getpriority, PRIO_PGRP, z));
  SAY(RAW(sched_getaffinity, z, sizeof mask, mask));
  SAY(RAW(pidfd_open, z, 0));
  SAY(kill(z, 0));
  z = ended(3, SCHED_IDLE, "second"), show(z), about(z), say_wait("idle", z);
  return 0;
}
