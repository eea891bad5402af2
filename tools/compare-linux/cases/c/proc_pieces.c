// Long texts of /proc, in pieces of all sizes: all of them come, once, and no read takes more than a page of whole lines.
#include "say.h"
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#define AREAS 30000
#define WORDS 3000

static char whole[4 << 20], again[4 << 20];

/** All of `path` by reads of `size` bytes, or of what is left up to `enough`; its length. */
static long all(const char *path, char *to, long size, long enough) {
  int fd = open(path, O_RDONLY);
  long length = 0, got;
  while (length < enough && (got = read(fd, to + length, size)) > 0) length += got;
  if (got < 0) SAY(got);
  close(fd);
  return length;
}

static long lines(const char *text, long length) {
  long count = 0;
  for (long i = 0; i < length; i++) count += text[i] == '\n';
  return count;
}

static void areas(void) {
  char *at = mmap(0, AREAS * 4096ul, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  for (long i = 0; i < AREAS; i += 2) mprotect(at + i * 4096, 4096, PROT_READ);
  int fd = open("/proc/self/maps", O_RDONLY);
  long got = read(fd, whole, sizeof whole);
  SAY(got > 3000 && got <= 4096 && whole[got - 1] == '\n');
  SAY(read(fd, again, 10));
  SAY(read(fd, again, 0));
  // From elsewhere, and from the beginning again.
  SAY(pread(fd, again, 50, got - 25) >= 25 && !memcmp(again, whole + got - 25, 25));
  SAY(lseek(fd, 7, SEEK_SET));
  SAY(read(fd, again, 20) == 20 && !memcmp(again, whole + 7, 20));
  SAY(lseek(fd, 0, SEEK_SET));
  SAY(read(fd, again, got) == got && !memcmp(again, whole, got));
  SAY(pread(fd, again, 10, 1l << 40));
  SAY(read(fd, (void *)8, 10));
  close(fd);
  long length = all("/proc/self/maps", whole, 1 << 16, sizeof whole);
  long before = lines(whole, length);
  SAY(before > AREAS && before < AREAS + 100);
  long last = 0, ordered = 1;
  for (char *line = whole; line < whole + length; line = strchr(line, '\n') + 1) {
    long start = strtol(line, 0, 16);
    ordered &= start > last;
    last = start;
  }
  SAY(ordered);
  SAY(all("/proc/self/maps", again, 777, sizeof again) == length && !memcmp(whole, again, length));
  SAY(all("/proc/self/maps", again, 1, 10000) == 10000 && !memcmp(whole, again, 10000));
  // What is unmapped in front of who reads is passed over, and nothing comes twice.
  fd = open("/proc/self/maps", O_RDONLY);
  long some = read(fd, again, 4096);
  munmap(at, AREAS / 2 * 4096ul);
  for (long more; (more = read(fd, again + some, 4096)) > 0;) some += more;
  close(fd);
  long rest = lines(again, some);
  SAY(rest > AREAS / 2 && rest < AREAS / 2 + 200);
  munmap(at, AREAS * 4096ul);
}

static void details(void) {
  char *at = mmap(0, 1000 * 4096ul, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  for (long i = 0; i < 1000; i += 2) mprotect(at + i * 4096, 4096, PROT_READ);
  long length = all("/proc/self/smaps", whole, 5000, sizeof whole), found = 0;
  for (char *line = strstr(whole, "\nSize:"); line; line = strstr(line + 1, "\nSize:")) found++;
  SAY(length > 300000);
  SAY(found > 1000 && found < 1100);
  memset(whole, 0, length);
  munmap(at, 1000 * 4096ul);
}

static void queues(void) {
  static int ids[2000];
  for (int i = 0; i < 2000; i++) ids[i] = msgget(IPC_PRIVATE, 0600 | IPC_CREAT);
  long length = all("/proc/sysvipc/msg", whole, 1000, sizeof whole), found = 0;
  int next = 0;
  // Others may have queues as well.
  for (char *line = strchr(whole, '\n'); line && line + 1 < whole + length; line = strchr(line + 1, '\n')) {
    int key, id;
    if (sscanf(line + 1, "%d %d", &key, &id) != 2) continue;
    for (int k = 0; k < 2000; k++) found += ids[(next + k) % 2000] == id && (next = (next + k + 1) % 2000, k = 2000);
  }
  SAY(found);
  for (int i = 0; i < 2000; i++) msgctl(ids[i], IPC_RMID, 0);
}

/** In the process with long arguments: they are all there. */
static int told(int count, char **arguments) {
  long length = all("/proc/self/cmdline", whole, 999, sizeof whole), at = 0;
  for (int i = 0; i < count && at >= 0; i++) at = strcmp(whole + at, arguments[i]) ? -1 : at + strlen(arguments[i]) + 1;
  SAY(at == length);
  int fd = open("/proc/self/cmdline", O_RDONLY);
  SAY(pread(fd, again, 100, length - 50));
  SAY(!memcmp(again, whole + length - 50, 50));
  SAY(pread(fd, again, 100, length));
  close(fd);
  length = all("/proc/self/environ", whole, 4096, sizeof whole);
  SAY(length >= 200000 && !memcmp(whole, "LONG=yyyy", 9));
  return 0;
}

int main(int count, char **arguments) {
  if (count > 2) return told(count, arguments);
  // The first line that is printed makes a heap.
  SAY(count);
  areas(), details(), queues();
  static char *words[WORDS + 2], variables[2][110000];
  static char *environment[3] = {variables[0], variables[1]};
  for (int i = 0; i < 2; i++) memset(variables[i], 'y', sizeof variables[i] - 1), memcpy(variables[i], i ? "MORE=" : "LONG=", 5);
  words[0] = arguments[0];
  for (int i = 1; i <= WORDS; i++) asprintf(&words[i], "word %d %0*d", i, i % 150, 0);
  execve("/proc/self/exe", words, environment);
  return 1;
}
