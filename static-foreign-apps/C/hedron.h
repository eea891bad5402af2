/*
 * The native interface for programs in C that were made for Linux: hypercalls of the kernel (Hedron API 5004 with
 * foreign system calls, doc/kernel-interface.md of the published kernel) and calls of the roottask's services (wire
 * format: postcard 0.7, as the published runtime environment has it). Nothing has to be linked: include it, ask
 * hedron_is_here(), and make hypercalls between system calls.
 *
 * All calls may be made by the program's first thread only: the kernel does not tell further ones where their message
 * buffers (UTCB) are. A signal handler must not interrupt a hypercall: it would find its system calls taken for
 * hypercalls. For gcc and clang, C99 or newer, and C++; x86-64 only.
 */
#ifndef HEDRON_H
#define HEDRON_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* ---- numbers: written by `make hedron_header` ---- */

/* API version and limits */
#define HEDRON_API_VERSION 5004
#define HEDRON_NUM_CPU 64
#define HEDRON_NUM_IOAPIC 9
#define HEDRON_NUM_EXC 32
#define HEDRON_NUM_VMI 256
#define HEDRON_NUM_GSI 192
#define HEDRON_NUM_PRIORITIES 128
/* Object capability selectors per protection domain. */
#define HEDRON_NUM_SELECTORS 0x4000000
#define HEDRON_NUM_PORTS 0x10000
#define HEDRON_PAGE_BITS 12
#define HEDRON_PAGE_SIZE 0x1000

/* Position of flags (four bits) and selector in ARG1 */
#define HEDRON_ARG1_FLAGS_SHIFT 8
#define HEDRON_ARG1_SELECTOR_SHIFT 12

/* Hypercall numbers, ARG1[7:0] */
#define HEDRON_HC_CALL 0
#define HEDRON_HC_REPLY 1
#define HEDRON_HC_CREATE_PD 2
#define HEDRON_HC_CREATE_EC 3
#define HEDRON_HC_CREATE_SC 4
#define HEDRON_HC_CREATE_PT 5
#define HEDRON_HC_CREATE_SM 6
#define HEDRON_HC_REVOKE 7
#define HEDRON_HC_PD_CTRL 8
#define HEDRON_HC_EC_CTRL 9
#define HEDRON_HC_SC_CTRL 10
#define HEDRON_HC_PT_CTRL 11
#define HEDRON_HC_SM_CTRL 12
#define HEDRON_HC_ASSIGN_PCI 13
#define HEDRON_HC_ASSIGN_GSI 14
#define HEDRON_HC_MACHINE_CTRL 15

/* Flags and operations, ARG1[11:8] */
#define HEDRON_CALL_NONBLOCKING 1
#define HEDRON_CREATE_PD_PASSTHROUGH 1
#define HEDRON_CREATE_EC_GLOBAL 1
#define HEDRON_CREATE_EC_VCPU 2
/* The UTCB is mapped into the caller's domain instead of the EC's. */
#define HEDRON_CREATE_EC_UTCB_IN_CALLER 8
#define HEDRON_REVOKE_SELF 1
#define HEDRON_REVOKE_REMOTE 2
#define HEDRON_PD_CTRL_LOOKUP 0
#define HEDRON_PD_CTRL_MAP_ACCESS_PAGE 1
#define HEDRON_PD_CTRL_DELEGATE 2
#define HEDRON_PD_CTRL_MSR_ACCESS 3
#define HEDRON_MSR_ACCESS_WRITE 4
#define HEDRON_EC_CTRL_RECALL 0
/* Not in the reference, which answers BAD_PAR: where foreign system calls of the EC enter user mode. */
#define HEDRON_EC_CTRL_ENTRY 1
/* Nor is this: the EC gets the floating-point and vector state of another one. */
#define HEDRON_EC_CTRL_STATE 2
#define HEDRON_MACHINE_CTRL_SUSPEND 0
#define HEDRON_MACHINE_CTRL_UPDATE_MICROCODE 1
#define HEDRON_SM_CTRL_UP 0
#define HEDRON_SM_CTRL_DOWN 1
#define HEDRON_SM_CTRL_ZERO 2
#define HEDRON_ASSIGN_GSI_RECONFIGURE 1

/* Arguments: ARG4 of create_pd (foreign, base of its portals), ARG4 of create_sc (priority, quantum) */
#define HEDRON_CREATE_PD_FOREIGN 1
#define HEDRON_CREATE_PD_PORTALS_SHIFT 1
#define HEDRON_QPD_QUANTUM_SHIFT 12
/* ARG2 of ec_ctrl entry: pages of the region, below its address. */
#define HEDRON_ENTRY_PAGES_MASK 0xfff

