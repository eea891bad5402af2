// Namespaces of host names and of IPC: unshare(2), clone(2), setns(2) by files of /proc/PID/ns and by descriptors of
// processes, and what becomes of what is in them. With those of mounts, whose root setns(2) leads to.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <mqueue.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

static long said(const char *what, long result) {
  if (result < 0) printf("%s: %s\n", what, strerrorname_np(errno));
  else printf("%s: %ld\n", what, result);
  fflush(stdout);
  return result;
}

static void names(const char *who) {
  struct utsname names;
  char host[65] = "";
  uname(&names);
  int fd = open("/proc/sys/kernel/hostname", O_RDONLY);
  long length = read(fd, host, sizeof host);
  close(fd);
  printf("%s: %s %s, settings %.*s\n", who, names.nodename, names.domainname, length > 0 ? (int)length - 1 : 0, host);
  fflush(stdout);
}

static unsigned long number(const char *who, const char *name) {
  char path[64];
  struct stat about = {0};
  snprintf(path, sizeof path, "/proc/%s/ns/%s", who, name);
  stat(path, &about);
  return about.st_ino;
}

static void *other(void *unused) {
  (void)unused;
  names("thread");
  said("thread's own", unshare(CLONE_NEWUTS));
  said("thread's name", sethostname("thread", 6));
  names("thread");
  printf("as the process %d\n", number("self", "uts") == number("thread-self", "uts"));
  return NULL;
}

static int of(const char *name) {
  char path[64];
  snprintf(path, sizeof path, "/proc/self/ns/%s", name);
  return open(path, O_RDONLY | O_CLOEXEC);
}

static void hosts(void) {
  // Nothing of the host is changed: all is in a namespace of the first process' own.
  said("own", unshare(CLONE_NEWUTS));
  said("name", sethostname("first", 5));
  said("domain", setdomainname("outside", 7));
  names("first");
  int first = of("uts");
  unsigned long before = number("self", "uts");
  pid_t child = fork();
  if (child == 0) {
    printf("the same %d\n", number("self", "uts") == before);
    said("own again", unshare(CLONE_NEWUTS));
    printf("the same %d\n", number("self", "uts") == before);
    names("child");
    sethostname("second", 6);
    names("child");
    int second = of("uts");
    said("parent", ioctl(second, NS_GET_PARENT) < 0 ? -1 : 0);
    said("back", setns(first, CLONE_NEWUTS));
    printf("the same %d\n", number("self", "uts") == before);
    names("child");
    said("forth, kind left open", setns(second, 0));
    close(second);
    names("child");
    said("wrong kind", setns(first, CLONE_NEWIPC));
    pthread_t thread;
    pthread_create(&thread, NULL, other, NULL);
    pthread_join(thread, NULL);
    names("child");
    _exit(0);
  }
  waitpid(child, NULL, 0);
  names("first");
  int to[2], back[2];
  pipe(to);
  pipe(back);
  child = syscall(SYS_clone, CLONE_NEWUTS | SIGCHLD, 0, 0, 0, 0);
  if (child == 0) {
    char byte;
    sethostname("cloned", 6);
    names("clone");
    write(to[1], "", 1);
    read(back[0], &byte, 1);
    names("clone");
    _exit(0);
  }
  char byte;
  read(to[0], &byte, 1);
  char who[16];
  snprintf(who, sizeof who, "%d", child);
  printf("another %d, of IPC %d\n", number(who, "uts") != before, number(who, "ipc") == number("self", "ipc"));
  int process = syscall(SYS_pidfd_open, child, 0);
  said("of a process, no kind", setns(process, 0));
  said("of a process, no such kind", setns(process, CLONE_VM));
  said("of a process", setns(process, CLONE_NEWUTS | CLONE_NEWIPC));
  names("first");
  sethostname("entered", 7);
  write(back[1], "", 1);
  waitpid(child, NULL, 0);
  said("of a process that has gone", setns(process, CLONE_NEWUTS));
  names("first");
  said("back", setns(first, 0));
  names("first");
  close(first);
}

static int segment(void) {
  return shmget(1234, 4096, 0);
}

