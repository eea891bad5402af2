// remap_file_pages(2): what it refuses, and pages of a file and of shared memory in another order; what smaps and pagemap
// tell of pages that are there, locked, copied.
#include "say.h"
#include <stdint.h>
#include <sys/mman.h>

#define PAGE 4096

static char *pages;

static void order(const char *what) {
  printf("%s:", what);
  for (int i = 0; i < 6; i++) printf(" %c", pages[i * PAGE]);
  printf("\n");
  fflush(stdout);
}

static void fill(void) {
  for (int i = 0; i < 6; i++) memset(pages + i * PAGE, 'a' + i, PAGE);
}

static int remap(int page, int count, int to) {
  return remap_file_pages(pages + page * PAGE, count * PAGE, 0, to, 0);
}

static void reordered(const char *what) {
  fill();
  order(what);
  SAY(remap(0, 1, 5));
  order("0 is 5");
  SAY(remap(4, 2, 1));
  order("4 is 1");
  pages[4 * PAGE] = 'X';
  order("written");
  // A range may span mappings that are alike.
  SAY(remap(3, 2, 0));
  SAY(remap(1, 3, 3));
  order("1 to 3 are 3 to 5");
  SAY(remap_file_pages(pages + 100, PAGE + 100, 0, 2, 0));
  order("within a page");
}

static void refused(void) {
  char *own = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  SAY(remap_file_pages(own, PAGE, 0, 0, 0));
  SAY(remap_file_pages(pages, PAGE, PROT_READ, 0, 0));
  SAY(remap_file_pages(pages, 0, 0, 0, 0));
  SAY(remap_file_pages(pages, -PAGE, 0, 0, 0));
  SAY(remap_file_pages(pages, PAGE, 0, -1, 0));
  SAY(remap_file_pages((void *)PAGE, PAGE, 0, 0, 0));
  SAY(remap_file_pages(pages + 5 * PAGE, 2 * PAGE, 0, 0, 0));
  munmap(own, 2 * PAGE);
}

/** A line of smaps about the mapping at `address`. */
static long told(void *address, const char *name) {
  FILE *file = fopen("/proc/self/smaps", "r");
  char line[300];
  unsigned long start;
  long value = -1;
  int here = 0;
  while (fgets(line, sizeof line, file)) {
    if (sscanf(line, "%lx-", &start) == 1 && strchr(line, '-') && strchr(line, '-') < strchr(line, ' '))
      here = start == (unsigned long)address;
    else if (here && !strncmp(line, name, strlen(name))) sscanf(line + strlen(name), "%ld", &value);
  }
  fclose(file);
  return value;
}

/** Whether a page is there, of a file, mapped here alone. */
static void page(const char *what, void *address) {
  uint64_t entry = 0;
  int fd = open("/proc/self/pagemap", O_RDONLY);
  pread(fd, &entry, 8, (uintptr_t)address / PAGE * 8);
  printf("%s: there %d file %d alone %d\n", what, (int)(entry >> 63), (int)(entry >> 61 & 1), (int)(entry >> 56 & 1));
  fflush(stdout);
  close(fd);
}

static void details(void) {
  char *own = mmap((void *)0x20000000, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  madvise(own, 64 * PAGE, MADV_NOHUGEPAGE);
  SAY(told(own, "Size:"));
  SAY(told(own, "Rss:"));
  page("not touched", own);
  SAY(mlock(own, 64 * PAGE));
  SAY(told(own, "Rss:"));
  SAY(told(own, "Pss:"));
  SAY(told(own, "Locked:"));
  SAY(told(own, "Private_Dirty:"));
  SAY(told(own, "Anonymous:"));
  page("locked", own);
  munlock(own, 64 * PAGE);
  SAY(told(own, "Locked:"));
  int fd = open("/tmp/file", O_RDWR | O_CREAT, 0600);
  ftruncate(fd, 2 * PAGE);
  write(fd, "text", 4);
  char *copy = mmap((void *)0x30000000, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_POPULATE, fd, 0);
  char *shared = mmap((void *)0x31000000, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
  copy[0] = shared[PAGE] = 'x';
  SAY(told(copy, "Anonymous:"));
  SAY(told(shared, "Anonymous:"));
  page("copy", copy);
  page("shared", shared + PAGE);
  fd = open("/proc/self/pagemap", O_RDONLY);
  uint64_t entries[4];
  SAY(pread(fd, entries, 7, 0));
  SAY(pread(fd, entries, 8, 4));
  SAY(pread(fd, entries, 32, 0x30000000 / PAGE * 8));
  SAY(lseek(fd, 80, SEEK_SET));
  SAY(read(fd, entries, 8));
  SAY(lseek(fd, 0, SEEK_CUR));
}

int main(void) {
  int fd = open("/tmp/pages", O_RDWR | O_CREAT, 0600);
  ftruncate(fd, 6 * PAGE);
  pages = mmap(0, 6 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  reordered("file");
  refused();
  munmap(pages, 6 * PAGE);
  pages = mmap(0, 6 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  reordered("shared memory");
  SAY(remap(0, 6, 0));
  SAY(remap_file_pages(pages + PAGE, 2 * PAGE, 0, 0, MAP_NONBLOCK));
  order("end");
  details();
  return 0;
}