/* Hypercall status, OUT1[7:0] */
#define HEDRON_STATUS_MASK 0xff
#define HEDRON_SUCCESS 0
#define HEDRON_TIMEOUT 1
#define HEDRON_ABORT 2
#define HEDRON_BAD_HYP 3
#define HEDRON_BAD_CAP 4
#define HEDRON_BAD_PAR 5
#define HEDRON_BAD_FTR 6
#define HEDRON_BAD_CPU 7
#define HEDRON_BAD_DEV 8

/* Capability range descriptor: kind 1:0, permissions 6:2, order 11:7, base 63:12 */
#define HEDRON_CRD_NULL 0
#define HEDRON_CRD_MEM 1
#define HEDRON_CRD_PIO 2
#define HEDRON_CRD_OBJ 3
#define HEDRON_CRD_PERM_SHIFT 2
#define HEDRON_CRD_ORDER_SHIFT 7
#define HEDRON_CRD_BASE_SHIFT 12
/* Largest value of an order or of permissions. */
#define HEDRON_CRD_ORDER_MAX 0x1f
#define HEDRON_PERM_ALL 0x1f

/* Typed items: bits of the second word */
#define HEDRON_XFER_TRANSLATE 0
#define HEDRON_XFER_DELEGATE 1
#define HEDRON_XFER_TRANS_DELEGATE 2
#define HEDRON_XFER_FROM_KERNEL 0x800
/* Subspaces after bit 8 has been inverted. */
#define HEDRON_SUBSPACE_HOST 1

/* Permissions */
#define HEDRON_MEM_R 1
#define HEDRON_MEM_W 2
#define HEDRON_MEM_X 4
#define HEDRON_PERM_PD_CREATE 1
#define HEDRON_PERM_EC_CTRL 1
#define HEDRON_PERM_EC_CREATE_SC 4
#define HEDRON_PERM_EC_CREATE_PT 8
#define HEDRON_PERM_EC_ALL 13
#define HEDRON_PERM_SC_CTRL 1
#define HEDRON_PERM_PT_CTRL 1
#define HEDRON_PERM_PT_CALL 2
#define HEDRON_PERM_SM_UP 1
#define HEDRON_PERM_SM_DOWN 2

/* Exceptions, which are events by their vector (Intel SDM vol. 3A, table 6-1) */
#define HEDRON_EXC_DE 0
#define HEDRON_EXC_DB 1
#define HEDRON_EXC_NMI 2
#define HEDRON_EXC_BP 3
#define HEDRON_EXC_OF 4
#define HEDRON_EXC_BR 5
#define HEDRON_EXC_UD 6
#define HEDRON_EXC_NM 7
#define HEDRON_EXC_DF 8
#define HEDRON_EXC_TS 10
#define HEDRON_EXC_NP 11
#define HEDRON_EXC_SS 12
#define HEDRON_EXC_GP 13
#define HEDRON_EXC_PF 14
#define HEDRON_EXC_MF 16
#define HEDRON_EXC_AC 17
#define HEDRON_EXC_MC 18
#define HEDRON_EXC_XM 19

/* Events that are not exceptions */
#define HEDRON_EVENT_STARTUP 30
#define HEDRON_EVENT_RECALL 31

/* User address space and the roottask's start */
/* First address that user mappings cannot have: one page below the canonical boundary. */
#define HEDRON_USER_ADDR 0x7ffffffff000
#define HEDRON_ROOT_SEL_PD 32
#define HEDRON_ROOT_SEL_EC 33
#define HEDRON_ROOT_SEL_SC 34
#define HEDRON_ROOT_PRIORITY 1
/* Microseconds. */
#define HEDRON_ROOT_QUANTUM 10000

