// A program that its interpreter loads: arguments, environment, auxiliary vector.
#include "say.h"
#include <elf.h>
#include <sys/auxv.h>
extern char **environ;
int main(int argc, char **argv) {
  SAY(argc);
  printf("%s\n", argv[0]);
  for (char **e = environ; *e; e++) puts(*e);
  SAY(getauxval(AT_BASE) != 0);
  SAY(getauxval(AT_BASE) % 4096);
  SAY(getauxval(AT_PHNUM) > 4);
  SAY(getauxval(AT_PAGESZ));
  SAY(getauxval(AT_SECURE));
  SAY((char *)getauxval(AT_ENTRY) > 0);
  SAY(*(unsigned *)getauxval(AT_PHDR) == PT_PHDR);
  printf("%s\n", (char *)getauxval(AT_EXECFN));
  return 9;
}
