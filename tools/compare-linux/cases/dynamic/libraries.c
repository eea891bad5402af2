// dlopen(3), dlsym(3), dladdr(3), dlclose(3), dl_iterate_phdr(3).
#define _GNU_SOURCE
#include "say.h"
#include <dlfcn.h>
#include <link.h>
#include <math.h>
#include <pthread.h>
static int (*count)(int (*)(int));
static int twice(int n) { return 2 * n; }
static void *thread(void *argument) { return (void *)(long)count(twice); }
static int objects;
static int object(struct dl_phdr_info *info, size_t size, void *data) { return objects++, 0; }
int main(void) {
  setvbuf(stdout, 0, _IONBF, 0);
  SAY(dlopen("libnone.so", RTLD_NOW) != 0);
  printf("%s\n", dlerror());
  void *library = dlopen("counter.so", RTLD_NOW);
  SAY(library != 0);
  if (!library) return printf("%s\n", dlerror()), 1;
  count = (int (*)(int (*)(int)))dlsym(library, "count");
  SAY(dlsym(library, "none") != 0);
  SAY(count(twice));
  SAY(count(twice));
  pthread_t other;
  void *result;
  pthread_create(&other, 0, thread, 0);
  pthread_join(other, &result);
  SAY((long)result);
  SAY(*(int *)dlsym(library, "shared"));
  Dl_info info;
  SAY(dladdr(count, &info) != 0);
  printf("%s %s\n", strrchr(info.dli_fname, '/'), info.dli_sname);
  dl_iterate_phdr(object, 0);
  SAY(objects);
  SAY(dlclose(library));
  SAY(dlsym(RTLD_DEFAULT, "puts") == (void *)puts);
  volatile double two = 2;
  SAY(fabs(sqrt(two) - 1.41421356) < 1e-8);
  return 0;
}
