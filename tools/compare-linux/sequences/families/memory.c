// Memory calls on an area with holes: anonymous and mapped files, private and shared.
#include "../sequence.h"

enum { PAGES = 32 };
#define AREA ((char *)0x200000000)
#define NEW_AREA ((char *)0x300000000)

static char *address(void) { return AREA + draw(PAGES) * PAGE + (draw(16) ? 0 : draw(PAGE)); }
static long length(void) { return draw(16) ? (1 + draw(6)) * PAGE : ONE(0, 1, 4095, 4097, -1, -4096, 1l << 47, 1l << 62); }

static void begin(void) {
  handle(SIGSEGV, note_signal, 0), handle(SIGBUS, note_signal, 0);
  int fd = open("f", O_CREAT | O_RDWR, 0644);
  if (write(fd, buffer, 3 * PAGE + 100) < 0) exit(1);
  keep(fd);
  keep(open("f", O_RDONLY)), keep(open("f", O_WRONLY));
  keep(CALL(memfd_create, "m", 0));
}

/** What the area is, where it is something. */
static void tell_maps(void) {
  FILE *file = fopen("/proc/self/maps", "r");
  char line[512], rights[8], last_rights[8] = "";
  unsigned long from, to, offset, last = 0, last_offset = 0;
  while (file && fgets(line, sizeof line, file)) {
    if (sscanf(line, "%lx-%lx %7s %lx", &from, &to, rights, &offset) < 4) continue;
    if (from < (unsigned long)AREA || to > (unsigned long)NEW_AREA + 64 * PAGE) continue;
    if (strchr(line, '/') == 0) offset = 0;
    // Neighbours that might be one are told as one.
    int joins = from == last && strcmp(rights, last_rights) == 0 && offset == last_offset;
    if (!joins) tell("-%lx] [%lx %s %lx", last, from, rights, offset);
    last = to, last_offset = offset ? offset + to - from : strchr(line, '/') ? to - from : 0;
    strcpy(last_rights, rights);
  }
  tell("-%lx]", last);
  if (file) fclose(file);
}

