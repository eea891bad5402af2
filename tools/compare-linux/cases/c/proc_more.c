// Files of proc(5) about swapping, sockets, neighbours, and what a process has in sum: their form, with every number as N.
#include <ctype.h>
#include <stdio.h>
#include <string.h>

/** Whether a version of Linux leaves this line out: KSM is in smaps_rollup from 6.9 on. */
static int varies(const char *line) { return strncmp(line, "KSM:", 4) == 0; }

static void show(const char *name) {
  char line[512];
  FILE *file = fopen(name, "r");
  printf("%s%s\n", name, file ? "" : ": none");
  while (file && fgets(line, sizeof line, file)) {
    if (varies(line)) continue;
    for (char *at = line; *at;) {
      if (isdigit((unsigned char)*at) && (at == line || !isalpha((unsigned char)at[-1]))) {
        while (isdigit((unsigned char)*at)) at++;
        putchar('N');
      } else putchar(*at++);
      // Numbers stand to the right: how many blanks there are is their length's.
      if (*at == ' ' && at[-1] == ' ') while (*at == ' ') at++;
    }
  }
  if (file) fclose(file);
}

/** The first line alone: the rest is this machine's. */
static void head(const char *name) {
  char line[512] = "";
  FILE *file = fopen(name, "r");
  if (file) fgets(line, sizeof line, file), fclose(file);
  printf("%s: %s\n", name, line);
}

int main(void) {
  show("/proc/net/sockstat"), show("/proc/net/sockstat6");
  head("/proc/swaps"), head("/proc/net/arp"), head("/proc/devices");
  show("/proc/self/setgroups"), show("/proc/self/wchan"), putchar('\n'), show("/proc/self/timerslack_ns");
  FILE *sums = fopen("/proc/self/smaps_rollup", "r");
  char line[512], name[64];
  unsigned long from, to, value, of_all[3] = {0};
  if (sums == 0 || fgets(line, sizeof line, sums) == 0) return 1;
  printf("%d %s", sscanf(line, "%lx-%lx", &from, &to) == 2 && from < to, strchr(line, ' '));
  while (fgets(line, sizeof line, sums)) {
    if (varies(line) || sscanf(line, "%60[^:]: %lu kB", name, &value) != 2) continue;
    printf("%s\n", name);
    for (int i = 0; i < 3; i++) if (strcmp(name, ((const char *[]){"Rss", "Pss_Anon", "Anonymous"})[i]) == 0) of_all[i] = value;
  }
  printf("%d %d\n", of_all[0] > 0, of_all[1] > 0 && of_all[1] <= of_all[2] && of_all[2] <= of_all[0]);
  return 0;
}
