// What a tmpfs tells of its directories: sizes by the number of entries, the youngest entry first, and a position that stays
// good while entries come, move and go.
#include "say.h"
#include <dirent.h>

static int size_of(const char *path) {
  struct stat st;
  return stat(path, &st) == 0 ? st.st_size : -1;
}

static void list(const char *path) {
  DIR *d = opendir(path);
  printf("%s, %d:", path, size_of(path));
  for (struct dirent *e; (e = readdir(d));)
    if (e->d_name[0] != '.') printf(" %s", e->d_name);
  puts("");
  closedir(d);
}

static void touch(const char *path) { close(creat(path, 0600)); }

/** Reads on after `change` has been made behind the third entry, and from where the second was. */
static void go_on(const char *what, void (*change)(void)) {
  for (int i = 0; i < 8; i++) touch((char[]){'r', '/', 'a' + i, 0});
  DIR *d = opendir("r");
  long second = 0;
  printf("%s:", what);
  for (int i = 0; i < 3;) {
    struct dirent *e = readdir(d);
    if (e->d_name[0] == '.') continue;
    if (i == 1) second = telldir(d);
    printf(" %s", e->d_name), i++;
  }
  change();
  printf(" |");
  // As much as a buffer holds has been read before: only what comes after seekdir(3) is told anew.
  seekdir(d, second);
  for (struct dirent *e; (e = readdir(d));) printf(" %s", e->d_name);
  puts("");
  closedir(d);
  for (int i = 0; i < 12; i++) unlink((char[]){'r', '/', 'a' + i, 0});
}

static void nothing(void) {}
static void take(void) { unlink("r/e"), unlink("r/a"); }

int main(void) {
  chdir("/tmp");
  mkdir("d", 0755), mkdir("e", 0755), mkdir("r", 0755);
  list("d");
  touch("d/a"), touch("d/b"), mkdir("d/c", 0755), symlink("a", "d/l"), mkfifo("d/p", 0600), link("d/a", "d/h");
  list("d");
  rename("d/a", "d/z"), list("d");
  rename("d/b", "d/b"), list("d");
  rename("d/b", "e/b"), list("d"), list("e");
  rename("d/h", "d/p"), list("d");
  rename("d/c", "e/c"), list("d"), list("e"), list("e/c");
  renameat2(AT_FDCWD, "d/l", AT_FDCWD, "e/c", RENAME_EXCHANGE), list("d"), list("e");
  renameat2(AT_FDCWD, "d/z", AT_FDCWD, "d/p", RENAME_EXCHANGE), list("d");
  unlink("e/b"), list("e");
  int gone = open("d/l", O_DIRECTORY);
  struct stat st;
  rmdir("d/l"), list("d");
  fstat(gone, &st);
  SAY(st.st_size), SAY(st.st_blocks);
  close(open("d", O_TMPFILE | O_RDWR, 0600)), list("d");
  go_on("unchanged", nothing), go_on("less", take);
  return 0;
}
