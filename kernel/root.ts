// The first program: its domain, thread and scheduling context, loaded from the first boot module. The
// module is used in place, so its segments must be in the file completely and at page-congruent offsets
// (System V ABI, "Program Header").

import {
  MEM_R,
  MEM_W,
  MEM_X,
  PAGE_SIZE,
  PERM_PD_CREATE,
  ROOT_PRIORITY,
  ROOT_QUANTUM,
  ROOT_SEL_EC,
  ROOT_SEL_PD,
  ROOT_SEL_SC,
  SUBSPACE_HOST,
  USER_ADDR,
} from "./abi";
import { firstModule, moduleEnd, moduleStart } from "./boot_info";
import { Cpu } from "./cpu";
import { CONT_SYSRET, createEc, Ec } from "./ec";
import { hipAddress } from "./hip";
import { addRef } from "./kobject";
import { fatal, panic } from "./panic";
import { createPd, Pd } from "./pd";
import { startPiece } from "./piece";
import { createSc, makeReady } from "./sc";
import { delegateMemory } from "./space_mem";
import { insertObject } from "./space_obj";

const ELF_MAGIC: u32 = 0x464c457f;
const PHDR_BYTES: u64 = 56;
const PT_LOAD: u32 = 1;

/** log2 of the largest block that starts at both addresses and fits into `bytes`, all multiples of a page. */
function blockOrder(a: u64, b: u64, bytes: u64): u32 {
  const fit = <u32>(63 - clz<u64>(bytes));
  const aligned = <u32>ctz<u64>(a | b);
  return min<u32>(aligned, fit);
}

function mapSegment(pd: Pd, kernel: Pd, phys: u64, virt: u64, bytes: u64, rights: u32): void {
  while (bytes !== 0) {
    const order = blockOrder(phys, virt, bytes);
    const step: u64 = (<u64>1) << (<u64>order);
    let done: u64 = 0;
    do {
      startPiece();
      done = delegateMemory(pd, kernel, phys, virt, order, rights, SUBSPACE_HOST, done);
    } while (done < step);
    phys += step;
    virt += step;
    bytes -= step;
  }
}

/** Maps the segments of the ELF image in the module; returns its entry point. */
function loadElf(pd: Pd, kernel: Pd): u64 {
  const module = firstModule();
  if (module === 0) fatal("No ELF: no boot module, the first one has to be the roottask");
  const start = <u64>moduleStart(module);
  const size = <u64>moduleEnd(module) - start;
  const image = <usize>start;
  if (
    size < 64 ||
    load<u32>(image) !== ELF_MAGIC ||
    load<u16>(image, 4) !== 0x0102 ||
    load<u16>(image, 16) !== 2 ||
    load<u16>(image, 18) !== 62
  ) {
    fatal("No ELF: the first boot module is not a 64-bit x86 executable");
  }
  const page: u64 = PAGE_SIZE;
  const table = load<u64>(image, 32);
  const count = <u64>load<u16>(image, 56);
  if (start & (page - 1) || table > size || count * PHDR_BYTES > size - table) {
    fatal("Bad ELF: the module is not page-aligned, or program headers lie beyond its end");
  }
  for (let i: u64 = 0; i < count; i++) {
    const header = image + <usize>(table + i * PHDR_BYTES);
    if (load<u32>(header) !== PT_LOAD) continue;
    const flags = load<u32>(header, 4);
    const offset = load<u64>(header, 8);
    const virt = load<u64>(header, 16);
    const fileSize = load<u64>(header, 32);
    const memSize = load<u64>(header, 40);
    if (fileSize !== memSize) fatal("Bad ELF: a segment's memory size differs from its file size");
    if (((virt ^ offset) & (page - 1)) !== 0) {
      fatal("Bad ELF: a segment's address and offset differ within the page");
    }
    if (offset > size || fileSize > size - offset) fatal("Bad ELF: a segment lies beyond the end");
    if (virt >= <u64>USER_ADDR || fileSize > <u64>USER_ADDR - virt) {
      fatal("Bad ELF: a segment lies outside user space");
    }
    if (fileSize === 0) continue;
    let rights: u32 = 0;
    if (flags & 4) rights |= MEM_R;
    if (flags & 2) rights |= MEM_W;
    if (flags & 1) rights |= MEM_X;
    const skew = offset & (page - 1);
    const bytes = (fileSize + skew + page - 1) & ~(page - 1);
    mapSegment(pd, kernel, start + offset - skew, virt - skew, bytes, rights);
  }
  return load<u64>(image, 24);
}

let rootEc: Ec = changetype<Ec>(0);

/** Whether `ec` is the roottask's first EC, without which nothing starts or ends programs. */
export function isRootEc(ec: Ec): bool {
  return ec === rootEc;
}

/** Creates the roottask and makes it ready; its selectors, registers and pages are those of the interface. */
export function createRoot(cpu: Cpu, kernel: Pd): void {
  const pd = createPd(changetype<Pd>(0), ROOT_SEL_PD, PERM_PD_CREATE, false);
  if (changetype<usize>(pd) === 0) panic("out of memory for the roottask");
  pd.privileged = true;
  pd.passthrough = true;
  const hip = <u64>USER_ADDR - PAGE_SIZE;
  const utcb = hip - PAGE_SIZE;
  const ec: Ec = createEc(pd, ROOT_SEL_EC, pd, true, cpu.id, 0, utcb, pd, 0);
  if (changetype<usize>(ec) === 0) panic("out of memory for the roottask");
  rootEc = ec;
  ec.cont = CONT_SYSRET;
  ec.rdi = cpu.id;
  ec.rcx = loadElf(pd, kernel);
  ec.r11 = hip;
  delegateMemory(pd, kernel, <u64>hipAddress(), hip, 12, MEM_R, SUBSPACE_HOST, 0);
  const sc = createSc(pd, ROOT_SEL_SC, ec, ROOT_PRIORITY, ROOT_QUANTUM);
  if (changetype<usize>(sc) === 0) panic("out of memory for the roottask");
  if (!insertObject(pd) || !insertObject(ec) || !insertObject(sc)) {
    panic("out of memory for the roottask");
  }
  addRef(sc);
  makeReady(sc);
}
