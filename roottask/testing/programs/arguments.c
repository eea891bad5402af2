// Makes system calls with random and boundary arguments, from a seed, and prints what each one answers; the same on
// Linux and here (arguments.test.ts). None of them blocks or ends the process. Each call meets the same files,
// descriptors and memory. An int argument comes with anything in its upper half.
// Usage: arguments SEED COUNT DIRECTORY [CALL]

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define ARENA 0x2000000000ul
#define PAGE 4096ul
#define PAGES 16
#define LOG 100

static uint64_t state;
static uint64_t any(void) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}
static uint64_t below(uint64_t n) { return (any() >> 11) % n; }

// Pages 0 and 1 can be written, 2 be read, 3 is a hole, 4 has no rights, 5 and 6 can be written, 7 to 15 are a hole.
static const long addresses[] = {0, 8, ARENA, ARENA + 1, ARENA + PAGE, ARENA + 2 * PAGE - 8, ARENA + 2 * PAGE,
  ARENA + 3 * PAGE - 4, ARENA + 3 * PAGE, ARENA + 4 * PAGE, ARENA + 5 * PAGE, ARENA + 6 * PAGE, ARENA + 7 * PAGE - 8,
  ARENA + 7 * PAGE, ARENA + 9 * PAGE, 0x7ffffffff000, 0x800000000000, -1, -4096, LONG_MIN};
static const long lengths[] = {0, 1, 2, 7, 8, 16, 100, 4095, 4096, 4097, 8192, 3 * 4096, 4 * 4096, 0x7fffffff,
  1l << 31, 1l << 32, 1l << 47, -1, -4096, LONG_MIN, LONG_MAX};
// Lengths of ranges that may be changed: what lies beyond the arena stays.
static const long ranges[] = {0, 1, 4095, 4096, 4097, 8192, 3 * 4096, 4 * 4096, 5 * 4096, 1l << 47, -1, -4096,
  LONG_MIN, LONG_MAX};
static const long offsets[] = {0, 1, 5, 9, 10, 11, 4095, 4096, 8192, 100000, -1, -5, LONG_MIN, LONG_MAX, 1l << 40};
// Sizes that files may have.
static const long sizes[] = {0, 1, 5, 9, 10, 11, 4095, 4096, 8192, 100000, -1, -5, LONG_MIN};
static const long small[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 16, 32, 64, 99, 128, 255, 256, 512, 1024, 4096, 8192,
  0x8000, 0x10000, 0x100000, 0x10000000, 0x7fffffff, -1, -2, -99, INT_MIN};
static const char *const names[] = {"f", "g", "d", "d/", "d/e", "d/.", "d/..", "d/x", "empty", "empty/", ".", "..",
  "link", "linkd", "linkd/", "linkd/x", "loop", "loop/x", "dangling", "dangling/", "new", "new/", "new/x", "f/", "f/x",
  "", "fifo-no/..", "./f", "d//x", "d/x/", "../w/f", "link/"};
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

