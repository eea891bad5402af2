//! The native interface for programs in Rust that were made for Linux: as C/hedron.h, and as far as they need it.
//! Calls may be made by the program's first thread only.

#![allow(dead_code)]

use std::arch::asm;
use std::ptr::{addr_of_mut, read_volatile, write_volatile};

// ---- numbers: written by `make hedron_header` ----

// API version and limits
pub const API_VERSION: u64 = 5004;
pub const NUM_CPU: u64 = 64;
pub const NUM_IOAPIC: u64 = 9;
pub const NUM_EXC: u64 = 32;
pub const NUM_VMI: u64 = 256;
pub const NUM_GSI: u64 = 192;
pub const NUM_PRIORITIES: u64 = 128;
// Object capability selectors per protection domain.
pub const NUM_SELECTORS: u64 = 0x4000000;
pub const NUM_PORTS: u64 = 0x10000;
pub const PAGE_BITS: u64 = 12;
pub const PAGE_SIZE: u64 = 0x1000;

// Position of flags (four bits) and selector in ARG1
pub const ARG1_FLAGS_SHIFT: u64 = 8;
pub const ARG1_SELECTOR_SHIFT: u64 = 12;

// Hypercall numbers, ARG1[7:0]
pub const HC_CALL: u64 = 0;
pub const HC_REPLY: u64 = 1;
pub const HC_CREATE_PD: u64 = 2;
pub const HC_CREATE_EC: u64 = 3;
pub const HC_CREATE_SC: u64 = 4;
pub const HC_CREATE_PT: u64 = 5;
pub const HC_CREATE_SM: u64 = 6;
pub const HC_REVOKE: u64 = 7;
pub const HC_PD_CTRL: u64 = 8;
pub const HC_EC_CTRL: u64 = 9;
pub const HC_SC_CTRL: u64 = 10;
pub const HC_PT_CTRL: u64 = 11;
pub const HC_SM_CTRL: u64 = 12;
pub const HC_ASSIGN_PCI: u64 = 13;
pub const HC_ASSIGN_GSI: u64 = 14;
pub const HC_MACHINE_CTRL: u64 = 15;

// Flags and operations, ARG1[11:8]
pub const CALL_NONBLOCKING: u64 = 1;
pub const CREATE_PD_PASSTHROUGH: u64 = 1;
pub const CREATE_EC_GLOBAL: u64 = 1;
pub const CREATE_EC_VCPU: u64 = 2;
// The UTCB is mapped into the caller's domain instead of the EC's.
pub const CREATE_EC_UTCB_IN_CALLER: u64 = 8;
pub const REVOKE_SELF: u64 = 1;
pub const REVOKE_REMOTE: u64 = 2;
pub const PD_CTRL_LOOKUP: u64 = 0;
pub const PD_CTRL_MAP_ACCESS_PAGE: u64 = 1;
pub const PD_CTRL_DELEGATE: u64 = 2;
pub const PD_CTRL_MSR_ACCESS: u64 = 3;
pub const MSR_ACCESS_WRITE: u64 = 4;
pub const EC_CTRL_RECALL: u64 = 0;
// Not in the reference, which answers BAD_PAR: where foreign system calls of the EC enter user mode.
pub const EC_CTRL_ENTRY: u64 = 1;
// Nor is this: the EC gets the floating-point and vector state of another one.
pub const EC_CTRL_STATE: u64 = 2;
pub const MACHINE_CTRL_SUSPEND: u64 = 0;
pub const MACHINE_CTRL_UPDATE_MICROCODE: u64 = 1;
pub const SM_CTRL_UP: u64 = 0;
pub const SM_CTRL_DOWN: u64 = 1;
pub const SM_CTRL_ZERO: u64 = 2;
pub const ASSIGN_GSI_RECONFIGURE: u64 = 1;

