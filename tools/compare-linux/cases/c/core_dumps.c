// Core dumps: when there is one, who is told, and what is in it.
#include "say.h"
#include <elf.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/procfs.h>
#include <sys/resource.h>
#include <sys/user.h>

static unsigned char *core;
static long size;
static volatile long marker = 0x1122334455667788;
static volatile long *touched, *untouched, *left_out, *shared;
static long addresses[4];

__attribute__((noinline)) static void crash(void) {
  asm volatile("movq %0, %%xmm5\n mov $0x1234, %%r12\n fld1\n movl $1, 24" ::"r"(0x4045000000000000L) : "r12", "xmm5", "memory");
}

static void *sleeps(void *unused) {
  pause();
  return unused;
}

static void *crashes(void *unused) {
  crash();
  return unused;
}

static void limit(rlim_t bytes) {
  struct rlimit wanted = {bytes, RLIM_INFINITY};
  setrlimit(RLIMIT_CORE, &wanted);
}

static long read_core(void) {
  struct stat about;
  int fd = open("core", O_RDONLY | O_NOFOLLOW);
  if (core != NULL) munmap(core, size);
  core = NULL;
  if (fd < 0) return -1;
  fstat(fd, &about);
  size = about.st_size;
  core = mmap(0, size, PROT_READ, MAP_SHARED, fd, 0);
  close(fd);
  return size;
}

static const char *rights(unsigned flags) {
  static const char *const names[] = {"---", "--x", "-w-", "-wx", "r--", "r-x", "rw-", "rwx"};
  return names[flags & 7];
}

// What the dump has at `address`, 0 where it has nothing there.
static long word_at(long address) {
  Elf64_Ehdr *head = (void *)core;
  Elf64_Phdr *segments = (void *)(core + head->e_phoff);
  for (int i = 0; i < head->e_phnum; i++) {
    Elf64_Phdr *segment = &segments[i];
    if (segment->p_type != PT_LOAD || address < segment->p_vaddr || address >= segment->p_vaddr + segment->p_filesz) continue;
    if (segment->p_offset + segment->p_filesz > size) return 0;
    long value;
    memcpy(&value, core + segment->p_offset + (address - segment->p_vaddr), 8);
    return value;
  }
  return 0;
}

static void status_note(void *data, pid_t pid) {
  struct elf_prstatus *status = data;
  struct user_regs_struct *regs = (void *)status->pr_reg;
  printf("status: signal %d %d, %s, parent %d, group %d, session %d, fpvalid %d\n", status->pr_info.si_signo, status->pr_cursig,
         status->pr_pid == pid ? "first thread" : "another thread", status->pr_ppid == getpid(), status->pr_pgrp == getpgrp(),
         status->pr_sid == getsid(0), status->pr_fpvalid);
  if (regs->r12 == 0x1234) {
    printf("registers: in crash %d, stack %d, cs %llx ss %llx orig_rax %lld\n", regs->rip - (unsigned long)crash < 64,
           word_at(regs->rsp) != 0, regs->cs, regs->ss, (long long)regs->orig_rax);
  }
}

static void process_note(void *data, pid_t pid) {
  struct elf_prpsinfo *process = data;
  char *last = strrchr(process->pr_psargs, '/');
  printf("process: state %d %c, ids %d %d %d %d, %.16s, %s\n", process->pr_state, process->pr_sname, process->pr_pid == pid,
         process->pr_ppid == getpid(), process->pr_pgrp == getpgrp(), process->pr_sid == getsid(0), process->pr_fname, last != NULL ? last + 1 : process->pr_psargs);
}

static void auxiliary_note(long *words, long bytes) {
  for (long i = 0; i < bytes / 8; i += 2) {
    if (words[i] == 6) printf("page size %ld\n", words[i + 1]);
    if (words[i] == 0) printf("end of vector at its end: %d\n", i == bytes / 8 - 2);
  }
}

static void file_note(long *words) {
  long count = words[0];
  char *name = (char *)(words + 2 + count * 3);
  int own = 0;
  for (long i = 0; i < count; i++) {
    char *last = strrchr(name, '/');
    if (last != NULL && strcmp(last, "/core_dumps") == 0) {
      own++;
      if (words[2 + i * 3] <= (long)crash && words[3 + i * 3] > (long)crash) printf("code is in the file\n");
    }
    name += strlen(name) + 1;
  }
  printf("files: unit %ld, own %d\n", words[1], own > 2);
}

static void float_note(unsigned char *data, long bytes) {
  struct user_fpregs_struct *floats = (void *)data;
  long value;
  memcpy(&value, (char *)floats->xmm_space + 5 * 16, 8);
  printf("floats: %ld bytes, cwd %x, top %d, xmm5 %lx\n", bytes, floats->cwd, (floats->swd >> 11) & 7, value);
}

