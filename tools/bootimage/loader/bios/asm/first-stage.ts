// The first stage: what the BIOS loads and starts at 0x7C00, from the master boot record of a disk or as the boot
// image of a CD. It reads the loader to START by INT 13h, checks it and jumps to it with the drive in DL; or says
// on the screen what went wrong, with the BIOS's status, and leaves by INT 18h. Sources: Phoenix Enhanced Disk
// Drive specification 3.0 (AH = 41h, 42h, 48h), El Torito specification 1.0 (no emulation), IBM PC/AT Technical
// Reference (AH = 00h, 02h, 08h). Needs a 386.

import {
  Assembler,
  ah,
  al,
  ax,
  bh,
  bp,
  bx,
  byte,
  ch,
  cl,
  cx,
  dh,
  di,
  dl,
  ds,
  dword,
  dx,
  eax,
  ecx,
  edi,
  edx,
  es,
  far,
  si,
  sp,
  ss,
  word,
} from "../../../../asm/index.ts";
import { BLOCK_BYTES, BOOT_SECTOR, ENTRY, MBR_BYTES, START } from "../layout.ts";

/** The answer of AH = 48h, in memory that nobody uses before there is a system. */
const PARAMETERS = 0x600;
const PARAMETERS_BYTES = 26;
/** Offset of the bytes per sector in it. */
const SECTOR_BYTES = 24;
const SECTOR = 512;
/** Geometry of a 1.44 MB floppy disk: 18 sectors, highest head 1. */
const FLOPPY_GEOMETRY = 0x0112;
const TRIES = 3;
/** Highest cylinder that AH = 02h can name. */
const MAX_CYLINDER = 1023;
/** Status of what lies beyond: sector not found. */
const NOT_FOUND = 0x04;

const VIDEO = 0x10;
const DISK = 0x13;
const KEY = 0x16;
/** The boot failed: BIOS Boot Specification 1.01, 6.7. */
const BOOT_FAILED = 0x18;

/**
 * Offsets of the variables, which are the stage's last bytes, from BP. First the disk address packet: its bytes,
 * sectors, buffer as offset and segment, first sector; last what `installBiosLoader` fills in. In messages the block
 * stands where it was read from, and counts up.
 */
const PACKET_BYTES = 16;
const PACKET_SECTORS = 2;
const PACKET_SEGMENT = 6;
const PACKET_FIRST = 8;
const DRIVE = 16;
/** Sectors of the BIOS in a block; the packet's own are overwritten with how many have been read. */
const BLOCK_SECTORS = 17;
/** Sectors of a track, 0 where packets are used. */
const TRACK_SECTORS = 18;
const HIGHEST_HEAD = 19;
const FIRST_BLOCK = 20;
const BLOCKS = 24;
const CHECKSUM = 28;
const VARIABLES_BYTES = CHECKSUM + 4;

/** What differs between the two. */
interface Kind {
  name: string;
  /** Bytes of the whole stage. */
  bytes: number;
  /** Bytes of the medium's own sectors, and of those that a BIOS may make of them. */
  sector: number;
  otherSector: number;
  /** Whether there is a way without the extensions, by geometry. */
  geometry: boolean;
}

/** Code area of the master boot record, for disks and sticks: MBR_BYTES bytes. */
export function assembleMbr(): Uint8Array {
  return assemble({
    name: "MBR",
    bytes: MBR_BYTES,
    sector: SECTOR,
    otherSector: BLOCK_BYTES,
    geometry: true,
  });
}

/** Boot image of a CD: one block. */
export function assembleCdSector(): Uint8Array {
  return assemble({
    name: "CD boot sector",
    bytes: BLOCK_BYTES,
    sector: BLOCK_BYTES,
    otherSector: SECTOR,
    geometry: false,
  });
}

function assemble(kind: Kind): Uint8Array {
  const a = new Assembler({ bits: 16, name: kind.name });
  a.section(".text");
  emitStart(a, kind);
  emitLoad(a);
  emitReadBlock(a, kind);
  emitMessages(a);
  emitTexts(a, kind);
  emitVariables(a, kind);
  return a.flat({ origin: BOOT_SECTOR }).bytes;
}

