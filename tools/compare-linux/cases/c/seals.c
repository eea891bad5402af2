// F_ADD_SEALS and F_GET_SEALS of fcntl(2): what a memfd lets nobody do any more.
#include "say.h"
#include <sys/mman.h>

#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 32
#define MFD_NOEXEC_SEAL 8
#define MFD_EXEC 16
#endif
#define PAGE 4096
#define FAILS(expression) (errno = 0, (expression) == MAP_FAILED ? errno : 0)
#define RW (PROT_READ | PROT_WRITE)
#define PUNCH (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)

static int make(unsigned flags, int size) {
  int fd = memfd_create("sealed", flags);
  if (ftruncate(fd, size) != 0) perror("ftruncate");
  return fd;
}

static void adding(void) {
  int fd = make(MFD_ALLOW_SEALING, 0), plain = make(0, 0);
  int file = open("/tmp/f", O_RDWR | O_CREAT, 0600), directory = open("/tmp", O_RDONLY), pipes[2];
  if (pipe(pipes) != 0) perror("pipe");
  SAY(fcntl(fd, F_GET_SEALS));
  SAY(fcntl(plain, F_GET_SEALS));
  SAY(fcntl(file, F_GET_SEALS));
  SAY(fcntl(directory, F_GET_SEALS));
  SAY(fcntl(pipes[0], F_GET_SEALS));
  SAY(fcntl(plain, F_ADD_SEALS, F_SEAL_WRITE));
  SAY(fcntl(file, F_ADD_SEALS, F_SEAL_WRITE));
  SAY(fcntl(directory, F_ADD_SEALS, F_SEAL_WRITE));
  SAY(fcntl(pipes[1], F_ADD_SEALS, F_SEAL_WRITE));
  SAY(fcntl(pipes[1], F_ADD_SEALS, 64));
  SAY(fcntl(open("/dev/zero", O_RDWR), F_ADD_SEALS, 0));
  SAY(fcntl(99, F_GET_SEALS));
  SAY(fcntl(fd, F_ADD_SEALS, 64));
  SAY(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
  SAY(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
  SAY(fcntl(fd, F_GET_SEALS));
  SAY(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL));
  SAY(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
  SAY(fcntl(fd, F_ADD_SEALS, 0));
  SAY(fcntl(fd, F_GET_SEALS));
  SAY(fcntl(dup(fd), F_GET_SEALS));
}

static void sizes(void) {
  char buffer[3 * PAGE] = "";
  int fd = make(MFD_ALLOW_SEALING, PAGE + 100);
  SAY(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
  SAY(ftruncate(fd, 100));
  SAY(ftruncate(fd, PAGE + 100));
  SAY(ftruncate(fd, PAGE + 200));
  SAY(fallocate(fd, PUNCH, 0, PAGE));
  SAY(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
  SAY(ftruncate(fd, 2 * PAGE));
  SAY(pwrite(fd, buffer, 200, PAGE));
  SAY(pwrite(fd, buffer, 201, PAGE));
  SAY(pwrite(fd, buffer, 2 * PAGE, 0));
  SAY(pwrite(fd, buffer, 1, PAGE + 200));
  SAY(pwrite(fd, buffer, 0, 5 * PAGE));
  SAY(pwrite(fd, (void *)8, 1, PAGE + 200));
  SAY(fallocate(fd, 0, 0, PAGE + 200));
  SAY(fallocate(fd, 0, 0, PAGE + 201));
  SAY(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, PAGE + 201));
  SAY(lseek(fd, 0, SEEK_END));
  SAY(write(fd, "x", 1));
}

static void writing(void) {
  char buffer[8] = "";
  int fd = make(MFD_ALLOW_SEALING, PAGE);
  char *map = mmap(0, PAGE, RW, MAP_SHARED, fd, 0);
  char *only_read = mmap(0, PAGE, PROT_READ, MAP_SHARED, fd, 0);
  map[0] = 'm';
  SAY(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
  SAY(munmap(map, PAGE));
  SAY(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
  SAY(munmap(only_read, PAGE));
  char *private = mmap(0, PAGE, RW, MAP_PRIVATE, fd, 0);
  SAY(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
  private[1] = 'p';
  SAY(private[0]);
  SAY(write(fd, "x", 1));
  SAY(write(fd, "x", 0));
  SAY(pread(fd, buffer, 2, 0));
  SAY(buffer[0] == 'm' && buffer[1] == 0);
  SAY(fallocate(fd, PUNCH, 0, PAGE));
  SAY(fallocate(fd, 0, 0, 2 * PAGE));
  SAY(ftruncate(fd, 10));
  SAY(FAILS(mmap(0, PAGE, RW, MAP_SHARED, fd, 0)));
  only_read = mmap(0, PAGE, PROT_READ, MAP_SHARED, fd, 0);
  SAY(only_read != MAP_FAILED);
  SAY(mprotect(only_read, PAGE, RW));
  SAY(madvise(only_read, PAGE, MADV_REMOVE));
}

static void later_writing(void) {
  int fd = make(MFD_ALLOW_SEALING | MFD_CLOEXEC, PAGE);
  char *map = mmap(0, PAGE, RW, MAP_SHARED, fd, 0);
  SAY(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
  map[0] = 'f';
  SAY(map[0]);
  SAY(write(fd, "x", 1));
  SAY(FAILS(mmap(0, PAGE, RW, MAP_SHARED, fd, 0)));
  char *late = mmap(0, PAGE, PROT_READ, MAP_SHARED, fd, 0);
  SAY(late[0]);
  SAY(mprotect(late, PAGE, RW));
  SAY(mprotect(map, PAGE, PROT_READ));
  SAY(mprotect(map, PAGE, RW));
  SAY(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
  pid_t pid = fork();
  if (pid == 0) _exit(fcntl(fd, F_GET_SEALS));
  say_wait("child", pid);
}

static void executing(void) {
  struct stat st;
  int fd = make(MFD_NOEXEC_SEAL, PAGE), both = memfd_create("x", MFD_NOEXEC_SEAL | MFD_EXEC);
  int executable = make(MFD_EXEC | MFD_ALLOW_SEALING, PAGE);
  SAY(both);
  SAY(fcntl(fd, F_GET_SEALS));
  SAY(fstat(fd, &st) == 0 ? st.st_mode & 07777 : -1);
  SAY(fchmod(fd, 0700));
  SAY(fchmod(fd, 0600));
  SAY(fchmod(executable, 0755));
  char *map = mmap(0, PAGE, RW, MAP_SHARED, executable, 0);
  SAY(fcntl(executable, F_ADD_SEALS, F_SEAL_EXEC));
  SAY(munmap(map, PAGE));
  SAY(fcntl(executable, F_ADD_SEALS, F_SEAL_EXEC));
  SAY(fcntl(executable, F_GET_SEALS));
  SAY(fchmod(executable, 0644));
}

int main(void) {
  adding();
  sizes();
  writing();
  later_writing();
  executing();
  return 0;
}
