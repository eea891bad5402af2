// Memory and semaphores by name, files of /dev/shm: shm_open(3), shm_unlink(3), sem_open(3), sem_unlink(3).
#include "say.h"
#include <semaphore.h>
#include <sys/mman.h>

int main(void) {
  int fd = shm_open("/memory", O_RDWR | O_CREAT | O_EXCL, 0640);
  SAY(fd >= 0);
  SAY(shm_open("/memory", O_RDWR | O_CREAT | O_EXCL, 0640));
  SAY(shm_open("/none", O_RDWR, 0));
  SAY(fcntl(fd, F_GETFD) == FD_CLOEXEC);
  SAY(ftruncate(fd, 8192));
  volatile int *memory = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  SAY(memory != MAP_FAILED);
  sem_t *done = sem_open("/done", O_CREAT, 0600, 0);
  SAY(done != SEM_FAILED);
  SAY(sem_open("/done", O_CREAT | O_EXCL, 0600, 0) == SEM_FAILED && errno == EEXIST);
  SAY(sem_open("/none", 0) == SEM_FAILED && errno == ENOENT);
  pid_t child = fork();
  if (child == 0) {
    int own = shm_open("/memory", O_RDWR, 0);
    volatile int *there = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, own, 0);
    there[1024] = 42;
    sem_t *same = sem_open("/done", 0);
    _exit(sem_post(same));
  }
  SAY(sem_wait(done));
  SAY(memory[1024]);
  int status = -1;
  waitpid(child, &status, 0);
  SAY(status);
  struct stat found;
  SAY(stat("/dev/shm/memory", &found));
  SAY(found.st_mode);
  SAY(found.st_size);
  SAY(stat("/dev/shm/sem.done", &found));
  SAY(shm_unlink("/memory"));
  SAY(shm_unlink("/memory"));
  SAY(sem_unlink("/done"));
  SAY(sem_trywait(done));
  SAY(sem_close(done));
  memory[0] = 7;
  SAY(memory[0]);
  return 0;
}