/** A variable as an operand of what SIZE says: byte, word, dword. */
const at = (size: typeof byte, offset: number) => size(bp, { disp: offset });

/** Registers and stack; what the BIOS can do with the drive. */
function emitStart(a: Assembler, kind: Kind): void {
  // Some BIOSes start a boot sector at 07C0:0000.
  a.form("Jmp_ptr1616", far(0, "start"));
  a.label("start");
  a.xor(ax, ax);
  a.mov(ds, ax);
  // No interrupt comes between the two.
  a.mov(ss, ax).mov(sp, BOOT_SECTOR);
  a.cld();
  a.mov(bp, "variables");
  a.mov(at(byte, DRIVE), dl);

  // AH = 41h turns BX round; bit 0 of CX says that there are packets.
  a.mov(ah, 0x41).mov(bx, 0x55aa);
  a.call("disk");
  a.jc("no_packets");
  a.cmp(bx, 0xaa55).jne("no_packets");
  a.shr(cx, 1).jnc("no_packets");
  a.mov(si, PARAMETERS);
  a.mov(word(si), PARAMETERS_BYTES);
  a.mov(ah, 0x48);
  a.call("disk");
  a.jc("load");
  a.cmp(word(PARAMETERS + SECTOR_BYTES), kind.otherSector).jne("load");
  a.mov(at(byte, BLOCK_SECTORS), BLOCK_BYTES / kind.otherSector);
  a.jmp("load");
  a.label("no_packets");
  if (kind.geometry) {
    // AH = 08h: sectors of a track in bits 0 to 5 of CX, highest head in DH.
    a.mov(at(word, TRACK_SECTORS), FLOPPY_GEOMETRY);
    a.mov(ah, 8);
    a.call("disk");
    a.jc("load");
    a.and(cl, 63).jz("load");
    a.mov(at(byte, TRACK_SECTORS), cl);
    a.mov(at(byte, HIGHEST_HEAD), dh);
  } else {
    a.mov(si, "text_extensions");
    a.jmp("say");
  }
}

/** Reads all blocks to START, adds them up, starts what has been read. */
function emitLoad(a: Assembler): void {
  a.label("load");
  a.xor(edi, edi);
  a.label("next_block");
  a.call("read_block");
  a.mov(es, at(word, PACKET_SEGMENT));
  a.xor(si, si);
  a.mov(cx, BLOCK_BYTES / 4);
  a.label("next_word");
  a.override(es).lodsd();
  a.rol(edi, 1);
  a.add(edi, eax);
  a.loop("next_word");
  a.inc(at(dword, FIRST_BLOCK));
  a.add(at(word, PACKET_SEGMENT), BLOCK_BYTES >> 4);
  a.dec(at(word, BLOCKS)).jnz("next_block");
  a.mov(si, "text_damaged");
  a.cmp(edi, at(dword, CHECKSUM)).jne("say");
  a.mov(dl, at(byte, DRIVE));
  a.form("Jmp_ptr1616", far(START >> 4, ENTRY));
}

/** The next block to PACKET_SEGMENT:0000. Keeps all registers; does not return without success. */
function emitReadBlock(a: Assembler, kind: Kind): void {
  a.label("read_block");
  a.pushad();
  a.mov(di, TRIES);
  a.label("try");
  a.movzx(eax, at(byte, BLOCK_SECTORS));
  a.mov(at(word, PACKET_SECTORS), ax);
  a.mul(at(dword, FIRST_BLOCK));
  a.mov(at(dword, PACKET_FIRST), eax);
  a.mov(at(dword, PACKET_FIRST + 4), edx);
  if (kind.geometry) emitReadByGeometry(a);
  a.mov(si, bp);
  a.mov(ah, 0x42);
  a.call("disk");
  a.jc("read_failed");
  a.label("read_done");
  a.popad();
  a.ret();

  a.label("read_failed");
  a.push(ax);
  a.mov(ah, 0);
  a.call("disk");
  a.pop(ax);
  a.dec(di).jnz("try");

  // AH is the status.
  a.label("failed");
  a.push(ax);
  a.mov(si, "text_error").call("put_text");
  a.pop(dx);
  a.shl(edx, 16);
  a.mov(cl, 2).call("put_hex");
  a.mov(si, "text_block").call("put_text");
  a.mov(edx, dword("block"));
  a.mov(cl, 8).call("put_hex");
  a.jmp("wait");
}

