// Local sockets in /proc/net/unix, without their addresses and inodes.
#include "say.h"
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

static void show(const char *what, int fd) {
  struct stat st;
  char line[300], name[200] = "";
  fstat(fd, &st);
  printf("%s:", what);
  FILE *file = fopen("/proc/net/unix", "r");
  while (fgets(line, sizeof line, file)) {
    unsigned references, protocol, flags, type, state;
    long inode;
    name[0] = 0;
    if (sscanf(line, "%*x: %x %x %x %x %x %ld %199[^\n]", &references, &protocol, &flags, &type, &state, &inode, name) < 6) continue;
    if (inode == st.st_ino) printf(" %08X %08X %08X %04X %02X %s", references, protocol, flags, type, state, name);
  }
  fclose(file);
  puts("");
}

static int named(int type, const char *name, int length) {
  struct sockaddr_un address = {AF_UNIX};
  int fd = socket(AF_UNIX, type, 0);
  memcpy(address.sun_path, name, length);
  if (bind(fd, (void *)&address, offsetof(struct sockaddr_un, sun_path) + length) != 0) perror("bind");
  return fd;
}

int main(void) {
  static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
  char line[100];
  fgets(line, sizeof line, fopen("/proc/net/unix", "r"));
  printf("%s", line);
  for (int i = 0; i < 3; i++) {
    int pair[2];
    show("new", socket(AF_UNIX, types[i], 0));
    socketpair(AF_UNIX, types[i], 0, pair);
    show("pair", pair[0]), show("pair", pair[1]);
    close(pair[1]), show("left", pair[0]);
    char path[] = "/tmp/s0", abstract[] = "\0proc_net_unix\0x0";
    path[6] += i, abstract[16] += i;
    int fd = named(types[i], path, sizeof path);
    show("path", fd), show("abstract", named(types[i], abstract, sizeof abstract - 1));
    if (listen(fd, 3) == 0) show("listens", fd);
  }
  return 0;
}
