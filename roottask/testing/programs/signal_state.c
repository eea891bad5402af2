// Extended state around signal handlers: what the handler begins with, what its frame holds, that the interrupted code
// has its own again, and that what a handler writes into the frame counts. Only what every processor with AVX does alike.
#define _GNU_SOURCE
#include <fenv.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

static uint32_t mxcsr(void) {
  uint32_t value;
  asm volatile("stmxcsr %0" : "=m"(value));
  return value;
}

static uint16_t control(void) {
  uint16_t value;
  asm volatile("fnstcw %0" : "=m"(value));
  return value;
}

static uint32_t seen_mxcsr, frame_mxcsr, magic1, magic2;
static uint16_t seen_control, frame_control;
static uint64_t seen_xmm[2], frame_xmm[2], handler_flags;
static int aligned, change, depth;

static void handler(int signal, siginfo_t *info, void *context) {
  asm volatile("movups %%xmm7, %0" : "=m"(seen_xmm));
  seen_mxcsr = mxcsr();
  seen_control = control();
  ucontext_t *state = context;
  fpregset_t fp = state->uc_mcontext.fpregs;
  aligned = (uintptr_t)fp % 64 == 0 && (char *)fp > (char *)context;
  memcpy(frame_xmm, &fp->_xmm[7], sizeof frame_xmm);
  frame_mxcsr = fp->mxcsr;
  frame_control = fp->cwd;
  handler_flags = state->uc_flags;
  uint32_t *software = (uint32_t *)((char *)fp + 464);
  magic1 = software[0];
  memcpy(&magic2, (char *)fp + software[4], 4);
  if (change) {
    uint64_t value[2] = {0x1111222233334444, 0x5555666677778888};
    memcpy(&fp->_xmm[7], value, sizeof value);
    fp->mxcsr = 0x5f80;
    fp->cwd = 0x77f;
  }
  // All that a handler may change without saving it.
  asm volatile("vpcmpeqd %%xmm0, %%xmm0, %%xmm0; vinsertf128 $1, %%xmm0, %%ymm0, %%ymm7; fninit; fldpi; fldpi" ::: "xmm0");
  if (depth++ == 0 && signal == SIGUSR2) raise(SIGUSR2);
}

// Sets registers, gets `signal`, and tells what is in them then: one piece, as the compiler must keep out of it.
static void around(int signal, uint64_t out[4], uint32_t *flags, uint16_t *word) {
  uint64_t in[4] = {1, 2, 3, 0x0123456789abcdef};
  uint32_t set_mxcsr = 0x3f80;
  uint16_t set_control = 0x37f & ~0x300;
  long pid = getpid(), tid = syscall(SYS_gettid);
  asm volatile(
      "ldmxcsr %[set]; fldcw %[cw]; vmovups %[in], %%ymm7\n"
      "mov %[nr], %%eax; mov %[pid], %%rdi; mov %[tid], %%rsi; mov %[sig], %%edx; syscall\n"
      "vmovups %%ymm7, %[out]; stmxcsr %[flags]; fnstcw %[word]"
      : [out] "=m"(*(uint64_t(*)[4])out), [flags] "=m"(*flags), [word] "=m"(*word)
      : [in] "m"(in), [set] "m"(set_mxcsr), [cw] "m"(set_control), [nr] "i"(SYS_tgkill), [pid] "r"(pid), [tid] "r"(tid),
        [sig] "r"(signal)
      : "rax", "rcx", "r11", "rdi", "rsi", "rdx", "xmm7", "memory");
  uint32_t usual = 0x1f80;
  asm volatile("fninit; ldmxcsr %0" ::"m"(usual));
}