/** The same by cylinder, head and sector of 512 bytes, one at a time: none crosses 64 KiB or a track. */
function emitReadByGeometry(a: Assembler): void {
  a.cmp(at(byte, TRACK_SECTORS), 0).je("by_packet");
  a.mov(es, at(word, PACKET_SEGMENT));
  a.xor(bx, bx);
  a.label("next_sector");
  a.mov(eax, at(dword, PACKET_FIRST));
  a.cdq();
  a.movzx(ecx, at(byte, TRACK_SECTORS));
  a.div(ecx);
  // Sectors count from 1.
  a.inc(dx);
  a.push(dx);
  a.cdq();
  a.mov(cl, at(byte, HIGHEST_HEAD));
  a.inc(cx);
  a.div(ecx);
  a.pop(cx);
  a.mov(dh, dl);
  // Cylinder: bits 0 to 7 in CH, 8 and 9 in bits 6 and 7 of CL.
  a.cmp(eax, MAX_CYLINDER);
  a.jbe("in_reach");
  a.mov(ah, NOT_FOUND);
  a.jmp("failed");
  a.label("in_reach");
  a.mov(ch, al);
  a.shl(ah, 6);
  a.or(cl, ah);
  a.mov(ax, 0x0201);
  a.call("disk");
  a.jc("read_failed");
  a.inc(at(dword, PACKET_FIRST));
  a.add(bx, SECTOR);
  a.cmp(bh, BLOCK_BYTES >> 8).jb("next_sector");
  a.jmp("read_done");
  a.label("by_packet");
}

/** "say" prints the text at SI and ends at a key. */
function emitMessages(a: Assembler): void {
  a.label("say");
  a.call("put_text");
  a.label("wait");
  a.mov(ah, 0).int(KEY);
  a.int(BOOT_FAILED);
  a.label("end");
  a.hlt();
  a.jmp("end");

  a.label("put_next");
  a.call("put");
  a.label("put_text");
  a.lodsb();
  a.test(al, al).jnz("put_next");
  a.ret();

  // The CL highest digits of EDX.
  a.label("put_hex");
  a.rol(edx, 4);
  a.mov(al, dl).and(al, 15);
  // 0–9 and A–F to their letters.
  a.cmp(al, 10);
  a.sbb(al, 0x69);
  a.das();
  a.call("put");
  a.dec(cl).jnz("put_hex");
  a.ret();

  a.label("put");
  a.mov(ah, 0x0e).mov(bx, 7);
  a.int(VIDEO);
  a.ret();

  a.label("disk");
  a.mov(dl, at(byte, DRIVE));
  a.int(DISK);
  a.ret();
}

function emitTexts(a: Assembler, kind: Kind): void {
  a.label("text_error");
  a.db("Read error ", 0);
  a.label("text_block");
  a.db(" at block ", 0);
  a.label("text_damaged");
  a.db("Damaged loader", 0);
  if (!kind.geometry) {
    a.label("text_extensions");
    a.db("The BIOS cannot read this CD: it has no INT 13h extensions", 0);
  }
}

function emitVariables(a: Assembler, kind: Kind): void {
  a.padTo(kind.bytes - VARIABLES_BYTES);
  a.label("variables");
  a.dw(PACKET_BYTES, 0, 0, START >> 4);
  a.dq(0);
  a.db(0, BLOCK_BYTES / kind.sector, 0, 0);
  a.label("block");
  a.padTo(kind.bytes);
}
