// The kernel's interface as numbers: hypercalls, status codes, capability range descriptors, message
// transfer bits, UTCB and HIP layouts. They are those of Hedron API version 5004 as extended for foreign
// system calls, by their published names (doc/kernel-interface.md, include/{crd,mtd,syscall,utcb,hip}.hpp).
// Constants only: both rooms of guest code, their stubs and Node tests all import this file.

// --- API version and limits ---
export const API_VERSION = 5004;
export const NUM_CPU = 64;
export const NUM_IOAPIC = 9;
export const NUM_EXC = 32;
export const NUM_VMI = 256;
export const NUM_GSI = 192;
export const NUM_PRIORITIES = 128;
/** Object capability selectors per protection domain. */
export const NUM_SELECTORS = 0x400_0000;
export const NUM_PORTS = 0x1_0000;
export const PAGE_BITS = 12;
export const PAGE_SIZE = 0x1000;

// --- Position of flags (four bits) and selector in ARG1 ---
export const ARG1_FLAGS_SHIFT = 8;
export const ARG1_SELECTOR_SHIFT = 12;

// --- Hypercall numbers, ARG1[7:0] ---
export const HC_CALL = 0;
export const HC_REPLY = 1;
export const HC_CREATE_PD = 2;
export const HC_CREATE_EC = 3;
export const HC_CREATE_SC = 4;
export const HC_CREATE_PT = 5;
export const HC_CREATE_SM = 6;
export const HC_REVOKE = 7;
export const HC_PD_CTRL = 8;
export const HC_EC_CTRL = 9;
export const HC_SC_CTRL = 10;
export const HC_PT_CTRL = 11;
export const HC_SM_CTRL = 12;
export const HC_ASSIGN_PCI = 13;
export const HC_ASSIGN_GSI = 14;
export const HC_MACHINE_CTRL = 15;

// --- Flags and operations, ARG1[11:8] ---
export const CALL_NONBLOCKING = 1;
export const CREATE_PD_PASSTHROUGH = 1;
export const CREATE_EC_GLOBAL = 1;
export const CREATE_EC_VCPU = 2;
/** The UTCB is mapped into the caller's domain instead of the EC's. */
export const CREATE_EC_UTCB_IN_CALLER = 8;
export const REVOKE_SELF = 1;
export const REVOKE_REMOTE = 2;
export const PD_CTRL_LOOKUP = 0;
export const PD_CTRL_MAP_ACCESS_PAGE = 1;
export const PD_CTRL_DELEGATE = 2;
export const PD_CTRL_MSR_ACCESS = 3;
export const MSR_ACCESS_WRITE = 4;
export const EC_CTRL_RECALL = 0;
/** Not in the reference, which answers BAD_PAR: where foreign system calls of the EC enter user mode. */
export const EC_CTRL_ENTRY = 1;
/** Nor is this: the EC gets the floating-point and vector state of another one. */
export const EC_CTRL_STATE = 2;
export const MACHINE_CTRL_SUSPEND = 0;
export const MACHINE_CTRL_UPDATE_MICROCODE = 1;
export const SM_CTRL_UP = 0;
export const SM_CTRL_DOWN = 1;
export const SM_CTRL_ZERO = 2;
export const ASSIGN_GSI_RECONFIGURE = 1;

// --- Arguments: ARG4 of create_pd (foreign, base of its portals), ARG4 of create_sc (priority, quantum) ---
export const CREATE_PD_FOREIGN = 1;
export const CREATE_PD_PORTALS_SHIFT = 1;
export const QPD_QUANTUM_SHIFT = 12;
/** ARG2 of ec_ctrl entry: pages of the region, below its address. */
export const ENTRY_PAGES_MASK = 0xfff;

// --- Hypercall status, OUT1[7:0] ---
export const STATUS_MASK = 0xff;
export const SUCCESS = 0;
export const TIMEOUT = 1;
export const ABORT = 2;
export const BAD_HYP = 3;
export const BAD_CAP = 4;
export const BAD_PAR = 5;
export const BAD_FTR = 6;
export const BAD_CPU = 7;
export const BAD_DEV = 8;

