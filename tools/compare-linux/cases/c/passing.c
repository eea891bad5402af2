// sendfile(2), copy_file_range(2), O_TMPFILE with linkat(2), renameat2(2): what they do, and which error comes first.
#include "say.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/sendfile.h>

#define MOST 0x7fffffffffffffff

static int make(const char *path, const char *text) {
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
  if (write(fd, text, strlen(text)) < 0) perror("write");
  return fd;
}

static void show(int fd) {
  char text[64] = "";
  long length = pread(fd, text, 63, 0);
  for (long i = 0; i < length; i++) if (text[i] == 0) text[i] = '.';
  printf("%ld %s at %ld\n", length, text, (long)lseek(fd, 0, SEEK_CUR));
  fflush(stdout);
}

static void sending(void) {
  int in = make("/tmp/in", "0123456789"), out = make("/tmp/out", ""), wo = open("/tmp/in", O_WRONLY), ro = open("/tmp/out", O_RDONLY);
  int append = open("/tmp/out", O_WRONLY | O_APPEND), events = eventfd(0, EFD_NONBLOCK), epoll = epoll_create(1);
  int directory = open("/tmp", O_RDONLY), zero = open("/dev/zero", O_RDWR), null = open("/dev/null", O_RDWR), pipes[2];
  off_t at = 2, negative = -1, most = MOST;
  if (pipe2(pipes, O_NONBLOCK) != 0) return;
  SAY(sendfile(out, in, &at, 3));
  SAY(at);
  show(out);
  SAY(lseek(in, 8, SEEK_SET));
  SAY(sendfile(out, in, 0, 100));
  SAY(lseek(in, 0, SEEK_CUR));
  show(out);
  SAY(sendfile(out, in, 0, 100));
  SAY(sendfile(out, in, (off_t *)8, 1));
  SAY(sendfile(out, 99, (off_t *)8, 1));
  SAY(sendfile(99, in, &negative, 1));
  SAY(sendfile(99, in, 0, 1));
  SAY(sendfile(out, 99, 0, 1));
  SAY(sendfile(out, wo, &negative, 1));
  SAY(sendfile(ro, in, 0, 1));
  SAY(sendfile(out, in, &most, 0));
  SAY(sendfile(out, in, &most, 1));
  SAY(sendfile(out, in, 0, -1));
  SAY(sendfile(append, in, 0, 0));
  SAY(sendfile(append, in, 0, 1));
  SAY(sendfile(epoll, events, 0, 0));
  SAY(sendfile(epoll, events, 0, 1));
  SAY(sendfile(out, events, 0, 8));
  SAY(sendfile(out, events, &at, 8));
  SAY(sendfile(out, epoll, 0, 0));
  at = 0;
  SAY(sendfile(events, in, &at, 8));
  SAY(sendfile(events, in, 0, 8));
  SAY(sendfile(out, directory, 0, 0));
  SAY(sendfile(out, directory, 0, 1));
  SAY(sendfile(out, pipes[0], 0, 1));
  SAY(sendfile(out, pipes[0], &at, 1));
  SAY(sendfile(pipes[1], in, &at, 4));
  SAY(sendfile(pipes[1], events, 0, 4));
  SAY(sendfile(pipes[0], in, &at, 4));
  SAY(lseek(out, 0, SEEK_SET));
  SAY(sendfile(out, zero, 0, 3));
  SAY(sendfile(out, null, 0, 3));
  SAY(sendfile(null, in, &at, 3));
  SAY(sendfile(zero, in, &at, 1));
  show(out);
  SAY(write(events, "1234567", 7));
  SAY(write(events, "\1\0\0\0\0\0\0\0", 8));
  for (int fd = in; fd <= pipes[1]; fd++) close(fd);
}

