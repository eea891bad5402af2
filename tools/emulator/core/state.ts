// Memory layout of the CPU core: where every table and every field of the CPU state lives in the core's
// linear memory. Plain constants, so that the AssemblyScript core, the JIT and Node tools share one
// definition. The state of the CPU that executes is at STATE; the others wait in slots (see SLOTS).

// ---- Live CPU state: STATE … STATE + STATE_SIZE, addresses below 64 KiB so that micro-ops hold them in 16 bits.
export const STATE = 0x1000;
export const STATE_SIZE = 0x1000;

/** 16 general-purpose registers, 8 bytes each, in encoding order RAX RCX RDX RBX RSP RBP RSI RDI R8…R15. */
export const REGS = 0x1000;
/** Registers that instructions use by name. */
export const RAX = 0x1000;
export const RCX = 0x1008;
export const RDX = 0x1010;
export const RBX = 0x1018;
export const RSP = 0x1020;
export const RBP = 0x1028;
export const RSI = 0x1030;
export const RDI = 0x1038;
export const R11 = 0x1058;
/** Always 0: base or index of an address that has none. */
export const S_ZERO = 0x1080;
/** RIP of page offset 0 of the page that executes: RIP = RIP_BASE + page offset. */
export const S_RIP_BASE = 0x1088;
/** RIP; exact only outside blocks. */
export const S_RIP = 0x1090;
/** Lazy flags: the last result, sign-extended: ZF = (RES == 0), SF = sign(RES) ^ AUX.0, PF = parity(RES ^ AUX >> 8). */
export const S_LF_RES = 0x1098;
/** Lazy flags: bit 63 CF, bit 62 CF^OF, bit 3 AF, bits 8–15 parity delta, bit 0 sign delta. */
export const S_LF_AUX = 0x10a0;
/** EFLAGS without the six status flags, which are lazy. */
export const S_EFLAGS = 0x10a8;
/** Pending fault: 0 or FAULT_* | vector. */
export const S_FAULT = 0x10b0;
export const S_FAULT_CODE = 0x10b4;
/** STOP_* bits: leave the block after the current instruction. */
export const S_STOP = 0x10b8;
/** Nanoseconds left in this slice (signed); blocks subtract one for each instruction when they end. */
export const S_BUDGET = 0x10bc;
/** Part of the budget set aside by an event that wants the CPU to leave its blocks early. */
export const S_RESERVE = 0x10c0;
/** Address of the TLB set in use. */
export const S_TLB = 0x10c4;
/** Block key of the current mode, see KEY_*. */
export const S_KEY = 0x10c8;
export const S_CPL = 0x10cc;
/** Number of this CPU. */
export const S_CPU = 0x10d0;
/** Activity: ACTIVE, HALTED, WAIT_SIPI, SHUTDOWN. */
export const S_ACTIVITY = 0x10d4;
/** Events that outer loop looks at: EVENT_* bits. */
export const S_EVENTS = 0x10d8;
/** Interrupts are held back for one instruction: 0, SHADOW_STI, SHADOW_SS. */
export const S_SHADOW = 0x10dc;
export const S_NMI_BLOCKED = 0x10e0;
/** Index of the instruction in its block while an imported function is called. */
export const S_INSN_INDEX = 0x10e4;
/** Debug conditions that trap after the current instruction (DR6 bits). */
export const S_TRAP = 0x10e8;
/** Part of the budget set aside because decoded code was dropped: the CPU goes on where it left its block. */
export const S_HELD = 0x10ec;
/** A repeated string instruction has been left between two iterations. */
export const S_REPEAT = 0x10f8;
/** Blocks execute, so that S_BUDGET alone does not tell the time: devices are accessed in a second attempt. */
export const S_COARSE = 0x10fc;
/** The micro-op that asks for its second attempt. */
export const S_AGAIN = 0x1138;
/** Nanoseconds of this slice that are not instructions, see guest/processor/latency.ts. */
export const S_CHARGED = 0x113c;
/** Linear address mask: 0xFFFFFFFF outside 64-bit mode. */
export const S_LIN_MASK = 0x10f0;
export const S_CR0 = 0x1100;
export const S_CR2 = 0x1108;
export const S_CR3 = 0x1110;
export const S_CR4 = 0x1118;
export const S_CR8 = 0x1120;
export const S_EFER = 0x1128;
export const S_XCR0 = 0x1130;
export const S_DR = 0x1140;
export const S_GDT_BASE = 0x1180;
export const S_GDT_LIMIT = 0x1188;
export const S_IDT_BASE = 0x1190;
export const S_IDT_LIMIT = 0x1198;

