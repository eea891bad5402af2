// A random sequence of system calls: sequence FAMILY FIRST SEEDS CALLS [KEPT]. Prints a hash of all results for each seed;
// with KEPT ("0-9,12"), the results of those calls of one seed in place of all. What call number i does depends on seed
// and i alone, so that calls can be left out. Each seed has a process and an empty folder below /tmp.
#include "results.h"
#include <ftw.h>
#include <linux/capability.h>

#define FAMILIES(each) each(mixed) each(alarms) each(attributes) each(children) each(copies) each(events) \
  each(futexes) each(groups) each(holes) each(internet) each(limits) each(local_sockets) each(locks) each(lookups) \
  each(memory) each(mounting) each(pieces) each(probes) each(queued) each(queues) each(roots) each(scheduling) each(seals) \
  each(sysv) each(terminals) each(vectors) each(watches)
#define DECLARE(name) extern const struct family name##_family;
#define ADDRESS(name) &name##_family,
FAMILIES(DECLARE)
static const struct family *const families[] = {FAMILIES(ADDRESS)};

/** What is left when a seed's process has ended. */
static uint64_t *hash_of_seed;

static int kept(const char *list, int index) {
  while (list && *list) {
    char *end;
    long from = strtol(list, &end, 10), to = *end == '-' ? strtol(end + 1, &end, 10) : from;
    if (index >= from && index <= to) return 1;
    list = *end == ',' ? end + 1 : end;
  }
  return 0;
}

static int take_away(const char *path, const struct stat *st, int type, struct FTW *at) {
  (void)st, (void)type, (void)at;
  remove(path);
  return 0;
}

/** Hosts give that one to root or not: nobody has it here. */
static void give_up_resources(void) {
  struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct sets[2];
  if (syscall(SYS_capget, &head, sets) != 0) return;
  sets[0].effective &= ~(1u << CAP_SYS_RESOURCE), sets[0].permitted &= ~(1u << CAP_SYS_RESOURCE);
  syscall(SYS_capset, &head, sets);
}

static void run(const struct family *family, uint64_t seed, int calls, const char *list) {
  if (chdir(base) != 0) exit(1);
  begin_results(hash_of_seed, list != 0);
  give_up_resources();
  position(seed, -1);
  if (family->begin) family->begin();
  for (int i = 0; i < calls; i++) {
    if (list && !kept(list, i)) continue;
    position(seed, i);
    if (list) printf("%d ", i);
    family->step();
    end_call();
  }
  if (family->end) family->end();
  exit(0);
}

int main(int argc, char **argv) {
  if (argc < 5) return 2;
  const struct family *family = 0;
  for (size_t i = 0; i < sizeof families / sizeof *families; i++)
    if (strcmp(families[i]->name, argv[1]) == 0) family = families[i];
  if (family == 0) {
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) puts(families[i]->name);
    return 2;
  }
  uint64_t first = strtoull(argv[2], 0, 10), seeds = strtoull(argv[3], 0, 10);
  hash_of_seed = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  for (int fd = 3; fd < 1024; fd++) close(fd);
  umask(022);
  for (uint64_t seed = first; seed < first + seeds; seed++) {
    char parent[32];
    snprintf(parent, sizeof parent, "/tmp/s%lu", (unsigned long)seed);
    snprintf(base, sizeof base, "%s/w", parent);
    if (mkdir(parent, 0755) != 0 || mkdir(base, 0755) != 0) perror(base), exit(1);
    *hash_of_seed = 0xcbf29ce484222325;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) run(family, seed, atoi(argv[4]), argc > 5 ? argv[5] : 0);
    int status = -1;
    waitpid(pid, &status, 0);
    *hash_of_seed ^= (uint64_t)status * 0x9e3779b97f4a7c15;
    if (argc > 5) printf("status %x\n", status);
    else printf("%lu %016lx\n", (unsigned long)seed, (unsigned long)*hash_of_seed);
    nftw(parent, take_away, 16, FTW_DEPTH | FTW_PHYS);
  }
  return 0;
}
