// stat(2), chmod(2), chown(2), utimensat(2), umask(2), statfs(2).
#include "say.h"
#include <sys/statfs.h>
#include <sys/time.h>
int main(void) {
  struct stat st;
  umask(022);
  int fd = open("/tmp/s", O_RDWR | O_CREAT, 0666);
  write(fd, "12345", 5);
  SAY(fstat(fd, &st));
  printf("%o %ld %ld %ld %ld\n", st.st_mode, (long)st.st_nlink, (long)st.st_size, (long)st.st_blocks, (long)st.st_blksize);
  SAY(fchmod(fd, 07123));
  SAY(chmod("/tmp/none", 0));
  SAY(chown("/tmp/s", 3, 4));
  stat("/tmp/s", &st);
  printf("%o %d %d\n", st.st_mode, st.st_uid, st.st_gid);
  SAY(utimensat(AT_FDCWD, "/tmp/s", (struct timespec[]){{1, 2}, {3, 4}}, 0));
  stat("/tmp/s", &st);
  printf("%ld.%ld %ld.%ld\n", st.st_atim.tv_sec, st.st_atim.tv_nsec, st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
  SAY(utimensat(AT_FDCWD, "/tmp/s", (struct timespec[]){{1, UTIME_OMIT}, {3, 1000000000}}, 0));
  SAY(fstatat(AT_FDCWD, "", &st, 0));
  SAY(fstatat(fd, "", &st, AT_EMPTY_PATH));
  SAY(fstatat(fd, "x", &st, 0));
  SAY(faccessat(AT_FDCWD, "/tmp/s", X_OK, 0));
  struct statfs fs;
  SAY(statfs("/tmp", &fs));
  SAY(fs.f_files > 0 && fs.f_ffree > 0 && fs.f_ffree <= fs.f_files);
  SAY(fs.f_type == 0x01021994);
  SAY(fs.f_namelen);
  SAY(umask(077));
  SAY(umask(0));
  struct statx sx;
  SAY(statx(AT_FDCWD, "/tmp/s", 0, STATX_ALL, &sx));
  SAY(sx.stx_size);
  return 0;
}