/* UTCB */
#define HEDRON_UTCB_FLAGS 0x0
/* Low half: untyped words, high half: typed items. */
#define HEDRON_UTCB_ITEMS 0x4
#define HEDRON_UTCB_XLT 0x8
#define HEDRON_UTCB_DEL 0x10
#define HEDRON_UTCB_TLS 0x18
#define HEDRON_UTCB_DATA 0x20
#define HEDRON_UTCB_MTD 0x20
#define HEDRON_UTCB_RIP 0x30
#define HEDRON_UTCB_RFLAGS 0x38
#define HEDRON_UTCB_RAX 0x58
#define HEDRON_UTCB_RCX 0x60
#define HEDRON_UTCB_RDX 0x68
#define HEDRON_UTCB_RBX 0x70
#define HEDRON_UTCB_RSP 0x78
#define HEDRON_UTCB_RBP 0x80
#define HEDRON_UTCB_RSI 0x88
#define HEDRON_UTCB_RDI 0x90
#define HEDRON_UTCB_R8 0x98
#define HEDRON_UTCB_R15 0xd0
#define HEDRON_UTCB_QUAL 0xd8
#define HEDRON_UTCB_FS_BASE 0x1d8
#define HEDRON_UTCB_GS_BASE 0x1e8
/* Words of architectural state, the item count of an exception message. */
#define HEDRON_UTCB_STATE_WORDS 79
/* Message words in a UTCB, and their bytes. */
#define HEDRON_UTCB_WORDS 508
#define HEDRON_UTCB_BYTES (HEDRON_UTCB_WORDS * 8)
/* The first typed item; the others follow downwards. */
#define HEDRON_UTCB_XFER 0xff0
/* UTCB flag: the next system call of a foreign program is a hypercall. */
#define HEDRON_UTCB_NSCT 1

/* Message transfer descriptor bits */
#define HEDRON_MTD_GPR_ACDB 0x1
#define HEDRON_MTD_GPR_BSD 0x2
#define HEDRON_MTD_RSP 0x4
#define HEDRON_MTD_RIP_LEN 0x8
#define HEDRON_MTD_RFLAGS 0x10
#define HEDRON_MTD_FS_GS 0x40
#define HEDRON_MTD_QUAL 0x8000
#define HEDRON_MTD_GPR_R8_R15 0x400000
/* Bit 31, as a shift because the value does not fit a signed 32-bit constant. */
#define HEDRON_MTD_FPU_SHIFT 31

/* HIP */
#define HEDRON_HIP_SIGNATURE_VALUE 0x41564f4e
#define HEDRON_HIP_SIGNATURE 0x0
#define HEDRON_HIP_CHECKSUM 0x4
#define HEDRON_HIP_LENGTH 0x6
#define HEDRON_HIP_CPU_OFFS 0x8
#define HEDRON_HIP_CPU_SIZE 0xa
#define HEDRON_HIP_IOAPIC_OFFS 0xc
#define HEDRON_HIP_IOAPIC_SIZE 0xe
#define HEDRON_HIP_MEM_OFFS 0x10
#define HEDRON_HIP_MEM_SIZE 0x12
#define HEDRON_HIP_API_FLG 0x14
#define HEDRON_HIP_API_VER 0x18
#define HEDRON_HIP_SEL_NUM 0x1c
#define HEDRON_HIP_SEL_EXC 0x20
#define HEDRON_HIP_SEL_VMI 0x24
#define HEDRON_HIP_SEL_GSI 0x28
#define HEDRON_HIP_CFG_PAGE 0x2c
#define HEDRON_HIP_CFG_UTCB 0x30
#define HEDRON_HIP_FREQ_TSC 0x34
#define HEDRON_HIP_FREQ_BUS 0x38
#define HEDRON_HIP_PCI_BUS_START 0x3c
#define HEDRON_HIP_MCFG_BASE 0x40
#define HEDRON_HIP_MCFG_SIZE 0x48
#define HEDRON_HIP_DMAR_TABLE 0x50
#define HEDRON_HIP_HPET_BASE 0x58
#define HEDRON_HIP_CAP_VMX 0x60
#define HEDRON_HIP_XSDT 0x68
#define HEDRON_HIP_PM1A_CNT 0x70
#define HEDRON_HIP_PM1B_CNT 0x7c
#define HEDRON_HIP_SERIAL_PORT 0x88
#define HEDRON_HIP_CPUS 0x90
#define HEDRON_HIP_CPU_BYTES 48
#define HEDRON_HIP_IOAPICS 0xc90
#define HEDRON_HIP_IOAPIC_BYTES 16
#define HEDRON_HIP_MEMS 0xd20
#define HEDRON_HIP_MEM_BYTES 24
/* Bit of HIP_API_FLG: the machine has EFI firmware. */
#define HEDRON_HIP_FEATURE_UEFI (1 << 3)
/*
 * Not in the reference, behind what HIP_LENGTH counts: address of the framebuffer (u64, 0 for none), bytes per line,
 * width and height in pixels (u32), bits per pixel and kind (u8; 0 indexed colours, 1 RGB), position and size of red,
 * green and blue in a pixel (u8 each).
 */
#define HEDRON_HIP_FRAMEBUFFER 0xfc0
/* Likewise: what this kernel has beyond the reference, a u32 of HIP_EXTENSION_… bits. */
#define HEDRON_HIP_EXTENSIONS 0xfe0
/* ec_ctrl has the operation entry. */
#define HEDRON_HIP_EXTENSION_ENTRY 1
#define HEDRON_HIP_MEM_TYPE_AVAILABLE 1
#define HEDRON_HIP_MEM_TYPE_HYPERVISOR (-1)
#define HEDRON_HIP_MEM_TYPE_MODULE (-2)