static void look(pid_t pid) {
  Elf64_Ehdr *head = (void *)core;
  Elf64_Phdr *segments = (void *)(core + head->e_phoff);
  if (core == NULL || size < 64) return;
  printf("type %d machine %d\n", head->e_type, head->e_machine);
  for (int i = 0; i < head->e_phnum; i++) {
    Elf64_Phdr *segment = &segments[i];
    if (segment->p_type == PT_LOAD) {
      if (segment->p_offset % 4096 != 0 || segment->p_offset + segment->p_filesz > size) printf("segment at %lx is not there\n", segment->p_vaddr);
      for (int j = 0; j < 4; j++) {
        if (addresses[j] >= segment->p_vaddr && addresses[j] < segment->p_vaddr + segment->p_memsz) printf("mapping %d: %s, %s\n", j, rights(segment->p_flags), segment->p_filesz == 0 ? "nothing" : "there");
      }
      continue;
    }
    unsigned char *at = core + segment->p_offset, *end = at + segment->p_filesz;
    while (at + 12 <= end) {
      Elf64_Nhdr *note = (void *)at;
      unsigned char *data = at + 12 + (note->n_namesz + 3) / 4 * 4;
      printf("note %s %x\n", (char *)at + 12, note->n_type);
      if (note->n_type == NT_PRSTATUS) status_note(data, pid);
      else if (note->n_type == NT_PRPSINFO) process_note(data, pid);
      else if (note->n_type == NT_AUXV) auxiliary_note((void *)data, note->n_descsz);
      else if (note->n_type == NT_FILE) file_note((void *)data);
      else if (note->n_type == NT_FPREGSET) float_note(data, note->n_descsz);
      else if (note->n_type == NT_SIGINFO) printf("siginfo: %d %d %lx\n", ((siginfo_t *)data)->si_signo, ((siginfo_t *)data)->si_code, (long)((siginfo_t *)data)->si_addr);
      else if (note->n_type == NT_X86_XSTATE) printf("extended state: x87 and SSE %d\n", (*(long *)(data + 464) & 3) == 3);
      at = data + (note->n_descsz + 3) / 4 * 4;
    }
  }
  printf("marker %lx, touched %lx, shared %lx\n", word_at((long)&marker), word_at(addresses[0]), word_at(addresses[3]));
}

// Lets a child do `part`; tells how it ended.
static pid_t child(const char *what, void (*part)(void), int signal) {
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    part();
    pause();
  }
  if (signal != 0) {
    until_asleep(pid);
    kill(pid, signal);
  }
  int status = 0;
  siginfo_t info = {0};
  waitid(P_PID, pid, &info, WEXITED | WNOWAIT);
  waitpid(pid, &status, 0);
  struct stat about;
  printf("%s: signal %d, dumped %d, code %d", what, WTERMSIG(status), WCOREDUMP(status) != 0, info.si_code);
  if (lstat("core", &about) == 0) printf(", file %o of %d links, %s\n", about.st_mode, (int)about.st_nlink, about.st_size == 0 && S_ISREG(about.st_mode) ? "empty" : "not empty");
  else printf(", no file\n");
  fflush(stdout);
  return pid;
}

static void one(void) { limit(RLIM_INFINITY), crash(); }
static void waits(void) { limit(RLIM_INFINITY); }
static void none(void) { limit(0), crash(); }
static void little(void) { limit(4095), crash(); }
static void page(void) { limit(4096), crash(); }
static void some(void) { limit(40000), crash(); }
static void hidden(void) { limit(RLIM_INFINITY), prctl(PR_SET_DUMPABLE, 0), crash(); }
static void elsewhere(void) { limit(RLIM_INFINITY), mkdir("d", 0755), chdir("d"), umask(0), crash(); }
static void small_files(void) {
  struct rlimit wanted = {8192, 8192};
  limit(RLIM_INFINITY), setrlimit(RLIMIT_FSIZE, &wanted), crash();
}
static void aborts(void) { limit(RLIM_INFINITY), abort(); }

static void threads(void) {
  pthread_t thread;
  limit(RLIM_INFINITY);
  pthread_create(&thread, 0, sleeps, 0);
  pthread_create(&thread, 0, crashes, 0);
  pthread_join(thread, 0);
}

static long mapping(int protection, int flags) {
  return (long)mmap(0, 16384, protection, flags | MAP_ANONYMOUS, -1, 0);
}

int main(void) {
  chdir("/tmp");
  unlink("core");
  addresses[0] = mapping(PROT_READ | PROT_WRITE, MAP_PRIVATE);
  addresses[1] = mapping(PROT_READ, MAP_PRIVATE);
  addresses[2] = mapping(PROT_READ | PROT_WRITE, MAP_PRIVATE);
  addresses[3] = mapping(PROT_READ | PROT_WRITE, MAP_SHARED);
  // Others of the same rights in between keep them from being one.
  *(long *)addresses[0] = 0x77, *(long *)addresses[2] = 0x88, *(long *)addresses[3] = 0x99;
  madvise((void *)addresses[2], 16384, MADV_DONTDUMP);
  child("none", none, 0);
  child("little", little, 0);
  child("hidden", hidden, 0);
  child("terminated", waits, SIGTERM);
  pid_t pid = child("crash", one, 0);
  SAY(read_core() > 100000);
  look(pid);
  SAY(unlink("core"));
  child("page", page, 0);
  SAY(read_core() <= 8192);
  child("some", some, 0);
  SAY(read_core() > 4096 && size < 100000);
  child("small files", small_files, 0);
  SAY(read_core() > 0 && size <= 8192);
  SAY(unlink("core") | symlink("target", "core"));
  child("link", one, 0);
  SAY(access("target", F_OK));
  SAY(link("core", "second") | chmod("core", 0644));
  child("second name", aborts, 0);
  SAY(unlink("core") | unlink("second") | mkdir("core", 0755));
  child("directory", one, 0);
  SAY(rmdir("core"));
  child("elsewhere", elsewhere, 0);
  struct stat about;
  SAY(stat("d/core", &about));
  printf("%o\n", about.st_mode);
  SAY(unlink("d/core") | rmdir("d"));
  child("quit", waits, SIGQUIT);
  SAY(unlink("core"));
  pid = child("threads", threads, 0);
  read_core();
  look(pid);
  SAY(unlink("core"));
  return 0;
}