// Letters: f descriptor, d descriptor of a directory or AT_FDCWD, b buffer, n length, r length of a range, o offset,
// S size of a file, a address of a mapping, s path, v vector, k number of vectors, i int of any kind, m mode, u user or group, p position's address, t timespecs'
// address, P protection, F flags of mmap, z zero, O flags of open, h a struct
// open_how, H its size.
struct call { int number; const char *name, *arguments; };
#define CALL(n, a) {SYS_##n, #n, a}
static const struct call calls[] = {
  CALL(read, "fbn"), CALL(write, "fbn"), CALL(open, "sOm"), CALL(close, "f"), CALL(stat, "sb"), CALL(fstat, "fb"),
  CALL(lstat, "sb"), CALL(lseek, "foi"), CALL(mmap, "arPFfo"), CALL(mprotect, "brP"), CALL(munmap, "br"),
  CALL(madvise, "bri"), CALL(msync, "bri"), CALL(mlock, "br"), CALL(munlock, "br"), CALL(mincore, "brb"),
  CALL(mlock2, "bri"), CALL(pread64, "fbno"), CALL(pwrite64, "fbno"), CALL(readv, "fvk"), CALL(writev, "fvk"),
  CALL(preadv, "fvkoz"), CALL(pwritev, "fvkoz"), CALL(preadv2, "fvkozi"), CALL(pwritev2, "fvkozi"), CALL(access, "si"),
  CALL(dup, "f"), CALL(dup2, "ff"), CALL(dup3, "ffO"), CALL(flock, "fi"), CALL(fsync, "f"),
  CALL(fdatasync, "f"), CALL(truncate, "sS"), CALL(ftruncate, "fS"), CALL(getcwd, "bn"), CALL(chdir, "s"),
  CALL(fchdir, "f"), CALL(rename, "ss"), CALL(renameat, "dsds"), CALL(renameat2, "dsdsi"), CALL(mkdir, "sm"),
  CALL(mkdirat, "dsm"), CALL(rmdir, "s"), CALL(creat, "sm"), CALL(link, "ss"), CALL(linkat, "dsdsi"), CALL(unlink, "s"),
  CALL(unlinkat, "dsi"), CALL(symlink, "ss"), CALL(symlinkat, "sds"), CALL(readlink, "sbn"), CALL(readlinkat, "dsbn"),
  CALL(chmod, "sm"), CALL(fchmod, "fm"), CALL(fchmodat, "dsm"), CALL(chown, "suu"), CALL(fchown, "fuu"),
  CALL(lchown, "suu"), CALL(fchownat, "dsuui"), CALL(umask, "m"), CALL(getrlimit, "ib"), CALL(getrusage, "ib"),
  CALL(statfs, "sb"), CALL(fstatfs, "fb"), CALL(faccessat, "dsi"), CALL(faccessat2, "dsii"), CALL(utimensat, "dsti"),
  CALL(statx, "dsiib"), CALL(fallocate, "fion"), CALL(copy_file_range, "fpfpni"), CALL(sendfile, "ffpn"),
  CALL(getrandom, "bni"), CALL(openat, "dsOm"), CALL(openat2, "dshH"), CALL(getgroups, "ib"), CALL(fadvise64, "foni"), CALL(getdents64, "fbn"),
  CALL(memfd_create, "si"), CALL(mremap, "brriz"), CALL(prlimit64, "zizb"),
  CALL(clock_gettime, "ib"), CALL(clock_getres, "ib"), CALL(close_range, "ffi"),
  CALL(syncfs, "f"), CALL(getcpu, "bbz"), CALL(getresuid, "bbb"), CALL(uname, "b"),
};


static char top[200];
static char long_name[5000];

// Empties the directory `name`, which may have been made unreadable.
static void wipe(const char *name) {
  DIR *directory = opendir(name);
  struct dirent *entry;
  if (!directory) return;
  while ((entry = readdir(directory))) {
    char path[700];
    if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
    snprintf(path, sizeof path, "%s/%s", name, entry->d_name);
    if (!unlink(path)) continue;
    wipe(path);
    rmdir(path);
  }
  closedir(directory);
}

static void at(int wanted, int fd) {
  if (fd == wanted) return;
  dup2(fd, wanted);
  close(fd);
}

