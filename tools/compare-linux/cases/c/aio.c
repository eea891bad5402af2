// Asynchronous I/O by the calls themselves: what is refused in which order, what the events tell, polls, and the ring that
// the program may read by itself.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct ring {
  unsigned id, nr, head, tail, magic, features, incompatible, header;
  struct io_event events[];
};

static aio_context_t context;
static char bytes[4096];

static long said(const char *what, long result) {
  if (result < 0) printf("%s: %s\n", what, strerrorname_np(errno));
  else printf("%s: %ld\n", what, result);
  return result;
}

static long setup(unsigned requests, aio_context_t *to) {
  return syscall(SYS_io_setup, requests, to);
}

static long submit1(struct iocb *request) {
  struct iocb *list[1] = {request};
  return syscall(SYS_io_submit, context, 1L, list);
}

static long events(long least, long most, struct io_event *to, struct timespec *limit) {
  return syscall(SYS_io_getevents, context, least, most, to, limit);
}

static struct iocb request(int operation, int fd, void *buffer, size_t length, long long offset) {
  struct iocb made = {0};
  made.aio_data = 7;
  made.aio_key = 99;
  made.aio_lio_opcode = operation;
  made.aio_fildes = fd;
  made.aio_buf = (unsigned long)buffer;
  made.aio_nbytes = length;
  made.aio_offset = offset;
  return made;
}

// Submits and tells what came of it.
static void one(const char *what, struct iocb made) {
  struct io_event event;
  if (said(what, submit1(&made)) != 1) return;
  memset(&event, 0, sizeof event);
  long found = events(1, 1, &event, NULL);
  printf("  %ld event, data %llu, its own %d, result %lld %lld, key %u\n", found, (unsigned long long)event.data,
         event.obj == (unsigned long)&made, (long long)event.res, (long long)event.res2, made.aio_key);
}

static void setups(void) {
  aio_context_t other = 0;
  said("no requests", setup(0, &other));
  said("no address", setup(1, NULL));
  other = 5;
  said("not 0", setup(1, &other));
  other = 0;
  said("far too many", setup(0x10000000, &other));
  said("too many", setup(0x300000, &other));
  said("over", setup(0x80000000, &other));
  said("destroy none", syscall(SYS_io_destroy, 0L));
  said("destroy memory", syscall(SYS_io_destroy, (unsigned long)bytes));
  said("setup", setup(4, &other));
  struct ring *ring = (struct ring *)other;
  printf("magic %x features %u %u header %u at least %d head %u tail %u\n", ring->magic, ring->features,
         ring->incompatible, ring->header, ring->nr >= 8, ring->head, ring->tail);
  said("destroy", syscall(SYS_io_destroy, other));
  said("again", syscall(SYS_io_destroy, other));
}

static void refused(int fd) {
  struct iocb made = request(IOCB_CMD_PREAD, fd, bytes, 10, 0);
  struct iocb *list[2] = {&made, (struct iocb *)1};
  said("negative", syscall(SYS_io_submit, context, -1L, list));
  said("none", syscall(SYS_io_submit, context, 0L, list));
  said("no context", syscall(SYS_io_submit, 0L, 1L, list));
  said("no list", syscall(SYS_io_submit, context, 1L, NULL));
  said("no request", syscall(SYS_io_submit, context, 1L, list + 1));
  said("second bad", syscall(SYS_io_submit, context, 2L, list));
  made = request(IOCB_CMD_PREAD, 99, bytes, 10, 0);
  one("no file", made);
  made = request(77, fd, bytes, 10, 0);
  one("no operation", made);
  made = request(IOCB_CMD_NOOP, fd, bytes, 10, 0);
  one("noop", made);
  made.aio_lio_opcode = IOCB_CMD_PREAD;
  made.aio_reserved2 = 1;
  one("reserved", made);
  made.aio_reserved2 = 0;
  made.aio_nbytes = -1;
  one("length", made);
  made.aio_nbytes = 10;
  made.aio_offset = -1;
  one("offset", made);
  made.aio_offset = 0;
  made.aio_flags = IOCB_FLAG_RESFD;
  made.aio_resfd = 99;
  one("told nobody", made);
  made.aio_resfd = fd;
  one("told a file", made);
  made.aio_flags = 0;
  made.aio_rw_flags = 0x4000;
  one("flags", made);
}

