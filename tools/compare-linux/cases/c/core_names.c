// What core dumps are called (core_pattern, core_uses_pid) and what of the memory they have (coredump_filter). The answer is
// that of a Linux 6.1 whose names nobody else needs.
#define _GNU_SOURCE
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long put(const char *path, const char *text) {
  int fd = open(path, O_WRONLY);
  long result = write(fd, text, strlen(text));
  int error = errno;
  close(fd);
  errno = error;
  return result;
}

static void show(const char *path) {
  char text[256];
  int fd = open(path, O_RDONLY);
  long size = read(fd, text, sizeof text - 1);
  text[size < 0 ? 0 : size] = 0;
  printf("%s: %s", strrchr(path, '/') + 1, size < 0 ? strerrorname_np(errno) : text);
  if (size <= 0) printf("\n");
  close(fd);
}

static void said(const char *what, long result) {
  if (result < 0) printf("%s: %s\n", what, strerrorname_np(errno));
  else printf("%s: %ld\n", what, result);
}

static char *anonymous, *shared, *mapped, *file_shared;

/** A child dies; tells whether there is a dump. Its id is left in `dead`. */
static pid_t dead;
static int die(int signal, const char *name) {
  int status;
  fflush(stdout);
  dead = fork();
  if (dead == 0) {
    if (name != NULL) prctl(PR_SET_NAME, name);
    *anonymous = 'a';
    kill(getpid(), signal);
    _exit(1);
  }
  waitpid(dead, &status, 0);
  return WCOREDUMP(status) != 0;
}

/** Takes away what is in the directory and tells its names, the child's id as P and the program's own name in words. */
static void names(const char *directory) {
  char id[16], path[512];
  snprintf(id, sizeof id, "%d", dead);
  struct dirent **all;
  int count = scandir(directory, &all, NULL, alphasort);
  for (int i = 0; i < count; i++) {
    if (!strcmp(all[i]->d_name, ".") || !strcmp(all[i]->d_name, "..")) continue;
    const char *from = all[i]->d_name, *at;
    printf("  ");
    if (strcmp(from, program_invocation_short_name) == 0) from = "the program";
    for (; (at = strstr(from, id)) != NULL; from = at + strlen(id)) printf("%.*sP", (int)(at - from), from);
    printf("%s\n", from);
    snprintf(path, sizeof path, "%s/%s", directory, all[i]->d_name);
    unlink(path);
  }
}

static void called(const char *pattern, int signal, const char *name) {
  long result = put("/proc/sys/kernel/core_pattern", pattern);
  printf("%s: %s\n", pattern, result < 0 ? strerrorname_np(errno) : die(signal, name) ? "dumped" : "none");
  names(".");
}

/** What the dump has of the areas. */
static void contents(const char *filter) {
  if (put("/proc/self/coredump_filter", filter) < 0) {
    printf("%s: %s\n", filter, strerrorname_np(errno));
    return;
  }
  die(SIGABRT, NULL);
  printf("%s: ", filter);
  int fd = open("core", O_RDONLY);
  Elf64_Ehdr head;
  if (read(fd, &head, sizeof head) != sizeof head) printf("no dump");
  char *const areas[] = {anonymous, shared, mapped, file_shared};
  for (int i = 0; i < head.e_phnum; i++) {
    Elf64_Phdr segment;
    pread(fd, &segment, sizeof segment, head.e_phoff + i * sizeof segment);
    for (int j = 0; j < 4; j++) {
      if (segment.p_type == PT_LOAD && segment.p_vaddr == (unsigned long)areas[j]) {
        char first = 0;
        if (segment.p_filesz != 0) pread(fd, &first, 1, segment.p_offset);
        printf("%d: %ld of %ld%s%c, ", j, segment.p_filesz, segment.p_memsz, first ? " " : "", first ? first : ' ');
      }
    }
  }
  printf("\n");
  close(fd);
  unlink("core");
}

int main(void) {
  mkdir("/tmp/dumps", 0755);
  mkdir("/tmp/dumps/in", 0755);
  if (chdir("/tmp/dumps/in") != 0) return 1;
  struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY}, most = {1 << 24, RLIM_INFINITY};
  setrlimit(RLIMIT_CORE, &all);
  sethostname("some.host", 9);
  int fd = open("/tmp/data", O_RDWR | O_CREAT, 0644);
  if (write(fd, "data", 4) != 4 || ftruncate(fd, 8192) != 0) return 1;
  anonymous = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  shared = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  mapped = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, fd, 4096);
  file_shared = mmap(NULL, 8192, PROT_READ, MAP_SHARED, fd, 0);
  *shared = 's';
  show("/proc/sys/kernel/core_pattern");
  show("/proc/sys/kernel/core_uses_pid");
  show("/proc/self/coredump_filter");
  called("core", SIGABRT, NULL);
  called("c.%p", SIGSEGV, NULL);
  called("c.%P.%i.%I", SIGSEGV, NULL);
  called("%s-%u-%g-%%-%d-%z-%", SIGQUIT, NULL);
  called("%e", SIGABRT, "some/name");
  called("%e", SIGABRT, "..");
  called("%h", SIGABRT, NULL);
  called("%f", SIGABRT, "other");
  setrlimit(RLIMIT_CORE, &most);
  called("%c", SIGABRT, NULL);
  setrlimit(RLIMIT_CORE, &all);
  called("absent/core", SIGABRT, NULL);
  called("", SIGABRT, NULL);
  called("  two words ", SIGABRT, NULL);
  called("first\nsecond", SIGABRT, NULL);
  called("/tmp/dumps/out.%e", SIGABRT, "it");
  names("/tmp/dumps");
  put("/proc/sys/kernel/core_uses_pid", "1");
  called("core", SIGABRT, NULL);
  called("core-%p", SIGABRT, NULL);
  called("core-%P", SIGABRT, NULL);
  put("/proc/sys/kernel/core_uses_pid", "0");
  put("/proc/sys/kernel/core_pattern", "%t");
  time_t before = time(NULL);
  die(SIGABRT, NULL);
  time_t after = time(NULL);
  int found = 0;
  for (time_t at = before; at <= after; at++) {
    char path[32];
    snprintf(path, sizeof path, "%ld", (long)at);
    found |= unlink(path) == 0;
  }
  printf("time %d\n", found);
  char longer[200];
  memset(longer, 'x', sizeof longer);
  longer[sizeof longer - 1] = 0;
  said("long", put("/proc/sys/kernel/core_pattern", longer));
  show("/proc/sys/kernel/core_pattern");
  put("/proc/sys/kernel/core_pattern", "core\n");
  static const char *const filters[] = {"0x33", "0", "1", "2", "4\n", "8", "0x10", "0xf", "010", "+1", "0xffffffff", "51 ",
                                        "", "\n", " 1", "-1", "4294967296", "0x", "1\n\n", "09", "99999999999999999999"};
  for (unsigned i = 0; i < sizeof filters / sizeof *filters; i++) {
    contents(filters[i]);
    show("/proc/self/coredump_filter");
  }
  put("/proc/self/coredump_filter", "0x33");
  return 0;
}
