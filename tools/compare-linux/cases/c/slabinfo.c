// /proc/slabinfo (slabinfo(5)): the form of its lines, whose caches and numbers are a system's own, and that records come and
// go with what they are for. Root alone may read it, so that the answers are written down in place of asking Linux.
#include "say.h"

static long active(void) {
  FILE *file = fopen("/proc/slabinfo", "r");
  if (file == NULL) return -1;
  char line[300], name[100];
  long sum = 0, lines = 0, odd = 0;
  while (fgets(line, sizeof line, file) != NULL) {
    if (lines++ < 2) {
      printf("%s", line);
      continue;
    }
    unsigned long in_use, all, size, each, pages, slabs_in_use, slabs, shared;
    int limit, batch, factor, end = 0;
    int found = sscanf(line, "%99s %lu %lu %lu %lu %lu : tunables %d %d %d : slabdata %lu %lu %lu%n", name, &in_use, &all, &size, &each, &pages, &limit, &batch, &factor, &slabs_in_use, &slabs, &shared, &end);
    if (found != 12 || strcmp(line + end, "\n") != 0 || in_use > all || slabs_in_use > slabs || each * size > pages * 4096 || size == 0) odd++;
    if (found == 12) sum += in_use;
  }
  fclose(file);
  printf("several: %d, odd: %ld\n", lines > 7, odd);
  return sum;
}

int main(void) {
  struct stat about;
  SAY(stat("/proc/slabinfo", &about));
  printf("mode %o\n", about.st_mode);
  long before = active();
  static int ends[2000];
  for (int i = 0; i < 1000; i += 2) pipe(ends + i);
  // Linux keeps counts of a processor's own caches apart.
  printf("500 pipes more: %d\n", before >= 0 && active() > before);
  return 0;
}
