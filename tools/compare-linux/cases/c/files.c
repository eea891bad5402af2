// open(2), write(2), writev(2), pread(2), fallocate(2), truncate(2), sendfile(2), copy_file_range(2).
#include "say.h"
#include <sys/sendfile.h>
#include <sys/uio.h>
int main(void) {
  char b[32] = "";
  int fd = open("/tmp/f", O_RDWR | O_CREAT | O_EXCL, 0640);
  SAY(open("/tmp/f", O_CREAT | O_EXCL, 0));
  SAY(open("/tmp", O_RDWR));
  SAY(open("/tmp/f/x", O_RDONLY));
  SAY(open("/tmp/f", O_DIRECTORY));
  SAY(open("/tmp/none", O_RDONLY));
  SAY(open("", O_RDONLY));
  SAY(write(fd, "0123456789", 10));
  SAY(pwrite(fd, "X", 1, 20));
  SAY(lseek(fd, 0, SEEK_END));
  SAY(lseek(fd, -100, SEEK_CUR));
  SAY(lseek(fd, 0, SEEK_HOLE));
  SAY(lseek(fd, 0, 9));
  SAY(pread(fd, b, 5, -1));
  SAY(pread(fd, b, 32, 18));
  struct iovec v[2] = {{"ab", 2}, {"cde", 3}};
  SAY(writev(fd, v, 2));
  SAY(writev(fd, v, 0));
  SAY(writev(fd, v, -1));
  v[1].iov_base = (void *)1;
  SAY(writev(fd, v, 2));
  SAY(read(fd, (void *)1, 1));
  SAY(fallocate(fd, 0, 0, 100));
  SAY(lseek(fd, 0, SEEK_END));
  SAY(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 200));
  SAY(fallocate(fd, 0, 0, 0));
  SAY(ftruncate(fd, 4));
  SAY(ftruncate(fd, -1));
  SAY(truncate("/tmp/f", 8));
  SAY(truncate("/tmp", 8));
  int out = open("/tmp/g", O_RDWR | O_CREAT, 0600);
  lseek(fd, 0, SEEK_SET);
  SAY(sendfile(out, fd, 0, 100));
  lseek(fd, 2, SEEK_SET);
  SAY(copy_file_range(fd, 0, out, 0, 100, 0));
  SAY(pread(out, b, 32, 0));
  for (int i = 0; i < 14; i++) printf("%02x", (unsigned char)b[i]);
  puts("");
  int append = open("/tmp/g", O_WRONLY | O_APPEND);
  SAY(pwrite(append, "end", 3, 0));
  SAY(lseek(append, 0, SEEK_END));
  SAY(read(append, b, 1));
  return 0;
}
