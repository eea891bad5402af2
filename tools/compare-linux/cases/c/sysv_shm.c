// Shared memory of System V: shmget(2), shmat(2), shmdt(2), shmctl(2), sysvipc(7).
#include "say.h"
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>

#define PAGE 4096

static void show(const char *what, int id) {
  struct shmid_ds ds;
  memset(&ds, 0x55, sizeof ds);
  if (shmctl(id, IPC_STAT, &ds) != 0) {
    printf("%s: %s\n", what, strerrorname_np(errno));
    return;
  }
  printf("%s: size %zu, %ld attached, mode %o, creator %d, last %d, atime %d, dtime %d, ctime %d\n", what, ds.shm_segsz,
         (long)ds.shm_nattch, ds.shm_perm.mode, ds.shm_cpid == getpid(), ds.shm_lpid == getpid(), ds.shm_atime != 0,
         ds.shm_dtime != 0, ds.shm_ctime != 0);
  printf("  key %d, owner %d %d, creator %d %d\n", ds.shm_perm.__key == IPC_PRIVATE, ds.shm_perm.uid, ds.shm_perm.gid,
         ds.shm_perm.cuid, ds.shm_perm.cgid);
  fflush(stdout);
}

static void *at(int id, void *address, int flags) {
  errno = 0;
  return shmat(id, address, flags);
}

static void keys(void) {
  key_t key = 0x5a000000 | getpid();
  int missing = shmget(key, PAGE, 0600);
  printf("missing: %d %s\n", missing, strerrorname_np(errno));
  int id = shmget(key, 5000, IPC_CREAT | 0640);
  SAY(id >= 0);
  SAY(shmget(key, 5000, IPC_CREAT | IPC_EXCL | 0600));
  SAY(shmget(key, 0, 0) == id);
  SAY(shmget(key, 4999, IPC_CREAT) == id);
  SAY(shmget(key, 5001, 0));
  SAY(shmget(IPC_PRIVATE, 0, 0600));
  SAY(shmget(IPC_PRIVATE, -1, 0600));
  SAY(shmget(key + 1, 0, 0));
  SAY(shmget(key + 1, 0, IPC_CREAT));
  show("by key", id);
  SAY(shmctl(id, IPC_RMID, 0));
  SAY(shmctl(id, IPC_RMID, 0));
  SAY(shmget(key, 0, 0));
  SAY(at(id, 0, 0) == (void *)-1);
  printf("%s\n", strerrorname_np(errno));
}

static void attaching(void) {
  int id = shmget(IPC_PRIVATE, 3 * PAGE + 5, 0600);
  char *first = at(id, 0, 0);
  show("once", id);
  strcpy(first + PAGE, "contents");
  char *second = at(id, 0, SHM_RDONLY);
  SAY(strcmp(second + PAGE, "contents"));
  SAY(mprotect(second, PAGE, PROT_READ | PROT_WRITE));
  show("twice", id);
  // The last page is a whole one.
  first[4 * PAGE - 1] = 1;
  SAY(second[4 * PAGE - 1]);
  SAY(at(id, first + 1, 0) == (void *)-1);
  printf("%s\n", strerrorname_np(errno));
  SAY(at(id, first, 0) == (void *)-1);
  printf("%s\n", strerrorname_np(errno));
  SAY(at(id, 0, SHM_REMAP) == (void *)-1);
  printf("%s\n", strerrorname_np(errno));
  SAY(at(id, first + 5, SHM_RND | SHM_REMAP) == first);
  show("remapped", id);
  SAY(shmdt(first + PAGE));
  SAY(shmdt(first + 1));
  SAY(mprotect(first + PAGE, PAGE, PROT_READ));
  show("split", id);
  SAY(shmdt(first));
  show("detached", id);
  SAY(shmdt(first));
  SAY(munmap(second + PAGE, PAGE));
  show("cut", id);
  SAY(shmctl(id, IPC_RMID, 0));
  show("to be removed", id);
  SAY(second[4 * PAGE - 1]);
  SAY(at(id, first, SHM_EXEC) == first);
  SAY(shmdt(second));
  SAY(first[4 * PAGE - 1]);
  SAY(shmdt(first));
  show("removed", id);
}

