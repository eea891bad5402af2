// Extended attributes: kinds, flags, sizes, errors and who may do what (xattr(7)).
#include "say.h"
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/xattr.h>

static char big[70000], back[70000];

static int compare(const void *a, const void *b) { return strcmp(*(char **)a, *(char **)b); }

// Names in an order of their own, because Linux' depends on the version.
static void list(const char *path) {
  char names[4096], *sorted[64];
  ssize_t size = listxattr(path, names, sizeof names);
  int count = 0;
  for (char *at = names; size > 0 && at < names + size; at += strlen(at) + 1) sorted[count++] = at;
  qsort(sorted, count, sizeof *sorted, compare);
  printf("%s has %d bytes of names:", path, (int)size);
  for (int i = 0; i < count; i++) printf(" %s", sorted[i]);
  printf("\n");
}

static void values(void) {
  char value[8] = "-------";
  SAY(setxattr("f", "user.a", "one", 3, 0));
  SAY(getxattr("f", "user.a", value, sizeof value));
  printf("%s\n", value);
  SAY(setxattr("f", "user.a", "longer", 6, XATTR_CREATE));
  SAY(setxattr("f", "user.b", "longer", 6, XATTR_REPLACE));
  SAY(setxattr("f", "user.a", "longer", 6, XATTR_REPLACE));
  SAY(setxattr("f", "user.b", "", 0, XATTR_CREATE));
  SAY(getxattr("f", "user.b", value, sizeof value));
  SAY(setxattr("f", "user.b", "x", 1, XATTR_CREATE | XATTR_REPLACE));
  SAY(setxattr("f", "user.c", "x", 1, XATTR_CREATE | XATTR_REPLACE));
  SAY(setxattr("f", "user.c", "x", 1, 4));
  SAY(getxattr("f", "user.a", value, 5));
  SAY(getxattr("f", "user.a", value, 0));
  SAY(getxattr("f", "user.a", 0, 0));
  SAY(getxattr("f", "user.a", 0, 8));
  SAY(getxattr("f", "user.none", value, sizeof value));
  SAY(setxattr("f", "user.e", 0, 0, 0));
  SAY(setxattr("f", "user.f", 0, 1, 0));
  SAY(setxattr("f", "user.f", (void *)1, 1, 0));
  list("f");
  SAY(listxattr("f", value, 8));
  SAY(listxattr("f", 0, 0));
  SAY(listxattr("f", 0, 100));
  SAY(removexattr("f", "user.e"));
  SAY(removexattr("f", "user.e"));
  SAY(removexattr("f", "user.b"));
  list("f");
}

static void names(void) {
  char name[300];
  memset(name, 'n', sizeof name);
  memcpy(name, "user.", 5);
  name[255] = 0;
  SAY(setxattr("f", name, "v", 1, 0));
  SAY(removexattr("f", name));
  name[255] = 'n';
  name[256] = 0;
  SAY(setxattr("f", name, "v", 1, 0));
  SAY(getxattr("f", name, 0, 0));
  SAY(removexattr("f", name));
  SAY(setxattr("f", "", "v", 1, 0));
  SAY(getxattr("f", "", 0, 0));
  SAY(setxattr("f", "user.", "v", 1, 0));
  SAY(getxattr("f", "user.", 0, 0));
  SAY(setxattr("f", "user", "v", 1, 0));
  SAY(setxattr("f", "other.a", "v", 1, 0));
  SAY(getxattr("f", "other.a", 0, 0));
  SAY(removexattr("f", "other.a"));
  SAY(setxattr("f", "system.other", "v", 1, 0));
  SAY(getxattr("f", "system.other", 0, 0));
  SAY(setxattr("f", (void *)1, "v", 1, 0));
  SAY(setxattr("missing", "user.a", "v", 1, 0));
  SAY(getxattr("f/x", "user.a", 0, 0));
  SAY(listxattr("", 0, 0));
}