// Arguments: ARG4 of create_pd (foreign, base of its portals), ARG4 of create_sc (priority, quantum)
pub const CREATE_PD_FOREIGN: u64 = 1;
pub const CREATE_PD_PORTALS_SHIFT: u64 = 1;
pub const QPD_QUANTUM_SHIFT: u64 = 12;
// ARG2 of ec_ctrl entry: pages of the region, below its address.
pub const ENTRY_PAGES_MASK: u64 = 0xfff;

// Hypercall status, OUT1[7:0]
pub const STATUS_MASK: u64 = 0xff;
pub const SUCCESS: u64 = 0;
pub const TIMEOUT: u64 = 1;
pub const ABORT: u64 = 2;
pub const BAD_HYP: u64 = 3;
pub const BAD_CAP: u64 = 4;
pub const BAD_PAR: u64 = 5;
pub const BAD_FTR: u64 = 6;
pub const BAD_CPU: u64 = 7;
pub const BAD_DEV: u64 = 8;

// Capability range descriptor: kind 1:0, permissions 6:2, order 11:7, base 63:12
pub const CRD_NULL: u64 = 0;
pub const CRD_MEM: u64 = 1;
pub const CRD_PIO: u64 = 2;
pub const CRD_OBJ: u64 = 3;
pub const CRD_PERM_SHIFT: u64 = 2;
pub const CRD_ORDER_SHIFT: u64 = 7;
pub const CRD_BASE_SHIFT: u64 = 12;
// Largest value of an order or of permissions.
pub const CRD_ORDER_MAX: u64 = 0x1f;
pub const PERM_ALL: u64 = 0x1f;

// Typed items: bits of the second word
pub const XFER_TRANSLATE: u64 = 0;
pub const XFER_DELEGATE: u64 = 1;
pub const XFER_TRANS_DELEGATE: u64 = 2;
pub const XFER_FROM_KERNEL: u64 = 0x800;
// Subspaces after bit 8 has been inverted.
pub const SUBSPACE_HOST: u64 = 1;

// Permissions
pub const MEM_R: u64 = 1;
pub const MEM_W: u64 = 2;
pub const MEM_X: u64 = 4;
pub const PERM_PD_CREATE: u64 = 1;
pub const PERM_EC_CTRL: u64 = 1;
pub const PERM_EC_CREATE_SC: u64 = 4;
pub const PERM_EC_CREATE_PT: u64 = 8;
pub const PERM_EC_ALL: u64 = 13;
pub const PERM_SC_CTRL: u64 = 1;
pub const PERM_PT_CTRL: u64 = 1;
pub const PERM_PT_CALL: u64 = 2;
pub const PERM_SM_UP: u64 = 1;
pub const PERM_SM_DOWN: u64 = 2;

// Exceptions, which are events by their vector (Intel SDM vol. 3A, table 6-1)
pub const EXC_DE: u64 = 0;
pub const EXC_DB: u64 = 1;
pub const EXC_NMI: u64 = 2;
pub const EXC_BP: u64 = 3;
pub const EXC_OF: u64 = 4;
pub const EXC_BR: u64 = 5;
pub const EXC_UD: u64 = 6;
pub const EXC_NM: u64 = 7;
pub const EXC_DF: u64 = 8;
pub const EXC_TS: u64 = 10;
pub const EXC_NP: u64 = 11;
pub const EXC_SS: u64 = 12;
pub const EXC_GP: u64 = 13;
pub const EXC_PF: u64 = 14;
pub const EXC_MF: u64 = 16;
pub const EXC_AC: u64 = 17;
pub const EXC_MC: u64 = 18;
pub const EXC_XM: u64 = 19;

// Events that are not exceptions
pub const EVENT_STARTUP: u64 = 30;
pub const EVENT_RECALL: u64 = 31;

// User address space and the roottask's start
// First address that user mappings cannot have: one page below the canonical boundary.
pub const USER_ADDR: u64 = 0x7ffffffff000;
pub const ROOT_SEL_PD: u64 = 32;
pub const ROOT_SEL_EC: u64 = 33;
pub const ROOT_SEL_SC: u64 = 34;
pub const ROOT_PRIORITY: u64 = 1;
// Microseconds.
pub const ROOT_QUANTUM: u64 = 10000;

