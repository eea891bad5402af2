// vhangup(2) where there is no terminal: who may, and who may not.
#include "say.h"
#include <sys/syscall.h>

int main(void) {
  SAY(syscall(SYS_vhangup));
  SAY(setreuid(1000, 1000));
  SAY(syscall(SYS_vhangup));
  return 0;
}
