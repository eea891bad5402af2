// Settings of a terminal, as Linux has them on x86-64 (include/uapi/asm-generic/termbits.h); what they mean is in
// termios(3). A terminal of ours has no speed: what is set is kept and told.

/** c_iflag. */
export const IGNBRK: u32 = 0o1;
export const BRKINT: u32 = 0o2;
export const PARMRK: u32 = 0o10;
export const ISTRIP: u32 = 0o40;
export const INLCR: u32 = 0o100;
export const IGNCR: u32 = 0o200;
export const ICRNL: u32 = 0o400;
export const IUCLC: u32 = 0o1000;
export const IXON: u32 = 0o2000;
export const IXANY: u32 = 0o4000;
export const IUTF8: u32 = 0o40000;

/** c_oflag. */
export const OPOST: u32 = 0o1;
export const OLCUC: u32 = 0o2;
export const ONLCR: u32 = 0o4;
export const OCRNL: u32 = 0o10;
export const ONOCR: u32 = 0o20;
export const ONLRET: u32 = 0o40;
/** TABDLY, whose one value that matters is XTABS. */
export const TABDLY: u32 = 0o14000;
export const XTABS: u32 = 0o14000;

/** c_cflag: 38400 and 115200 baud, 8 bits, receiver on, hang-up at the last close, no modem. */
export const B38400: u32 = 0o17;
export const B115200: u32 = 0o10002;
export const CS8: u32 = 0o60;
export const CREAD: u32 = 0o200;
export const HUPCL: u32 = 0o2000;
export const CLOCAL: u32 = 0o4000;
/** Character size and parity, which a pseudoterminal does not let be changed. */
export const CSIZE: u32 = 0o60;
export const PARENB: u32 = 0o400;

/** c_lflag. */
export const ISIG: u32 = 0o1;
export const ICANON: u32 = 0o2;
export const ECHO: u32 = 0o10;
export const ECHOE: u32 = 0o20;
export const ECHOK: u32 = 0o40;
export const ECHONL: u32 = 0o100;
export const NOFLSH: u32 = 0o200;
export const TOSTOP: u32 = 0o400;
export const ECHOCTL: u32 = 0o1000;
export const ECHOPRT: u32 = 0o2000;
export const ECHOKE: u32 = 0o4000;
export const IEXTEN: u32 = 0o100000;
export const EXTPROC: u32 = 0o200000;

/** Places in c_cc. */
export const VINTR: u32 = 0;
export const VQUIT: u32 = 1;
export const VERASE: u32 = 2;
export const VKILL: u32 = 3;
export const VEOF: u32 = 4;
export const VTIME: u32 = 5;
export const VMIN: u32 = 6;
export const VSTART: u32 = 8;
export const VSTOP: u32 = 9;
export const VSUSP: u32 = 10;
export const VEOL: u32 = 11;
export const VREPRINT: u32 = 12;
export const VWERASE: u32 = 14;
export const VLNEXT: u32 = 15;
export const VEOL2: u32 = 16;

/** A place of c_cc with this has no function; a NUL in the buffer that ends a line is the end of file. */
export const DISABLED: u8 = 0;

/** struct termios, struct termio and struct termios2: the first holds the settings, the last two speeds behind them. */
export const TERMIOS_BYTES: u32 = 36;
export const TERMIOS2_BYTES: u32 = 44;
export const TERMIO_BYTES: u32 = 18;
/** c_cc has so many places, of which a struct termio has the first eight. */
export const NCCS: u32 = 19;
export const NCC: u32 = 8;
export const WINSIZE_BYTES: u32 = 8;

/** The settings; a struct termios2 in memory. */
@unmanaged
export class Termios {
  iflag: u32;
  oflag: u32;
  cflag: u32;
  lflag: u32;
  line: u8;
  cc0: u8;
  cc1: u8;
  cc2: u8;
  cc3: u32;
  cc7: u32;
  cc11: u32;
  cc15: u32;
  inputSpeed: u32;
  outputSpeed: u32;
}

/** Where c_cc begins. */
export const CHARACTERS: usize = offsetof<Termios>("cc0");

if (offsetof<Termios>() !== (TERMIOS2_BYTES as usize)) ERROR("TERMIOS2_BYTES");

export function character(settings: Termios, place: u32): u8 {
  return load<u8>(changetype<usize>(settings) + CHARACTERS + place);
}

export function setCharacter(settings: Termios, place: u32, value: u8): void {
  store<u8>(changetype<usize>(settings) + CHARACTERS + place, value);
}

/** Makes `settings` those of a terminal that nobody has set (include/asm-generic/termios.h, INIT_C_CC). */
export function setDefaults(settings: Termios, cflag: u32, speed: u32): void {
  settings.iflag = ICRNL | IXON;
  settings.oflag = OPOST | ONLCR;
  settings.cflag = cflag;
  settings.lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN;
  settings.inputSpeed = speed;
  settings.outputSpeed = speed;
  setCharacter(settings, VINTR, 0o3);
  setCharacter(settings, VQUIT, 0o34);
  setCharacter(settings, VERASE, 0o177);
  setCharacter(settings, VKILL, 0o25);
  setCharacter(settings, VEOF, 0o4);
  setCharacter(settings, VMIN, 1);
  setCharacter(settings, VSTART, 0o21);
  setCharacter(settings, VSTOP, 0o23);
  setCharacter(settings, VSUSP, 0o32);
  setCharacter(settings, VREPRINT, 0o22);
  // VDISCARD, which has no function on Linux.
  setCharacter(settings, 13, 0o17);
  setCharacter(settings, VWERASE, 0o27);
  setCharacter(settings, VLNEXT, 0o26);
}
