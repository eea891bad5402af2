// rename(2), link(2), unlink(2), mkdir(2), rmdir(2), symlink(2): the rules about names.
#include "say.h"
#include <limits.h>
int main(void) {
  static char long_name[300];
  memset(long_name, 'n', 299);
  chdir("/tmp");
  SAY(mkdir("d", 0755));
  SAY(mkdir("d", 0755));
  SAY(mkdir("d/.", 0755));
  SAY(mkdir("none/x", 0755));
  SAY(mkdir(long_name, 0755));
  close(creat("d/f", 0600));
  SAY(rmdir("d"));
  SAY(rmdir("d/."));
  SAY(rmdir("d/.."));
  SAY(rmdir("d/f"));
  SAY(unlink("d"));
  SAY(unlink("d/f/"));
  SAY(rename("d", "d/sub"));
  SAY(rename("d/f", "d"));
  SAY(rename("d/.", "e"));
  SAY(rename("d/f", "g"));
  SAY(rename("g", "g"));
  SAY(rename("g", "h/"));
  SAY(rename("d", "e/"));
  SAY(mkdir("full", 0755));
  close(creat("full/x", 0600));
  SAY(rename("e", "full"));
  SAY(link("g", "hard"));
  SAY(link("e", "hard2"));
  SAY(link("g", "hard"));
  SAY(symlink("loop", "loop"));
  SAY(open("loop", O_RDONLY));
  SAY(symlink("g", "soft"));
  SAY(open("soft", O_RDONLY | O_NOFOLLOW));
  SAY(unlink("soft/"));
  SAY(readlink("g", long_name, 10));
  SAY(readlink("soft", long_name, 0));
  SAY(readlink("soft", long_name, 10));
  SAY(symlink("", "x"));
  SAY(renameat2(AT_FDCWD, "g", AT_FDCWD, "soft", 1));
  SAY(renameat2(AT_FDCWD, "g", AT_FDCWD, "e", 2));
  SAY(chdir("full"));
  SAY(unlink("x"));
  SAY(rmdir("../full"));
  SAY(open("x", O_CREAT, 0600));
  SAY(getcwd(long_name, 100) ? 0 : errno);
  SAY(access("/tmp", W_OK));
  SAY(access("/none", F_OK));
  return 0;
}