static void report(const char *what, int signal) {
  uint64_t out[4];
  uint32_t flags;
  uint16_t word;
  depth = 0;
  around(signal, out, &flags, &word);
  printf("%s: handler has %llx %llx, mxcsr %x, control %x\n", what, (unsigned long long)seen_xmm[0],
         (unsigned long long)seen_xmm[1], seen_mxcsr, seen_control);
  printf("  frame has %llx %llx, mxcsr %x, control %x, flags %llx, magic %x %x, %s\n", (unsigned long long)frame_xmm[0],
         (unsigned long long)frame_xmm[1], frame_mxcsr, frame_control, (unsigned long long)handler_flags, magic1, magic2,
         aligned ? "aligned" : "not aligned");
  printf("  afterwards %llx %llx %llx %llx, mxcsr %x, control %x\n", (unsigned long long)out[0], (unsigned long long)out[1],
         (unsigned long long)out[2], (unsigned long long)out[3], flags, word);
}

static void drop_state(int signal, siginfo_t *info, void *context) {
  ((ucontext_t *)context)->uc_mcontext.fpregs = 0;
}

static void drop_magic(int signal, siginfo_t *info, void *context) {
  memset((char *)((ucontext_t *)context)->uc_mcontext.fpregs + 464, 0, 48);
}

static sigjmp_buf back;
static void bad_state(int signal, siginfo_t *info, void *context) {
  // A bit of the header of XSAVE that must be 0.
  ((char *)((ucontext_t *)context)->uc_mcontext.fpregs)[512 + 16] = 1;
}

static void gone(int signal) { siglongjmp(back, 1); }

static volatile int stop, bad;
static pthread_t worker_thread;

static void clobber(int signal) {
  asm volatile("vpcmpeqd %%xmm0, %%xmm0, %%xmm0; vinsertf128 $1, %%xmm0, %%ymm0, %%ymm0; vmovaps %%ymm0, %%ymm1\n"
               "vmovaps %%ymm0, %%ymm2; vmovaps %%ymm0, %%ymm3; vzeroupper; fninit; fldz" ::: "xmm0", "xmm1", "xmm2", "xmm3");
}

static void *worker(void *nothing) {
  while (!stop) {
    uint64_t in[4] = {11, 12, 13, 14}, out[4];
    double x87;
    asm volatile("vmovups %2, %%ymm1; fldpi; mov $20000, %%ecx; 1: dec %%ecx; jnz 1b; vmovups %%ymm1, %0; fstpl %1"
                 : "=m"(out), "=m"(x87) : "m"(in) : "rcx", "xmm1", "memory");
    if (memcmp(in, out, sizeof in) != 0 || x87 < 3.14 || x87 > 3.15) bad++;
  }
  return 0;
}

int main(void) {
  struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_NODEFER};
  sigaction(SIGUSR1, &action, 0);
  sigaction(SIGUSR2, &action, 0);
  report("one", SIGUSR1);
  report("nested", SIGUSR2);
  change = 1;
  report("changed", SIGUSR1);
  change = 0;
  static char stack[65536];
  stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
  sigaltstack(&alternate, 0);
  action.sa_flags |= SA_ONSTACK;
  sigaction(SIGUSR1, &action, 0);
  report("alternate stack", SIGUSR1);
  struct sigaction other = {.sa_sigaction = drop_state, .sa_flags = SA_SIGINFO};
  sigaction(SIGUSR1, &other, 0);
  report("without state", SIGUSR1);
  other.sa_sigaction = drop_magic;
  sigaction(SIGUSR1, &other, 0);
  report("legacy state", SIGUSR1);

  other.sa_sigaction = bad_state;
  sigaction(SIGUSR1, &other, 0);
  struct sigaction end = {.sa_handler = gone, .sa_flags = SA_NODEFER};
  sigaction(SIGSEGV, &end, 0);
  if (sigsetjmp(back, 1) == 0) {
    raise(SIGUSR1);
    puts("bad state: nothing");
  } else {
    puts("bad state: SIGSEGV");
  }

  struct sigaction storm = {.sa_handler = clobber, .sa_flags = SA_RESTART};
  sigaction(SIGUSR1, &storm, 0);
  pthread_create(&worker_thread, 0, worker, 0);
  for (int i = 0; i < 300; i++) {
    pthread_kill(worker_thread, SIGUSR1);
    for (volatile int j = 0; j < 3000; j++);
  }
  stop = 1;
  pthread_join(worker_thread, 0);
  printf("storm: %d bad\n", bad);
  return 0;
}