static void copying(void) {
  int in = make("/tmp/in", "0123456789"), out = make("/tmp/out", "abc"), ro = open("/tmp/out", O_RDONLY), append = open("/tmp/out", O_RDWR | O_APPEND);
  int directory = open("/tmp", O_RDONLY), pipes[2];
  off_t from = 2, to = 1, negative = -1, far = -5, most = MOST;
  if (pipe(pipes) != 0) return;
  SAY(copy_file_range(in, &from, out, &to, 3, 0));
  SAY(from == 5 && to == 4);
  show(out);
  SAY(lseek(in, 7, SEEK_SET));
  SAY(copy_file_range(in, 0, out, 0, 100, 0));
  show(out);
  SAY(copy_file_range(in, 0, out, 0, 100, 0));
  SAY(copy_file_range(in, &to, in, &from, 3, 0));
  SAY(copy_file_range(in, &from, in, &to, 100, 0));
  from = 0, to = 10;
  SAY(copy_file_range(in, &from, in, &to, 10, 0));
  show(in);
  SAY(copy_file_range(in, &negative, out, 0, 1, 0));
  SAY(copy_file_range(in, &far, out, 0, 1, 0));
  SAY(copy_file_range(in, 0, out, &far, 1, 0));
  SAY(copy_file_range(in, &negative, out, 0, 1, 1));
  SAY(copy_file_range(in, (off_t *)8, out, 0, 1, 1));
  SAY(copy_file_range(in, &negative, directory, 0, 1, 0));
  SAY(copy_file_range(pipes[0], 0, out, 0, 1, 0));
  SAY(copy_file_range(in, 0, ro, 0, 1, 0));
  SAY(copy_file_range(in, 0, append, 0, 1, 0));
  SAY(copy_file_range(99, 0, append, 0, 1, 9));
  from = 0;
  SAY(copy_file_range(in, &from, out, &most, 1, 0));
  SAY(copy_file_range(in, &most, out, 0, 1, 0));
  SAY(copy_file_range(in, &from, out, 0, -1, 0));
  SAY(copy_file_range(in, 0, out, 0, 0, 0));
  to = 100000;
  SAY(copy_file_range(in, &from, out, &to, 2, 0));
  SAY(lseek(out, 0, SEEK_END));
  for (int fd = in; fd <= pipes[1]; fd++) close(fd);
}

static void unnamed(void) {
  struct stat st;
  int fd = open("/tmp", O_TMPFILE | O_RDWR, 0640), only = open("/tmp", O_TMPFILE | O_RDWR | O_EXCL, 0600);
  SAY(write(fd, "unnamed", 7));
  SAY(fstat(fd, &st) == 0 ? (long)st.st_nlink : -1);
  SAY(st.st_mode);
  SAY(linkat(fd, "", AT_FDCWD, "/tmp/named", 0));
  SAY(linkat(fd, "", AT_FDCWD, "/tmp/named", AT_EMPTY_PATH));
  SAY(linkat(fd, "", AT_FDCWD, "/tmp/named", AT_EMPTY_PATH));
  SAY(linkat(fd, "", AT_FDCWD, "/tmp/again", AT_EMPTY_PATH));
  SAY(fstat(fd, &st) == 0 ? (long)st.st_nlink : -1);
  show(open("/tmp/named", O_RDONLY));
  SAY(unlink("/tmp/named") + unlink("/tmp/again"));
  SAY(linkat(fd, "", AT_FDCWD, "/tmp/late", AT_EMPTY_PATH));
  SAY(linkat(only, "", AT_FDCWD, "/tmp/only", AT_EMPTY_PATH));
  SAY(open("/tmp", O_TMPFILE | O_RDONLY, 0600));
  SAY(open("/tmp/missing", O_TMPFILE | O_RDWR, 0600));
  SAY(open("/tmp/in", O_TMPFILE | O_RDWR, 0600));
  SAY(open("/tmp", O_TMPFILE | O_RDWR | O_CREAT, 0600));
  SAY(open("/tmp", (O_TMPFILE & ~O_DIRECTORY) | O_RDWR, 0600));
  SAY(close(fd) + close(only));
}