// UTCB
pub const UTCB_FLAGS: u64 = 0x0;
// Low half: untyped words, high half: typed items.
pub const UTCB_ITEMS: u64 = 0x4;
pub const UTCB_XLT: u64 = 0x8;
pub const UTCB_DEL: u64 = 0x10;
pub const UTCB_TLS: u64 = 0x18;
pub const UTCB_DATA: u64 = 0x20;
pub const UTCB_MTD: u64 = 0x20;
pub const UTCB_RIP: u64 = 0x30;
pub const UTCB_RFLAGS: u64 = 0x38;
pub const UTCB_RAX: u64 = 0x58;
pub const UTCB_RCX: u64 = 0x60;
pub const UTCB_RDX: u64 = 0x68;
pub const UTCB_RBX: u64 = 0x70;
pub const UTCB_RSP: u64 = 0x78;
pub const UTCB_RBP: u64 = 0x80;
pub const UTCB_RSI: u64 = 0x88;
pub const UTCB_RDI: u64 = 0x90;
pub const UTCB_R8: u64 = 0x98;
pub const UTCB_R15: u64 = 0xd0;
pub const UTCB_QUAL: u64 = 0xd8;
pub const UTCB_FS_BASE: u64 = 0x1d8;
pub const UTCB_GS_BASE: u64 = 0x1e8;
// Words of architectural state, the item count of an exception message.
pub const UTCB_STATE_WORDS: u64 = 79;
// Message words in a UTCB, and their bytes.
pub const UTCB_WORDS: u64 = 508;
pub const UTCB_BYTES: u64 = UTCB_WORDS * 8;
// The first typed item; the others follow downwards.
pub const UTCB_XFER: u64 = 0xff0;
// UTCB flag: the next system call of a foreign program is a hypercall.
pub const UTCB_NSCT: u64 = 1;

// Message transfer descriptor bits
pub const MTD_GPR_ACDB: u64 = 0x1;
pub const MTD_GPR_BSD: u64 = 0x2;
pub const MTD_RSP: u64 = 0x4;
pub const MTD_RIP_LEN: u64 = 0x8;
pub const MTD_RFLAGS: u64 = 0x10;
pub const MTD_FS_GS: u64 = 0x40;
pub const MTD_QUAL: u64 = 0x8000;
pub const MTD_GPR_R8_R15: u64 = 0x400000;
// Bit 31, as a shift because the value does not fit a signed 32-bit constant.
pub const MTD_FPU_SHIFT: u64 = 31;

