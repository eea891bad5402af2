/*
 * A C program for Linux that knows nothing of the system it runs on here. It shows what a process is given
 * at its start: arguments, environment, standard output and standard error; then memory, and a file in /tmp.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef __GLIBC__
#define LIBRARY "glibc"
#else
#define LIBRARY "musl"
#endif

static const char path[] = "/tmp/hello_world_in_c";
static const char text[] = "written, and read again";

/* Writes a file, goes back to its start, reads it and removes it; 0, or the number of the call that failed. */
static int use_file(void)
{
    char back[sizeof text] = "";
    int fd = open(path, O_CREAT | O_RDWR | O_TRUNC, 0644);

    if (fd < 0) {
        return 1;
    }
    if (write(fd, text, sizeof text - 1) != (ssize_t)sizeof text - 1) {
        return 2;
    }
    if (lseek(fd, 0, SEEK_SET) != 0) {
        return 3;
    }
    if (read(fd, back, sizeof back) != (ssize_t)sizeof text - 1 || strcmp(back, text) != 0) {
        return 4;
    }
    printf("a file in /tmp: %s\n", back);
    return close(fd) == 0 && unlink(path) == 0 ? 0 : 5;
}

int main(int argc, char **argv)
{
    const char *greeting = getenv("GREETING");

    printf("Hello from C with " LIBRARY "!\n");
    for (int i = 1; i < argc; i++) {
        printf("argument %d: ", i);
        puts(argv[i]);
    }
    if (greeting) {
        fputs("GREETING=", stdout);
        puts(greeting);
    }

    /* Memory from the heap, small (brk or mmap) and large (always mmap). */
    size_t sizes[] = {100, 5000000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char *block = malloc(sizes[i]);
        if (!block) {
            perror("malloc");
            return EXIT_FAILURE;
        }
        memset(block, 'x', sizes[i]);
        printf("%zu bytes at work, the last one is '%c'\n", sizes[i], block[sizes[i] - 1]);
        free(block);
    }

    int failed = use_file();
    if (failed) {
        fprintf(stderr, "step %d with %s: %s\n", failed, path, strerror(errno));
        return EXIT_FAILURE;
    }
    if (close(1000) == -1) {
        printf("closing a file that is not open: %s\n", strerror(errno));
    }
    fprintf(stderr, "This line goes to standard error.\n");
    return EXIT_SUCCESS;
}
