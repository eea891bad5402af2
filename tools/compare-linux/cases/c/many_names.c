// Directories with many names, read with getdents64(2) while they are filled and emptied: what is there all the time comes
// once, whatever comes and goes beside it.
#include "say.h"
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define KEPT 3000

struct entry {
  uint64_t inode, next;
  uint16_t size;
  uint8_t type;
  char name[];
};

static int seen[KEPT], once, lost, twice, others;

static void look(const char *name) {
  if (name[0] == 'k') seen[atoi(name + 1)]++;
  else others++;
}

static void sum(void) {
  once = lost = twice = 0;
  for (int i = 0; i < KEPT; i++) {
    if (seen[i] == 0) lost++;
    else if (seen[i] == 1) once++;
    else twice++;
    seen[i] = 0;
  }
  printf("once %d lost %d twice %d\n", once, lost, twice);
}

/** Reads the whole of `fd`, `bytes` at a time, and does `between` after each. */
static void walk(int fd, unsigned bytes, void (*between)(int)) {
  char buffer[4096];
  lseek(fd, 0, SEEK_SET);
  for (int round = 0;; round++) {
    long got = syscall(SYS_getdents64, fd, buffer, bytes);
    if (got <= 0) break;
    for (long at = 0; at < got; at += ((struct entry *)(buffer + at))->size) look(((struct entry *)(buffer + at))->name);
    if (between) between(round);
  }
}

static void name_of(char *to, const char *letter, int number) { sprintf(to, "/tmp/d/%s%d", letter, number); }

static int fresh;
static void fill(int round) {
  char name[64];
  for (int i = 0; i < 4 && fresh < 2000; i++) {
    name_of(name, "x", fresh++);
    close(open(name, O_CREAT | O_WRONLY, 0600));
  }
}

static int gone;
static void empty(int round) {
  char name[64];
  for (int i = 0; i < 4 && gone < fresh; i++) {
    name_of(name, "x", gone++);
    unlink(name);
  }
}

/** Takes away what has been read. */
static int removed;
static void take(int round) {
  char name[64];
  for (int i = 0; i < KEPT; i++) {
    if (seen[i] != 1) continue;
    name_of(name, "k", i);
    if (unlink(name) == 0) removed++;
    seen[i] = 2;
  }
}

int main(void) {
  char name[64], other[64];
  struct stat status;
  mkdir("/tmp/d", 0700);
  for (int i = 0; i < KEPT; i++) {
    name_of(name, "k", i);
    close(open(name, O_CREAT | O_WRONLY, 0600));
  }
  int fd = open("/tmp/d", O_RDONLY | O_DIRECTORY);
  walk(fd, 4096, 0);
  sum();
  SAY(others);
  walk(fd, 128, fill);
  sum();
  walk(fd, 256, empty);
  sum();
  // A position that is told leads there again.
  lseek(fd, 0, SEEK_SET);
  char buffer[512];
  long got = syscall(SYS_getdents64, fd, buffer, sizeof buffer);
  struct entry *first = (struct entry *)buffer, *second = (struct entry *)(buffer + first->size);
  SAY(got > 0);
  char wanted[64];
  lseek(fd, (off_t)second->next, SEEK_SET);
  got = syscall(SYS_getdents64, fd, buffer, sizeof buffer);
  strcpy(wanted, ((struct entry *)buffer)->name);
  lseek(fd, 0, SEEK_SET);
  got = syscall(SYS_getdents64, fd, buffer, sizeof buffer);
  first = (struct entry *)buffer, second = (struct entry *)(buffer + first->size);
  lseek(fd, (off_t)second->next, SEEK_SET);
  got = syscall(SYS_getdents64, fd, buffer, sizeof buffer);
  SAY(strcmp(wanted, ((struct entry *)buffer)->name));
  // Names move, change their nodes, and are more than one of a node.
  name_of(name, "k", 7), name_of(other, "k", 8);
  SAY(rename(name, other));
  SAY(stat(name, &status));
  name_of(name, "k", 9);
  SAY(rename(other, name));
  SAY(syscall(SYS_renameat2, AT_FDCWD, name, AT_FDCWD, "/tmp/d/k10", 2));
  name_of(name, "k", 11);
  for (int i = 0; i < 300; i++) {
    name_of(other, "link", i);
    if (link(name, other)) SAY(errno);
  }
  SAY(stat(name, &status));
  SAY(status.st_nlink);
  for (int i = 0; i < 300; i += 2) {
    name_of(other, "link", i);
    unlink(other);
  }
  SAY(stat(name, &status));
  SAY(status.st_nlink);
  memset(seen, 0, sizeof seen);
  walk(fd, 1024, take);
  SAY(removed);
  memset(seen, 0, sizeof seen);
  others = 0;
  walk(fd, 4096, 0);
  sum();
  SAY(rmdir("/tmp/d"));
  for (int i = 0; i < 300; i++) name_of(other, "link", i), unlink(other);
  for (; gone < fresh; gone++) name_of(other, "x", gone), unlink(other);
  SAY(rmdir("/tmp/d"));
  return 0;
}
