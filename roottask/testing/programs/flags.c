// What a system call leaves of the flags; with an argument, whether a single step goes on behind one.
#include <stdio.h>
#include <sys/syscall.h>

/** CF, PF, AF, ZF, SF, OF, NT, AC, ID. */
#define SHOWN 0x2448d5UL

static unsigned long behind_call(unsigned long flags) {
  unsigned long result;
  asm volatile("lea -128(%%rsp), %%rsp; pushq %1; popfq; syscall; pushfq; popq %0; pushq $2; popfq; lea 128(%%rsp), %%rsp"
               : "=b"(result)
               : "d"(flags), "a"((long)SYS_getppid)
               : "rcx", "r11", "memory", "cc");
  return result & SHOWN;
}

int main(int argc, char **argv) {
  (void)argv;
  if (argc > 1) {
    puts("stepping");
    fflush(stdout);
    asm volatile("pushfq; orl $0x100, (%%rsp); popfq; syscall; nop; nop"
                 :
                 : "a"((long)SYS_getpid)
                 : "rcx", "r11", "memory", "cc");
    puts("nobody saw the step");
    return 1;
  }
  static const unsigned long cases[] = {0x2, 0x8d7, 0x1, 0x40000, 0x200000, 0x4000, 0x2448d5};
  for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
    unsigned long flags = behind_call(cases[i] | 2);
    printf("%lx: %lx\n", cases[i], flags);
  }
  return 0;
}