// The same files, descriptors 0 to 9 and memory for every call.
static void prepare(void) {
  syscall(SYS_close_range, 0, LOG - 1, 0);
  syscall(SYS_close_range, LOG + 1, 1023, 0);
  umask(022);
  chdir(top);
  chmod(".", 0755);
  chown(".", 0, 0);
  wipe(".");
  mkdir("w", 0755);
  chdir("w");
  mkdir("d", 0755);
  mkdir("d/e", 0755);
  mkdir("empty", 0755);
  symlink("f", "link");
  symlink("d", "linkd");
  symlink("loop", "loop");
  symlink("nowhere", "dangling");
  at(0, open("/dev/null", O_RDWR));
  int file = open("f", O_RDWR | O_CREAT | O_TRUNC, 0644);
  write(file, "0123456789", 10);
  lseek(file, 3, SEEK_SET);
  at(3, file);
  at(4, open("f", O_RDONLY));
  at(5, open("g", O_WRONLY | O_APPEND | O_CREAT, 0600));
  at(6, open("d", O_RDONLY));
  at(7, open("f", O_PATH));
  at(8, open("empty", O_PATH));
  close(creat("d/x", 0755));
  munmap((void *)(ARENA - 8 * PAGE), 40 * PAGE);
  mmap((void *)ARENA, 3 * PAGE, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  mmap((void *)(ARENA + 4 * PAGE), PAGE, 0, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  mmap((void *)(ARENA + 5 * PAGE), 2 * PAGE, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  memset((void *)ARENA, 0x5a, 2 * PAGE);
  mprotect((void *)(ARENA + 2 * PAGE), PAGE, 1);
}

#define PICK(array) array[below(COUNT(array))]

// Values that matter to a bit mask: none, one bit, few, any.
static long flags(void) {
  switch (below(6)) {
    case 0: return 0;
    case 1: return 1l << below(8);
    case 2: return 1l << below(32);
    case 3: return (long)below(8);
    case 4: return PICK(small);
    default: return (1l << below(16)) | (1l << below(16));
  }
}

static long open_flags(void) {
  static const int known[] = {O_CREAT, O_EXCL, O_TRUNC, O_APPEND, O_NONBLOCK, O_DIRECTORY, O_NOFOLLOW, O_CLOEXEC,
    O_PATH, O_TMPFILE, O_SYNC, O_NOATIME};
  long value = below(4);
  for (int n = below(4); n > 0; n--) value |= PICK(known);
  return value;
}

static long map_flags(void) {
  static const int known[] = {MAP_FIXED, MAP_ANONYMOUS, MAP_NORESERVE, MAP_POPULATE, MAP_LOCKED, 0x100000};
  long value = below(4);
  if (below(4) == 0) value = flags();
  for (int n = below(4); n > 0; n--) value |= PICK(known);
  return value & ~0x40000l;
}

static struct iovec vectors[4];
static int64_t positions[2];
static struct timespec stamps[2];
static uint64_t how[4];

static long argument(char letter) {
  switch (letter) {
    case 'f': return below(20) == 0 ? (long)PICK(small) : (long)below(10);
    case 'd': return below(3) ? AT_FDCWD : (long)below(10);
    case 'b': return PICK(addresses);
    case 'a': return addresses[1 + below(COUNT(addresses) - 1)];
    case 'S': return PICK(sizes);
    case 'n': return PICK(lengths);
    case 'r': return PICK(ranges);
    case 'o': return PICK(offsets);
    case 's': {
      uint64_t choice = below(40);
      if (choice == 0) return PICK(addresses);
      return choice == 1 ? (long)long_name : choice == 2 ? (long)(long_name + 4700) : (long)PICK(names);
    }
    case 'v':
      for (unsigned i = 0; i < COUNT(vectors); i++) {
        vectors[i].iov_base = (void *)PICK(addresses);
        vectors[i].iov_len = PICK(lengths);
      }
      return below(8) ? (long)vectors : PICK(addresses);
    case 'h':
      how[0] = below(8) ? open_flags() : any();
      how[1] = below(3) ? 0 : below(010000);
      // RESOLVE_NO_XDEV depends on where the host has its files.
      how[2] = below(3) ? below(64) & ~1ul : 0;
      how[3] = below(8) == 0;
      return below(8) ? (long)how : PICK(addresses);
    case 'H': return below(4) ? 24 : (long)below(34);
    case 'k': return below(8) ? (long)below(5) : PICK(small);
    case 'm': return (long)(below(4) ? below(010000) : any());
    case 'u': return below(3) ? (long)below(3) - 1 : PICK(small);
    case 'p':
      positions[0] = PICK(offsets);
      return below(3) ? below(2) ? 0 : (long)positions : PICK(addresses);
    case 't':
      for (int i = 0; i < 2; i++) {
        static const long fractions[] = {0, 999999999, 1000000000, -1, UTIME_NOW, UTIME_OMIT, LONG_MIN};
        stamps[i].tv_sec = PICK(offsets);
        stamps[i].tv_nsec = PICK(fractions);
      }
      return below(4) ? (long)stamps : PICK(addresses);
    case 'P': return below(4) ? (long)below(8) : flags();
    case 'F': return map_flags();
    case 'O': return open_flags();
    case 'i': return flags();
    default: return 0;
  }
}

// The letters of int arguments, whose upper half says nothing.
static int narrow(char letter) { return strchr("fdmuO", letter) != 0; }

// Calls that answer with an address or something else of the machine's.
static int opaque(int number) { return number == SYS_mmap || number == SYS_mremap || number == SYS_getcwd; }

static uint32_t sum(unsigned long start, unsigned long bytes, uint32_t hash) {
  for (unsigned long i = 0; i < bytes; i++) hash = (hash ^ ((unsigned char *)start)[i]) * 16777619u;
  return hash;
}

// What has become of the files: names, modes, sizes and links, independent of their order.
static uint32_t tree(const char *name) {
  uint32_t hash = 0;
  DIR *directory = opendir(name);
  struct dirent *entry;
  if (!directory) return 1;
  while ((entry = readdir(directory))) {
    char path[700];
    struct stat s;
    if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
    snprintf(path, sizeof path, "%s/%s", name, entry->d_name);
    if (lstat(path, &s)) continue;
    uint32_t own = sum((unsigned long)path, strlen(path), 2166136261u);
    long told[] = {s.st_mode, s.st_nlink, s.st_uid, s.st_gid, S_ISDIR(s.st_mode) ? 0 : s.st_size};
    hash += sum((unsigned long)told, sizeof told, own);
    if (S_ISDIR(s.st_mode)) hash += tree(path);
  }
  closedir(directory);
  return hash;
}

// Which pages of the arena there are, with the rights that calls can tell.
static unsigned long pages(void) {
  unsigned long present = 0;
  for (unsigned long i = 0; i < PAGES; i++) {
    void *page = (void *)(ARENA + i * PAGE);
    if (msync(page, PAGE, MS_ASYNC) == 0) present |= 1ul << i;
    if (access(page, F_OK) == 0 || errno != EFAULT) present |= 1ul << (i + PAGES);
    if (syscall(SYS_rt_sigpending, page, 8) == 0) present |= 1ul << (i + 2 * PAGES);
  }
  return present;
}

int main(int count, char **arguments) {
  uint64_t seed = strtoull(arguments[1], 0, 0);
  long calls_wanted = strtol(arguments[2], 0, 0);
  const char *only = count > 4 ? arguments[4] : 0;
  snprintf(top, sizeof top, "%s", arguments[3]);
  mkdir(top, 0755);
  struct stat null;
  stat("/dev/null", &null);
  memset(long_name, 'n', sizeof long_name - 1);
  dup2(1, LOG);
  FILE *log = fdopen(LOG, "w");
  static char buffer[1 << 16];
  setvbuf(log, buffer, _IOFBF, sizeof buffer);
  for (long n = 0; n < calls_wanted; n++) {
    state = (seed * 1000003 + n + 1) * 0x9e3779b97f4a7c15ull | 1;
    for (int i = 0; i < 4; i++) any();
    const struct call *call = &PICK(calls);
    long given[6] = {0};
    prepare();
    for (int i = 0; call->arguments[i]; i++) {
      given[i] = argument(call->arguments[i]);
      if (narrow(call->arguments[i]) && below(4) == 0) given[i] = (given[i] & 0xffffffff) | any() << 32;
    }
    if (only && strcmp(only, call->name)) continue;
    long result = syscall(call->number, given[0], given[1], given[2], given[3], given[4], given[5]);
    int error = result == -1 ? errno : 0;
    if (result > 0 && opaque(call->number)) result = 1;
    fprintf(log, "%ld %s(", n, call->name);
    for (int i = 0; call->arguments[i]; i++) {
      char letter = call->arguments[i];
      const char *separator = i ? ", " : "";
      if (letter == 's' && given[i] > 4096 && given[i] < ARENA)
        fprintf(log, "%s\"%.20s\"", separator, (char *)given[i]);
      else if (strchr("vpt", letter) && given[i] > 4096 && given[i] < ARENA)
        fprintf(log, "%s&", separator);
      else
        fprintf(log, "%s%#lx", separator, given[i]);
    }
    fprintf(log, ") = %ld", error ? -error : result);
    fprintf(log, " pages %lx", pages());
    chdir(top);
    fprintf(log, " files %x at %ld %ld\n", tree("."), lseek(3, 0, SEEK_CUR), lseek(5, 0, SEEK_CUR));
    fflush(log);
  }
  syscall(SYS_close_range, 0, LOG - 1, 0);
  // It is the host's, and has been within reach.
  chown("/dev/null", null.st_uid, null.st_gid);
  chmod("/dev/null", null.st_mode & 07777);
  chdir("/");
  wipe(top);
  rmdir(top);
}