static void sizes(void) {
  SAY(setxattr("f", "user.big", big, 65536, 0));
  SAY(setxattr("f", "user.big", big, 65537, 0));
  SAY(getxattr("f", "user.big", back, 65535));
  memset(back, 1, sizeof back);
  SAY(getxattr("f", "user.big", back, sizeof back));
  SAY(memcmp(big, back, 65536));
  SAY(removexattr("f", "user.big"));
  char name[256];
  memset(name, 'm', sizeof name);
  int result = 0;
  for (int i = 0; i < 256 && result == 0; i++) {
    snprintf(name, sizeof name, "user.%03d", i);
    name[8] = 'm';
    name[255] = 0;
    result = setxattr("many", name, "", 0, 0);
  }
  SAY(result);
  SAY(listxattr("many", 0, 0));
  SAY(listxattr("many", back, sizeof back));
  SAY(setxattr("many", "user.one", "", 0, 0));
  SAY(listxattr("many", back, 65536));
  SAY(listxattr("many", back, 65535));
}

static void kinds(void) {
  SAY(setxattr("d", "user.a", "v", 1, 0));
  list("d");
  SAY(lsetxattr("l", "user.a", "v", 1, 0));
  SAY(lgetxattr("l", "user.a", 0, 0));
  SAY(lremovexattr("l", "user.a"));
  SAY(lsetxattr("l", "trusted.a", "v", 1, 0));
  SAY(llistxattr("l", 0, 0));
  SAY(listxattr("l", 0, 0));
  SAY(setxattr("l", "user.through", "v", 1, 0));
  SAY(getxattr("f", "user.through", 0, 0));
  SAY(setxattr("p", "user.a", "v", 1, 0));
  SAY(getxattr("p", "user.a", 0, 0));
  SAY(setxattr("p", "trusted.a", "v", 1, 0));
  SAY(getxattr("p", "trusted.a", 0, 0));
  int ends[2];
  SAY(pipe(ends));
  SAY(fsetxattr(ends[0], "user.a", "v", 1, 0));
  SAY(fgetxattr(ends[0], "user.a", 0, 0));
  SAY(fsetxattr(ends[0], "trusted.a", "v", 1, 0));
  SAY(fgetxattr(ends[0], "trusted.a", 0, 0));
  SAY(setxattr("/proc/self/stat", "user.a", "v", 1, 0));
  SAY(getxattr("/proc/self/stat", "trusted.a", 0, 0));
}

static void descriptors(void) {
  int fd = open("f", O_RDONLY), path = open("f", O_PATH);
  char value[8] = "";
  SAY(fsetxattr(fd, "user.fd", "12", 2, 0));
  SAY(fgetxattr(fd, "user.fd", value, 8));
  SAY(flistxattr(fd, 0, 0) > 0);
  SAY(fsetxattr(path, "user.fd", "12", 2, 0));
  SAY(fgetxattr(path, "user.fd", value, 8));
  SAY(flistxattr(path, value, 8));
  SAY(fremovexattr(path, "user.fd"));
  SAY(fremovexattr(fd, "user.fd"));
  SAY(fgetxattr(fd, "user.fd", value, 8));
  SAY(fgetxattr(99, "user.fd", value, 8));
  close(fd);
  close(path);
  int memory = syscall(SYS_memfd_create, "m", 0);
  SAY(fsetxattr(memory, "trusted.m", "1", 1, 0));
  SAY(fgetxattr(memory, "trusted.m", value, 8));
  close(memory);
}

// What goes with a file, and what does not.
static void follows(void) {
  SAY(rename("f", "g"));
  SAY(link("g", "h"));
  SAY(setxattr("h", "user.linked", "v", 1, 0));
  SAY(getxattr("g", "user.linked", 0, 0));
  SAY(unlink("g"));
  SAY(getxattr("h", "user.linked", 0, 0));
  SAY(rename("h", "f"));
  struct stat before, after;
  stat("f", &before);
  struct timespec wait = {0, 20000000};
  nanosleep(&wait, 0);
  SAY(setxattr("f", "user.time", "v", 1, 0));
  stat("f", &after);
  printf("mtime %d\n", before.st_mtim.tv_nsec == after.st_mtim.tv_nsec);
  SAY(unlink("f"));
  close(open("f", O_CREAT | O_RDWR, 0644));
  list("f");
}