// --- Capability range descriptor: kind 1:0, permissions 6:2, order 11:7, base 63:12 ---
export const CRD_NULL = 0;
export const CRD_MEM = 1;
export const CRD_PIO = 2;
export const CRD_OBJ = 3;
export const CRD_PERM_SHIFT = 2;
export const CRD_ORDER_SHIFT = 7;
export const CRD_BASE_SHIFT = 12;
/** Largest value of an order or of permissions. */
export const CRD_ORDER_MAX = 0x1f;
export const PERM_ALL = 0x1f;

// --- Typed items: bits of the second word ---
export const XFER_TRANSLATE = 0;
export const XFER_DELEGATE = 1;
export const XFER_TRANS_DELEGATE = 2;
export const XFER_FROM_KERNEL = 0x800;
/** Subspaces after bit 8 has been inverted. */
export const SUBSPACE_HOST = 1;

// --- Permissions ---
export const MEM_R = 1;
export const MEM_W = 2;
export const MEM_X = 4;
export const PERM_PD_CREATE = 1;
export const PERM_EC_CTRL = 1;
export const PERM_EC_CREATE_SC = 4;
export const PERM_EC_CREATE_PT = 8;
export const PERM_EC_ALL = 13;
export const PERM_SC_CTRL = 1;
export const PERM_PT_CTRL = 1;
export const PERM_PT_CALL = 2;
export const PERM_SM_UP = 1;
export const PERM_SM_DOWN = 2;

// --- Exceptions, which are events by their vector (Intel SDM vol. 3A, table 6-1) ---
export const EXC_DE = 0;
export const EXC_DB = 1;
export const EXC_NMI = 2;
export const EXC_BP = 3;
export const EXC_OF = 4;
export const EXC_BR = 5;
export const EXC_UD = 6;
export const EXC_NM = 7;
export const EXC_DF = 8;
export const EXC_TS = 10;
export const EXC_NP = 11;
export const EXC_SS = 12;
export const EXC_GP = 13;
export const EXC_PF = 14;
export const EXC_MF = 16;
export const EXC_AC = 17;
export const EXC_MC = 18;
export const EXC_XM = 19;

// --- Events that are not exceptions ---
export const EVENT_STARTUP = 30;
export const EVENT_RECALL = 31;

// --- User address space and the roottask's start ---
/** First address that user mappings cannot have: one page below the canonical boundary. */
export const USER_ADDR = 0x7fff_ffff_f000;
export const ROOT_SEL_PD = 32;
export const ROOT_SEL_EC = 33;
export const ROOT_SEL_SC = 34;
export const ROOT_PRIORITY = 1;
/** Microseconds. */
export const ROOT_QUANTUM = 10000;

// --- UTCB ---
export const UTCB_FLAGS = 0x0;
/** Low half: untyped words, high half: typed items. */
export const UTCB_ITEMS = 0x4;
export const UTCB_XLT = 0x8;
export const UTCB_DEL = 0x10;
export const UTCB_TLS = 0x18;
export const UTCB_DATA = 0x20;
export const UTCB_MTD = 0x20;
export const UTCB_RIP = 0x30;
export const UTCB_RFLAGS = 0x38;
export const UTCB_RAX = 0x58;
export const UTCB_RCX = 0x60;
export const UTCB_RDX = 0x68;
export const UTCB_RBX = 0x70;
export const UTCB_RSP = 0x78;
export const UTCB_RBP = 0x80;
export const UTCB_RSI = 0x88;
export const UTCB_RDI = 0x90;
export const UTCB_R8 = 0x98;
export const UTCB_R15 = 0xd0;
export const UTCB_QUAL = 0xd8;
export const UTCB_FS_BASE = 0x1d8;
export const UTCB_GS_BASE = 0x1e8;
/** Words of architectural state, the item count of an exception message. */
export const UTCB_STATE_WORDS = 79;
/** Message words in a UTCB, and their bytes. */
export const UTCB_WORDS = 508;
export const UTCB_BYTES = UTCB_WORDS * 8;
/** The first typed item; the others follow downwards. */
export const UTCB_XFER = 0xff0;
/** UTCB flag: the next system call of a foreign program is a hypercall. */
export const UTCB_NSCT = 1;