/** Linear address of the last access that wraps around at 4 GiB, see guest/memory/access.ts. */
export const S_WRAPPING = 0x11a0;

/** Segment registers: ES CS SS DS FS GS LDTR TR, SEG_STRIDE bytes each. */
export const S_SEG = 0x1200;
export const SEG_STRIDE = 24;
export const SEG_BASE = 0;
export const SEG_LIMIT = 8;
export const SEG_SELECTOR = 12;
/** Descriptor bits 8–23 of the upper half without the limit: type 0–3, S 4, DPL 5–6, P 7, AVL 12, L 13, D/B 14, G 15. */
export const SEG_ATTR = 16;
export const SEG_VALID = 20;

export const S_STAR = 0x12c0;
export const S_LSTAR = 0x12c8;
export const S_CSTAR = 0x12d0;
export const S_SFMASK = 0x12d8;
export const S_KERNEL_GS = 0x12e0;
export const S_SYSENTER_CS = 0x12e8;
export const S_SYSENTER_ESP = 0x12f0;
export const S_SYSENTER_EIP = 0x12f8;
export const S_TSC_AUX = 0x1300;
export const S_TSC_OFFSET = 0x1308;
export const S_PAT = 0x1310;
export const S_APIC_BASE = 0x1318;
export const S_MISC_ENABLE = 0x1320;
export const S_MTRR_DEF = 0x1328;
export const S_DEBUGCTL = 0x1330;
export const S_PDPTE = 0x1340;
/** PKRU, u32: rights of the protection keys of user pages, access-disable and write-disable bits of 16 keys. */
export const S_PKRU = 0x1360;
/** IA32_PKRS, u64: the same for the keys of supervisor pages. */
export const S_PKRS = 0x1368;
export const S_MTRR_FIX = 0x1380;
export const S_MTRR_VAR = 0x1400;
export const S_UCODE = 0x14f0;
export const S_FEATURE_CONTROL = 0x14f8;
/** MISC_FEATURES_ENABLES: bit 0, CPUID faults outside ring 0. */
export const S_MISC_FEATURES = 0x1338;

/** x87: 8 physical registers, 16 bytes each (64-bit significand, 16-bit sign and exponent). */
export const S_FPR = 0x1500;
export const S_FCW = 0x1580;
export const S_FSW = 0x1584;
export const S_FTOP = 0x1588;
/** Abridged tag: bit n set if physical register n is in use. */
export const S_FTAG = 0x158c;
export const S_FOP = 0x1590;
export const S_FIP = 0x1598;
export const S_FDP = 0x15a0;
export const S_FCS = 0x15a8;
export const S_FDS = 0x15ac;
export const S_MXCSR = 0x15b0;
/** MONITOR: armed linear address. */
export const S_MONITOR = 0x15b8;

/** YMM0…15, 32 bytes each; the lower half is XMM. */
export const S_YMM = 0x1600;

// ---- What compiled regions have found in the TLB; no state
/**
 * The page last accessed by each general-purpose register, and without one, and the last one that was looked up for
 * code, NEAR_PAGE_SIZE bytes each: what a TLB set has for reads and for writes, or for fetches. There are two banks of
 * them, the second one for CPL 3, so that a system call and its return find both as they have left them. Whoever changes
 * a TLB entry forgets all, whoever takes another set for a CPL forgets those of that bank (guest/memory/tlb.ts).
 */
export const NEAR_PAGES = 0x4000;
export const NEAR_BANKS = 2;
export const NEAR_BANK_SIZE = 0x300;
export const NEAR_PAGE_SIZE = 40;
/**
 * u64: linear address of the page; u32: what its TLB entry has, the addend or the code map; u64 each: offsets below it may
 * be accessed with up to 4, 8 and 16 bytes, 0 = none. Fetches use the first one.
 */
