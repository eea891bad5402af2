// ioctl_ficlone(2), ioctl_fideduperange(2) on file systems whose files share no blocks.
#include "say.h"
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

enum { FILES = 15 };
static const char *names[FILES] = {"both", "other", "reading", "writing", "appending", "folder", "path", "zero",
                                   "proc", "pipe out", "pipe in", "socket", "memfd", "proc folder", "none"};
static int files[FILES];

static void clones(void) {
  for (int to = 0; to < FILES; to++)
    for (int from = 0; from < FILES; from++) {
      errno = 0;
      int result = ioctl(files[to], FICLONE, files[from]);
      printf("%s to %s: %d %d\n", names[from], names[to], result, errno);
    }
}

static struct {
  struct file_dedupe_range head;
  struct file_dedupe_range_info to[300];
} dedupe;

static void ranges(void) {
  struct file_clone_range range = {files[0], 0, 0, 0};
  for (int i = 0; i < FILES; i++) {
    printf("%s\n", names[i]);
    SAY(ioctl(files[i], FICLONERANGE, &range));
    SAY(ioctl(files[i], FICLONERANGE, (void *)1));
    SAY(ioctl(files[i], FIDEDUPERANGE, (void *)1));
    memset(&dedupe, 0, sizeof dedupe);
    dedupe.head.src_length = 5;
    dedupe.head.dest_count = 2;
    dedupe.to[0].dest_fd = files[1];
    dedupe.to[1].dest_fd = files[5];
    SAY(ioctl(files[i], FIDEDUPERANGE, &dedupe));
    dedupe.head.src_offset = -1;
    SAY(ioctl(files[i], FIDEDUPERANGE, &dedupe));
    dedupe.head.reserved1 = 1;
    SAY(ioctl(files[i], FIDEDUPERANGE, &dedupe));
    dedupe.head.reserved1 = 0;
    dedupe.head.dest_count = 0;
    SAY(ioctl(files[i], FIDEDUPERANGE, &dedupe));
    // No more than fits into a page.
    dedupe.head.dest_count = 127;
    SAY(ioctl(files[i], FIDEDUPERANGE, &dedupe));
    dedupe.head.dest_count = 128;
    SAY(ioctl(files[i], FIDEDUPERANGE, &dedupe));
  }
}

int main(void) {
  int ends[2];
  pipe(ends);
  close(open("f", O_CREAT | O_WRONLY, 0600));
  int opened[FILES] = {open("f", O_RDWR),        open("g", O_RDWR | O_CREAT, 0600),
                       open("f", O_RDONLY),      open("f", O_WRONLY),
                       open("f", O_RDWR | O_APPEND), open(".", O_RDONLY),
                       open("f", O_PATH),        open("/dev/zero", O_RDWR),
                       open("/proc/self/status", O_RDONLY), ends[0],
                       ends[1],                  socket(AF_UNIX, SOCK_STREAM, 0),
                       memfd_create("m", 0),     open("/proc", O_RDONLY),
                       -1};
  memcpy(files, opened, sizeof files);
  write(files[0], "hello", 5);
  write(files[1], "hello", 5);
  clones();
  ranges();
  return 0;
}