// --- Message transfer descriptor bits ---
export const MTD_GPR_ACDB = 0x1;
export const MTD_GPR_BSD = 0x2;
export const MTD_RSP = 0x4;
export const MTD_RIP_LEN = 0x8;
export const MTD_RFLAGS = 0x10;
export const MTD_FS_GS = 0x40;
export const MTD_QUAL = 0x8000;
export const MTD_GPR_R8_R15 = 0x40_0000;
/** Bit 31, as a shift because the value does not fit a signed 32-bit constant. */
export const MTD_FPU_SHIFT = 31;

// --- HIP ---
export const HIP_SIGNATURE_VALUE = 0x41564f4e;
export const HIP_SIGNATURE = 0x0;
export const HIP_CHECKSUM = 0x4;
export const HIP_LENGTH = 0x6;
export const HIP_CPU_OFFS = 0x8;
export const HIP_CPU_SIZE = 0xa;
export const HIP_IOAPIC_OFFS = 0xc;
export const HIP_IOAPIC_SIZE = 0xe;
export const HIP_MEM_OFFS = 0x10;
export const HIP_MEM_SIZE = 0x12;
export const HIP_API_FLG = 0x14;
export const HIP_API_VER = 0x18;
export const HIP_SEL_NUM = 0x1c;
export const HIP_SEL_EXC = 0x20;
export const HIP_SEL_VMI = 0x24;
export const HIP_SEL_GSI = 0x28;
export const HIP_CFG_PAGE = 0x2c;
export const HIP_CFG_UTCB = 0x30;
export const HIP_FREQ_TSC = 0x34;
export const HIP_FREQ_BUS = 0x38;
export const HIP_PCI_BUS_START = 0x3c;
export const HIP_MCFG_BASE = 0x40;
export const HIP_MCFG_SIZE = 0x48;
export const HIP_DMAR_TABLE = 0x50;
export const HIP_HPET_BASE = 0x58;
export const HIP_CAP_VMX = 0x60;
export const HIP_XSDT = 0x68;
export const HIP_PM1A_CNT = 0x70;
export const HIP_PM1B_CNT = 0x7c;
export const HIP_SERIAL_PORT = 0x88;
export const HIP_CPUS = 0x90;
export const HIP_CPU_BYTES = 48;
export const HIP_IOAPICS = 0xc90;
export const HIP_IOAPIC_BYTES = 16;
export const HIP_MEMS = 0xd20;
export const HIP_MEM_BYTES = 24;
/** Bit of HIP_API_FLG: the machine has EFI firmware. */
export const HIP_FEATURE_UEFI = 1 << 3;
/**
 * Not in the reference, behind what HIP_LENGTH counts: address of the framebuffer (u64, 0 for none), bytes per line,
 * width and height in pixels (u32), bits per pixel and kind (u8; 0 indexed colours, 1 RGB), position and size of red,
 * green and blue in a pixel (u8 each).
 */
export const HIP_FRAMEBUFFER = 0xfc0;
/** Likewise: what this kernel has beyond the reference, a u32 of HIP_EXTENSION_… bits. */
export const HIP_EXTENSIONS = 0xfe0;
/** ec_ctrl has the operation entry. */
export const HIP_EXTENSION_ENTRY = 1;
export const HIP_MEM_TYPE_AVAILABLE = 1;
export const HIP_MEM_TYPE_HYPERVISOR = -1;
export const HIP_MEM_TYPE_MODULE = -2;