// HIP
pub const HIP_SIGNATURE_VALUE: u64 = 0x41564f4e;
pub const HIP_SIGNATURE: u64 = 0x0;
pub const HIP_CHECKSUM: u64 = 0x4;
pub const HIP_LENGTH: u64 = 0x6;
pub const HIP_CPU_OFFS: u64 = 0x8;
pub const HIP_CPU_SIZE: u64 = 0xa;
pub const HIP_IOAPIC_OFFS: u64 = 0xc;
pub const HIP_IOAPIC_SIZE: u64 = 0xe;
pub const HIP_MEM_OFFS: u64 = 0x10;
pub const HIP_MEM_SIZE: u64 = 0x12;
pub const HIP_API_FLG: u64 = 0x14;
pub const HIP_API_VER: u64 = 0x18;
pub const HIP_SEL_NUM: u64 = 0x1c;
pub const HIP_SEL_EXC: u64 = 0x20;
pub const HIP_SEL_VMI: u64 = 0x24;
pub const HIP_SEL_GSI: u64 = 0x28;
pub const HIP_CFG_PAGE: u64 = 0x2c;
pub const HIP_CFG_UTCB: u64 = 0x30;
pub const HIP_FREQ_TSC: u64 = 0x34;
pub const HIP_FREQ_BUS: u64 = 0x38;
pub const HIP_PCI_BUS_START: u64 = 0x3c;
pub const HIP_MCFG_BASE: u64 = 0x40;
pub const HIP_MCFG_SIZE: u64 = 0x48;
pub const HIP_DMAR_TABLE: u64 = 0x50;
pub const HIP_HPET_BASE: u64 = 0x58;
pub const HIP_CAP_VMX: u64 = 0x60;
pub const HIP_XSDT: u64 = 0x68;
pub const HIP_PM1A_CNT: u64 = 0x70;
pub const HIP_PM1B_CNT: u64 = 0x7c;
pub const HIP_SERIAL_PORT: u64 = 0x88;
pub const HIP_CPUS: u64 = 0x90;
pub const HIP_CPU_BYTES: u64 = 48;
pub const HIP_IOAPICS: u64 = 0xc90;
pub const HIP_IOAPIC_BYTES: u64 = 16;
pub const HIP_MEMS: u64 = 0xd20;
pub const HIP_MEM_BYTES: u64 = 24;
// Bit of HIP_API_FLG: the machine has EFI firmware.
pub const HIP_FEATURE_UEFI: u64 = 1 << 3;
// Not in the reference, behind what HIP_LENGTH counts: address of the framebuffer (u64, 0 for none), bytes per line,
// width and height in pixels (u32), bits per pixel and kind (u8; 0 indexed colours, 1 RGB), position and size of red,
// green and blue in a pixel (u8 each).
pub const HIP_FRAMEBUFFER: u64 = 0xfc0;
// Likewise: what this kernel has beyond the reference, a u32 of HIP_EXTENSION_… bits.
pub const HIP_EXTENSIONS: u64 = 0xfe0;
// ec_ctrl has the operation entry.
pub const HIP_EXTENSION_ENTRY: u64 = 1;
pub const HIP_MEM_TYPE_AVAILABLE: u64 = 1;
pub const HIP_MEM_TYPE_HYPERVISOR: i64 = -1;
pub const HIP_MEM_TYPE_MODULE: i64 = -2;

// Selectors in a program's object space; events are 0…31.
pub const SEL_EVENTS: u64 = 0;
pub const SEL_PD: u64 = 32;
pub const SEL_EC: u64 = 33;
pub const SEL_SC: u64 = 34;
pub const SEL_ALLOCATE: u64 = 35;
pub const SEL_STDOUT: u64 = 36;
pub const SEL_STDERR: u64 = 37;
pub const SEL_FILES: u64 = 38;
pub const SEL_ECHO: u64 = 39;
pub const SEL_RAW_ECHO: u64 = 40;
// Ours: ends a native program; the first message word is its status.
pub const SEL_EXIT: u64 = 41;
// System calls of a foreign program on CPU n go to portal 50 + n.
pub const SEL_FOREIGN: u64 = 50;

// Services, as the roottask numbers them.

// The UTCB of a program's main EC; the stack ends below it.
pub const UTCB_ADDRESS: u64 = 0x7fffffffe000;
pub const STACK_TOP: u64 = UTCB_ADDRESS;

// Set in the environment of every foreign program, so that a hybrid one knows where it runs.

// Requests of the allocation service (variant numbers on the wire).
pub const ALLOCATE_ALLOC: u64 = 0;
pub const ALLOCATE_FREE: u64 = 1;

// Requests of the file service.
pub const FILES_OPEN: u64 = 0;
pub const FILES_READ: u64 = 1;
pub const FILES_SEEK: u64 = 2;
pub const FILES_WRITE: u64 = 3;
pub const FILES_CLOSE: u64 = 4;
// Ours: those that follow.
pub const FILES_STAT: u64 = 5;
pub const FILES_STAT_OPEN: u64 = 6;
pub const FILES_UNLINK: u64 = 7;
pub const FILES_MAKE_DIRECTORY: u64 = 8;
pub const FILES_REMOVE_DIRECTORY: u64 = 9;
pub const FILES_READ_DIRECTORY: u64 = 10;

