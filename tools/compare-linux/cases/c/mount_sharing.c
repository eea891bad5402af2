// Shared mounts, slaves and private ones: where else what is mounted appears, and goes again. It has to be run by who may mount,
// in a namespace of its own; its answer is kept beside it.
#include "say.h"
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#define HERE "/tmp/s"

static int groups[64], count;

/* The numbers of groups in the order in which they appear. */
static int numbered(int group) {
  for (int i = 0; i < count; i++)
    if (groups[i] == group) return i + 1;
  groups[count++] = group;
  return count;
}

static int compare(const void *a, const void *b) {
  return strcmp(a, b);
}

/* Places below HERE in the order of their names, and what they share with whom. */
static void mounts(const char *when) {
  char line[4096], list[64][256];
  int lines = 0;
  FILE *info = fopen("/proc/self/mountinfo", "r");
  while (fgets(line, sizeof line, info) && lines < 64) {
    char root[256], place[256];
    sscanf(line, "%*d %*d %*s %255s %255s", root, place);
    if (strncmp(place, HERE, strlen(HERE))) continue;
    char *out = list[lines++];
    out += sprintf(out, "  %s %s", place, root);
    *strstr(line, " - ") = 0;
    char *save, *word = strtok_r(strstr(line, "rw,relatime"), " ", &save);
    while ((word = strtok_r(NULL, " ", &save))) out += sprintf(out, " %s", word);
  }
  fclose(info);
  qsort(list, lines, sizeof list[0], compare);
  printf("%s\n", when);
  for (int i = 0; i < lines; i++) {
    char *at = list[i], *colon;
    while ((colon = strchr(at, ':'))) {
      printf("%.*s:%d", (int)(colon - at), at, numbered(atoi(colon + 1)));
      at = colon + 1 + strspn(colon + 1, "0123456789");
    }
    printf("%s\n", at);
  }
  fflush(stdout);
}

int main(void) {
  SAY(mkdir(HERE, 0755));
  SAY(mount("m", HERE, "tmpfs", 0, NULL));
  SAY(mount(NULL, HERE, NULL, MS_PRIVATE, NULL));
  SAY(chdir(HERE));
  const char *names[] = {"a", "b", "c", "d", "e", "a/x", "a/x/y", "a/z"};
  for (int i = 0; i < 8; i++) mkdir(names[i], 0755);
  SAY(mount("a", "a", NULL, MS_BIND, NULL));
  SAY(mount(NULL, "a", NULL, MS_SHARED, NULL));
  SAY(mount(NULL, "a", NULL, MS_SHARED | MS_SLAVE, NULL));
  SAY(mount("a", "b", NULL, MS_BIND, NULL));
  SAY(mount("a", "c", NULL, MS_BIND, NULL));
  SAY(mount(NULL, "c", NULL, MS_SLAVE, NULL));
  SAY(mount("a/x", "d", NULL, MS_BIND, NULL));
  mounts("two peers, a slave and a part");
  SAY(mount("n", "a/x", "tmpfs", 0, NULL));
  mounts("a mount on one");
  SAY(mkdir("b/x/made", 0755));
  SAY(access("c/x/made", F_OK));
  SAY(mount("n", "c/z", "tmpfs", 0, NULL));
  mounts("one on the slave");
  SAY(umount2("b/x", 0));
  mounts("gone");
  SAY(mount("n", "a/x/y", "tmpfs", 0, NULL));
  mounts("one in the part");
  int fd = open("b/x/y", O_RDONLY);
  SAY(umount2("a/x/y", 0));
  SAY(umount2("a/x/y", MNT_DETACH));
  close(fd);
  mounts("detached");
  SAY(mount(NULL, "c", NULL, MS_SHARED, NULL));
  SAY(mount("c", "e", NULL, MS_BIND, NULL));
  SAY(mount("n", "b/x", "tmpfs", 0, NULL));
  mounts("a slave with a peer");
  SAY(mount("b/x", "a/z", NULL, MS_MOVE, NULL));
  SAY(mount(NULL, "c/z", NULL, MS_UNBINDABLE, NULL));
  SAY(mount("c", "e", NULL, MS_BIND | MS_REC, NULL));
  mounts("bound over");
  SAY(umount2("e", MNT_DETACH));
  SAY(mount(NULL, "a", NULL, MS_SLAVE, NULL));
  mounts("a peer becomes a slave");
  SAY(mount(NULL, "b", NULL, MS_PRIVATE | MS_REC, NULL));
  SAY(umount2("d", 0));
  mounts("the last peer goes");
  SAY(mount(NULL, "c", NULL, MS_PRIVATE, NULL));
  mounts("private");
  fflush(stdout);
  SAY(mount(NULL, "b", NULL, MS_SHARED, NULL));
  int pipes[2], status;
  pipe(pipes);
  if (fork() == 0) {
    char c;
    SAY(unshare(CLONE_NEWNS));
    SAY(mount("n", "b/z", "tmpfs", 0, NULL));
    SAY(mkdir("b/z/here", 0755));
    SAY(syscall(SYS_pivot_root, "b", "b/z"));
    SAY(mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL));
    SAY(umount2("b/z", 0));
    exit(2);
  }
  wait(&status);
  SAY(access("b/z/here", F_OK));
  mounts("from another namespace");
  SAY(chdir("/"));
  SAY(umount2(HERE, MNT_DETACH));
  SAY(rmdir(HERE));
  return 0;
}
