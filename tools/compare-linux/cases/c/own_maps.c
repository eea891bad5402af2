// /proc/self/maps: what of the executable lies where, and rights as they were asked for.
#include "say.h"
#include <sys/mman.h>

static const char constant[] = "constant";
static char written[8192] = "written";
static char zeroes[1 << 16];
static char *places[8];

static void line_of(const char *what, void *place) {
  char line[512], rights[8], name[256];
  unsigned long start, end, offset;
  FILE *file = fopen("/proc/self/maps", "r");
  while (fgets(line, sizeof line, file) != NULL) {
    name[0] = 0;
    if (sscanf(line, "%lx-%lx %7s %lx %*s %*s %255s", &start, &end, rights, &offset, name) < 4) continue;
    if ((unsigned long)place < start || (unsigned long)place >= end) continue;
    char *last = strrchr(name, '/');
    printf("%s: %s %s\n", what, rights, last != NULL ? last + 1 : name[0] == '[' ? name : "-");
  }
  fclose(file);
}

static void all_of(const char *wanted) {
  char line[512], rights[8], name[256];
  unsigned long start, end, offset;
  FILE *file = fopen("/proc/self/maps", "r");
  while (fgets(line, sizeof line, file) != NULL) {
    name[0] = 0;
    if (sscanf(line, "%lx-%lx %7s %lx %*s %*s %255s", &start, &end, rights, &offset, name) < 4) continue;
    char *last = strrchr(name, '/');
    if (last != NULL && strcmp(last + 1, wanted) == 0) printf("%s %lx at %lx\n", rights, end - start, offset);
  }
  fclose(file);
}

static void *with(int protection) {
  return mmap(0, 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

int main(int argc, char **argv) {
  (void)argc;
  char *name = strrchr(argv[0], '/');
  name = name == NULL ? argv[0] : name + 1;
  all_of(name);
  line_of("code", (void *)main);
  line_of("constant", (void *)constant);
  line_of("data", written);
  line_of("behind data", zeroes + sizeof zeroes - 1);
  line_of("stack", &name);
  for (int protection = 0; protection < 8; protection++) {
    places[protection] = with(protection);
    char what[32];
    snprintf(what, sizeof what, "protection %d", protection);
    line_of(what, places[protection]);
  }
  SAY(mprotect(places[2], 4096, PROT_READ));
  line_of("readable", places[2]);
  SAY(mprotect(places[1], 4096, PROT_WRITE));
  line_of("to write to", places[1]);
  SAY(mprotect(places[1], 4096, PROT_NONE));
  line_of("nothing", places[1]);
  void *moved = mremap(places[6], 4096, 8192, MREMAP_MAYMOVE);
  line_of("moved", moved);
  // A page of the program's own that it has mapped again.
  char *page = (char *)(((unsigned long)zeroes + 8191) & ~4095UL);
  SAY(mmap(page, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == page);
  line_of("mapped again", page);
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    line_of("child", (void *)main);
    fflush(stdout);
    _exit(0);
  }
  say_wait("child", child);
  return 0;
}
