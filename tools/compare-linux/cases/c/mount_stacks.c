// Mounts on a directory that one stands in: "." is what is below them, new ones go on top, and copies of shared ones come
// between. It has to be run by who may mount, in a namespace of its own; its answer is kept beside it.
#include "say.h"
#include <sys/mount.h>

#define HERE "/tmp/k"

static int compare(const void *a, const void *b) {
  return strcmp(a, b);
}

static void mounts(const char *when) {
  char line[4096], list[64][256];
  int lines = 0;
  FILE *info = fopen("/proc/self/mountinfo", "r");
  while (fgets(line, sizeof line, info) && lines < 64) {
    char root[100], place[100], options[50];
    sscanf(line, "%*d %*d %*s %99s %99s %49s", root, place, options);
    if (strncmp(place, HERE, strlen(HERE)) == 0) sprintf(list[lines++], "  %s %s %s", place, root, options);
  }
  fclose(info);
  qsort(list, lines, sizeof list[0], compare);
  printf("%s\n", when);
  for (int i = 0; i < lines; i++) printf("%s\n", list[i]);
  fflush(stdout);
}

/** Copies that came between go, and what covers them stays. */
static void covered(void) {
  SAY(mkdir(HERE, 0755));
  SAY(mount("k", HERE, "tmpfs", 0, NULL));
  SAY(mount(NULL, HERE, NULL, MS_SHARED, NULL));
  SAY(chdir(HERE));
  SAY(mkdir("m", 0755)), SAY(mkdir("n", 0755));
  SAY(mount("m", "m", NULL, MS_BIND | MS_REC, NULL));
  SAY(mount("m", ".", NULL, MS_BIND | MS_REC, NULL));
  SAY(mount("n", ".", NULL, MS_BIND | MS_REC, NULL));
  mounts("between");
  SAY(umount2("m", MNT_DETACH));
  mounts("covered");
  // What "." leads below is asked for by it all the same.
  SAY(umount2(".", MNT_EXPIRE)), SAY(umount2(".", MNT_EXPIRE));
  mounts("expired");
  SAY(chdir("/"));
  while (umount2(HERE, MNT_DETACH) == 0) continue;
  mounts("none");
  SAY(rmdir(HERE));
}

/** What has been removed is mounted nowhere any more, and moved nowhere. */
static void removed(void) {
  SAY(mkdir(HERE, 0755));
  SAY(mount("k", HERE, "tmpfs", 0, NULL));
  SAY(mount(NULL, HERE, NULL, MS_PRIVATE, NULL));
  SAY(chdir(HERE));
  for (const char *name = "abc"; *name; name++) close(creat((char[]){*name, 0}, 0644));
  SAY(mount("a", "b", NULL, MS_BIND, NULL));
  SAY(unlink("a"));
  SAY(mount("b", "c", NULL, MS_BIND, NULL));
  SAY(mount("b", "c", NULL, MS_MOVE, NULL));
  mounts("removed");
  SAY(umount2("b", 0));
  // A source that is missing is no use of what stands on ".".
  SAY(mkdir("n", 0755)), SAY(mount("n", ".", NULL, MS_BIND, NULL));
  SAY(umount2(".", MNT_EXPIRE)), SAY(mount("missing", ".", NULL, MS_BIND, NULL)), SAY(umount2(".", MNT_EXPIRE));
  SAY(chdir("/")), SAY(umount2(HERE, 0)), SAY(rmdir(HERE));
}

int main(void) {
  SAY(mkdir(HERE, 0755));
  SAY(mount("k", HERE, "tmpfs", 0, NULL));
  SAY(mount(NULL, HERE, NULL, MS_PRIVATE, NULL));
  SAY(chdir(HERE));
  SAY(mkdir("m", 0755)), SAY(mkdir("o", 0755));
  SAY(mount("o", ".", NULL, MS_BIND, NULL));
  SAY(mount(NULL, ".", NULL, MS_REMOUNT | MS_BIND | MS_NOATIME, NULL));
  mounts("below");
  SAY(mount(NULL, HERE, NULL, MS_REMOUNT | MS_BIND | MS_NOSUID, NULL));
  mounts("on top");
  SAY(umount2(".", 0));
  mounts("one less");
  // What stands on a file that is mounted on itself is listed there.
  SAY(close(creat("f", 0644))), SAY(close(creat("g", 0644)));
  SAY(mount("g", "g", NULL, MS_BIND, NULL)), SAY(mount("f", "g", NULL, MS_BIND, NULL));
  mounts("files");
  SAY(umount2("g", 0)), SAY(umount2("g", 0)), SAY(unlink("g"));
  SAY(mount(NULL, ".", NULL, MS_SHARED, NULL));
  SAY(mount("m", ".", NULL, MS_BIND | MS_REC, NULL));
  SAY(mount(".", "m", NULL, MS_BIND, NULL));
  SAY(mount("o", ".", NULL, MS_BIND | MS_REC, NULL));
  mounts("shared");
  SAY(chdir("/"));
  while (umount2(HERE, MNT_DETACH) == 0) continue;
  mounts("none");
  SAY(rmdir(HERE));
  covered();
  removed();
  return 0;
}
