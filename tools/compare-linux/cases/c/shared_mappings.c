// mmap(2) with MAP_SHARED: one memory for a file, its mappings and all processes that have them.
#include "say.h"
#include <setjmp.h>
#include <sys/mman.h>

#define PAGE 4096
#define RW (PROT_READ | PROT_WRITE)
#define FAILS(expression) (errno = 0, (expression) == MAP_FAILED ? errno : 0)

static sigjmp_buf back;
static char *touched;
static volatile int armed;

static void fault(int number, siginfo_t *info, void *context) {
  (void)context;
  if (!armed) _exit(99);
  printf("signal %d code %d at its place %d\n", number, info->si_code, info->si_addr == touched);
  siglongjmp(back, 1);
}

static void touch(char *address) {
  touched = address;
  armed = 1;
  if (sigsetjmp(back, 1) == 0) printf("byte %d\n", *(volatile char *)address);
  armed = 0;
  fflush(stdout);
}

static void put(char *address, char value) {
  touched = address;
  armed = 1;
  if (sigsetjmp(back, 1) == 0) {
    *(volatile char *)address = value;
    printf("written\n");
  }
  armed = 0;
  fflush(stdout);
}

static int make(const char *path, int size) {
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
  if (ftruncate(fd, size) != 0) perror("ftruncate");
  return fd;
}

static void coherence(void) {
  char buffer[16] = "";
  int fd = make("/tmp/a", 2 * PAGE), other = open("/tmp/a", O_RDWR);
  char *map = mmap(0, 2 * PAGE, RW, MAP_SHARED, fd, 0);
  char *again = mmap(0, PAGE, PROT_READ, MAP_SHARED, other, PAGE);
  memcpy(map + PAGE - 3, "across", 6);
  SAY(pread(other, buffer, 6, PAGE - 3));
  SAY(memcmp(buffer, "across", 6));
  SAY(memcmp(again, "oss", 3));
  SAY(pwrite(other, "file", 4, PAGE));
  SAY(memcmp(again, "file", 4));
  SAY(memcmp(map + PAGE, "file", 4));
  SAY(lseek(fd, 8, SEEK_SET));
  SAY(write(fd, map + PAGE, 4));
  SAY(memcmp(map + 8, "file", 4));
  // From a file into its own mapping, and from the mapping into the file.
  SAY(pread(fd, map + 100, 4, 8));
  SAY(pwrite(fd, map + 100, 4, PAGE + 200));
  SAY(memcmp(again + 200, "file", 4));
  SAY(close(fd) + close(other) + unlink("/tmp/a"));
  map[0] = 1;
  SAY(map[0]);
  SAY(munmap(map, 2 * PAGE) + munmap(again, PAGE));
}

static void sizes(void) {
  char buffer[4] = "";
  int fd = make("/tmp/s", 100);
  char *map = mmap(0, 4 * PAGE, RW, MAP_SHARED, fd, 0);
  touch(map + 50);
  touch(map + 200);
  touch(map + PAGE);
  put(map + 3 * PAGE, 1);
  SAY(pwrite(fd, "x", 1, 2 * PAGE));
  touch(map + PAGE);
  touch(map + 2 * PAGE);
  touch(map + 3 * PAGE);
  SAY(ftruncate(fd, PAGE));
  touch(map + 2 * PAGE);
  SAY(ftruncate(fd, 4 * PAGE));
  touch(map + 2 * PAGE);
  // What is cut off does not come back.
  map[60] = 'k';
  map[70] = 'g';
  SAY(ftruncate(fd, 65));
  SAY(map[60] == 'k' && map[70] == 0);
  SAY(ftruncate(fd, 100));
  SAY(map[70]);
  SAY(read(fd, map + 4 * PAGE - 1, 1));
  SAY(pread(fd, buffer, 1, 60));
  SAY(buffer[0] == 'k');
  SAY(ftruncate(fd, 0));
  touch(map);
  SAY(write(fd, map, 1));
  SAY(munmap(map, 4 * PAGE) + close(fd));
}

