// What the compiled kernel and its assembly stubs have to agree on: physical memory map, selectors,
// vectors, offsets in the EC's register frame and in the per-CPU area. Constants only, so that the
// guest, kernel/asm and Node tests can all import it. The public interface is in abi.ts.

// --- Physical memory, bytes. The kernel owns its image, [KERNEL_START, KERNEL_POOL), and its pool (pool.ts) ---
/** Multiboot header, 32-bit entry, boot page tables; identity-mapped addresses. */
export const KERNEL_START = 0x10_0000;
/** Code: one 2 MiB page, the only one that is executable, mapped read-only. */
export const KERNEL_TEXT = 0x20_0000;
/** Constants: one 2 MiB page, mapped read-only. */
export const KERNEL_RODATA = 0x40_0000;
/** Globals and boot stack, placed by the linker. */
export const KERNEL_DATA = 0x60_0000;
/** Static data of the wasm module: asc's memoryBase. */
export const KERNEL_MEMORY_BASE = 0x68_0000;
/** The image's end. What else the kernel needs, pages and objects, it takes from free memory: right here if it can. */
export const KERNEL_POOL = 0x70_0000;
/** Where the pool ends then: this is how much it takes where there is enough. */
export const KERNEL_END = 0x400_0000;
/** What a pool must have for a system of some programs. */
export const POOL_MIN = 0x20_0000;
/** Where the local APIC has to be in xAPIC mode: the TLB stub ends its interrupt without asking. */
export const LAPIC_BASE = 0xfee0_0000;
export const LAPIC_EOI = 0xb0;
/** Where application processors start in real mode; saved and restored around their start. */
export const AP_START = 0x1000;
export const AP_START_SIZE = 0x200;
export const KERNEL_STACK_SIZE = 0x4000;

// --- Virtual memory ---
/** Width of user addresses: with four-level paging the lower half is below 2^47. */
export const USER_BITS = 47;

// --- Segment selectors ---
export const SEL_KERN_CODE = 0x8;
export const SEL_KERN_DATA = 0x10;
export const SEL_USER_CODE = 0x1b;
export const SEL_USER_DATA = 0x23;
/** What SYSRET loads: STAR[63:48] + 16. */
export const SEL_USER_CODE_L = 0x2b;
export const SEL_TSS = 0x30;
export const GDT_SIZE = 0x50;

// --- Interrupt vectors ---
export const VEC_GSI = 32;
export const VEC_LVT_TIMER = 224;
export const VEC_LVT_ERROR = 227;
/** Another CPU has put something into this CPU's ready queue or recalls the current EC. */
export const VEC_IPI_RRQ = 231;
/** Drop all translations; answered by the stub alone, without the kernel lock. */
export const VEC_IPI_TLB = 232;
export const VEC_SPURIOUS = 255;
export const IST_NMI = 1;
export const IST_DF = 2;
export const IST_MC = 3;
/** Bytes between the interrupt entry stubs of two consecutive vectors. */
export const ISR_STRIDE = 16;

// --- TSS (Intel SDM vol. 3A, 8.7) ---
export const TSS_RSP0 = 0x4;
export const TSS_IST1 = 0x24;
export const TSS_IOMAP_BASE = 0x66;
export const TSS_IOMAP = 0x68;
export const IOMAP_BYTES = 0x2000;
/** An I/O map base beyond the segment limit: every port is denied. */
export const IOMAP_NONE = 0xffff;

// --- Register frame in the EC, offsets from the EC; the entry stubs push it, the exits pop it ---
export const EC_REGS = 0x38;
export const FRAME_R11 = 0x20;
export const FRAME_CR2 = 0x58;
export const FRAME_VEC = 0x80;
export const FRAME_ERR = 0x88;
export const FRAME_RIP = 0x90;
export const FRAME_CS = 0x98;
export const FRAME_RFLAGS = 0xa0;
export const FRAME_RSP = 0xa8;
export const FRAME_SS = 0xb0;
export const FRAME_SIZE = 0xb8;

// --- What else of the EC the stub of SYSCALL reads ---
/** Where system calls of a foreign EC enter user mode, 0 for messages; bytes of code there; RSP. */
export const EC_ENTRY = 0x100;
export const EC_ENTRY_BYTES = 0x108;
export const EC_ENTRY_STACK = 0x110;
/** Window address of its UTCB. */
export const EC_UTCB = 0x118;

// --- Per-CPU area, reached through GS ---
/** Window address of the area itself. */
export const CPU_SELF = 0x00;
/** Virtual address at which the kernel stack starts, just below its end. */
export const CPU_STACK = 0x08;
/** Virtual address of the current EC. */
export const CPU_EC = 0x10;
/** 64 bits, not 0: one of the two that follow is not. */
export const CPU_ATTENTION = 0x18;
/** Hazards of the CPU, 32 bits. */
export const CPU_HAZARD = 0x18;
/** The current domain is foreign, 32 bits. */
export const CPU_FOREIGN = 0x1c;
/** RFLAGS of the last SYSCALL, as long as the kernel has not been left. */
export const CPU_SCRATCH = 0x20;
/** Not 0: this CPU has to reload CR3; it writes 0 when it has. */
export const CPU_TLB_REQUEST = 0x28;

// --- What the entries return: how the stub is to leave the kernel ---
/** Load the registers of the current EC's frame. */
export const EXIT_SYSRET = 0;
export const EXIT_IRET = 1;
/** No exit: the main loop (run.ts) goes on. */
export const STAY = -1;

// --- What a hypercall that cannot switch to another EC returns (fastpath.ts) ---
/** Done with status SUCCESS; the EC's registers are as they were. */
export const FAST_DONE = 0;
/** Nothing has happened: `on_syscall` has to do it. */
export const FAST_NOT = 1;
