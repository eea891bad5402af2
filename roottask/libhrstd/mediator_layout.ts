// Where the mediator and the vDSO lie in a Linux program's address space, and what the two sides of each page agree
// on. Constants alone: guest code of the program's side and of the roottask, the assembler and tests import them. All
// addresses are between the UTCBs of further threads and the stack (libroottask/thread.ts, libhrstd/layout.ts).

/** All of it, and the UTCBs of further threads, is between these. */
export const OTHER_PAGES = 0x7fff_f400_0000;
export const OTHER_PAGES_END = 0x7fff_f600_0000;

/** UTCB of the first thread, and what lies behind it. */
export const FIRST_UTCB = 0x7fff_ffff_e000;

/** Read-only page with what the vDSO computes from; the same for all programs. */
export const TIME_PAGE = 0x7fff_f480_0000;
/** TSC ticks per second, TSC at the roottask's start, seconds since 1970 then, number of processors: u64 each. */
export const TIME_HERTZ = 0;
export const TIME_ORIGIN = 8;
export const TIME_EPOCH = 16;
export const TIME_PROCESSORS = 24;
/** Nanoseconds by which CLOCK_MONOTONIC and CLOCK_BOOTTIME are ahead (time_namespaces(7)). */
export const TIME_MONOTONIC = 32;
export const TIME_SINCE_BOOT = 40;

/** The vDSO: an ELF image of the program's own, which it may unmap as on Linux. */
export const VDSO = 0x7fff_f481_0000;

/** The mediator's code, the same pages for all programs. Its first byte is the entry. */
export const MEDIATOR = 0x7fff_f482_0000;
/** Address space kept for it. */
export const MEDIATOR_BYTES = 0x1_0000;

/** Code that saves and restores extended state around signal handlers (asm/signals.ts), the same page for all programs. */
export const SIGNAL_PAGE = 0x7fff_f483_0000;

/** A page per thread slot, from slot 0 on: the program may write to it, and what it writes concerns it alone. */
export const MEDIATOR_PAGES = 0x7fff_f500_0000;
/** u32: process id and thread id. */
export const PAGE_PROCESS = 0;
export const PAGE_THREAD = 4;
/** u32: calls answered here. */
export const PAGE_CALLS = 8;
/** u32: random bytes that have not been handed out, from the beginning of those below. */
export const PAGE_RANDOM_LEFT = 12;
/** Compare-and-exchange that makes a call's effect: address, value before, value after; u64 each. */
export const PAGE_COMMIT = 16;
/** u32: real and effective user, real and effective group. */
export const PAGE_USER = 0x28;
export const PAGE_EFFECTIVE_USER = 0x2c;
export const PAGE_GROUP = 0x30;
export const PAGE_EFFECTIVE_GROUP = 0x34;
/** u32: the processor that the thread runs on. */
export const PAGE_PROCESSOR = 0x38;
/** State of the thread's ChaCha20, bytes it has made, and room for a block in work, which the stack follows. */
export const PAGE_RANDOM = 0x40;
export const PAGE_RANDOM_BYTES = 0x80;
export const RANDOM_BYTES = 0x200;
export const PAGE_RANDOM_WORK = 0x280;

// --- Windows on files that the mediator reads (libroottask/shared_files.ts) ---
/** Address space for them: the largest file that gets one and a large page each. Programs map memory below. */
export const FILE_WINDOWS = 0x7ffe_f000_0000;
export const WINDOW_BYTES = 0x2000_0000;
export const WINDOWS = 8;
/** Read-only page with an entry per descriptor, for those below FILE_ENTRIES. */
export const FILE_ENTRIES_PAGE = 0x7fff_f484_0000;
export const FILE_ENTRIES = 128;
export const FILE_ENTRY_BYTES = 32;
/** u64: address of the file's first byte; u32: its size, and the number of the window; u64: address of the word, or 0. */
export const FILE_WINDOW = 0;
export const FILE_SIZE = 8;
export const FILE_NUMBER = 12;
export const FILE_WORD = 16;
/** Page the program may write to, with a word per window: its number in the upper half, the position in the lower. */
export const FILE_WORDS_PAGE = 0x7fff_f484_1000;
/** Behind the words, u32: threads of the program, and how many of them wait for a futex. */
export const WORD_THREADS = 0x800;
export const WORD_WAITERS = 0x804;
/**
 * u64 each, of memory that the mediator may hand out by itself: the program's break, and the end of what is there for
 * mmap(2); in the bits above, how many pages are left above the one and below the other. 0 where the roottask has to be
 * asked.
 */
export const WORD_BREAK = 0x808;
export const WORD_POOL = 0x810;
export const WORD_ADDRESS_BITS = 47;
export const WORD_PAGES_MAX = 0x1_ffff;

// --- The frame of a call, at the end of the page; registers are in the order of a UTCB ---
export const FRAME_BYTES = 0x90;
export const FRAME_NUMBER = 0x00;
/** Address behind the SYSCALL. */
export const FRAME_RIP = 0x08;
export const FRAME_RDX = 0x10;
export const FRAME_RSP = 0x20;
export const FRAME_RSI = 0x30;
export const FRAME_RDI = 0x38;
export const FRAME_R8 = 0x40;
export const FRAME_R9 = 0x48;
export const FRAME_R10 = 0x50;
/** What the call returns, once it has been answered. */
export const FRAME_RESULT = 0x80;
export const FRAME_RFLAGS = 0x88;

// --- What the code answers to its stub ---
/** The roottask has to do it. */
export const FORWARD = 0;
/** The result is in the frame, and the call has no effect but what is in the program's memory. */
export const ANSWERED = 1;
/** The same once the compare-and-exchange of the page succeeds. */
export const COMMIT = 2;

// --- The image as the roottask carries it: u32 words, then code ---
/** Bytes of code. */
export const IMAGE_SIZE = 0;
/** Offsets in the code: registers are in the frame from here on; behind the compare-and-exchange; */
export const IMAGE_SAVED = 4;
export const IMAGE_COMMITTED = 8;
/** the way back to the program, up to the way to the roottask; behind the SYSCALL that calls it. */
export const IMAGE_EXIT = 12;
export const IMAGE_FORWARD = 16;
export const IMAGE_FORWARDED = 20;
export const IMAGE_CODE = 32;