static void files(int fd) {
  struct iovec parts[2] = {{"one", 3}, {"two", 3}};
  one("write", request(IOCB_CMD_PWRITE, fd, "0123456789", 10, 5));
  one("write vector", request(IOCB_CMD_PWRITEV, fd, parts, 2, 12));
  one("read", request(IOCB_CMD_PREAD, fd, bytes, 100, 5));
  printf("%.13s, position %ld\n", bytes, (long)lseek(fd, 0, SEEK_CUR));
  parts[0].iov_base = bytes;
  parts[1].iov_base = bytes + 100;
  one("read vector", request(IOCB_CMD_PREADV, fd, parts, 2, 11));
  printf("%.3s %.3s\n", bytes, bytes + 100);
  one("at the end", request(IOCB_CMD_PREAD, fd, bytes, 100, 100));
  one("no memory", request(IOCB_CMD_PREAD, fd, (void *)8, 100, 0));
  one("no place", request(IOCB_CMD_PREAD, fd, (void *)-8, 100, 0));
  one("vector nowhere", request(IOCB_CMD_PREADV, fd, (void *)8, 2, 0));
  one("long vector", request(IOCB_CMD_PREADV, fd, parts, 2000, 0));
  one("fsync", request(IOCB_CMD_FSYNC, fd, NULL, 0, 0));
  one("fdsync", request(IOCB_CMD_FDSYNC, fd, NULL, 0, 0));
  one("fsync of a part", request(IOCB_CMD_FSYNC, fd, NULL, 1, 0));
  struct iocb made = request(IOCB_CMD_PWRITE, fd, "x", 1, 0);
  made.aio_rw_flags = RWF_APPEND;
  one("append", made);
  printf("size %ld\n", (long)lseek(fd, 0, SEEK_END));
  int reads = open("aio", O_RDONLY), directory = open(".", O_RDONLY);
  one("not for writing", request(IOCB_CMD_PWRITE, reads, "x", 1, 0));
  one("a directory", request(IOCB_CMD_PREAD, directory, bytes, 1, 0));
  close(reads);
  close(directory);
}

static void told(int fd) {
  int counter = eventfd(0, EFD_NONBLOCK);
  struct iocb made = request(IOCB_CMD_PREAD, fd, bytes, 5, 0);
  made.aio_flags = IOCB_FLAG_RESFD;
  made.aio_resfd = counter;
  one("told", made);
  one("told", made);
  unsigned long long count = 0;
  long got = read(counter, &count, 8);
  printf("read %ld, count %llu\n", got, count);
  close(counter);
}

