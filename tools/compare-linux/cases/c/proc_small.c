// Small files of /proc/PID: auxv, personality, uid_map, gid_map.
#include "say.h"
#include <elf.h>
#include <sys/auxv.h>
#include <sys/personality.h>

static void show(const char *name) {
  char text[200];
  int file = open(name, O_RDONLY);
  long length = read(file, text, sizeof text);
  printf("%s: %.*s", name, length > 0 ? (int)length : 0, text);
  fflush(stdout);
  close(file);
  struct stat about;
  stat(name, &about);
  printf("mode %o\n", about.st_mode);
  file = open(name, O_WRONLY);
  SAY(file >= 0);
  SAY(write(file, "0 0 1\n", 6));
  close(file);
}

int main(void) {
  show("/proc/self/uid_map");
  show("/proc/self/gid_map");
  struct stat about;
  SAY(stat("/proc/self/personality", &about));
  printf("mode %o\n", about.st_mode);
  char text[32];
  for (int i = 0; i < 2; i++) {
    int file = open("/proc/self/personality", O_RDONLY);
    long length = read(file, text, sizeof text);
    printf("personality %.*s", (int)length, text);
    close(file);
    personality(ADDR_NO_RANDOMIZE | STICKY_TIMEOUTS);
  }
  SAY(stat("/proc/self/auxv", &about));
  printf("mode %o size %ld\n", about.st_mode, (long)about.st_size);
  Elf64_auxv_t vector[64];
  int file = open("/proc/self/auxv", O_RDONLY);
  long length = read(file, vector, sizeof vector);
  int same = 0, known = 0, i = 0;
  for (; i < length / 16 && vector[i].a_type != AT_NULL; i++) {
    if (vector[i].a_type == AT_PAGESZ || vector[i].a_type == AT_PHDR || vector[i].a_type == AT_ENTRY || vector[i].a_type == AT_RANDOM || vector[i].a_type == AT_EXECFN) {
      known++;
      same += vector[i].a_un.a_val == getauxval(vector[i].a_type);
    }
  }
  printf("known %d, same %d, ended %d\n", known, same, vector[i].a_type == AT_NULL);
  SAY(pread(file, vector, 16, 16));
  SAY(pread(file, vector, 16, 1 << 20));
  return 0;
}