static void step(void) {
  char *at = address(), *to = draw(2) ? address() : NEW_AREA + draw(16) * PAGE;
  long n = length(), m = length(), result;
  int prot = (int)ONE(PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE, PROT_EXEC | PROT_READ, 0x40), fd = slot();
  switch (draw(26)) {
  case 0: case 1: case 2: {
    long flags = ONE(MAP_FIXED, MAP_FIXED, MAP_FIXED, MAP_FIXED_NOREPLACE) | ONE(MAP_PRIVATE, MAP_PRIVATE, MAP_SHARED, 0) | MAP_ANONYMOUS | ONE(0, 0, 0, MAP_NORESERVE, MAP_POPULATE, MAP_LOCKED);
    if (n > 64 * PAGE) n = 64 * PAGE;
    return tell("mmap %ld %ld %d %lx = %lx", at - AREA, n, prot, flags, CALL(mmap, at, n, prot, flags, -1, 0));
  }
  case 3: case 4: {
    long flags = MAP_FIXED | ONE(MAP_PRIVATE, MAP_SHARED, 3), offset = ONE(0, PAGE, 2 * PAGE, 100, -PAGE);
    if (n > 64 * PAGE) n = 64 * PAGE;
    return tell("mmap %ld %ld %d %lx %d %ld = %lx", at - AREA, n, prot, flags, fd, offset, CALL(mmap, at, n, prot, flags, fd, offset));
  }
  case 5: if ((unsigned long)n > 64 * PAGE) n = PAGE; return tell("munmap %ld %ld = %ld", at - AREA, n, CALL(munmap, at, n));
  case 6: case 7: {
    prot |= draw(20) ? 0 : ONE(PROT_GROWSDOWN, PROT_GROWSUP, 0x8000);
    if ((unsigned long)n > 64 * PAGE && n > 0) n = PAGE;
    return tell("mprotect %ld %ld %x = %ld", at - AREA, n, prot, CALL(mprotect, at, n, prot));
  }
  case 8: case 9: case 10: {
    long advice = ONE(MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED, MADV_DONTNEED, MADV_DONTNEED, MADV_FREE, MADV_REMOVE, MADV_DONTFORK, MADV_DOFORK, MADV_WIPEONFORK, MADV_KEEPONFORK, MADV_COLD, MADV_PAGEOUT, MADV_POPULATE_READ, MADV_POPULATE_WRITE, MADV_DONTDUMP, MADV_DODUMP, 24, 99, -1);
    // What is freed lazily is still there or not.
    if (advice == MADV_FREE) n = ONE(0, -1);
    if ((unsigned long)n > 64 * PAGE && n > 0) n = PAGE;
    result = CALL(madvise, at, n, advice);
    // What keeps a range from being filled in is told in another order by each version.
    if ((advice == MADV_POPULATE_READ || advice == MADV_POPULATE_WRITE) && result < 0) result = -ENOMEM;
    return tell("madvise %ld %ld %ld = %ld", at - AREA, n, advice, result);
  }
  case 11: case 12: case 13: {
    long flags = ONE(0, MREMAP_MAYMOVE, MREMAP_MAYMOVE | MREMAP_FIXED, MREMAP_MAYMOVE | MREMAP_FIXED, MREMAP_FIXED, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, MREMAP_DONTUNMAP, 8);
    if ((unsigned long)n > 64 * PAGE) n = PAGE;
    // From 6.17 on several areas move at once: what moves here is one.
    if (draw(2)) CALL(mmap, at, n, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    else if (n > PAGE) n = PAGE;
    // Only addresses that are given are the same everywhere.
    if (flags == MREMAP_MAYMOVE && m > n) m = n;
    // Whether lengths are the same is asked of them or, from 6.17 on, of their pages.
    if (flags & MREMAP_DONTUNMAP && (n + PAGE - 1) / PAGE == (m + PAGE - 1) / PAGE) m = n;
    result = CALL(mremap, at, n, m, flags, to);
    if (result < 0 && result > -4096) {
      // It also tells another of several things that are wrong, and looks for them before it takes anything away.
      result = -1;
      if (flags & MREMAP_FIXED && (unsigned long)m <= 64 * PAGE) CALL(munmap, to, m);
      if (flags & MREMAP_FIXED && n > m && m > 0) CALL(munmap, at + (m + PAGE - 1) / PAGE * PAGE, n - m);
    }
    return tell("mremap %ld %ld %ld %lx %lx = %lx", at - AREA, n, m, flags, (long)to, result);
  }
  case 14: { long flags = ONE(0, MS_SYNC, MS_ASYNC, MS_INVALIDATE, MS_SYNC | MS_ASYNC, MS_SYNC | MS_INVALIDATE, 8); return tell("msync %ld %ld %lx = %ld", at - AREA, n, flags, CALL(msync, at, n, flags)); }
  case 15: case 16: {
    memset(buffer, 9, 64);
    if ((unsigned long)n > 64 * PAGE && n > 0) n = PAGE;
    result = CALL(mincore, at, n, spoiled(buffer));
    tell("mincore %ld %ld = %ld", at - AREA, n, result);
    for (long i = 0; result == 0 && i < (n + PAGE - 1) / PAGE; i++) tell(" %d", buffer[i] & 1);
    return;
  }
  case 17: { int kind = draw(3); if ((unsigned long)n > 64 * PAGE && n > 0) n = PAGE; result = kind == 0 ? CALL(mlock, at, n) : kind == 1 ? CALL(munlock, at, n) : CALL(mlock2, at, n, ONE(0, 1, 2)); return tell("mlock %d %ld %ld = %ld", kind, at - AREA, n, result); }
  case 18: {
    struct iovec here = {buffer, 3 * PAGE}, there = {at, n < 0 || n > 3 * PAGE ? 100 : n};
    int write = draw(2);
    result = write ? CALL(process_vm_writev, getpid(), spoiled(&here), 1, &there, 1, 0) : CALL(process_vm_readv, getpid(), &here, 1, spoiled(&there), 1, draw(20) == 0);
    return tell("process_vm %d %ld %ld = %ld %x", write, at - AREA, (long)there.iov_len, result, !write && result > 0 ? sum(buffer, result) : 0);
  }
  case 19: return tell_maps();
  case 20: { int kind = draw(3); result = kind ? CALL(ftruncate, fd, draw(6) * 3000) : CALL(fallocate, fd, 3, draw(4) * PAGE, (1 + draw(2)) * PAGE); return tell("cut %d %d = %ld", kind, fd, result); }
  case 21: { long offset = draw(4) * 3000; return tell("pwrite %d = %ld", fd, CALL(pwrite64, fd, draw(2) ? at : buffer, 3000, offset)); }
  case 22: { long offset = draw(4) * 3000; result = CALL(pread64, fd, draw(2) ? at : buffer, 3000, offset); return tell("pread %d = %ld", fd, result); }
  default: {
    int write = draw(2), value = write ? 1 + draw(255) : 0, fault = touched(at, write, &value);
    return tell("touch %ld %d %d = %d", at - AREA, write, value, fault);
  }
  }
}

const struct family memory_family = {"memory", begin, step, 0};
