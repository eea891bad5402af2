// What /proc tells of the system (proc_meminfo(5), proc_stat(5) and their like).

import { hipTscKilohertz } from "../libhedron/hip";
import { cpuid } from "../libhedron/x86";
import { bootTime, monotonic } from "../libroottask/clock";
import { SYSTEM_TYPES, systemTypeName } from "../libroottask/file_system";
import { hip } from "../libroottask/machine";
import { freePages, totalPages } from "../libroottask/pages";
import { lastNumber } from "../libroottask/pid_numbers";
import { processorCount } from "../libroottask/processors";
import { begunThreads, firstProgram, Program } from "../libroottask/program";
import { timeOfProcessor } from "../libroottask/thread";
import { CLOCK_BOOTTIME } from "../linux/clock_ids";
import { clockOffset } from "../linux/namespaces/time";
import { stateOf } from "./process";
import { byte, bytes, hex, hundredths, kibibytes, number, text } from "./writer";

const SECOND: u64 = 1_000_000_000;
const HUNDREDTH: u64 = 10_000_000;
const TICK_MICROSECONDS: u64 = 10_000;
const PAGE_KIB: u64 = 4;

const registers = memory.data(64);

export function meminfo(): void {
  const all = (totalPages() as u64) * PAGE_KIB;
  const free = (freePages() as u64) * PAGE_KIB;
  kibibytes("MemTotal", all);
  kibibytes("MemFree", free);
  kibibytes("MemAvailable", free);
  kibibytes("Buffers", 0);
  kibibytes("Cached", 0);
  kibibytes("SwapCached", 0);
  kibibytes("Active", all - free);
  kibibytes("Inactive", 0);
  kibibytes("SwapTotal", 0);
  kibibytes("SwapFree", 0);
  kibibytes("Dirty", 0);
  kibibytes("Writeback", 0);
  kibibytes("AnonPages", all - free);
  kibibytes("Mapped", 0);
  kibibytes("Shmem", 0);
  kibibytes("Slab", 0);
  kibibytes("CommitLimit", all);
  kibibytes("Committed_AS", all - free);
}

/** Time that programs have used `processor`, in ticks. */
function busyTicks(processor: u32): u64 {
  return timeOfProcessor(processor) / TICK_MICROSECONDS;
}

/** The rest of the time since the start. */
function idleTicks(processor: u32): u64 {
  const all = monotonic() / HUNDREDTH;
  const busy = busyTicks(processor);
  return all > busy ? all - busy : 0;
}

/** Programs that run, and with `all` those that do not. */
function count(all: bool): u64 {
  let found: u64 = 0;
  let program = firstProgram();
  while (program !== null) {
    if (all || stateOf(program, program.threads) === 82) found++;
    program = program.next;
  }
  return found;
}

function times(busy: u64, idle: u64): void {
  number(busy);
  text(" 0 0 ");
  number(idle);
  text(" 0 0 0 0 0 0\n");
}

export function stat(): void {
  const processors = processorCount();
  let busy: u64 = 0;
  let idle: u64 = 0;
  for (let processor: u32 = 0; processor < processors; processor++) {
    busy += busyTicks(processor);
    idle += idleTicks(processor);
  }
  text("cpu  ");
  times(busy, idle);
  for (let processor: u32 = 0; processor < processors; processor++) {
    text("cpu");
    number(processor as u64);
    byte(32);
    times(busyTicks(processor), idleTicks(processor));
  }
  text("intr 0\nctxt 0\nbtime ");
  number(bootTime() as u64);
  text("\nprocesses ");
  number(begunThreads());
  text("\nprocs_running ");
  number(count(false));
  text("\nprocs_blocked 0\nsoftirq 0\n");
}

/** Kinds of devices, as /dev has them. */
export function devices(): void {
  text("Character devices:\n  1 mem\n  4 ttyS\n  5 /dev/tty\n  5 /dev/console\n  5 /dev/ptmx\n");
  text("136 pts\n\nBlock devices:\n");
}

/** What of proc_vmstat(5) is known here: nothing goes to a disk, and nothing is swapped. */
export function vmstat(): void {
  text("nr_free_pages ");
  number(freePages() as u64);
  text("\npgpgin 0\npgpgout 0\npswpin 0\npswpout 0\npgmajfault 0\n");
}

export function uptime(program: Program): void {
  const now = monotonic() + (clockOffset(program, CLOCK_BOOTTIME) as u64);
  number(now / SECOND);
  hundredths(now / HUNDREDTH);
  byte(32);
  let idle: u64 = 0;
  for (let processor: u32 = 0; processor < processorCount(); processor++) {
    idle += idleTicks(processor);
  }
  number(idle / 100);
  hundredths(idle);
  byte(10);
}

