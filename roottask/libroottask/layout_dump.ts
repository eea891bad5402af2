// Where things are, for the log at level "debug": the roottask's stack, heap and message buffer, what the hypervisor
// information page says, and what the archive has.

import {
  HIP_API_FLG,
  HIP_CPU_OFFS,
  HIP_CPU_SIZE,
  HIP_CPUS,
  HIP_IOAPIC_OFFS,
  HIP_LENGTH,
  HIP_MEM_TYPE_AVAILABLE,
  HIP_MEM_TYPE_HYPERVISOR,
  HIP_MEM_TYPE_MODULE,
  HIP_SEL_EXC,
  HIP_SEL_NUM,
  PAGE_SIZE,
} from "../libhedron/abi";
import {
  hipApiVersion,
  hipMemory,
  hipMemoryCount,
  hipSerialPort,
  hipTscKilohertz,
} from "../libhedron/hip";
import { stack_bottom, stack_top } from "../libhedron/symbol";
import { endLine, say, sayDecimal, sayHex, sayPadded, sayText } from "./console";
import { typeOf } from "./file_type";
import { LOG_DEBUG, line, logs, MODULE_ARCHIVE, MODULE_MACHINE } from "./log";
import {
  claimMemory,
  hip,
  IMAGE_BASE,
  IMAGE_END,
  RAM_END,
  ramEnd,
  ramRanges,
  ramStart,
  UTCB_BASE,
} from "./machine";
import { freePages, totalPages } from "./pages";
import { terminatedLength } from "./text";
import { Entry, KIND_DIRECTORY, KIND_LINK, Node, pathOf, root, rootMount } from "./tree";

const PAGE: u64 = 4096;
/** First bit of a processor's flags: it is in use. */
const CPU_ENABLED: u8 = 1;

/** Room for PATH_MAX bytes. */
const path = memory.data(4096);

function begin(what: string): void {
  line(LOG_DEBUG, MODULE_MACHINE, what);
}

function range(what: string, start: u64, end: u64): void {
  begin(what);
  sayHex(start, 1);
  say("-");
  sayHex(end, 1);
  say(", ");
  sayDecimal((end - start) / PAGE);
  say(" pages");
  endLine();
}

function address(what: string, value: u64): void {
  begin(what);
  sayHex(value, 1);
  endLine();
}

function sayMemoryType(type: u32): void {
  if (type === HIP_MEM_TYPE_AVAILABLE) say("available");
  else if (type === (HIP_MEM_TYPE_HYPERVISOR as u32)) say("hypervisor");
  else if (type === (HIP_MEM_TYPE_MODULE as u32)) say("module");
  else {
    say("type ");
    sayDecimal(type as u64);
  }
}

function dumpCpus(): void {
  const size = load<u16>(hip + HIP_CPU_SIZE) as u32;
  const first = load<u16>(hip + HIP_CPU_OFFS) as u32;
  const end = load<u16>(hip + HIP_IOAPIC_OFFS) as u32;
  if (size === 0 || first < (HIP_CPUS as u32) || end > (PAGE_SIZE as u32)) return;
  let enabled: u64 = 0;
  for (let at = first; at + size <= end; at += size) {
    if ((load<u8>(hip + at) & CPU_ENABLED) !== 0) enabled++;
  }
  begin("hip: processors ");
  sayDecimal(enabled);
  endLine();
}

function dumpMemory(index: u32): void {
  const region = hipMemory(hip, index);
  begin("hip: memory ");
  sayHex(region.address, 1);
  say("-");
  sayHex(region.address + region.size, 1);
  say(" ");
  sayMemoryType(region.type);
  if (region.type === (HIP_MEM_TYPE_MODULE as u32) && region.aux !== 0) {
    const text = region.aux as usize;
    claimMemory(text as u64, (text as u64) + PAGE);
    say(': "');
    sayText(text, terminatedLength(text, PAGE_SIZE));
    say('"');
  }
  endLine();
}

/**
 * The stack, the information page at `hipAddress` and the message buffer below it. Called before RAM is used: boot
 * loaders leave the command lines of modules anywhere.
 */
export function dumpInformationPage(hipAddress: u64): void {
  if (!logs(LOG_DEBUG, MODULE_MACHINE, null)) return;
  range("image ", IMAGE_BASE, IMAGE_END);
  range("stack ", stack_bottom(), stack_top());
  address("utcb ", hipAddress - PAGE);
  address("utcbs of handlers from ", UTCB_BASE as u64);
  address("hip ", hipAddress);
  begin("hip: ");
  sayDecimal(load<u16>(hip + HIP_LENGTH) as u64);
  say(" bytes, interface ");
  sayDecimal(hipApiVersion(hip) as u64);
  say(", features ");
  sayHex(load<u32>(hip + HIP_API_FLG) as u64, 1);
  say(", selectors ");
  sayDecimal(load<u32>(hip + HIP_SEL_NUM) as u64);
  say(", first of the roottask's ");
  sayDecimal(load<u32>(hip + HIP_SEL_EXC) as u64);
  endLine();
  address("hip: serial port ", hipSerialPort(hip) as u64);
  begin("hip: time-stamp counter ");
  sayDecimal(hipTscKilohertz(hip) as u64);
  say(" kHz");
  endLine();
  dumpCpus();
  const count = hipMemoryCount(hip);
  for (let i: u32 = 0; i < count; i++) dumpMemory(i);
}

/** The RAM that has been claimed. */
export function dumpHeap(): void {
  if (!logs(LOG_DEBUG, MODULE_MACHINE, null)) return;
  const count = ramRanges();
  for (let i: u32 = 0; i < count; i++) range("heap ", ramStart(i), ramEnd(i));
  begin("heap: ");
  sayDecimal(freePages() as u64);
  say(" of ");
  sayDecimal(totalPages() as u64);
  say(" pages free, RAM is used below ");
  sayHex(RAM_END, 1);
  endLine();
}

function listNode(node: Node): void {
  line(LOG_DEBUG, MODULE_ARCHIVE, "");
  sayOctal(typeOf(node) | node.mode);
  sayPadded(node.kind === KIND_DIRECTORY ? 0 : node.size, 10);
  say(" ");
  const length = pathOf(rootMount(), node, path);
  if (length > 0) sayText(path, length as u32);
  if (node.kind === KIND_DIRECTORY) say("/");
  if (node.kind === KIND_LINK) {
    say(" -> ");
    sayText(node.data, node.size as u32);
  }
  endLine();
}

/** Mode with file type: six octal digits. */
function sayOctal(mode: u32): void {
  for (let shift: i32 = 15; shift >= 0; shift -= 3) sayDecimal(((mode >> shift) & 7) as u64);
}

/** What the archive has, a line per node; called when nothing else is in the tree. */
export function listArchive(): void {
  if (!logs(LOG_DEBUG, MODULE_ARCHIVE, null)) return;
  let entry: Entry | null = root().entries;
  while (entry !== null) {
    const node = entry.node;
    listNode(node);
    // Down, else on, else up and on: a tree may be deeper than a stack.
    let next: Entry | null = node.kind === KIND_DIRECTORY ? node.entries : null;
    if (next === null) {
      next = entry.next;
      let directory = entry.directory;
      while (next === null && directory !== root()) {
        const above = directory.names as Entry;
        next = above.next;
        directory = above.directory;
      }
    }
    entry = next;
  }
}