static void processes(void) {
  int id = shmget(IPC_PRIVATE, PAGE, 0600);
  int *shared = at(id, 0, 0);
  for (int i = 0; i < 10; i++) {
    pid_t pid = fork();
    if (pid == 0) {
      __atomic_add_fetch(shared, i, __ATOMIC_SEQ_CST);
      _exit(0);
    }
    waitpid(pid, 0, 0);
  }
  SAY(*shared);
  show("after children", id);
  pid_t pid = fork();
  if (pid == 0) {
    show("in a child", id);
    execl("/bin/true", "true", NULL);
    _exit(1);
  }
  say_wait("executed", pid);
  show("after exec", id);
  pid = fork();
  if (pid == 0) {
    shmctl(id, IPC_RMID, 0);
    _exit(0);
  }
  say_wait("remover", pid);
  show("removed by a child", id);
  SAY(shmdt(shared));
  show("gone", id);
}

static void control(void) {
  int id = shmget(IPC_PRIVATE, PAGE, 0600);
  struct shmid_ds ds;
  SAY(shmctl(id, IPC_STAT, &ds));
  ds.shm_perm.mode = 07666;
  ds.shm_perm.uid = getuid();
  SAY(shmctl(id, IPC_SET, &ds));
  show("set", id);
  SAY(shmctl(id, IPC_SET, (void *)1));
  SAY(shmctl(id, IPC_STAT, (void *)1));
  SAY(shmctl(id, 77, 0));
  SAY(shmctl(id, -1, 0));
  SAY(shmctl(-1, IPC_INFO, &ds));
  SAY(shmctl(id, IPC_RMID, 0));
}

static void information(void) {
  int id = shmget(IPC_PRIVATE, PAGE, 0600);
  struct shminfo limits;
  struct shm_info used;
  struct shmid_ds ds;
  SAY(shmctl(0, IPC_INFO, (void *)&limits) >= 0);
  printf("least %lu, most %d\n", limits.shmmin, limits.shmmax > 1000000);
  int last = shmctl(0, SHM_INFO, (void *)&used);
  SAY(used.used_ids >= 1);
  SAY(used.shm_tot >= 1);
  int found = 0;
  for (int i = 0; i <= last; i++) found += shmctl(i, SHM_STAT, &ds) == id;
  SAY(found);
  char line[300], wanted[40];
  snprintf(wanted, sizeof wanted, "%10d %10d", 0, id);
  FILE *file = fopen("/proc/sysvipc/shm", "r");
  if (fgets(line, sizeof line, file)) printf("%s", line);
  while (fgets(line, sizeof line, file)) {
    if (strncmp(line, wanted, strlen(wanted)) == 0) printf("%.28s\n", line + strlen(wanted));
  }
  fclose(file);
  shmctl(id, IPC_RMID, 0);
}

static int attached(int id) {
  struct shmid_ds ds;
  return shmctl(id, IPC_STAT, &ds) == 0 ? (int)ds.shm_nattch : -1;
}

static void moving(void) {
  int id = shmget(IPC_PRIVATE, 2 * PAGE, 0600);
  char *first = at(id, 0, 0);
  first[PAGE] = 7;
  char *moved = mremap(first + PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE);
  SAY(moved[0]);
  SAY(attached(id));
  SAY(shmdt(moved));
  SAY(shmdt(first));
  SAY(attached(id));
  SAY(munmap(moved, 2 * PAGE));
  SAY(attached(id));
  char *again = at(id, 0, 0);
  SAY(again[PAGE]);
  SAY(madvise(again, 2 * PAGE, MADV_DONTNEED));
  SAY(again[PAGE]);
  SAY(madvise(again, 2 * PAGE, MADV_REMOVE));
  SAY(again[PAGE]);
  shmctl(id, IPC_RMID, 0);
}

int main(void) {
  keys();
  attaching();
  processes();
  control();
  information();
  moving();
  return 0;
}