/* Selectors in a program's object space; events are 0…31. */
#define HEDRON_SEL_EVENTS 0
#define HEDRON_SEL_PD 32
#define HEDRON_SEL_EC 33
#define HEDRON_SEL_SC 34
#define HEDRON_SEL_ALLOCATE 35
#define HEDRON_SEL_STDOUT 36
#define HEDRON_SEL_STDERR 37
#define HEDRON_SEL_FILES 38
#define HEDRON_SEL_ECHO 39
#define HEDRON_SEL_RAW_ECHO 40
/* Ours: ends a native program; the first message word is its status. */
#define HEDRON_SEL_EXIT 41
/* System calls of a foreign program on CPU n go to portal 50 + n. */
#define HEDRON_SEL_FOREIGN 50

/* Services, as the roottask numbers them. */

/* The UTCB of a program's main EC; the stack ends below it. */
#define HEDRON_UTCB_ADDRESS 0x7fffffffe000
#define HEDRON_STACK_TOP HEDRON_UTCB_ADDRESS

/* Set in the environment of every foreign program, so that a hybrid one knows where it runs. */

/* Requests of the allocation service (variant numbers on the wire). */
#define HEDRON_ALLOCATE_ALLOC 0
#define HEDRON_ALLOCATE_FREE 1

/* Requests of the file service. */
#define HEDRON_FILES_OPEN 0
#define HEDRON_FILES_READ 1
#define HEDRON_FILES_SEEK 2
#define HEDRON_FILES_WRITE 3
#define HEDRON_FILES_CLOSE 4
/* Ours: those that follow. */
#define HEDRON_FILES_STAT 5
#define HEDRON_FILES_STAT_OPEN 6
#define HEDRON_FILES_UNLINK 7
#define HEDRON_FILES_MAKE_DIRECTORY 8
#define HEDRON_FILES_REMOVE_DIRECTORY 9
#define HEDRON_FILES_READ_DIRECTORY 10

/* How the bytes of a file write travel: at an address of the program, one byte, or as many as are said. */
#define HEDRON_WRITE_POINTER 0
#define HEDRON_WRITE_BYTE 1
#define HEDRON_WRITE_EMBEDDED 2

/* ---- end of the numbers ---- */

/* ---- Message buffer ---- */

/* Registers of an exception or of a foreign system call in a message; the part for virtual machines is left out. */
struct hedron_state {
    uint64_t mtd;
    uint64_t instruction_length, rip, rflags;
    uint32_t intr_state, actv_state, intr_info, intr_error, vect_info, vect_error;
    uint64_t rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi;
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
    uint64_t qual[2];
};

/* User thread control block: one page. */
struct hedron_utcb {
    uint32_t flags;
    /* Untyped words in bits 15:0, typed items in bits 31:16. */
    uint32_t items;
    uint64_t translate, del, tls;
    union {
        uint64_t words[HEDRON_UTCB_WORDS];
        uint8_t bytes[HEDRON_UTCB_BYTES];
        struct hedron_state state;
    } data;
};

#define HEDRON_ASSERT(name, condition) typedef char hedron_assert_##name[(condition) ? 1 : -1]
HEDRON_ASSERT(size, sizeof(struct hedron_utcb) == HEDRON_PAGE_SIZE);
HEDRON_ASSERT(items, offsetof(struct hedron_utcb, items) == HEDRON_UTCB_ITEMS);
HEDRON_ASSERT(xlt, offsetof(struct hedron_utcb, translate) == HEDRON_UTCB_XLT);
HEDRON_ASSERT(del, offsetof(struct hedron_utcb, del) == HEDRON_UTCB_DEL);
HEDRON_ASSERT(tls, offsetof(struct hedron_utcb, tls) == HEDRON_UTCB_TLS);
HEDRON_ASSERT(data, offsetof(struct hedron_utcb, data) == HEDRON_UTCB_DATA);
HEDRON_ASSERT(mtd, offsetof(struct hedron_utcb, data.state.mtd) == HEDRON_UTCB_MTD);
HEDRON_ASSERT(rip, offsetof(struct hedron_utcb, data.state.rip) == HEDRON_UTCB_RIP);
HEDRON_ASSERT(rflags, offsetof(struct hedron_utcb, data.state.rflags) == HEDRON_UTCB_RFLAGS);
HEDRON_ASSERT(rax, offsetof(struct hedron_utcb, data.state.rax) == HEDRON_UTCB_RAX);
HEDRON_ASSERT(rdi, offsetof(struct hedron_utcb, data.state.rdi) == HEDRON_UTCB_RDI);
HEDRON_ASSERT(r8, offsetof(struct hedron_utcb, data.state.r8) == HEDRON_UTCB_R8);
HEDRON_ASSERT(r15, offsetof(struct hedron_utcb, data.state.r15) == HEDRON_UTCB_R15);
HEDRON_ASSERT(qual, offsetof(struct hedron_utcb, data.state.qual) == HEDRON_UTCB_QUAL);

