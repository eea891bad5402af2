/*
 * A C program for Linux that knows nothing of the system it runs on here. It shows what a process is given
 * at its start: arguments, environment, standard output and standard error.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    const char *greeting = getenv("GREETING");

    printf("Hello from C with musl!\n");
    for (int i = 1; i < argc; i++) {
        printf("argument %d: %s\n", i, argv[i]);
    }
    if (greeting) {
        printf("GREETING=%s\n", greeting);
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

    if (close(1000) == -1) {
        printf("closing a file that is not open: %s\n", strerror(errno));
    }
    fprintf(stderr, "This line goes to standard error.\n");
    return EXIT_SUCCESS;
}
