// getdents(2), readdir(3): a directory that changes while it is read.
#include "say.h"
#include <dirent.h>
static int compare(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }
int main(void) {
  char name[32];
  mkdir("/tmp/many", 0755);
  chdir("/tmp/many");
  for (int i = 0; i < 200; i++) sprintf(name, "f%03d", i), close(creat(name, 0600));
  DIR *d = opendir(".");
  int seen = 0;
  struct dirent *entry;
  while ((entry = readdir(d)))
    if (entry->d_name[0] == 'f') seen++, unlink(entry->d_name);
  SAY(seen);
  rewinddir(d);
  int left = 0;
  while (readdir(d)) left++;
  SAY(left);
  closedir(d);
  SAY(rmdir("/tmp/many"));
  mkdir("/tmp/kinds", 0755);
  chdir("/tmp/kinds");
  mkdir("sub", 0700);
  symlink("x", "link");
  close(creat("file", 0600));
  struct dirent **list;
  int n = scandir(".", &list, 0, compare);
  for (int i = 0; i < n; i++) printf("%s %d\n", list[i]->d_name, list[i]->d_type);
  struct stat st;
  stat(".", &st);
  SAY(st.st_nlink);
  SAY(open("sub", O_RDONLY | O_DIRECTORY) >= 0);
  SAY(read(open("sub", O_RDONLY), name, 1));
  return 0;
}
