// Mounts in a namespace of the seed's own, below its folder; nothing where there is no right to mount.
#include "../sequence.h"
#include <sched.h>
#include <sys/mount.h>
#include <sys/statfs.h>

static int allowed;

static const char *path(void) { return WORD("m", "m", "n", "o", "m/x", "n/x", "m/y", "o/x", "f", "g", "m/f", "missing", "."); }

static void begin(void) {
  allowed = CALL(unshare, CLONE_NEWNS) == 0;
  mkdir("m", 0755), mkdir("n", 0755), mkdir("o", 0755), mkdir("m/x", 0755), mkdir("n/x", 0755);
  close(open("f", O_CREAT | O_RDWR, 0644)), close(open("g", O_CREAT | O_RDWR, 0644));
  // A mount of its own keeps what is done here apart from what the root is.
  if (allowed) allowed = CALL(mount, "top", base, "tmpfs", 0, 0) == 0 && chdir(base) == 0;
  if (!allowed) return;
  CALL(mount, 0, base, 0, MS_PRIVATE, 0);
  mkdir("m", 0755), mkdir("n", 0755), mkdir("o", 0755), mkdir("m/x", 0755), mkdir("n/x", 0755);
  close(open("f", O_CREAT | O_RDWR, 0644)), close(open("g", O_CREAT | O_RDWR, 0644));
}

static void end(void) {
  chdir("/");
}

static int by_text(const void *one, const void *two) { return strcmp(one, two); }

/** Mounts below the folder: their places, options and kinds, without numbers. The order of copies is not that of 6.1 any more. */
static void tell_mounts(void) {
  static char mounts[200][512];
  FILE *file = fopen("/proc/self/mountinfo", "r");
  char line[1024], root[128], place[256], options[128], rest[512];
  size_t n = strlen(base), count = 0;
  while (file && count < 200 && fgets(line, sizeof line, file)) {
    rest[0] = 0;
    if (sscanf(line, "%*d %*d %*s %127s %255s %127s %511[^\n]", root, place, options, rest) < 3 || strncmp(place, base, n)) continue;
    char *dash = strstr(rest, "- ");
    const char *kind = strstr(rest, "master") ? "slave" : strstr(rest, "unbindable") ? "unbindable" : "";
    snprintf(mounts[count++], 512, "%s %s %s %s%s %s", root, place + n, options, strstr(rest, "shared") ? "shared " : "", kind, dash ? "" : "?");
  }
  if (file) fclose(file);
  qsort(mounts, count, sizeof *mounts, by_text);
  for (size_t i = 0; i < count; i++) tell(" [%s]", mounts[i]);
}

static void step(void) {
  if (!allowed) return;
  const char *one = path(), *two = path();
  unsigned long more = some(MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME | MS_RELATIME | MS_STRICTATIME | MS_NOSYMFOLLOW);
  long result;
  struct statfs fs;
  int fd = slot();
  switch (draw(19)) {
  case 0: case 1: {
    const char *type = WORD("tmpfs", "tmpfs", "tmpfs", "nothing", ""), *data = WORD("", "", "size=64k", "nr_inodes=5", "mode=700", "size=x", "bad=1");
    return tell("mount %s %s %lx %s = %ld", one, type, more, data, CALL(mount, "none", one, draw(20) ? type : 0, more, data));
  }
  // What comes of a source whose mount is gone depends on the version.
  case 2: case 3: { unsigned long recursive = draw(2) ? MS_REC : 0; if (strcmp(one, ".") == 0) one = "m"; return tell("bind %s %s %lx = %ld", one, two, recursive, CALL(mount, one, two, 0, MS_BIND | recursive, 0)); }
  case 4: return tell("move %s %s = %ld", one, two, CALL(mount, one, two, 0, MS_MOVE, 0));
  case 5: case 6: {
    unsigned long kind = ONE(MS_SHARED, MS_PRIVATE, MS_SLAVE, MS_UNBINDABLE, MS_SHARED | MS_PRIVATE), recursive = draw(2) ? MS_REC : 0;
    return tell("make %s %lx = %ld", one, kind | recursive, CALL(mount, 0, one, 0, kind | recursive, 0));
  }
  case 7: case 8: { unsigned long bind = draw(3) ? MS_BIND : 0; return tell("remount %s %lx = %ld", one, more | bind, CALL(mount, 0, one, 0, MS_REMOUNT | bind | more, 0)); }
  // What can be done where the working directory's mount is gone depends on the version.
  case 9: case 10: { long flags = ONE(0, 0, MNT_DETACH, MNT_EXPIRE, UMOUNT_NOFOLLOW, MNT_DETACH | MNT_EXPIRE, 64); if (flags == MNT_DETACH && strcmp(one, ".") == 0) one = "m"; return tell("umount %s %ld = %ld", one, flags, CALL(umount2, one, flags)); }
  case 11: return tell_mounts();
  case 12: result = CALL(statfs, one, &fs); return tell("statfs %s = %ld %lx %lx %d", one, result, result ? 0 : fs.f_type, result ? 0 : fs.f_flags, result ? 0 : (int)fs.f_bsize);
  case 13: { long flags = ONE(O_RDONLY, O_RDWR, O_RDWR | O_CREAT, O_WRONLY | O_TRUNC) | O_NONBLOCK; keep(result = CALL(open, one, flags, 0644)); return tell("open %s %lo = %ld", one, flags, result); }
  case 14: return tell("close %d = %ld", fd, CALL(close, fd));
  case 15: {
    int kind = draw(8);
    result = kind == 0 ? CALL(mkdir, one, 0755) : kind == 1 ? CALL(rmdir, one) : kind == 2 ? CALL(unlink, one) : kind == 3 ? CALL(rename, one, two) : kind == 4 ? CALL(link, one, two) : kind == 5 ? CALL(chmod, one, 0755) : kind == 6 ? CALL(truncate, one, 100) : CALL(mknod, one, S_IFIFO | 0644, 0);
    return tell("change %d %s %s = %ld", kind, one, two, result);
  }
  case 16: return tell("write %d = %ld", fd, CALL(write, fd, buffer, 5000));
  case 17: { long mode = draw(8); return tell("access %s %ld = %ld", one, mode, CALL(access, one, mode)); }
  default: {
    struct stat st;
    result = CALL(stat, one, &st);
    return tell("stat %s = %ld %o %ld", one, result, result ? 0 : st.st_mode, result ? 0 : (long)st.st_nlink);
  }
  }
}

const struct family mounting_family = {"mounting", begin, step, end};