static void ipc(void) {
  said("own IPC", unshare(CLONE_NEWIPC));
  int held = of("ipc");
  int id = shmget(1234, 4096, IPC_CREAT | 0600);
  said("segment", id);
  said("set", semget(1234, 1, IPC_CREAT | 0600));
  said("queue", msgget(1234, IPC_CREAT | 0600));
  struct mq_attr attributes = {.mq_maxmsg = 2, .mq_msgsize = 8};
  mqd_t named = mq_open("/queue", O_CREAT | O_RDWR, 0600, &attributes);
  said("named queue", named < 0 ? -1 : 0);
  mq_send(named, "held", 5, 1);
  char *text = shmat(id, NULL, 0);
  strcpy(text, "shared");
  pid_t child = fork();
  if (child == 0) {
    struct sembuf raise = {0, 1, SEM_UNDO};
    said("raised", semop(semget(1234, 1, 0), &raise, 1));
    said("before", semctl(0, 0, GETVAL));
    said("own", unshare(CLONE_NEWIPC));
    said("segment", segment());
    said("set", semget(1234, 1, 0));
    said("queue", msgget(1234, 0));
    said("named queue", mq_open("/queue", O_RDWR) < 0 ? -1 : 0);
    char bytes[8] = "";
    said("held queue", mq_receive(named, bytes, sizeof bytes, NULL));
    printf("%s, still mapped: %s\n", bytes, text);
    said("its id", shmctl(id, IPC_STAT, &(struct shmid_ds){0}));
    said("another", shmget(1234, 8192, IPC_CREAT | 0600));
    said("named another", mq_open("/queue", O_CREAT | O_RDWR, 0600, &attributes) < 0 ? -1 : 0);
    said("back", setns(held, CLONE_NEWIPC));
    said("undone", semctl(semget(1234, 1, 0), 0, GETVAL));
    printf("the old one %d\n", segment() == id);
    _exit(0);
  }
  waitpid(child, NULL, 0);
  struct shmid_ds about;
  shmctl(id, IPC_STAT, &about);
  printf("attached %lu\n", (unsigned long)about.shm_nattch);
  // The namespace goes while the segment is mapped and the queue is open.
  close(held);
  said("away", unshare(CLONE_NEWIPC));
  printf("mapped: %s\n", text);
  said("send", mq_send(named, "more", 5, 1));
  said("gone", segment());
  said("detach", shmdt(text));
  said("close", mq_close(named));
  said("clone with undo", syscall(SYS_clone, CLONE_NEWIPC | CLONE_SYSVSEM | SIGCHLD, 0, 0, 0, 0));
  said("limit", shmget(5, 4096, IPC_CREAT));
}

static void others(void) {
  said("none", setns(-1, 0));
  int fd = open("/proc/self/ns/uts", O_PATH);
  said("path alone", setns(fd, 0));
  close(fd);
  fd = open("/proc/self/stat", O_RDONLY);
  said("no namespace", setns(fd, 0));
  close(fd);
  said("users", setns(of("user"), 0));
  said("network", setns(of("net"), 0));
  said("control groups", setns(of("cgroup"), CLONE_NEWCGROUP));
  said("ids", setns(of("pid"), CLONE_NEWPID));
  said("mounts", unshare(CLONE_NEWNS));
  int outer = of("mnt");
  mkdir("/tmp/room", 0755);
  mkdir("/tmp/sub", 0755);
  chdir("/tmp/sub");
  pid_t child = fork();
  if (child == 0) {
    said("own mounts", unshare(CLONE_NEWNS));
    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
    said("mount", mount("none", "/tmp/room", "tmpfs", 0, NULL));
    said("file", mknod("/tmp/room/inside", S_IFREG | 0600, 0));
    said("leave", setns(outer, CLONE_NEWNS));
    chroot("/proc/self/root");
    printf("as the parent's %d\n", number("self", "mnt") == number("thread-self", "mnt"));
    _exit(0);
  }
  waitpid(child, NULL, 0);
  child = fork();
  if (child == 0) {
    seteuid(1000);
    said("unprivileged", setns(outer, 0));
    said("unprivileged", setns(of("ipc"), 0));
    said("unprivileged", unshare(CLONE_NEWUTS));
    said("unprivileged", unshare(CLONE_NEWIPC));
    _exit(0);
  }
  waitpid(child, NULL, 0);
}

int main(void) {
  hosts();
  ipc();
  others();
  return 0;
}
