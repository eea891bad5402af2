// Signals of Linux x86-64 by name (arch/x86/include/uapi/asm/signal.h).

export { SIGKILL } from "../libroottask/program";

export const SIGHUP: u32 = 1;
export const SIGINT: u32 = 2;
export const SIGQUIT: u32 = 3;
export const SIGILL: u32 = 4;
export const SIGTRAP: u32 = 5;
export const SIGABRT: u32 = 6;
export const SIGBUS: u32 = 7;
export const SIGFPE: u32 = 8;
export const SIGUSR1: u32 = 10;
export const SIGSEGV: u32 = 11;
export const SIGUSR2: u32 = 12;
export const SIGPIPE: u32 = 13;
export const SIGALRM: u32 = 14;
export const SIGTERM: u32 = 15;
export const SIGSTKFLT: u32 = 16;
export const SIGCHLD: u32 = 17;
export const SIGCONT: u32 = 18;
export const SIGSTOP: u32 = 19;
export const SIGTSTP: u32 = 20;
export const SIGTTIN: u32 = 21;
export const SIGTTOU: u32 = 22;
export const SIGURG: u32 = 23;
export const SIGXCPU: u32 = 24;
export const SIGXFSZ: u32 = 25;
export const SIGVTALRM: u32 = 26;
export const SIGPROF: u32 = 27;
export const SIGWINCH: u32 = 28;
export const SIGIO: u32 = 29;
export const SIGPWR: u32 = 30;
export const SIGSYS: u32 = 31;
