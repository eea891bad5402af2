// Capabilities of files at execve(2): what the program has, and when it is not started (capabilities(7)).
#include "say.h"
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#define BIT(capability) (1u << (capability))

static void show(const char *what) {
  struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct sets[2];
  syscall(SYS_capget, &head, sets);
  printf("%s: uid %d euid %d effective %x permitted %x inheritable %x secure %ld ambient %d\n", what, getuid(), geteuid(),
         sets[0].effective, sets[0].permitted, sets[0].inheritable, getauxval(AT_SECURE),
         prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_CHOWN, 0, 0));
  fflush(stdout);
}

static int give(unsigned permitted, unsigned inheritable, unsigned effective) {
  unsigned value[5] = {0x02000000 | effective, permitted, inheritable, 0, 0};
  return setxattr("copy", "security.capability", value, sizeof value, 0);
}

static void inherit(unsigned set) {
  struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct sets[2];
  syscall(SYS_capget, &head, sets);
  sets[0].inheritable = set;
  SAY(syscall(SYS_capset, &head, sets));
}

enum { ROOT = 0, USER = 1, FIXED = 2, INHERITS = 4, AMBIENT = 8, BOUND = 16 };

static void run(const char *what, int how) {
  pid_t child = fork();
  if (child == 0) {
    if (how & INHERITS) inherit(BIT(CAP_CHOWN) | BIT(CAP_KILL));
    if (how & AMBIENT) prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0);
    if (how & BOUND) prctl(PR_CAPBSET_DROP, CAP_KILL);
    if (how & AMBIENT) prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP);
    if (how & USER) setuid(1000);
    if (how & FIXED) prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    SAY(execl("copy", "copy", what, (char *)0));
    _exit(1);
  }
  say_wait(what, child);
}

static void copy(const char *from) {
  char buffer[65536];
  int in = open(from, O_RDONLY), out = open("copy", O_CREAT | O_WRONLY | O_TRUNC, 0755);
  for (ssize_t size; (size = read(in, buffer, sizeof buffer)) > 0;) write(out, buffer, size);
  close(in);
  close(out);
}

int main(int argc, char **argv) {
  if (argc > 1) {
    show(argv[1]);
    return 0;
  }
  SAY(chdir("/tmp"));
  copy("/proc/self/exe");
  unsigned two = BIT(CAP_CHOWN) | BIT(CAP_KILL);
  run("none", USER);
  SAY(give(two, 0, 1));
  run("effective", USER);
  run("fixed", USER | FIXED);
  run("bound", USER | BOUND);
  SAY(give(two, 0, 0));
  run("permitted", USER);
  run("permitted and bound", USER | BOUND);
  SAY(give(0, two, 1));
  run("inheritable, not inherited", USER);
  run("inheritable", USER | INHERITS);
  run("inheritable in part", USER | INHERITS | BOUND);
  SAY(give(0, BIT(CAP_KILL), 0));
  run("ambient", USER | INHERITS | AMBIENT);
  SAY(give(two, 0, 1));
  SAY(chmod("copy", 04755));
  run("set-user-ID", USER);
  run("set-user-ID, fixed", USER | FIXED);
  SAY(chmod("copy", 0755));
  SAY(removexattr("copy", "security.capability"));
  run("ambient alone", USER | INHERITS | AMBIENT);
  return 0;
}
