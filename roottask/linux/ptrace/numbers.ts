// Numbers of ptrace(2): include/uapi/linux/ptrace.h, arch/x86/include/uapi/asm/ptrace-abi.h, and what Linux tells of a tracee
// that has stopped (CLD_…, include/uapi/asm-generic/siginfo.h).

export const PTRACE_TRACEME: u64 = 0;
export const PTRACE_PEEKTEXT: u64 = 1;
export const PTRACE_PEEKDATA: u64 = 2;
export const PTRACE_PEEKUSR: u64 = 3;
export const PTRACE_POKETEXT: u64 = 4;
export const PTRACE_POKEDATA: u64 = 5;
export const PTRACE_POKEUSR: u64 = 6;
export const PTRACE_CONT: u64 = 7;
export const PTRACE_KILL: u64 = 8;
export const PTRACE_SINGLESTEP: u64 = 9;
export const PTRACE_GETREGS: u64 = 12;
export const PTRACE_SETREGS: u64 = 13;
export const PTRACE_GETFPREGS: u64 = 14;
export const PTRACE_SETFPREGS: u64 = 15;
export const PTRACE_ATTACH: u64 = 16;
export const PTRACE_DETACH: u64 = 17;
export const PTRACE_OLDSETOPTIONS: u64 = 21;
export const PTRACE_SYSCALL: u64 = 24;
export const PTRACE_ARCH_PRCTL: u64 = 30;
export const PTRACE_SYSEMU: u64 = 31;
export const PTRACE_SYSEMU_SINGLESTEP: u64 = 32;
export const PTRACE_SETOPTIONS: u64 = 0x4200;
export const PTRACE_GETEVENTMSG: u64 = 0x4201;
export const PTRACE_GETSIGINFO: u64 = 0x4202;
export const PTRACE_SETSIGINFO: u64 = 0x4203;
export const PTRACE_GETREGSET: u64 = 0x4204;
export const PTRACE_SETREGSET: u64 = 0x4205;
export const PTRACE_SEIZE: u64 = 0x4206;
export const PTRACE_INTERRUPT: u64 = 0x4207;
export const PTRACE_LISTEN: u64 = 0x4208;
export const PTRACE_PEEKSIGINFO: u64 = 0x4209;
export const PTRACE_GETSIGMASK: u64 = 0x420a;
export const PTRACE_SETSIGMASK: u64 = 0x420b;
export const PTRACE_GET_SYSCALL_INFO: u64 = 0x420e;

/** PTRACE_EVENT_…; the option that asks for one is the bit of its number. */
export const EVENT_FORK: u32 = 1;
export const EVENT_VFORK: u32 = 2;
export const EVENT_CLONE: u32 = 3;
export const EVENT_EXEC: u32 = 4;
export const EVENT_VFORK_DONE: u32 = 5;
export const EVENT_EXIT: u32 = 6;
export const EVENT_SECCOMP: u32 = 7;
export const EVENT_STOP: u32 = 128;

/** PTRACE_O_…: marks of stops at calls, death with the tracer, filters that are not asked; and all there are. */
export const OPTION_MARKS_CALLS: u32 = 1;
export const OPTION_EXITKILL: u32 = 1 << 20;
export const OPTION_SUSPEND_SECCOMP: u32 = 1 << 21;
export const OPTIONS: u32 = 0xff | OPTION_EXITKILL | OPTION_SUSPEND_SECCOMP;

/** Of stops at calls, beside SIGTRAP. */
export const MARK_OF_CALLS: u32 = 0x80;
/** PTRACE_EVENTMSG_SYSCALL_ENTRY, …_EXIT. */
export const MESSAGE_ENTRY: u64 = 1;
export const MESSAGE_EXIT: u64 = 2;

export const CLD_EXITED: u32 = 1;
export const CLD_KILLED: u32 = 2;
export const CLD_DUMPED: u32 = 3;
export const CLD_TRAPPED: u32 = 4;
export const CLD_STOPPED: u32 = 5;
