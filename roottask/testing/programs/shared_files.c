// A hybrid program that asks the file and allocation services for what Linux' system calls tell as well, and compares the
// two: the files are the same. Prints what differs, and "same" in the end.

#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hedron.h"

static int failures;

static void check(int holds, const char *what)
{
    if (!holds) {
        printf("differs: %s\n", what);
        failures++;
    }
}

static int equal(const struct hedron_stat *service, const struct stat *system)
{
    return service->inode == system->st_ino && service->mode == system->st_mode &&
           service->links == system->st_nlink && service->size == (uint64_t)system->st_size &&
           service->time == system->st_mtim.tv_sec &&
           service->nanoseconds == (uint32_t)system->st_mtim.tv_nsec;
}

static void compare_status(const char *path)
{
    struct hedron_stat service;
    struct stat system;
    int found = stat(path, &system);

    check(hedron_stat(path, &service) == found, path);
    if (found == 0) {
        check(equal(&service, &system), path);
    }
}

static void compare_files(void)
{
    char bytes[16] = {0};
    struct hedron_stat service;
    struct stat system;
    int fd = hedron_open("/tmp/file", O_CREAT | O_RDWR, 0640);

    check(fd == 3, "the lowest descriptor");
    check(hedron_write(fd, "written by a service", 20) == 20, "a write");
    check(pread(fd, bytes, 7, 0) == 7 && strcmp(bytes, "written") == 0, "what Linux reads");
    check(pwrite(fd, "W", 1, 0) == 1, "a write by Linux");
    check(hedron_seek(fd, 0) == 0 && hedron_read(fd, bytes, 7) == 7, "a read");
    check(strcmp(bytes, "Written") == 0, "what the service reads");
    check(lseek(fd, 0, SEEK_CUR) == 7, "the position");
    check(hedron_fstat(fd, &service) == 0 && fstat(fd, &system) == 0, "an open file's status");
    check(equal(&service, &system), "an open file's status");
    check(close(fd) == 0 && hedron_close(fd) == -1, "a closed file");
    compare_status("/tmp/file");
    compare_status("/tmp");
    compare_status("/dev/null");
    compare_status("/proc/nothing");
    check(hedron_unlink("/tmp/file") == 0 && access("/tmp/file", F_OK) == -1, "an unlinked file");
    check(hedron_unlink("/tmp/file") == -1, "a file that is gone");
}

static void compare_directories(void)
{
    static char name[] = "/tmp/d/0123456789012345678901234567890123456789012345678901234567890123456789"
                         "012345678901234567890123456789012345678901234567890123456789012345678901";
    struct hedron_entry entry;
    DIR *directory;
    struct dirent *expected;
    int fd;

    check(hedron_mkdir("/tmp/d", 0750) == 0, "a new directory");
    check(hedron_mkdir("/tmp/d", 0750) == -1, "a directory that is there");
    check(mkdir("/tmp/d/inner", 0700) == 0 && close(open(name, O_CREAT, 0600)) == 0, "its entries");
    compare_status("/tmp/d");
    fd = hedron_open("/tmp/d", O_RDONLY | O_DIRECTORY, 0);
    directory = opendir("/tmp/d");
    while ((expected = readdir(directory)) != NULL) {
        check(hedron_read_directory(fd, &entry) == 1, "an entry");
        check(strcmp(entry.name, expected->d_name) == 0, expected->d_name);
        check(entry.inode == expected->d_ino && entry.type == expected->d_type, entry.name);
    }
    check(hedron_read_directory(fd, &entry) == 0, "the end of the directory");
    closedir(directory);
    hedron_close(fd);
    check(hedron_rmdir("/tmp/d") == -1, "a directory that is not empty");
    check(hedron_rmdir("/tmp/d/inner") == 0, "an empty directory");
    check(unlink(name) == 0 && hedron_rmdir("/tmp/d") == 0, "a directory without entries");
    check(access("/tmp/d", F_OK) == -1, "a directory that is gone");
}

static void use_memory(void)
{
    char *memory = hedron_allocate(100000, 1 << 16);

    check(memory != NULL && (uintptr_t)memory % (1 << 16) == 0, "memory");
    memset(memory, 'x', 100000);
    check(memory[99999] == 'x', "the last byte");
    hedron_free(memory, 100000, 1 << 16);
}

int main(void)
{
    if (getenv("LINUX_UNDER_HEDRON") == NULL) {
        puts("this is Linux alone");
        return 2;
    }
    compare_files();
    compare_directories();
    use_memory();
    check(hedron_echo() == HEDRON_SUCCESS && hedron_raw_echo() == HEDRON_SUCCESS, "echoes");
    fflush(stdout);
    if (failures == 0) {
        hedron_print(HEDRON_SEL_STDOUT, "sa");
        hedron_print(HEDRON_SEL_STDERR, "me\n");
    }
    return failures == 0 ? 0 : 1;
}
