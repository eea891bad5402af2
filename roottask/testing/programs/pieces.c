// Files read in small pieces while they change: by the same and by other descriptors, in random order, by several
// threads. What is read is summed up; the output has to be the same on Linux and on the roottask, whoever reads.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

enum { FILES = 3, DESCRIPTORS = 10, STEPS = 30000, RECORD = 64, RECORDS = 20000, THREADS = 4 };

static uint64_t state = 987654321;

static uint64_t any(void) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

static uint64_t sum = 1469598103934665603;

static void add(const void *bytes, long length) {
  for (long i = 0; i < length; i++) sum = (sum ^ ((const uint8_t *)bytes)[i]) * 1099511628211;
}

static void result(long value) {
  value = value < 0 ? -errno : value;
  add(&value, sizeof value);
}

static char names[FILES][256];
static int fds[DESCRIPTORS];
static char buffer[1 << 17];
static char *edge;

/** A place for up to 70000 bytes: memory, memory that ends too early, none. */
static char *place(void) {
  uint64_t dice = any() % 100;
  if (dice < 92) return buffer + any() % 4096;
  if (dice < 98) return edge - any() % 6000;
  return dice < 99 ? (char *)8 : (char *)0x800000000000;
}

static long size(void) {
  static const long sizes[] = {1, 16, 100, 511, 512, 4096, 4097, 10000, 65536, 65537};
  return sizes[any() % 10];
}

static void open_one(int i) {
  static const int modes[] = {O_RDONLY, O_RDONLY, O_RDWR, O_WRONLY, O_RDWR | O_APPEND, O_RDWR | O_TRUNC};
  if (fds[i] >= 0) close(fds[i]);
  fds[i] = open(names[any() % FILES], modes[any() % 6] | O_CREAT, 0600);
  result(fds[i] >= 0);
}

static void step(void) {
  int fd = fds[any() % DESCRIPTORS];
  long bytes = size(), got;
  char *at = place();
  switch (any() % 64) {
    case 0: open_one(any() % DESCRIPTORS); break;
    case 1: result(dup2(fd, fds[any() % DESCRIPTORS]) >= 0); break;
    case 2: for (long i = 0; i < bytes; i++) buffer[i] = any();
      result(write(fd, buffer, bytes)); break;
    case 3: result(pwrite(fd, buffer, bytes, any() % 300000)); break;
    case 4: result(ftruncate(fd, any() % 200000)); break;
    case 5: result(lseek(fd, any() % 300000, SEEK_SET)); break;
    case 6: result(lseek(fd, -(long)(any() % 1000), SEEK_CUR)); break;
    case 7: result(lseek(fd, -(long)(any() % 100000), SEEK_END)); break;
    case 8:
      // Far behind the end, and back.
      result(lseek(fd, 0x300000000 + any() % 1000, SEEK_SET));
      for (int i = 0; i < 8; i++) result(read(fd, at, bytes));
      result(lseek(fd, any() % 1000, SEEK_SET));
      break;
    case 9: { struct iovec vector[2] = {{buffer, 100}, {buffer + 200, bytes}};
      got = readv(fd, vector, 2); result(got); break; }
    case 10: case 11: case 12: case 13: case 14: case 15: case 16: case 17:
      got = pread(fd, at, bytes, any() % 200000 - (any() % 50 == 0 ? 300000 : 0));
      result(got);
      if (got > 0) add(at, got);
      break;
    case 18: unlink(names[any() % FILES]); break;
    case 19: result(read(fd, at, 0)); break;
    default:
      // Reads come in bursts, as programs make them.
      for (uint64_t i = any() % 8; i < 8; i++) {
        got = read(fd, at, bytes);
        result(got);
        if (got > 0) add(at, got);
      }
      result(lseek(fd, 0, SEEK_CUR));
  }
}

static int shared;
static uint8_t seen[RECORDS];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

/** Reads records by a position that all threads share: nobody may miss one or see one twice. */
static void *take(void *argument) {
  uint32_t record[RECORD / 4];
  long wrong = 0, taken = 0;
  while (read(shared, record, RECORD) == RECORD) {
    for (int i = 1; i < RECORD / 4; i++) wrong += record[i] != record[0];
    if (record[0] < RECORDS) __atomic_fetch_add(&seen[record[0]], 1, __ATOMIC_SEQ_CST);
    else wrong++;
    // Others come in between, and sometimes somebody goes back by nothing.
    if (++taken % 512 == 0) lseek(shared, 0, SEEK_CUR);
  }
  pthread_mutex_lock(&mutex);
  *(long *)argument += wrong;
  pthread_mutex_unlock(&mutex);
  return 0;
}

static volatile int over;

/** Makes windows come and go: another file is read, changed and closed all the time. */
static void *change(void *argument) {
  char piece[512];
  while (!over) {
    int fd = open(argument, O_RDWR | O_CREAT, 0600);
    for (int i = 0; i < 12; i++) pread(fd, piece, sizeof piece, i * 512);
    pwrite(fd, piece, sizeof piece, any() % 4096);
    lseek(fd, 0, SEEK_SET);
    for (int i = 0; i < 12; i++) read(fd, piece, sizeof piece);
    ftruncate(fd, 2048 + any() % 8192);
    close(fd);
  }
  return 0;
}

static void threads(const char *folder) {
  char name[256];
  snprintf(name, sizeof name, "%srecords", folder);
  int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
  for (uint32_t i = 0; i < RECORDS; i++) {
    uint32_t record[RECORD / 4];
    for (int j = 0; j < RECORD / 4; j++) record[j] = i;
    if (write(fd, record, RECORD) != RECORD) perror("write");
  }
  close(fd);
  for (int round = 0; round < 3; round++) {
    pthread_t readers[THREADS], changer;
    long wrong = 0, missing = 0;
    over = 0;
    memset(seen, 0, sizeof seen);
    shared = open(name, O_RDONLY);
    pthread_create(&changer, 0, change, names[0]);
    for (int i = 0; i < THREADS; i++) pthread_create(&readers[i], 0, take, &wrong);
    for (int i = 0; i < THREADS; i++) pthread_join(readers[i], 0);
    over = 1;
    pthread_join(changer, 0);
    for (int i = 0; i < RECORDS; i++) missing += seen[i] != 1;
    printf("round %d: wrong %ld, missing or twice %ld\n", round, wrong, missing);
    close(shared);
  }
  unlink(name);
}

int main(int argc, char **argv) {
  const char *folder = argc > 1 ? argv[1] : "/tmp/";
  char *pages = mmap(0, 8192 * 2 + 65536 * 2, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  edge = pages + 8192;
  munmap(edge, 8192 + 65536 * 2);
  for (int i = 0; i < FILES; i++) snprintf(names[i], sizeof names[i], "%spieces%d", folder, i);
  memset(fds, -1, sizeof fds);
  for (int i = 0; i < DESCRIPTORS; i++) open_one(i);
  for (int i = 0; i < STEPS; i++) {
    step();
    if (i % 1000 == 999) printf("%d: %016lx\n", i + 1, sum);
  }
  threads(folder);
  for (int i = 0; i < FILES; i++) unlink(names[i]);
  return 0;
}
