// A library with a constructor, data of its own, data of each thread, and a function that calls back.
#include <stdio.h>
int shared = 40;
static __thread int own = 1;
__attribute__((constructor)) static void begin(void) { printf("constructor\n"), shared++; }
__attribute__((destructor)) static void end(void) { printf("destructor\n"), fflush(stdout); }
int count(int (*change)(int)) { return shared = change(shared + own++); }
