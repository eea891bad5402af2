// Who a process is: setuid(2) and relatives, groups, capabilities as ids change them, fork(2) and execve(2), kill(2).
#include "say.h"
#include <grp.h>
#include <sys/fsuid.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <linux/capability.h>
#define RAW(name, ...) syscall(SYS_##name, ##__VA_ARGS__)

static void who(const char *what) {
  uid_t r, e, s;
  gid_t a, b, c;
  getresuid(&r, &e, &s), getresgid(&a, &b, &c);
  printf("%s: users %d %d %d %d groups %d %d %d %d get %d %d %d %d\n", what, r, e, s, (int)RAW(setfsuid, -1), a, b, c,
         (int)RAW(setfsgid, -1), getuid(), geteuid(), getgid(), getegid());
  fflush(stdout);
}
// Whether the sets have some, and whether a few are in.
static void caps(const char *what) {
  struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct d[2];
  if (RAW(capget, &h, d)) { printf("%s: %s\n", what, strerrorname_np(errno)); return; }
  printf("%s: effective %d chown %d setuid %d kill %d permitted %d setuid %d inheritable %d\n", what,
         d[0].effective != 0, d[0].effective >> CAP_CHOWN & 1, d[0].effective >> CAP_SETUID & 1,
         d[0].effective >> CAP_KILL & 1, d[0].permitted != 0, d[0].permitted >> CAP_SETUID & 1, d[0].inheritable);
  fflush(stdout);
}
#define CHILD(name, ...) do { fflush(stdout); pid_t child = fork(); \
  if (child == 0) { __VA_ARGS__; fflush(stdout); _exit(0); } say_wait(name, child); } while (0)

