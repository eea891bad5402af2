/* A program for WASI with a C library: streams, arguments, environment, files, directories, links, errors, time. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void files(void) {
  char text[64] = {0};
  FILE *file = fopen("out.txt", "w+");
  if (!file) {
    perror("fopen");
    exit(3);
  }
  fprintf(file, "hello file %d\n", 42);
  fseek(file, 6, SEEK_SET);
  size_t size = fread(text, 1, 63, file);
  printf("read %zu: %s", size, text);
  fclose(file);
}

static void directories(void) {
  mkdir("sub", 0755);
  int fd = open("sub/a", O_CREAT | O_WRONLY | O_EXCL, 0644);
  dprintf(fd, "x");
  close(fd);
  if (symlink("sub/a", "link")) perror("symlink");
  char target[64];
  ssize_t length = readlink("link", target, sizeof target);
  printf("link %zd %.*s\n", length, (int)length, target);
  struct stat status;
  stat("link", &status);
  printf("size %lld, a directory: %d\n", (long long)status.st_size, S_ISDIR(status.st_mode));
  lstat("link", &status);
  printf("a link: %d\n", S_ISLNK(status.st_mode));
  rename("out.txt", "sub/b");
  DIR *directory = opendir("sub");
  int entries = 0;
  while (readdir(directory)) entries++;
  closedir(directory);
  printf("%d entries\n", entries);
  if (rmdir("sub")) printf("rmdir: %s\n", strerror(errno));
  unlink("link");
  unlink("sub/a");
  printf("rename: %d\n", rename("sub/b", "kept"));
  printf("rmdir: %d\n", rmdir("sub"));
}

static void errors(void) {
  const char *paths[] = {"../../etc/passwd", "/etc/passwd", "kept/x", "none", ""};
  for (int i = 0; i < 5; i++) {
    if (!fopen(paths[i], "r")) printf("%s: %s\n", paths[i], strerror(errno));
  }
}

int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++) printf("argument %d: %s\n", i, argv[i]);
  printf("VARIABLE=%s\n", getenv("VARIABLE"));
  printf("%.6f %e %a\n", 3.14159, 1e100, 0.1);
  files();
  directories();
  errors();
  struct timespec shortly = {0, 1000000};
  printf("nanosleep: %d\n", nanosleep(&shortly, 0));
  printf("time: %d\n", time(0) > 1600000000);
  char line[100];
  while (fgets(line, sizeof line, stdin)) printf("in: %s", line);
  fprintf(stderr, "to the other stream\n");
  return argc > 1 ? atoi(argv[1]) : 0;
}