/* The message buffer of the program's first thread. */
static inline volatile struct hedron_utcb *hedron_utcb(void)
{
    return (volatile struct hedron_utcb *)(uintptr_t)HEDRON_UTCB_ADDRESS;
}

/* Whether the program runs on Hedron: the environment says so. On Linux itself a hypercall would be a system call. */
static inline int hedron_is_here(void)
{
    return getenv("LINUX_UNDER_HEDRON") != NULL;
}

/* ---- Hypercalls ---- */

/* What a hypercall returns: OUT1, whose low byte is the status, OUT2 and OUT3. */
struct hedron_result {
    uint64_t out1, out2, out3;
};

static inline uint64_t hedron_status(struct hedron_result result)
{
    return result.out1 & HEDRON_STATUS_MASK;
}

/* ARG1: number, flags (4 bits) and selector. */
static inline uint64_t hedron_arg1(uint64_t number, uint64_t flags, uint64_t selector)
{
    return number | flags << HEDRON_ARG1_FLAGS_SHIFT | selector << HEDRON_ARG1_SELECTOR_SHIFT;
}

/*
 * One hypercall: ARG1 to ARG5 in RDI, RSI, RDX, RAX and R8, results in RDI, RSI and RDX; RCX and R11 are lost. The
 * flag in the message buffer that makes a hypercall of a system call (NSCT) is set for this instruction alone.
 */
static inline struct hedron_result hedron_hypercall(uint64_t arg1, uint64_t arg2, uint64_t arg3,
                                                    uint64_t arg4, uint64_t arg5)
{
    struct hedron_result result = {arg1, arg2, arg3};
    register uint64_t fifth __asm__("r8") = arg5;
    uint32_t flags;

    __asm__ volatile("movl (%[utcb]), %[flags]\n\t"
                     "orl %[nsct], (%[utcb])\n\t"
                     "syscall\n\t"
                     "movl %[flags], (%[utcb])"
                     : "+D"(result.out1), "+S"(result.out2), "+d"(result.out3), "+a"(arg4),
                       "+r"(fifth), [flags] "=&r"(flags)
                     : [utcb] "r"(hedron_utcb()), [nsct] "i"(HEDRON_UTCB_NSCT)
                     : "rcx", "r11", "cc", "memory");
    return result;
}

/* A capability range descriptor: `base` is a page, port or selector number, the range 2^order of them. */
static inline uint64_t hedron_crd(uint64_t kind, uint64_t base, uint64_t order, uint64_t rights)
{
    return base << HEDRON_CRD_BASE_SHIFT | order << HEDRON_CRD_ORDER_SHIFT |
           rights << HEDRON_CRD_PERM_SHIFT | kind;
}

/* IPC to a portal: the message is in hedron_utcb(), and so is the reply. Returns the status, as all that follow. */
static inline uint64_t hedron_call(uint64_t portal)
{
    return hedron_status(hedron_hypercall(hedron_arg1(HEDRON_HC_CALL, 0, portal), 0, 0, 0, 0));
}

/* New protection domain at `selector` whose parent is `parent`. */
static inline uint64_t hedron_create_pd(uint64_t selector, uint64_t parent)
{
    return hedron_status(hedron_hypercall(hedron_arg1(HEDRON_HC_CREATE_PD, 0, selector), parent,
                                          HEDRON_CRD_NULL, 0, 0));
}

/*
 * New execution context in domain `pd` on CPU `cpu`: message buffer at page `utcb`, events at selector `events` on.
 * Flags: HEDRON_CREATE_EC_GLOBAL for one that an SC runs, 0 for one that handles portals, with RSP `stack`.
 */
static inline uint64_t hedron_create_ec(uint64_t selector, uint64_t flags, uint64_t pd, uint64_t cpu,
                                        uint64_t utcb, uint64_t stack, uint64_t events)
{
    return hedron_status(hedron_hypercall(hedron_arg1(HEDRON_HC_CREATE_EC, flags, selector), pd,
                                          utcb | cpu, stack, events));
}

