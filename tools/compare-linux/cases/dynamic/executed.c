// Interpreters that are called by name, are missing, or none; programs that a dynamic one executes.
#include "say.h"
#include <elf.h>
#include <link.h>
#include <sys/auxv.h>
static char image[1 << 20];
static int size;
static ElfW(Phdr) *interpreter(void) {
  ElfW(Ehdr) *header = (void *)image;
  ElfW(Phdr) *segment = (void *)(image + header->e_phoff);
  while (segment->p_type != PT_INTERP) segment++;
  return segment;
}
static void run(const char *what, const char *path, char *const words[]) {
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    execv(path, words);
    printf("%s: %s\n", what, strerrorname_np(errno));
    fflush(stdout);
    _exit(1);
  }
  say_wait(what, child);
}
static void put(void) {
  int fd = open("/tmp/program", O_WRONLY | O_CREAT | O_TRUNC, 0755);
  write(fd, image, size);
  close(fd);
}
int main(int argc, char **argv) {
  if (argc > 1) return printf("again, %s\n", argv[1]), 0;
  int fd = open(argv[0], O_RDONLY);
  size = read(fd, image, sizeof image);
  close(fd);
  char *words[] = {"program", "word", 0};
  char *name = image + interpreter()->p_offset, loader[64];
  strcpy(loader, name);
  put();
  run("as it is", "/tmp/program", words);
  char *called[] = {"ld.so", "/tmp/program", "word", 0};
  run("by name", loader, called);
  strcpy(name, "/tmp/none");
  put();
  run("missing", "/tmp/program", words);
  strcpy(name, "/etc/passwd");
  put();
  run("not executable", "/tmp/program", words);
  strcpy(name, "/tmp");
  put();
  run("a directory", "/tmp/program", words);
  chmod("/etc/passwd", 0755);
  strcpy(name, "/etc/passwd");
  put();
  run("no ELF file", "/tmp/program", words);
  chmod("/etc/passwd", 0644);
  strcpy(name, "/tmp/script");
  fd = open("/tmp/script", O_WRONLY | O_CREAT, 0755);
  write(fd, "x", 1);
  close(fd);
  put();
  run("short", "/tmp/program", words);
  strcpy(name, loader);
  interpreter()->p_filesz = 1;
  put();
  run("name of one byte", "/tmp/program", words);
  interpreter()->p_filesz = strlen(loader);
  put();
  run("name without an end", "/tmp/program", words);
  interpreter()->p_filesz = 5000;
  put();
  run("long name", "/tmp/program", words);
  return 0;
}