static void renaming(void) {
  const int a = AT_FDCWD;
  struct stat st;
  make("/tmp/f", "f"), make("/tmp/g", "gg");
  SAY(mkdir("/tmp/d", 0700) + mkdir("/tmp/d/e", 0700) + symlink("f", "/tmp/l"));
  SAY(renameat2(a, "/tmp/f", a, "/tmp/g", RENAME_NOREPLACE));
  SAY(renameat2(a, "/tmp/f", a, "/tmp/h", RENAME_NOREPLACE));
  SAY(renameat2(a, "/tmp/h", a, "/tmp/g", RENAME_EXCHANGE));
  SAY(stat("/tmp/h", &st) == 0 ? (long)st.st_size : -1);
  SAY(renameat2(a, "/tmp/h", a, "/tmp/missing", RENAME_EXCHANGE));
  SAY(renameat2(a, "/tmp/h", a, "/tmp/d/e", RENAME_EXCHANGE));
  SAY(stat("/tmp/h", &st) == 0 ? S_ISDIR(st.st_mode) : -1);
  SAY(renameat2(a, "/tmp/d", a, "/tmp/d/e", RENAME_EXCHANGE));
  SAY(renameat2(a, "/tmp/d/e", a, "/tmp/d", RENAME_EXCHANGE));
  SAY(renameat2(a, "/tmp/d", a, "/tmp/d/x", 0));
  SAY(renameat2(a, "/tmp/d/e", a, "/tmp/d", 0));
  SAY(renameat2(a, "/tmp/g", a, "/tmp/h", RENAME_NOREPLACE | RENAME_EXCHANGE));
  SAY(renameat2(a, "/tmp/missing", a, "/tmp/h", 64));
  SAY(renameat2(a, "/tmp/missing", a, "/tmp/h", RENAME_NOREPLACE));
  SAY(renameat2(a, "/tmp/g", a, "/tmp/new/", 0));
  SAY(renameat2(a, "/tmp/g/", a, "/tmp/new", 0));
  SAY(renameat2(a, "/tmp/h", a, "/tmp/new/", 0));
  SAY(renameat2(a, "/tmp/new/", a, "/tmp/h", 0));
  SAY(renameat2(a, "/tmp/l/", a, "/tmp/m", 0));
  SAY(renameat2(a, "/tmp/l", a, "/tmp/m", 0));
  SAY(renameat2(a, "/tmp/d/.", a, "/tmp/z", 0));
  SAY(renameat2(a, "/tmp/d", a, "/tmp/z/..", 0));
  SAY(renameat2(a, "/tmp/d", a, "/tmp/h/..", RENAME_NOREPLACE));
  SAY(renameat2(a, "/tmp/d", a, "/", RENAME_EXCHANGE));
  SAY(renameat2(a, "/tmp/g", a, "/tmp/g", 0));
  SAY(renameat2(a, "/tmp/g", a, "/tmp/g", RENAME_NOREPLACE));
  SAY(renameat2(a, "/tmp/g", a, "/tmp/g", RENAME_EXCHANGE));
  SAY(renameat2(99, "g", a, "/tmp/g", 0));
  SAY(renameat2(a, (char *)8, a, "/tmp/g", 0));
  SAY(renameat2(a, "", a, "/tmp/g", 0));
}

static void links(void) {
  struct stat st;
  make("/tmp/file", "text");
  SAY(symlink("file/", "/tmp/slash") + symlink("none/", "/tmp/dangling") + symlink("d/", "/tmp/folder"));
  SAY(open("/tmp/slash", O_RDONLY));
  SAY(open("/tmp/slash", O_RDWR | O_CREAT, 0600));
  SAY(open("/tmp/dangling", O_RDWR | O_CREAT, 0600));
  SAY(open("/tmp/dangling", O_RDWR | O_CREAT | O_EXCL, 0600));
  SAY(open("/tmp/dangling", O_RDWR));
  SAY(open("/tmp/folder", O_RDWR | O_CREAT, 0600));
  SAY(open("/tmp/folder/f", O_RDWR | O_CREAT, 0600) >= 0);
  SAY(stat("/tmp/slash", &st));
  SAY(mkdir("/tmp/dangling", 0700));
  SAY(mkdir("/tmp/dangling/", 0700));
  SAY(truncate("/tmp/slash", 0));
  SAY(rename("/tmp/folder/", "/tmp/other"));
  SAY(unlink("/tmp/slash/"));
  SAY(rmdir("/tmp/folder"));
  // Cutting needs no descriptor to write to.
  SAY(open("/tmp/file", O_RDONLY | O_TRUNC) >= 0);
  SAY(stat("/tmp/file", &st) == 0 ? (long)st.st_size : -1);
}

static void full(void) {
  struct rlimit few = {10, 1024};
  int fd = 0;
  SAY(setrlimit(RLIMIT_NOFILE, &few));
  while (fd >= 0) fd = dup(0);
  // No descriptor, no file.
  SAY(open("/tmp/none", O_RDWR | O_CREAT, 0600));
  SAY(access("/tmp/none", F_OK));
  SAY(open("/tmp/g", O_RDWR | O_TRUNC));
  struct stat st;
  SAY(stat("/tmp/d/e", &st) == 0 ? (long)st.st_size : -1);
  SAY(open("/tmp/missing/none", O_RDWR));
  SAY(open((char *)8, O_RDWR));
}

int main(void) {
  sending();
  copying();
  unnamed();
  renaming();
  links();
  full();
  return 0;
}