/* New scheduling context for the global EC `ec`: priority 1 to 127, quantum in microseconds. */
static inline uint64_t hedron_create_sc(uint64_t selector, uint64_t pd, uint64_t ec,
                                        uint64_t priority, uint64_t quantum)
{
    return hedron_status(hedron_hypercall(hedron_arg1(HEDRON_HC_CREATE_SC, 0, selector), pd, ec,
                                          quantum << HEDRON_QPD_QUANTUM_SHIFT | priority, 0));
}

/* New portal into the local EC `ec`, entered at `entry`; an event's message has the state that `mtd` names. */
static inline uint64_t hedron_create_pt(uint64_t selector, uint64_t pd, uint64_t ec, uint64_t mtd,
                                        uint64_t entry)
{
    return hedron_status(
        hedron_hypercall(hedron_arg1(HEDRON_HC_CREATE_PT, 0, selector), pd, ec, mtd, entry));
}

/* New semaphore with `count`. */
static inline uint64_t hedron_create_sm(uint64_t selector, uint64_t pd, uint64_t count)
{
    return hedron_status(
        hedron_hypercall(hedron_arg1(HEDRON_HC_CREATE_SM, 0, selector), pd, count, 0, 0));
}

/* Takes the capabilities of `range` from whom they were given to; with HEDRON_REVOKE_SELF, from the caller, too. */
static inline uint64_t hedron_revoke(uint64_t flags, uint64_t range)
{
    return hedron_status(hedron_hypercall(hedron_arg1(HEDRON_HC_REVOKE, flags, 0), range, 0, 0, 0));
}

/* Copies capabilities from domain `from` to domain `to`; both ranges are of one kind and order. */
static inline uint64_t hedron_delegate(uint64_t from, uint64_t to, uint64_t source, uint64_t target,
                                       uint64_t flags)
{
    return hedron_status(
        hedron_hypercall(hedron_arg1(HEDRON_HC_PD_CTRL, HEDRON_PD_CTRL_DELEGATE, from), to, source,
                         flags | HEDRON_XFER_DELEGATE, target));
}

/* What the caller has in `range`: a CRD in OUT2, HEDRON_CRD_NULL for nothing. */
static inline struct hedron_result hedron_lookup(uint64_t range)
{
    return hedron_hypercall(hedron_arg1(HEDRON_HC_PD_CTRL, HEDRON_PD_CTRL_LOOKUP, 0), range, 0, 0, 0);
}

/* The handler of `portal` gets `id` in RDI from now on. */
static inline uint64_t hedron_pt_ctrl(uint64_t portal, uint64_t id)
{
    return hedron_status(hedron_hypercall(hedron_arg1(HEDRON_HC_PT_CTRL, 0, portal), id, 0, 0, 0));
}

/* The EC raises its recall event before its next instruction in user mode. */
static inline uint64_t hedron_ec_recall(uint64_t ec)
{
    return hedron_status(
        hedron_hypercall(hedron_arg1(HEDRON_HC_EC_CTRL, HEDRON_EC_CTRL_RECALL, ec), 0, 0, 0, 0));
}

static inline uint64_t hedron_sm_up(uint64_t semaphore)
{
    return hedron_status(
        hedron_hypercall(hedron_arg1(HEDRON_HC_SM_CTRL, HEDRON_SM_CTRL_UP, semaphore), 0, 0, 0, 0));
}

/* Waits for the semaphore, until the time-stamp counter is at `deadline`; 0 for ever. */
static inline uint64_t hedron_sm_down(uint64_t semaphore, uint64_t deadline)
{
    return hedron_status(
        hedron_hypercall(hedron_arg1(HEDRON_HC_SM_CTRL, HEDRON_SM_CTRL_DOWN, semaphore),
                         deadline >> 32, deadline & 0xffffffff, 0, 0));
}

/* ---- Services ---- */

/* A message that is written or read: the next byte, and whether it was too long or too short. */
struct hedron_message {
    size_t at;
    int broken;
};

static inline void hedron_put(struct hedron_message *message, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (message->at == HEDRON_UTCB_BYTES) {
            message->broken = 1;
            return;
        }
        hedron_utcb()->data.bytes[message->at++] = (uint8_t)(value >> 8 * i);
    }
}

/* A length or the number of a request: seven bits a byte, the lowest first. */
static inline void hedron_put_varint(struct hedron_message *message, uint64_t value)
{
    while (value >= 128) {
        hedron_put(message, (value & 127) | 128, 1);
        value >>= 7;
    }
    hedron_put(message, value, 1);
}