export const NEAR_LINEAR = 0;
export const NEAR_FOUND = 8;
export const NEAR_LIMIT = 16;
/** Of a bank, u32 each: bit n is set if page n is there; the TLB set that its pages are of. */
export const NEAR_THERE = 0x2d0;
export const NEAR_SET = 0x2d4;

/** u32: scratch of a region, which has a sum computed ahead of a loop by storing and loading it. */
export const PINNED = 0x4600;

// ---- State of the machine, besides that of its CPUs
export const MACHINE = 0x2f00;
export const MACHINE_SIZE = 0x80;
/** f64: virtual time up to which every CPU has run, ns. */
export const M_CLOCK = 0x2f00;
/** f64: latest moment that any CPU has reached. */
export const M_LATEST = 0x2f08;
/** f64: latest moment that a device has been shown. */
export const M_SHOWN = 0x2f10;
/** f64: instructions of all CPUs. */
export const M_RETIRED = 0x2f18;
/** f64: end of the round in progress. */
export const M_ROUND_END = 0x2f20;
/** i32: first CPU of the next round, when the last one was cut short. */
export const M_NEXT_CPU = 0x2f28;
/** u64: latest time that a CPU has read as its TSC, without the CPU's offset. */
export const M_TSC = 0x2f30;
/** u64: AND mask of physical addresses, for the A20 gate. */
export const M_A20 = 0x2f38;
/** u64: generator behind RDRAND and RDSEED. */
export const M_RANDOM = 0x2f40;

/** u64: instructions that compiled regions have executed; for measurements, no state. */
export const TIER_RETIRED = 0x2fc0;
/** u64: how often compiled regions have been entered; likewise. */
export const TIER_ENTRIES = 0x2fc8;
/** u32: how often all decoded code has been dropped. What is known about blocks is valid within one generation. */
export const CODE_GENERATION = 0x2fd0;

/** Debugger: up to 256 breakpoint addresses, 8 bytes each; up to 8 watchpoints, 16 bytes each. */
export const DEBUG_BREAKPOINTS = 0x3000;
export const DEBUG_WATCHPOINTS = 0x3800;

/** Scratch operands of vector instructions, 64 bytes each. */
export const S_TMP0 = 0x1800;
export const S_TMP1 = 0x1840;
export const S_TMP2 = 0x1880;

/** IA32_MCi_CTL, STATUS, ADDR, MISC of the nine machine-check banks. */
export const S_MCI = 0x1900;

// ---- Values of fields
export const ACTIVE = 0;
export const HALTED = 1;
export const WAIT_SIPI = 2;
export const SHUTDOWN = 3;

export const SHADOW_STI = 1;
export const SHADOW_SS = 2;

export const EVENT_INIT = 1;
export const EVENT_SIPI = 2;
export const EVENT_NMI = 4;

/** S_FAULT: a vector is pending. */
export const FAULT_SET = 0x100;
/** S_FAULT: the exception has an error code. */
export const FAULT_ERROR = 0x200;
/** S_FAULT: the instruction is not implemented (ends the run). */
export const FAULT_UNIMPLEMENTED = 0x400;
/** S_FAULT: the instruction accesses a device and is attempted again at its exact time (S_AGAIN). */
export const FAULT_AGAIN = 0x800;

/** S_STOP: the run ends. */
export const STOP_RUN = 1;
/** S_STOP: decoded code has been dropped. */
export const STOP_CODE = 2;
/** S_STOP: the block has been left in its middle for that reason alone. */
export const STOP_MIDDLE = 4;

/** Block key: code size 0 = 16, 1 = 32, 2 = 64 bits. */
export const KEY_SIZE = 3;
/** DS, ES and SS are flat, writable 4 GiB segments (or 64-bit mode): no segment checks. */
export const KEY_FLAT = 4;
/** SS.B: 32-bit stack pointer. */
export const KEY_STACK32 = 8;
/** One instruction per block: single step, interrupt shadow. */
export const KEY_SINGLE = 16;