// How the bytes of a file write travel: at an address of the program, one byte, or as many as are said.
pub const WRITE_POINTER: u64 = 0;
pub const WRITE_BYTE: u64 = 1;
pub const WRITE_EMBEDDED: u64 = 2;

// ---- end of the numbers ----

/// Words of a message.
const WORDS: usize = UTCB_WORDS as usize;

/// User thread control block: one page.
#[repr(C)]
pub struct Utcb {
    pub flags: u32,
    /// Untyped words in bits 15:0, typed items in bits 31:16.
    pub items: u32,
    pub translate: u64,
    pub delegate: u64,
    pub tls: u64,
    pub words: [u64; WORDS],
}

/// The message buffer of the program's first thread.
fn utcb() -> *mut Utcb {
    UTCB_ADDRESS as *mut Utcb
}

/// Whether the program runs on Hedron. On Linux itself a hypercall would be a system call.
pub fn is_here() -> bool {
    std::env::var_os("LINUX_UNDER_HEDRON").is_some()
}

/// Word `offset` / 8 of the message buffer, `offset` one of the constants `UTCB_…` for registers.
pub fn set_word(offset: u64, value: u64) {
    let index = ((offset - UTCB_DATA) / 8) as usize;
    assert!(index < WORDS);
    // SAFETY: the page is there on Hedron, and the index within it.
    unsafe { write_volatile((addr_of_mut!((*utcb()).words) as *mut u64).add(index), value) }
}

pub fn word(offset: u64) -> u64 {
    let index = ((offset - UTCB_DATA) / 8) as usize;
    assert!(index < WORDS);
    // SAFETY: as above.
    unsafe { read_volatile((addr_of_mut!((*utcb()).words) as *const u64).add(index)) }
}

/// Words of the message that is sent next.
pub fn set_items(count: u64) {
    // SAFETY: as above.
    unsafe { write_volatile(addr_of_mut!((*utcb()).items), count as u32) }
}

/// One hypercall: ARG1 to ARG5 in RDI, RSI, RDX, RAX and R8; OUT1, OUT2 and OUT3. The flag in the message buffer that
/// makes a hypercall of a system call is set for this instruction alone.
pub fn hypercall(arguments: [u64; 5]) -> [u64; 3] {
    let [out1, out2, out3]: [u64; 3];
    // SAFETY: only registers that are listed change, and memory as the hypercall says.
    unsafe {
        asm!(
            "mov {flags:e}, [{utcb}]",
            "or [{utcb}], {nsct:e}",
            "syscall",
            "mov [{utcb}], {flags:e}",
            utcb = in(reg) UTCB_ADDRESS,
            flags = out(reg) _,
            nsct = in(reg) UTCB_NSCT,
            inlateout("rdi") arguments[0] => out1,
            inlateout("rsi") arguments[1] => out2,
            inlateout("rdx") arguments[2] => out3,
            inlateout("rax") arguments[3] => _,
            inlateout("r8") arguments[4] => _,
            out("rcx") _,
            out("r11") _,
        );
    }
    [out1, out2, out3]
}

fn status(number: u64, flags: u64, selector: u64, arguments: [u64; 4]) -> u64 {
    let arg1 = number | flags << ARG1_FLAGS_SHIFT | selector << ARG1_SELECTOR_SHIFT;
    let [a2, a3, a4, a5] = arguments;
    hypercall([arg1, a2, a3, a4, a5])[0] & STATUS_MASK
}

/// IPC to a portal: the message is in the message buffer, and so is the reply. Returns the status, as all that follow.
pub fn call(portal: u64) -> u64 {
    status(HC_CALL, 0, portal, [0; 4])
}

/// New protection domain at `selector` whose parent is `parent`.
pub fn create_pd(selector: u64, parent: u64) -> u64 {
    status(HC_CREATE_PD, 0, selector, [parent, CRD_NULL, 0, 0])
}

