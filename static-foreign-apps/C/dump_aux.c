/*
 * A C program for Linux that prints what the kernel puts on its stack before the first instruction: arguments,
 * environment, auxiliary vector (System V ABI AMD64 supplement, 3.4.1; getauxval(3)). Entries are found where the
 * ABI says they are, behind the environment's end, without help of the C library.
 */
#include <elf.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* How a value is shown. */
enum kind { NUMBER, ADDRESS, BITS, STRING };

struct name {
    uint64_t type;
    const char *name;
    enum kind kind;
};

/* include/uapi/linux/auxvec.h and arch/x86/include/uapi/asm/auxvec.h of Linux 6.18. */
static const struct name names[] = {
    {0, "AT_NULL", NUMBER},
    {1, "AT_IGNORE", NUMBER},
    {2, "AT_EXECFD", NUMBER},
    {3, "AT_PHDR", ADDRESS},
    {4, "AT_PHENT", NUMBER},
    {5, "AT_PHNUM", NUMBER},
    {6, "AT_PAGESZ", NUMBER},
    {7, "AT_BASE", ADDRESS},
    {8, "AT_FLAGS", BITS},
    {9, "AT_ENTRY", ADDRESS},
    {10, "AT_NOTELF", NUMBER},
    {11, "AT_UID", NUMBER},
    {12, "AT_EUID", NUMBER},
    {13, "AT_GID", NUMBER},
    {14, "AT_EGID", NUMBER},
    {15, "AT_PLATFORM", STRING},
    {16, "AT_HWCAP", BITS},
    {17, "AT_CLKTCK", NUMBER},
    {23, "AT_SECURE", NUMBER},
    {24, "AT_BASE_PLATFORM", STRING},
    {25, "AT_RANDOM", ADDRESS},
    {26, "AT_HWCAP2", BITS},
    {27, "AT_RSEQ_FEATURE_SIZE", NUMBER},
    {28, "AT_RSEQ_ALIGN", NUMBER},
    {29, "AT_HWCAP3", BITS},
    {30, "AT_HWCAP4", BITS},
    {31, "AT_EXECFN", STRING},
    {32, "AT_SYSINFO", ADDRESS},
    {33, "AT_SYSINFO_EHDR", ADDRESS},
    {51, "AT_MINSIGSTKSZ", NUMBER},
};

/*
 * Strings of the stack's last page are printed without %s: some C libraries look for its end with reads that go
 * beyond it, and these are the last bytes that are mapped.
 */
static void line(const char *text)
{
    fputs("  ", stdout);
    puts(text);
}

static void quoted(const char *text)
{
    putchar('"');
    fputs(text, stdout);
    puts("\"");
}

static void show(const Elf64_auxv_t *entry)
{
    struct name unknown = {entry->a_type, "?", BITS};
    const struct name *name = &unknown;
    uint64_t value = entry->a_un.a_val;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (names[i].type == entry->a_type) {
            name = &names[i];
        }
    }
    printf("  %2" PRIu64 " %-20s ", name->type, name->name);
    switch (name->kind) {
    case NUMBER:
        printf("%" PRIu64 "\n", value);
        break;
    case STRING:
        quoted((const char *)(uintptr_t)value);
        break;
    default:
        printf("0x%" PRIx64 "\n", value);
    }
}

int main(int argc, char **argv, char **envp)
{
    printf("%d arguments\n", argc);
    for (int i = 0; i < argc; i++) {
        line(argv[i]);
    }
    size_t variables = 0;
    while (envp[variables]) {
        variables++;
    }
    printf("%zu environment variables\n", variables);
    for (size_t i = 0; i < variables; i++) {
        line(envp[i]);
    }
    const Elf64_auxv_t *entry = (const Elf64_auxv_t *)(const void *)(envp + variables + 1);
    printf("auxiliary vector\n");
    do {
        show(entry);
    } while (entry++->a_type != AT_NULL);
    return EXIT_SUCCESS;
}