// ---- Software TLB: per CPU three sets (0 supervisor, 1 user, 2 supervisor with EFLAGS.AC) of TLB_ENTRIES.
export const TLB_INDEX_BITS = 14;
export const TLB_ENTRIES = 1 << TLB_INDEX_BITS;
/** Distance of an entry's fields from those of the next one: each kind of field is an array by itself. */
export const TLB_ENTRY_SIZE = 8;
/** Bits of an entry's offset that are hashed with higher ones of the page number: all but the lowest. */
export const TLB_HASHED = (TLB_ENTRIES - 2) * TLB_ENTRY_SIZE;
/** Distance of the arrays: not a power of two, so that one entry's fields share no set of the host's caches. */
const TLB_ARRAY_SIZE = TLB_ENTRIES * TLB_ENTRY_SIZE + 0x440;
/** Fields of an entry: linear page for reads, writes, fetches (u64; 1 = none), u32 host address minus linear address, u32 code map. */
export const TLB_READ = 0;
export const TLB_WRITE = TLB_ARRAY_SIZE;
export const TLB_EXEC = 2 * TLB_ARRAY_SIZE;
export const TLB_ADDEND = 3 * TLB_ARRAY_SIZE;
export const TLB_CODEMAP = TLB_ADDEND + 4;
export const TLB_SET_SIZE = 4 * TLB_ARRAY_SIZE;
export const TLB_SETS = 3;
export const TLB_CPU_SIZE = TLB_SETS * TLB_SET_SIZE;

// ---- Micro-op record: OP_SIZE bytes; guest/op/op.ts gives the fields their types, `call_indirect(OP_HANDLER)` runs one.
/** u32: table index of the handler. */
export const OP_HANDLER = 0;
/** u16: address of the register operand that is written (or the reg field's register). */
export const OP_DST = 4;
/** u16: address of the other register operand (or the r/m field's register). */
export const OP_SRC = 6;
/** Effective address: [base] + ([index] << scale) + disp; u16, u16 addresses of registers, u8. */
export const OP_BASE = 8;
export const OP_INDEX = 10;
export const OP_SCALE = 12;
/** u8: EA_* bits of guest/op/op.ts. */
export const OP_EA = 13;
/** u16: bits 0–11 page offset of the instruction, bits 12–15 its length. */
export const OP_OFFSET = 14;
/** i64: displacement, or page-relative branch target. */
export const OP_DISP = 16;
/** i64: immediate, or for branches two links, u32 each: taken, not taken. */
export const OP_IMM = 24;
/** u16: instructions before this one in the block. */
export const OP_COUNT = 32;
/** u8: sub-operation: opcode byte, condition code. */
export const OP_SUB = 34;
/** u8: operand size in bytes (2, 4, 8), where the handler does not imply it. */
export const OP_WIDTH = 35;
/** u32: more of the opcode. */
export const OP_AUX = 36;
export const OP_SIZE = 40;
/**
 * Block header before the first op: u32 key, u32 address of the first op of an instruction, u32 address behind the last
 * op, u32 number of the compiled region that the block is an entry of, or 0.
 */
export const BLOCK_HEADER = 16;
export const BLOCK_KEY = 0;
export const BLOCK_FIRST = 4;
export const BLOCK_END = 8;
export const BLOCK_REGION = 12;
/** Heat record, u32 each: entries left until it is hot, or failures of what its region assumes; page frame; page offset. */
export const HEAT_LEFT = OP_AUX;
export const HEAT_FRAME = OP_DISP;
export const HEAT_OFFSET = OP_DISP + 4;
/** Heat record whose handler is a region's, u32: which of the region's entries the block is. */
export const HEAT_ENTRY = OP_IMM;

