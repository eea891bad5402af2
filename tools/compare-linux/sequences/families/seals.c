// Files without names, and what their seals forbid.
#include "../sequence.h"

#define AREA ((char *)0x200000000)

static void begin(void) { handle(SIGSEGV, note_signal, 0), handle(SIGBUS, note_signal, 0); }

static void step(void) {
  int fd = slot();
  char *at = AREA + draw(4) * 4 * PAGE;
  long result, size = ONE(0, 1, 100, 4096, 5000, 8192, 12288), offset = ONE(0, 0, 100, 4096, 4100, 8192);
  switch (draw(18)) {
  case 0: case 1: case 2: {
    long flags = ONE(0, MFD_ALLOW_SEALING, MFD_ALLOW_SEALING, MFD_ALLOW_SEALING, MFD_CLOEXEC | MFD_ALLOW_SEALING, 0x4000);
    static char name[300];
    memset(name, 'x', 299), name[ONE(0, 3, 249, 250, 10)] = 0;
    keep(result = CALL(memfd_create, spoiled(name), flags));
    return tell("memfd_create %lx = %ld", flags, result);
  }
  case 3: case 4: {
    unsigned long seals = some(F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE | (draw(20) ? 0 : 0x100));
    if (draw(4)) seals &= ~(unsigned long)F_SEAL_SEAL;
    return tell("add %d %lx = %ld", fd, seals, CALL(fcntl, fd, F_ADD_SEALS, seals));
  }
  case 5: return tell("seals %d = %lx", fd, CALL(fcntl, fd, F_GET_SEALS, 0));
  case 6: return tell("write %d %ld = %ld", fd, size, CALL(write, fd, buffer, size));
  case 7: return tell("pwrite %d %ld %ld = %ld", fd, size, offset, CALL(pwrite64, fd, buffer, size, offset));
  case 8: return tell("ftruncate %d %ld = %ld", fd, size, CALL(ftruncate, fd, size));
  case 9: { long mode = ONE(0, 1, 2, 3, 16, 8); return tell("fallocate %d %ld %ld %ld = %ld", fd, mode, offset, size, CALL(fallocate, fd, mode, offset, size)); }
  case 10: case 11: {
    // Whether what was there before is lost where that is refused depends on the version.
    CALL(munmap, at, 4 * PAGE);
    long prot = ONE(PROT_READ, PROT_READ | PROT_WRITE, PROT_NONE), flags = MAP_FIXED | ONE(MAP_SHARED, MAP_SHARED, MAP_PRIVATE);
    return tell("mmap %ld %ld %lx %d = %lx", at - AREA, prot, flags, fd, CALL(mmap, at, 4 * PAGE, prot, flags, fd, 0));
  }
  case 12: return tell("munmap %ld = %ld", at - AREA, CALL(munmap, at, 4 * PAGE));
  case 13: { long prot = ONE(PROT_READ, PROT_READ | PROT_WRITE); return tell("mprotect %ld %ld = %ld", at - AREA, prot, CALL(mprotect, at, 4 * PAGE, prot)); }
  case 14: { int write = draw(2), value = 5, fault = touched(at + offset, write, &value); return tell("touch %ld %d %d = %d", at - AREA + offset, write, value, fault); }
  case 15: return tell("madvise %ld = %ld", at - AREA, CALL(madvise, at, 4 * PAGE, ONE(MADV_REMOVE, MADV_DONTNEED)));
  case 16: {
    char path[40];
    struct stat st;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (draw(2) && fd > 2) { keep(result = CALL(open, path, ONE(O_RDONLY, O_RDWR, O_RDWR | O_TRUNC))); return tell("again %d = %ld", fd, result); }
    result = CALL(fstat, fd, &st);
    return tell("fstat %d = %ld %o %ld %ld %ld", fd, result, result ? 0 : st.st_mode, result ? 0 : (long)st.st_size, result ? 0 : (long)st.st_nlink, result ? 0 : (long)st.st_blocks);
  }
  default:
    if (draw(2)) return tell("close %d = %ld", fd, CALL(close, fd));
    return tell("fchmod %d = %ld", fd, CALL(fchmod, fd, ONE(0777, 0600, 0400)));
  }
}

const struct family seals_family = {"seals", begin, step, 0};