static void private_ones(void) {
  int fd = make("/tmp/p", 2 * PAGE);
  char *private = mmap(0, 2 * PAGE, RW, MAP_PRIVATE, fd, 0);
  char *shared = mmap(0, 2 * PAGE, RW, MAP_SHARED, fd, 0);
  char buffer[4] = "";
  SAY(private[0]);
  shared[0] = 1;
  SAY(private[0]);
  SAY(pwrite(fd, "\2", 1, 1));
  SAY(private[1]);
  private[2] = 3;
  SAY(shared[2]);
  shared[3] = 4;
  SAY(private[3]);
  SAY(private[0] == 1 && private[1] == 2);
  private[PAGE] = 5;
  SAY(pread(fd, buffer, 1, PAGE));
  SAY(buffer[0]);
  SAY(madvise(private, PAGE, MADV_DONTNEED));
  SAY(private[2] == 0 && private[3] == 4);
  // Cutting a file takes private copies, too; punching it does not.
  private[4] = 6;
  SAY(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 2 * PAGE));
  SAY(private[4] == 6 && private[0] == 1 && private[PAGE] == 5 && shared[0] == 0);
  SAY(ftruncate(fd, 0));
  touch(private);
  SAY(ftruncate(fd, PAGE));
  touch(private + 4);
  SAY(munmap(private, 2 * PAGE) + munmap(shared, 2 * PAGE) + close(fd));
}