static inline void hedron_put_bytes(struct hedron_message *message, const void *bytes, size_t length)
{
    hedron_put_varint(message, length);
    for (size_t i = 0; i < length; i++) {
        hedron_put(message, ((const uint8_t *)bytes)[i], 1);
    }
}

/* Sends the message to `portal`; the reply's first `bytes` bytes as a number, or -1 where there is none. */
static inline int64_t hedron_request(const struct hedron_message *message, uint64_t portal,
                                     size_t bytes)
{
    uint64_t value = 0;

    if (message->broken) {
        return -1;
    }
    hedron_utcb()->items = (uint32_t)((message->at + 7) / 8);
    if (hedron_call(portal) != HEDRON_SUCCESS) {
        return -1;
    }
    for (size_t i = 0; i < bytes; i++) {
        value |= (uint64_t)hedron_utcb()->data.bytes[i] << 8 * i;
    }
    return bytes == 4 ? (int32_t)value : (int64_t)value;
}

/* Bytes of text in one message, beside their length. */
#define HEDRON_TEXT_MAX (HEDRON_UTCB_BYTES - 8)

/* Prints through a portal, HEDRON_SEL_STDOUT or HEDRON_SEL_STDERR; text that is too long goes in pieces. 0, or -1. */
static inline int hedron_print(uint64_t portal, const char *text)
{
    for (size_t left = strlen(text); left > 0;) {
        struct hedron_message message = {0, 0};
        size_t piece = left < HEDRON_TEXT_MAX ? left : HEDRON_TEXT_MAX;

        hedron_put_bytes(&message, text, piece);
        if (hedron_request(&message, portal, 0) != 0) {
            return -1;
        }
        text += piece;
        left -= piece;
    }
    return 0;
}

/* Memory of at least `size` bytes at a multiple of `align`, a power of two; NULL when there is none. */
static inline void *hedron_allocate(uint64_t size, uint64_t align)
{
    struct hedron_message message = {0, 0};

    hedron_put_varint(&message, HEDRON_ALLOCATE_ALLOC);
    hedron_put(&message, size, 8);
    hedron_put(&message, align, 8);
    int64_t address = hedron_request(&message, HEDRON_SEL_ALLOCATE, 8);
    return address == -1 ? NULL : (void *)(uintptr_t)address;
}

/* Gives back what hedron_allocate returned for the same size and alignment. */
static inline void hedron_free(void *memory, uint64_t size, uint64_t align)
{
    struct hedron_message message = {0, 0};

    hedron_put_varint(&message, HEDRON_ALLOCATE_FREE);
    hedron_put(&message, (uintptr_t)memory, 8);
    hedron_put(&message, size, 8);
    hedron_put(&message, align, 8);
    hedron_request(&message, HEDRON_SEL_ALLOCATE, 0);
}

/* A request of the file service whose first argument is a descriptor, or a path. */
static inline struct hedron_message hedron_request_of(uint64_t request, int fd)
{
    struct hedron_message message = {0, 0};

    hedron_put_varint(&message, request);
    hedron_put(&message, (uint32_t)fd, 4);
    return message;
}

static inline struct hedron_message hedron_request_at(uint64_t request, const char *path)
{
    struct hedron_message message = {0, 0};

    hedron_put_varint(&message, request);
    hedron_put_bytes(&message, path, strlen(path));
    return message;
}

/* The file service: arguments as open(2) has them. Descriptors are those of Linux; a failure is -1, whatever it is. */
static inline int hedron_open(const char *path, uint32_t flags, uint16_t mode)
{
    struct hedron_message message = hedron_request_at(HEDRON_FILES_OPEN, path);

    hedron_put(&message, flags, 4);
    hedron_put(&message, mode, 2);
    return (int)hedron_request(&message, HEDRON_SEL_FILES, 4);
}

static inline int64_t hedron_read(int fd, void *bytes, size_t length)
{
    struct hedron_message message = hedron_request_of(HEDRON_FILES_READ, fd);

    hedron_put(&message, (uintptr_t)bytes, 8);
    hedron_put(&message, length, 8);
    return hedron_request(&message, HEDRON_SEL_FILES, 8);
}

static inline int64_t hedron_write(int fd, const void *bytes, size_t length)
{
    struct hedron_message message = hedron_request_of(HEDRON_FILES_WRITE, fd);

    hedron_put_varint(&message, HEDRON_WRITE_POINTER);
    hedron_put(&message, (uintptr_t)bytes, 8);
    hedron_put(&message, length, 8);
    return hedron_request(&message, HEDRON_SEL_FILES, 8);
}