static void children(void) {
  CHILD("setuid", SAY(RAW(setuid, 1000)); who("1000"); caps("1000"); SAY(RAW(setuid, 0)); SAY(RAW(setuid, 1000)); SAY(RAW(setuid, -1)));
  CHILD("setgid", SAY(RAW(setgid, 100)); who("100"); SAY(RAW(setgid, 0)); SAY(RAW(setgid, -1)));
  CHILD("seteuid", SAY(RAW(setresuid, -1, 1000, -1)); who("effective"); caps("effective"); SAY(RAW(setuid, 0)); who("back"); caps("back"));
  CHILD("setreuid", SAY(RAW(setreuid, 1000, 2000)); who("reuid"); caps("reuid"); SAY(RAW(setreuid, 2000, 1000)); who("swapped");
        SAY(RAW(setreuid, 3000, -1)); SAY(RAW(setreuid, -1, 3000)); SAY(RAW(setreuid, -1, 2000)); who("end"));
  CHILD("setregid", SAY(RAW(setregid, 10, 20)); who("regid"); SAY(RAW(setuid, 5)); SAY(RAW(setregid, 20, 10)); who("swapped");
        SAY(RAW(setregid, 0, -1)); SAY(RAW(setregid, -1, 0)); SAY(RAW(setregid, -1, -1)));
  CHILD("setresuid", SAY(RAW(setresuid, 1, 2, 3)); who("1 2 3"); caps("1 2 3"); SAY(RAW(setresuid, 3, 1, 2)); who("3 1 2"); SAY(RAW(setresuid, 4, -1, -1));
        SAY(RAW(setresuid, -1, 4, -1)); SAY(RAW(setresuid, -1, -1, 4)); SAY(RAW(setresuid, -1, -1, -1)); SAY(RAW(setuid, 3)); who("setuid 3"));
  CHILD("setresgid", SAY(RAW(setresgid, 1, 2, 3)); SAY(RAW(setresuid, 1, 1, 1)); SAY(RAW(setresgid, 3, 1, 2)); who("gid"); SAY(RAW(setresgid, 4, -1, -1)); SAY(RAW(setgid, 9)); SAY(RAW(setgid, 2)); who("gid"));
  CHILD("setfsuid", SAY(RAW(setfsuid, 7)); who("fsuid"); caps("fsuid"); SAY(RAW(setfsuid, 0)); caps("fsuid 0"); SAY(RAW(setfsgid, 8)); who("fsgid");
        SAY(RAW(setresuid, 5, 5, 5)); who("fsuid follows"); SAY(RAW(setfsuid, 0)); SAY(RAW(setfsuid, 5)); SAY(RAW(setfsgid, 9)); SAY(RAW(setfsgid, -1)));
}
static void groups(void) {
  gid_t list[8] = {30, 10, 20, 10}, got[8] = {0};
  SAY(RAW(setgroups, 4, list));
  SAY(RAW(getgroups, 0, 0));
  SAY(RAW(getgroups, 3, got));
  SAY(RAW(getgroups, -1, got));
  SAY(RAW(getgroups, 8, got));
  printf("%d %d %d %d\n", got[0], got[1], got[2], got[3]);
  SAY(RAW(setgroups, 65537, list));
  SAY(RAW(setgroups, -1, list));
  SAY(RAW(setgroups, 1, 0));
  list[0] = -1;
  SAY(RAW(setgroups, 1, list));
  CHILD("groups of a child", SAY(RAW(getgroups, 8, got)); SAY(RAW(setuid, 9)); SAY(RAW(setgroups, 0, 0)); SAY(RAW(getgroups, 0, 0)));
  SAY(RAW(setgroups, 0, 0));
  SAY(RAW(getgroups, 8, got));
}
static void sets(void) {
  struct __user_cap_header_struct h = {0x12345678, 0};
  struct __user_cap_data_struct d[2];
  SAY(RAW(capget, &h, d));
  printf("version %x\n", h.version);
  h.version = 1;
  SAY(RAW(capget, &h, 0));
  SAY(RAW(capget, 0, d));
  h.pid = -5;
  SAY(RAW(capget, &h, d));
  h.pid = 9999999;
  SAY(RAW(capget, &h, d));
  h.pid = 0;
  SAY(RAW(capget, &h, d));
  CHILD("capset", d[0].effective &= ~(1 << CAP_CHOWN); SAY(RAW(capset, &h, d)); caps("less"); d[0].effective |= 1 << CAP_CHOWN; SAY(RAW(capset, &h, d));
        d[0].permitted &= ~(1 << CAP_SETUID); SAY(RAW(capset, &h, d)); d[0].effective &= ~(1 << CAP_SETUID); SAY(RAW(capset, &h, d)); caps("without setuid");
        d[0].permitted |= 1 << CAP_SETUID; SAY(RAW(capset, &h, d)); SAY(RAW(setuid, 5)); SAY(getuid()); SAY(chown("/tmp", 0, 0)));
  CHILD("inheritable", RAW(capget, &h, d); d[0].inheritable = 1 << CAP_KILL; SAY(RAW(capset, &h, d)); caps("inheritable"); h.pid = getpid() + 1; SAY(RAW(capset, &h, d)));
}
static void kills(void) {
  fflush(stdout);
  pid_t victim = fork();
  if (victim == 0) for (;;) pause();
  CHILD("kill as another", RAW(setuid, 1000); SAY(kill(victim, 0)); SAY(kill(victim, SIGTERM)); SAY(kill(victim, SIGCONT)); SAY(kill(victim, 99)); SAY(kill(-victim, 0)));
  CHILD("kill as the same", RAW(setresuid, 1000, 0, 1000); SAY(kill(victim, 0)));
  CHILD("kill as the same, really", RAW(setresuid, 0, 1000, 1000); SAY(kill(victim, 0)));
  CHILD("kill as the same, once", RAW(setresuid, 1000, 1000, 0); SAY(kill(victim, 0)));
  SAY(kill(victim, SIGKILL));
  say_wait("victim", victim);
}
static void informed(int number, siginfo_t *info, void *context) {
  printf("signal %d from user %d\n", number, info->si_uid);
  (void)context;
}
static void copy(const char *from, const char *to) {
  static char bytes[1 << 16];
  int in = open(from, O_RDONLY), out = open(to, O_CREAT | O_WRONLY, 0755);
  for (ssize_t got; (got = read(in, bytes, sizeof bytes)) > 0;)
    if (write(out, bytes, got) != got) puts("no copy");
  close(in), close(out);
}
static void set_ids(const char *self) {
  static const mode_t modes[] = {04755, 02755, 06755, 02745, 04655};
  copy(self, "/tmp/set");
  for (int i = 0; i < 5; i++) {
    if (chown("/tmp/set", 2000, 3000) || chmod("/tmp/set", modes[i])) puts("no chmod");
    printf("%o\n", modes[i]);
    CHILD("as 1000", RAW(setgid, 50); RAW(setuid, 1000); SAY(execl("/tmp/set", "/tmp/set", "set", NULL)));
    CHILD("as root", execl("/tmp/set", "/tmp/set", "set", NULL));
  }
  if (chown("/tmp/set", 0, 0) || chmod("/tmp/set", 04755)) puts("no chmod");
  CHILD("root's", RAW(setgid, 50); RAW(setuid, 1000); SAY(execl("/tmp/set", "/tmp/set", "set", NULL)));
  if (chmod("/tmp/set", 0700)) puts("no chmod");
  CHILD("not executable", RAW(setuid, 1000); SAY(execl("/tmp/set", "/tmp/set", "set", NULL)));
  if (chmod("/tmp/set", 0600)) puts("no chmod");
  SAY(execl("/tmp/set", "/tmp/set", "set", NULL));
}
int main(int argc, char **argv) {
  if (argc > 1) {
    who(argv[1]), caps(argv[1]);
    SAY(getauxval(AT_UID) * 1000 + getauxval(AT_EUID));
    SAY(getauxval(AT_GID) * 1000 + getauxval(AT_EGID));
    SAY(getauxval(AT_SECURE));
    return 0;
  }
  who("root"), caps("root");
  children(), groups(), sets(), kills();
  on(SIGUSR1, informed, SA_RESTART);
  CHILD("si_uid", RAW(setresuid, 7, 0, 0); kill(getpid(), SIGUSR1));
  pid_t parent = getpid();
  CHILD("si_uid of another", RAW(setresuid, 8, 0, 0); kill(parent, SIGUSR1));
  CHILD("exec as 1000", RAW(setgid, 50); RAW(setuid, 1000); execl(argv[0], argv[0], "executed", NULL));
  CHILD("exec as 1000, effective", RAW(setresuid, 0, 1000, 1000); execl(argv[0], argv[0], "executed", NULL));
  CHILD("exec as 1000, really", RAW(setresuid, 1000, 0, 1000); execl(argv[0], argv[0], "executed", NULL));
  CHILD("exec as root again", RAW(setresuid, -1, 1000, -1); RAW(setresuid, -1, 0, -1); execl(argv[0], argv[0], "executed", NULL));
  set_ids(argv[0]);
  return 0;
}