static void polls(void) {
  int ends[2];
  struct io_event found[4];
  struct timespec none = {0, 0}, soon = {0, 20000000};
  if (pipe(ends) != 0) exit(1);
  one("ready", request(IOCB_CMD_POLL, ends[1], (void *)POLLOUT, 0, 0));
  one("wrong events", request(IOCB_CMD_POLL, ends[1], (void *)0x10000, 0, 0));
  one("with a length", request(IOCB_CMD_POLL, ends[1], (void *)POLLOUT, 1, 0));
  struct iocb made = request(IOCB_CMD_POLL, ends[0], (void *)POLLIN, 0, 0);
  said("poll", submit1(&made));
  said("nothing", events(0, 4, found, &none));
  said("nothing soon", events(1, 4, found, &soon));
  if (fork() == 0) {
    usleep(20000);
    _exit(write(ends[1], "x", 1) != 1);
  }
  said("waited", events(1, 4, found, NULL));
  printf("readable %d\n", (found[0].res & POLLIN) != 0);
  wait(NULL);
  said("read", read(ends[0], bytes, 10));
  said("poll again", submit1(&made));
  said("cancel", syscall(SYS_io_cancel, context, &made, found));
  said("cancelled", events(1, 4, found, NULL));
  printf("result %lld\n", (long long)found[0].res);
  said("cancel again", syscall(SYS_io_cancel, context, &made, found));
  made.aio_key = 1;
  said("cancel by a key", syscall(SYS_io_cancel, context, &made, found));
  said("cancel nowhere", syscall(SYS_io_cancel, context, (void *)8, found));
  made.aio_key = 0;
  said("cancel of no context", syscall(SYS_io_cancel, 0L, &made, found));
  said("write", write(ends[1], "abc", 3));
  one("read a pipe", request(IOCB_CMD_PREAD, ends[0], bytes, 10, 100));
  said("third poll", submit1(&made));
  close(ends[1]);
  said("closed", events(1, 4, found, NULL));
  printf("over %d\n", (found[0].res & POLLHUP) != 0);
  close(ends[0]);
}

static void many(int fd) {
  struct io_event found[8];
  struct iocb made = request(IOCB_CMD_PREAD, fd, bytes, 1, 0);
  struct timespec none = {0, 0}, before = {-1, 0};
  for (int i = 0; i < 6; i++) submit1(&made);
  said("more than there may be", events(3, 2, found, &none));
  said("negative", events(-1, 2, found, &none));
  said("nowhere", events(1, 2, (void *)8, &none));
  said("limit nowhere", events(1, 2, found, (void *)8));
  said("two", events(1, 2, found, &none));
  struct ring *ring = (struct ring *)context;
  printf("in the ring %u\n", ring->tail - ring->head);
  ring->head++;
  said("the rest", events(4, 8, found, &before));
  said("no more", events(0, 0, found, NULL));
  int done = 0;
  while (submit1(&made) == 1) done++;
  printf("full: %s, as many as there is room for: %d\n", strerrorname_np(errno), done >= 64);
  while (events(0, 8, found, &none) > 0) done--;
  printf("some left: %d\n", done > 0);
}

static void nothing(int signal) { (void)signal; }

static void interrupted(void) {
  struct io_event found[1];
  sigset_t mask, none;
  struct { sigset_t *mask; size_t size; } how = {&none, 8};
  struct sigaction action = {.sa_handler = nothing, .sa_flags = SA_RESTART};
  struct timespec soon = {0, 1000000};
  sigaction(SIGALRM, &action, NULL);
  alarm(1);
  said("interrupted", events(1, 1, found, NULL));
  sigemptyset(&none);
  sigemptyset(&mask);
  sigaddset(&mask, SIGALRM);
  sigprocmask(SIG_BLOCK, &mask, NULL);
  raise(SIGALRM);
  said("blocked", events(1, 1, found, &soon));
  said("let in", syscall(SYS_io_pgetevents, context, 1L, 1L, found, NULL, &how));
  how.size = 4;
  said("wrong size", syscall(SYS_io_pgetevents, context, 1L, 1L, found, &soon, &how));
  how.mask = NULL;
  said("no mask", syscall(SYS_io_pgetevents, context, 1L, 1L, found, &soon, &how));
  said("mask nowhere", syscall(SYS_io_pgetevents, context, 1L, 1L, found, &soon, (void *)8));
}

static void ends(void) {
  if (fork() == 0) {
    struct io_event found[1];
    said("in a child", events(0, 1, found, NULL));
    exit(0);
  }
  wait(NULL);
  said("unmapped", munmap((void *)context, 4096));
  said("no ring", syscall(SYS_io_destroy, context));
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  setups();
  said("setup", setup(64, &context));
  int fd = open("aio", O_RDWR | O_CREAT, 0600);
  refused(fd);
  files(fd);
  told(fd);
  many(fd);
  polls();
  interrupted();
  ends();
  return 0;
}