static void others(void) {
  SAY(setxattr("f", "trusted.t", "v", 1, 0));
  SAY(setxattr("f", "security.s", "v", 1, 0));
  SAY(setxattr("f", "user.u", "v", 1, 0));
  SAY(setxattr("private", "user.u", "v", 1, 0));
  SAY(chmod("sticky", 01777));
  SAY(chmod("open", 0777));
  SAY(chmod("private", 0600));
  list("f");
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    SAY(setgid(1000) | setuid(1000));
    list("f");
    SAY(getxattr("f", "trusted.t", 0, 0));
    SAY(getxattr("f", "trusted.none", 0, 0));
    SAY(setxattr("f", "trusted.t", "v", 1, 0));
    SAY(removexattr("f", "trusted.t"));
    SAY(getxattr("f", "security.s", 0, 0));
    SAY(setxattr("f", "security.s", "v", 1, 0));
    SAY(removexattr("f", "security.s"));
    SAY(getxattr("f", "user.u", 0, 0));
    SAY(setxattr("f", "user.u", "v", 1, 0));
    SAY(setxattr("f", "other.u", "v", 1, 0));
    SAY(removexattr("f", "user.u"));
    SAY(getxattr("private", "user.u", 0, 0));
    SAY(listxattr("private", 0, 0));
    SAY(setxattr("sticky", "user.u", "v", 1, 0));
    SAY(getxattr("sticky", "user.u", 0, 0));
    SAY(setxattr("open", "user.u", "v", 1, 0));
    SAY(lsetxattr("l", "user.u", "v", 1, 0));
    _exit(0);
  }
  say_wait("others", child);
}

static char capabilities[24] = {1, 0, 0, 2, 1, 0, 0, 0};

static void file_capabilities(void) {
  char value[24];
  SAY(setxattr("f", "security.capability", capabilities, 19, 0));
  SAY(setxattr("f", "security.capability", big, 20, 0));
  SAY(setxattr("f", "security.capability", capabilities, 20, 0));
  SAY(getxattr("f", "security.capability", value, sizeof value));
  SAY(getxattr("f", "security.capability", 0, 0));
  capabilities[3] = 3;
  SAY(setxattr("f", "security.capability", capabilities, 20, 0));
  SAY(setxattr("f", "security.capability", capabilities, 24, 0));
  SAY(getxattr("f", "security.capability", value, sizeof value));
  printf("revision %d, flags %d\n", value[3], value[0]);
  int fd = open("f", O_WRONLY);
  SAY(write(fd, "", 0));
  SAY(getxattr("f", "security.capability", 0, 0));
  SAY(write(fd, "x", 1));
  SAY(getxattr("f", "security.capability", 0, 0));
  SAY(setxattr("f", "security.capability", capabilities, 24, 0));
  SAY(ftruncate(fd, 5));
  SAY(getxattr("f", "security.capability", 0, 0));
  SAY(setxattr("f", "security.capability", capabilities, 24, 0));
  SAY(chmod("f", 0755));
  SAY(getxattr("f", "security.capability", 0, 0));
  SAY(chown("f", 0, 0));
  SAY(getxattr("f", "security.capability", 0, 0));
  SAY(setxattr("f", "security.capability", capabilities, 24, 0));
  SAY(removexattr("f", "security.capability"));
  close(fd);
}

int main(void) {
  SAY(chdir("/tmp"));
  for (int i = 0; i < (int)sizeof big; i++) big[i] = i * 7;
  close(open("f", O_CREAT | O_RDWR, 0644));
  close(open("many", O_CREAT | O_RDWR, 0644));
  close(open("private", O_CREAT | O_RDWR, 0600));
  SAY(mkdir("d", 0755) | mkdir("sticky", 0777) | mkdir("open", 0777) | mkfifo("p", 0644));
  SAY(symlink("f", "l"));
  values();
  names();
  sizes();
  kinds();
  descriptors();
  follows();
  others();
  file_capabilities();
  return 0;
}
