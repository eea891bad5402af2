// mkfifo(3), fifo(7).
#include "say.h"
int main(void) {
  char b[16] = "";
  SAY(mkfifo("/tmp/p", 0600));
  SAY(mkfifo("/tmp/p", 0600));
  SAY(open("/tmp/p", O_WRONLY | O_NONBLOCK));
  int r = open("/tmp/p", O_RDONLY | O_NONBLOCK);
  SAY(read(r, b, 1));
  int w = open("/tmp/p", O_WRONLY);
  SAY(read(r, b, 1));
  SAY(write(w, "abc", 3));
  SAY(read(r, b, 16));
  close(w);
  SAY(read(r, b, 1));
  SAY(lseek(r, 0, SEEK_CUR));
  struct stat st;
  SAY(stat("/tmp/p", &st));
  SAY(st.st_mode);
  return 0;
}
