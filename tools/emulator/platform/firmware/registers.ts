// The caller's registers as a BIOS service sees them, and its memory by segment and offset. AX and
// FLAGS are where the stub in rom.ts has saved them on the caller's stack.

import type { CpuAccess, GeneralName, SegmentName } from "../cpu-access.ts";
import type { GuestRam } from "../guest-ram.ts";

const CF = 1;
const ZF = 0x40;
/** Attribute of a stack segment: ESP, not SP (Intel SDM vol. 3A, 3.4.5). */
const BIG = 0x4000;

export class Registers {
  readonly #cpu: CpuAccess;
  readonly ram: GuestRam;

  constructor(cpu: CpuAccess, ram: GuestRam) {
    this.#cpu = cpu;
    this.ram = ram;
  }

  /** A caller that comes from protected mode may still have a stack of 32 bits. */
  #stack(offset: number): number {
    const { base, attributes } = this.#cpu.segment("ss");
    const sp = Number(this.#cpu.general("rsp") & 0xffffffffn) + offset;
    return Number(base) + (attributes & BIG ? sp >>> 0 : sp & 0xffff);
  }

  #get16(name: GeneralName): number {
    return Number(this.#cpu.general(name) & 0xffffn);
  }

  #set16(name: GeneralName, value: number): void {
    const old = this.#cpu.general(name);
    this.#cpu.setGeneral(name, (old & ~0xffffn) | BigInt(value & 0xffff));
  }

  word(address: number): number {
    const b = this.ram.read(address, 2);
    return (b[0] ?? 0) | ((b[1] ?? 0) << 8);
  }

  setWord(address: number, value: number): void {
    this.ram.write(address, Uint8Array.of(value & 0xff, (value >> 8) & 0xff));
  }

  byte(address: number): number {
    return this.ram.read(address, 1)[0] ?? 0;
  }

  setByte(address: number, value: number): void {
    this.ram.write(address, Uint8Array.of(value & 0xff));
  }

  get ax(): number {
    return this.word(this.#stack(0));
  }

  set ax(value: number) {
    this.setWord(this.#stack(0), value);
  }

  get ah(): number {
    return this.ax >> 8;
  }

  set ah(value: number) {
    this.ax = (this.ax & 0xff) | ((value & 0xff) << 8);
  }

  get al(): number {
    return this.ax & 0xff;
  }

  set al(value: number) {
    this.ax = (this.ax & 0xff00) | (value & 0xff);
  }

  /** EAX: its upper half is in the register, its lower half on the stack. */
  get eax(): number {
    return Number(((this.#cpu.general("rax") & 0xffff0000n) | BigInt(this.ax)) & 0xffffffffn);
  }

  set eax(value: number) {
    this.#cpu.setGeneral(
      "rax",
      (this.#cpu.general("rax") & 0xffffn) | (BigInt(value >>> 16) << 16n),
    );
    this.ax = value & 0xffff;
  }

  get bx(): number {
    return this.#get16("rbx");
  }

  set bx(value: number) {
    this.#set16("rbx", value);
  }

  get cx(): number {
    return this.#get16("rcx");
  }

  set cx(value: number) {
    this.#set16("rcx", value);
  }

  get dx(): number {
    return this.#get16("rdx");
  }

  set dx(value: number) {
    this.#set16("rdx", value);
  }

  get si(): number {
    return this.#get16("rsi");
  }

  set si(value: number) {
    this.#set16("rsi", value);
  }

  get di(): number {
    return this.#get16("rdi");
  }

  set di(value: number) {
    this.#set16("rdi", value);
  }

  get bp(): number {
    return this.#get16("rbp");
  }

  wide(name: GeneralName): number {
    return Number(this.#cpu.general(name) & 0xffffffffn);
  }

  setWide(name: GeneralName, value: number): void {
    this.#cpu.setGeneral(name, BigInt(value >>> 0));
  }

  set bp(value: number) {
    this.#set16("rbp", value);
  }

  get es(): number {
    return this.#cpu.segment("es").selector;
  }

  /** Loads ES as real mode does. */
  set es(selector: number) {
    const now = this.#cpu.segment("es");
    this.#cpu.setSegment("es", { ...now, selector, base: BigInt(selector * 16) });
  }

  /** Linear address of an offset in a segment. */
  at(segment: SegmentName, offset: number): number {
    return Number(this.#cpu.segment(segment).base) + offset;
  }

  /** Address of a real-mode far pointer. */
  static far(segment: number, offset: number): number {
    return segment * 16 + offset;
  }

  /** CF as the caller gets it back. */
  set carry(on: boolean) {
    this.#flag(CF, on);
  }

  set zero(on: boolean) {
    this.#flag(ZF, on);
  }

  #flag(bit: number, on: boolean): void {
    const at = this.#stack(6);
    const flags = this.word(at);
    this.setWord(at, on ? flags | bit : flags & ~bit);
  }

  /** Makes the stub return to a far address, interrupts on. */
  enter(segment: number, offset: number): void {
    this.setWord(this.#stack(2), offset);
    this.setWord(this.#stack(4), segment);
    this.setWord(this.#stack(6), 0x0202);
  }

  /** Tells the stub that the service is ready, or to wait and ask again. */
  finish(ready: boolean): void {
    const flags = this.#cpu.rflags;
    this.#cpu.rflags = ready ? flags & ~1n : flags | 1n;
  }
}
