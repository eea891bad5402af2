// rt_sigqueueinfo(2), rt_tgsigqueueinfo(2), pidfd_send_signal(2): how much of a siginfo_t is read, and what it may have
// behind what the kernel knows.
#include "say.h"
#include <sys/mman.h>
#include <sys/syscall.h>

enum { PAGE = 4096, KNOWN = 48, WHOLE = 128 };
static char *end;

/** A siginfo_t of `size` bytes at the end of memory, with a byte that is not 0 at `odd` (0: none). */
static void *info_of(int signal, int code, int size, int odd) {
  char bytes[WHOLE] = {0};
  memcpy(bytes, &signal, 4), memcpy(bytes + 8, &code, 4);
  if (odd) bytes[odd] = 1;
  return memcpy(end - size, bytes, (size_t)size);
}

static void try(int signal, int code) {
  int pid = getpid(), pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
  for (int way = 0; way < 4; way++) {
    void *info = way == 0 ? info_of(signal, code, KNOWN, 0) : info_of(signal, code, WHOLE, way == 1 ? 0 : way == 2 ? KNOWN : WHOLE - 1);
    printf("%d %d way %d:", signal, code, way);
    printf(" %ld", syscall(SYS_rt_sigqueueinfo, pid, signal, info) ? (long)errno : 0);
    printf(" %ld", syscall(SYS_rt_tgsigqueueinfo, pid, pid, signal, info) ? (long)errno : 0);
    printf(" %ld", syscall(SYS_pidfd_send_signal, pidfd, signal, info, 0) ? (long)errno : 0);
    printf(" %ld\n", syscall(SYS_rt_sigqueueinfo, 1 << 22, signal, info) ? (long)errno : 0);
  }
  close(pidfd);
}

int main(void) {
  end = (char *)mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) + PAGE;
  munmap(end, PAGE);
  static const int signals[] = {SIGUSR1, SIGCHLD, SIGSEGV, SIGILL, SIGFPE, SIGBUS, SIGSYS, SIGTRAP, 40};
  static const int codes[] = {-1, -2, -7, -8, -60, -61, 0, 1, 2, 3, 5, 6, 7, 9, 11, 12, 15, 16, 0x80, 0x81};
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) signal(signals[i], SIG_IGN);
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
    for (size_t j = 0; j < sizeof codes / sizeof *codes; j++) try(signals[i], codes[j]);
  return 0;
}