/// New execution context for portals in domain `pd` on CPU `cpu`, message buffer at page `utcb`. All its system calls
/// are hypercalls.
///
/// # Safety
/// The page must not be in use.
pub unsafe fn create_handler(selector: u64, pd: u64, cpu: u64, utcb: u64) -> u64 {
    let result = status(HC_CREATE_EC, 0, selector, [pd, utcb | cpu, 0, 0]);
    if result == SUCCESS {
        write_volatile(utcb as *mut u32, UTCB_NSCT as u32);
    }
    result
}

/// New portal into the handler `ec`, entered at `entry`.
pub fn create_pt(selector: u64, pd: u64, ec: u64, entry: u64) -> u64 {
    status(HC_CREATE_PT, 0, selector, [pd, ec, 0, entry])
}

/// The handler of `portal` gets `id` in RDI from now on.
pub fn pt_ctrl(portal: u64, id: u64) -> u64 {
    status(HC_PT_CTRL, 0, portal, [id, 0, 0, 0])
}

/// A request to a service: postcard 0.7, as the published runtime environment has it.
#[derive(Default)]
pub struct Request {
    bytes: Vec<u8>,
}

impl Request {
    /// A length or the number of a request: seven bits a byte, the lowest first.
    pub fn varint(mut self, mut value: u64) -> Self {
        while value >= 128 {
            self.bytes.push((value & 127 | 128) as u8);
            value >>= 7;
        }
        self.bytes.push(value as u8);
        self
    }

    pub fn fixed32(mut self, value: u32) -> Self {
        self.bytes.extend_from_slice(&value.to_le_bytes());
        self
    }

    pub fn fixed64(mut self, value: u64) -> Self {
        self.bytes.extend_from_slice(&value.to_le_bytes());
        self
    }

    pub fn text(mut self, text: &[u8]) -> Self {
        self = self.varint(text.len() as u64);
        self.bytes.extend_from_slice(text);
        self
    }

    /// The reply's first word, or nothing where there is no reply. The request must fit a message.
    pub fn send(self, portal: u64) -> Option<u64> {
        let words = self.bytes.chunks(8);
        set_items(words.len() as u64);
        for (index, bytes) in words.enumerate() {
            let mut word = [0; 8];
            word[..bytes.len()].copy_from_slice(bytes);
            set_word(UTCB_DATA + 8 * index as u64, u64::from_le_bytes(word));
        }
        (call(portal) == SUCCESS).then(|| word(UTCB_DATA))
    }
}

/// Prints through a portal, `SEL_STDOUT` or `SEL_STDERR`; false where it cannot.
pub fn print(portal: u64, text: &str) -> bool {
    text.as_bytes()
        .chunks(UTCB_BYTES as usize - 8)
        .all(|piece| Request::default().text(piece).send(portal).is_some())
}

/// Sets the position of an open file by the file service; the position.
pub fn seek(fd: i32, position: u64) -> Option<i32> {
    let request = Request::default()
        .varint(FILES_SEEK)
        .fixed32(fd as u32)
        .fixed64(position);
    request.send(SEL_FILES).map(|word| word as i32)
}

/// Reads from an open file by the file service; the number of bytes.
pub fn read(fd: i32, bytes: &mut [u8]) -> Option<i64> {
    let request = Request::default()
        .varint(FILES_READ)
        .fixed32(fd as u32)
        .fixed64(bytes.as_mut_ptr() as u64)
        .fixed64(bytes.len() as u64);
    request.send(SEL_FILES).map(|word| word as i64)
}

/// A call that does nothing, by the way of every service.
pub fn echo() -> u64 {
    set_items(0);
    call(SEL_ECHO)
}

/// A call that does nothing, by the shortest way.
pub fn raw_echo() -> u64 {
    set_items(0);
    call(SEL_RAW_ECHO)
}