static void processes(void) {
  int fd = make("/tmp/f", PAGE);
  char *file = mmap(0, PAGE, RW, MAP_SHARED, fd, 0);
  char *zeroes = mmap(0, 64 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  int zero = open("/dev/zero", O_RDWR);
  char *device = mmap(0, PAGE, RW, MAP_SHARED, zero, 0);
  char *other = mmap(0, PAGE, RW, MAP_SHARED, zero, 0);
  char *untouched = zeroes + 60 * PAGE;
  zeroes[0] = 1;
  device[0] = 9;
  SAY(other[0]);
  pid_t pid = fork();
  if (pid == 0) {
    int own = open("/tmp/f", O_RDWR);
    char *mine = mmap(0, PAGE, RW, MAP_SHARED, own, 0);
    mine[1] = 2;
    file[2] = 3;
    pwrite(own, "\4", 1, 3);
    untouched[0] = 5;
    device[1] = 6;
    zeroes[0]++;
    if (fork() == 0) {
      zeroes[1] = 7;
      _exit(munmap(zeroes, 64 * PAGE));
    }
    wait(0);
    _exit(zeroes[1]);
  }
  say_wait("child", pid);
  SAY(file[1] == 2 && file[2] == 3 && file[3] == 4);
  SAY(untouched[0]);
  SAY(device[1]);
  SAY(zeroes[0]);
  char *moved = mremap(zeroes, 64 * PAGE, 65 * PAGE, MREMAP_MAYMOVE);
  SAY(moved[60 * PAGE]);
  touch(moved + 64 * PAGE);
  SAY(munmap(moved, 65 * PAGE));
  SAY(munmap(file, PAGE) + close(fd));
}

static void rights(void) {
  int fd = make("/tmp/r", PAGE), ro = open("/tmp/r", O_RDONLY), wo = open("/tmp/r", O_WRONLY);
  SAY(FAILS(mmap(0, PAGE, RW, MAP_SHARED, ro, 0)));
  SAY(FAILS(mmap(0, PAGE, PROT_WRITE, MAP_SHARED_VALIDATE, ro, 0)));
  SAY(FAILS(mmap(0, PAGE, PROT_READ, MAP_PRIVATE, wo, 0)));
  SAY(FAILS(mmap(0, PAGE, PROT_WRITE, MAP_SHARED, wo, 0)));
  SAY(FAILS(mmap(0, PAGE, PROT_READ, MAP_SHARED_VALIDATE | MAP_SYNC, fd, 0)));
  SAY(FAILS(mmap(0, PAGE, PROT_READ, MAP_SHARED | MAP_SYNC, fd, 0)));
  SAY(FAILS(mmap(0, PAGE, PROT_READ, 0, fd, 0)));
  SAY(FAILS(mmap(0, PAGE, PROT_READ, MAP_SHARED_VALIDATE | MAP_ANONYMOUS, -1, 0)));
  SAY(FAILS(mmap(0, PAGE, PROT_READ, MAP_SHARED, fd, (off_t)1 << 62)));
  char *map = mmap(0, 2 * PAGE, PROT_READ, MAP_SHARED, ro, 0);
  SAY(mprotect(map, PAGE, RW));
  SAY(mprotect(map, PAGE, PROT_READ | PROT_EXEC));
  SAY(mprotect(map, PAGE, PROT_NONE));
  touch(map);
  SAY(mprotect(map, 2 * PAGE, PROT_READ));
  touch(map);
  put(map, 1);
  char *private = mmap(0, PAGE, PROT_READ, MAP_PRIVATE, ro, 0);
  SAY(mprotect(private, PAGE, RW));
  put(private, 1);
  char *late = mmap(0, PAGE, PROT_READ, MAP_SHARED, fd, 0);
  touch(late);
  put(late, 1);
  SAY(mprotect(late, PAGE, RW));
  put(late, 1);
  SAY(map[0]);
  SAY(msync(map, PAGE, MS_SYNC));
  SAY(msync(map, PAGE, MS_ASYNC | MS_INVALIDATE));
  SAY(msync(map, PAGE, MS_SYNC | MS_ASYNC));
  SAY(msync(map, PAGE, 8));
  SAY(msync(map + 1, PAGE, MS_SYNC));
  SAY(msync(map, 0, MS_SYNC));
  munmap(map + PAGE, PAGE);
  SAY(msync(map, 2 * PAGE, MS_SYNC));
}

static void elsewhere(void) {
  char buffer[8] = "";
  int memory = memfd_create("m", 0);
  SAY(ftruncate(memory, PAGE));
  char *map = mmap(0, PAGE, RW, MAP_SHARED, memory, 0);
  SAY(pwrite(memory, "memfd", 5, 0));
  SAY(memcmp(map, "memfd", 5));
  map[0] = 'M';
  SAY(pread(memory, buffer, 1, 0));
  SAY(buffer[0]);
  // A file that comes with the system, and a mapping of it that outlives a change.
  int shell = open("/etc/passwd", O_RDONLY);
  char *text = mmap(0, PAGE, PROT_READ, MAP_SHARED, shell, 0), first = 0;
  SAY(pread(shell, &first, 1, 0));
  SAY(text[0] == first);
  // A copy within a page, and a mapping of half of a file.
  int half = make("/tmp/h", 3 * PAGE);
  pwrite(half, "half", 4, 2 * PAGE);
  char *part = mmap(0, PAGE, RW, MAP_SHARED, half, 2 * PAGE);
  SAY(memcmp(part, "half", 4));
  memcpy(part, "HALF", 4);
  SAY(pread(half, buffer, 4, 2 * PAGE));
  SAY(memcmp(buffer, "HALF", 4));
  char *two = mremap(part, 0, PAGE, MREMAP_MAYMOVE);
  SAY(two != MAP_FAILED && two != part && memcmp(two, "HALF", 4) == 0);
  part[0] = 'w';
  SAY(two[0] == 'w');
  SAY(FAILS(mremap(mmap(0, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 0, PAGE, MREMAP_MAYMOVE)));
  SAY(madvise(part, PAGE, MADV_REMOVE));
  SAY(part[0]);
  SAY(madvise(text, PAGE, MADV_REMOVE));
  char *zeroes = mmap(0, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  zeroes[0] = 1;
  SAY(madvise(zeroes, PAGE, MADV_DONTNEED));
  SAY(zeroes[0]);
  SAY(madvise(zeroes, PAGE, MADV_REMOVE));
  SAY(zeroes[0]);
  SAY(madvise(mmap(0, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), PAGE, MADV_REMOVE));
}

int main(void) {
  on(SIGBUS, fault, 0);
  on(SIGSEGV, fault, 0);
  coherence();
  sizes();
  private_ones();
  processes();
  rights();
  elsewhere();
  return 0;
}