// ---- Big tables
/** Saved states of the CPUs that do not execute. */
export const SLOTS = 0x100000;
/** Local APIC state, APIC_STRIDE bytes per CPU. */
export const APICS = 0x140000;
export const APIC_STRIDE = 0x400;
/** Registers of it, u32: task priority bits 3:0 (the rest is CR8), and the local vector table with six entries. */
export const APIC_ID = 0;
export const APIC_LDR = 4;
export const APIC_DFR = 8;
export const APIC_SVR = 12;
export const APIC_ICR_LOW = 16;
export const APIC_ICR_HIGH = 20;
export const APIC_LVT = 24;
export const APIC_ESR = 52;
export const APIC_DIVIDE = 60;
export const APIC_INITIAL = 64;
/** Virtual time (f64) at which the timer fires, or Infinity. */
export const APIC_EXPIRY = 72;
/** A bit for each vector, 8 × u32: in service, level triggered, requested. */
export const APIC_BITS_ISR = 96;
export const APIC_BITS_TMR = 128;
export const APIC_BITS_IRR = 160;
export const APIC_TPR_LOW = 208;
/** Entries of the local vector table. */
export const LVT_LINT0 = 3;
export const LVT_LINT1 = 4;
/** One-instruction block for code that cannot be cached. */
export const SCRATCH_BLOCK = 0x150000;
/** Instruction bytes that cross a page. */
export const FETCH_BUFFER = 0x151000;
/** Registers before iterations of a loop are skipped, see guest/op/wait.ts. */
export const WAIT_SAVED = 0x152000;
/** Per page of video memory, u8: whether it was written since the platform looked, see guest/memory/video_memory.ts. */
export const VIDEO_WRITTEN = 0x153000;
/** TLB entries filled since the last flush, per CPU: u32 count, then addresses. */
export const TLB_LOGS = 0x160000;
export const TLB_LOG_STRIDE = 0x10000;
/** Addresses that a log has room for; a greater count says that it has overflowed. */
export const TLB_LOG_LENGTH = 16383;
/**
 * Linear addresses that large pages have brought into the TLB since the last flush, per CPU: a bit for each 4 MiB of
 * address bits 33:22, then one for each GiB of bits 35:30, which pages of 1 GiB set.
 */
export const LARGE_PAGES = 0x360000;
export const LARGE_PAGES_GIB = 512;
export const LARGE_PAGES_SIZE = 520;
/**
 * Numbers of page frames in the tables below: those of the physical address space below 4 GiB, and from HIGH_FRAME on those
 * of the pages of higher RAM that are in the core's memory (guest/memory/high_memory.ts), HIGH_FRAMES at most.
 */
export const HIGH_FRAME = 0x100000;
/** As many as may stay there, 1 GiB, and room for what an instruction accesses until some have been put out. */
export const MAX_RESIDENT = 0x40000;
export const RESIDENT_ROOM = 0x400;
export const HIGH_FRAMES = MAX_RESIDENT + RESIDENT_ROOM;
const FRAMES = HIGH_FRAME + HIGH_FRAMES;
/** Per page frame, u32: host address of the page | kind. */
export const PAGE_HOST = 0x400000;
/** Per page frame, u32: address of its code map (u32 per byte of the page: block or 0), or 0. */
export const PAGE_CODEMAP = PAGE_HOST + 4 * FRAMES;
/** Per page frame, u64: bit n = bytes 64n … 64n+63 hold decoded instructions. */
export const PAGE_CODEBITS = PAGE_CODEMAP + 4 * FRAMES;
/** Per page of higher RAM in the core's memory, u32: its number from 4 GiB on + 1, or 0. */
export const HIGH_OWNERS = PAGE_CODEBITS + 8 * FRAMES;
/** Likewise, u8: accessed since it was last considered for being put out. */
export const HIGH_ACCESSED = HIGH_OWNERS + 4 * HIGH_FRAMES;
/** Likewise, u32: the places that are free again, the last one first. */
export const HIGH_FREE = HIGH_ACCESSED + HIGH_FRAMES;
/** The sets of all CPUs, and behind them one that stays empty: for rare checks on every access. */
export const TLBS = 0x1b10000;
/**
 * Decoded blocks and code maps: u32 per byte of the page, and behind them the number of regions compiled from it, and
 * whether no TLB has a write tag for the page.
 */
export const MAP_REGIONS = 0x4000;
export const MAP_WATCHED = 0x4004;
export const MAP_SIZE = 0x4010;
export const ARENA = 0x4d00000;
export const ARENA_END = 0x9d00000;
/** Guest RAM; behind it video memory, if there is any. */
export const RAM_BASE = ARENA_END;