/** Nobody keeps averages: the last columns are true. */
export function loadavg(program: Program): void {
  text("0.00 0.00 0.00 ");
  number(count(false));
  byte(47);
  number(count(true));
  byte(32);
  number(load<u32>(lastNumber(program)) as u64);
  byte(10);
}

export function version(): void {
  text("Linux version 6.1.0 (trihedron) #1 Trihedron\n");
}

export function filesystems(): void {
  for (let index: u32 = 0; index < SYSTEM_TYPES; index++) {
    text("nodev\t");
    text(systemTypeName(index));
    byte(10);
  }
}

/** Names of the bits of CPUID leaf 1, EDX from bit 0 on, "-" where there is none. */
const EDX: string =
  "fpu vme de pse tsc msr pae mce cx8 apic - sep mtrr pge mca cmov pat pse36 pn clflush - dts acpi mmx fxsr sse sse2 ss ht tm ia64 pbe ";
const ECX: string =
  "pni pclmulqdq dtes64 monitor ds_cpl vmx smx est tm2 ssse3 cid sdbg fma cx16 xtpr pdcm - pcid dca sse4_1 sse4_2 x2apic movbe popcnt tsc_deadline_timer aes xsave osxsave avx f16c rdrand hypervisor ";

/** The names in `list` whose bits are set. */
function flags(list: string, set: u32): void {
  let bit: u32 = 0;
  let start = 0;
  for (let at = 0; at < list.length; at++) {
    if (list.charCodeAt(at) !== 32) continue;
    if (((set >> bit) & 1) !== 0 && list.charCodeAt(start) !== 45) {
      for (let i = start; i <= at; i++) byte(list.charCodeAt(i) as u8);
    }
    bit++;
    start = at + 1;
  }
}

function brand(): void {
  cpuid(0x8000_0000 as i32, 0, registers);
  if (load<u32>(registers) < 0x8000_0004) return;
  for (let leaf: u32 = 0; leaf < 3; leaf++)
    cpuid((0x8000_0002 + leaf) as i32, 0, registers + leaf * 16);
  let end: u32 = 48;
  let start: u32 = 0;
  while (end > 0 && (load<u8>(registers + end - 1) === 0 || load<u8>(registers + end - 1) === 32))
    end--;
  while (start < end && load<u8>(registers + start) === 32) start++;
  bytes(registers + start, end - start);
}

export function cpuinfo(): void {
  for (let processor: u32 = 0; processor < processorCount(); processor++) describe(processor);
}

/** All processors are like the one that this runs on, each a package of its own. */
function describe(processor: u32): void {
  cpuid(0, 0, registers);
  text("processor\t: ");
  number(processor as u64);
  text("\nvendor_id\t: ");
  bytes(registers + 4, 4);
  bytes(registers + 12, 4);
  bytes(registers + 8, 4);
  cpuid(1, 0, registers);
  const signature = load<u32>(registers);
  const ecx = load<u32>(registers + 8);
  const edx = load<u32>(registers + 12);
  const family = (signature >> 8) & 15;
  const extended = family === 15 ? (signature >> 20) & 255 : 0;
  const high = family === 6 || family === 15 ? ((signature >> 16) & 15) << 4 : 0;
  text("\ncpu family\t: ");
  number((family + extended) as u64);
  text("\nmodel\t\t: ");
  number((((signature >> 4) & 15) | high) as u64);
  text("\nmodel name\t: ");
  brand();
  text("\nstepping\t: ");
  number((signature & 15) as u64);
  const kilohertz = hipTscKilohertz(hip);
  text("\ncpu MHz\t\t: ");
  number((kilohertz / 1000) as u64);
  text(".000\nphysical id\t: ");
  number(processor as u64);
  text("\nsiblings\t: 1\ncore id\t\t: 0\ncpu cores\t: 1\nfpu\t\t: yes\nflags\t\t: ");
  flags(EDX, edx);
  flags(ECX, ecx);
  text("lm\nbogomips\t: ");
  number((kilohertz / 500) as u64);
  text(".00\n\n");
}

/** 16 random bytes as a UUID of version 4 (RFC 9562, 5.4). */
export function uuid(random: usize): void {
  store<u8>(random + 6, (load<u8>(random + 6) & 15) | 64);
  store<u8>(random + 8, (load<u8>(random + 8) & 63) | 128);
  for (let at: u32 = 0; at < 16; at++) {
    if (at === 4 || at === 6 || at === 8 || at === 10) byte(45);
    hex(load<u8>(random + at) as u64, 2);
  }
  byte(10);
}