/* Sets the position, in bytes from the file's start; the position, up to 2^31 - 1. */
static inline int hedron_seek(int fd, uint64_t position)
{
    struct hedron_message message = hedron_request_of(HEDRON_FILES_SEEK, fd);

    hedron_put(&message, position, 8);
    return (int)hedron_request(&message, HEDRON_SEL_FILES, 4);
}

static inline int hedron_close(int fd)
{
    struct hedron_message message = hedron_request_of(HEDRON_FILES_CLOSE, fd);

    return (int)hedron_request(&message, HEDRON_SEL_FILES, 4);
}

/* The requests from here on are not in the published environment. */

static inline int hedron_unlink(const char *path)
{
    struct hedron_message message = hedron_request_at(HEDRON_FILES_UNLINK, path);

    return (int)hedron_request(&message, HEDRON_SEL_FILES, 4);
}

static inline int hedron_mkdir(const char *path, uint16_t mode)
{
    struct hedron_message message = hedron_request_at(HEDRON_FILES_MAKE_DIRECTORY, path);

    hedron_put(&message, mode, 2);
    return (int)hedron_request(&message, HEDRON_SEL_FILES, 4);
}

static inline int hedron_rmdir(const char *path)
{
    struct hedron_message message = hedron_request_at(HEDRON_FILES_REMOVE_DIRECTORY, path);

    return (int)hedron_request(&message, HEDRON_SEL_FILES, 4);
}

/* Bytes `from` to `from` + `bytes` of the reply, lowest first. */
static inline uint64_t hedron_reply(size_t from, size_t bytes)
{
    uint64_t value = 0;

    for (size_t i = 0; i < bytes && from + i < HEDRON_UTCB_BYTES; i++) {
        value |= (uint64_t)hedron_utcb()->data.bytes[from + i] << 8 * i;
    }
    return value;
}

/* What the file service tells about a file; mode as stat(2) has it, time in seconds since 1970 and nanoseconds. */
struct hedron_stat {
    uint64_t inode;
    uint32_t mode, links;
    uint64_t size;
    int64_t time;
    uint32_t nanoseconds;
};

static inline int hedron_request_stat(const struct hedron_message *message, struct hedron_stat *about)
{
    if (hedron_request(message, HEDRON_SEL_FILES, 4) != 0) {
        return -1;
    }
    about->inode = hedron_reply(4, 8);
    about->mode = (uint32_t)hedron_reply(12, 4);
    about->links = (uint32_t)hedron_reply(16, 4);
    about->size = hedron_reply(20, 8);
    about->time = (int64_t)hedron_reply(28, 8);
    about->nanoseconds = (uint32_t)hedron_reply(36, 4);
    return 0;
}

static inline int hedron_stat(const char *path, struct hedron_stat *about)
{
    struct hedron_message message = hedron_request_at(HEDRON_FILES_STAT, path);

    return hedron_request_stat(&message, about);
}

static inline int hedron_fstat(int fd, struct hedron_stat *about)
{
    struct hedron_message message = hedron_request_of(HEDRON_FILES_STAT_OPEN, fd);

    return hedron_request_stat(&message, about);
}

/* An entry of a directory; type as getdents64(2) has it. */
struct hedron_entry {
    uint64_t inode;
    uint8_t type;
    char name[256];
};

/* The next entry of an open directory: 1, 0 at the end. */
static inline int hedron_read_directory(int fd, struct hedron_entry *entry)
{
    struct hedron_message message = hedron_request_of(HEDRON_FILES_READ_DIRECTORY, fd);
    int result = (int)hedron_request(&message, HEDRON_SEL_FILES, 4);
    size_t at = 13, length = 0;

    if (result != 1) {
        return result;
    }
    entry->inode = hedron_reply(4, 8);
    entry->type = (uint8_t)hedron_reply(12, 1);
    for (unsigned shift = 0; shift < 14; shift += 7) {
        uint64_t byte = hedron_reply(at++, 1);

        length |= (byte & 127) << shift;
        if (byte < 128) {
            break;
        }
    }
    if (length >= sizeof entry->name) {
        return -1;
    }
    for (size_t i = 0; i < length; i++) {
        entry->name[i] = (char)hedron_reply(at + i, 1);
    }
    entry->name[length] = '\0';
    return 1;
}

/* Calls that do nothing: what IPC costs by the way of every service, and by the shortest way. */
static inline uint64_t hedron_echo(void)
{
    hedron_utcb()->items = 0;
    return hedron_call(HEDRON_SEL_ECHO);
}

static inline uint64_t hedron_raw_echo(void)
{
    hedron_utcb()->items = 0;
    return hedron_call(HEDRON_SEL_RAW_ECHO);
}

#endif
