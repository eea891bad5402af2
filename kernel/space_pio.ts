// Port capabilities: nodes in the mapping database and a bitmap (bit set: denied) that is copied into
// the TSS when the domain runs. Intel SDM vol. 1, 19.5.2.

import { Cpu, cpuById, cpuCount, loadPortMap, thisCpu } from "./cpu";
import { sendReschedule } from "./lapic";
import { TSS_IOMAP } from "./layout";
import { Mdb } from "./mdb";
import { allocPage, PAGE_BYTES } from "./page";
import { Pd } from "./pd";
import { spend } from "./piece";

const PORTS_PER_PAGE: u32 = 0x8000;
/** Units of work (piece.ts) of a change, besides its bytes. */
const UPDATE_COST: u32 = 200;

/** The youngest state of a bitmap. */
let lastVersion: u64 = 0;

function ensurePortMap(pd: Pd): bool {
  if (pd.portMap0 === 0) {
    pd.portMap0 = allocPage();
    if (pd.portMap0 === 0) return false;
    memory.fill(pd.portMap0, 0xff, PAGE_BYTES);
  }
  if (pd.portMap1 === 0) {
    pd.portMap1 = allocPage();
    if (pd.portMap1 === 0) return false;
    memory.fill(pd.portMap1, 0xff, PAGE_BYTES);
  }
  return true;
}

/** Sets or clears the bits of a node's ports in a bitmap whose halves are two pages. */
function setBits(half0: usize, half1: usize, node: Mdb, denied: bool): void {
  const first = (node.base & (PORTS_PER_PAGE - 1)) >> 3;
  const half = node.base < PORTS_PER_PAGE ? half0 : half1;
  if (node.order < 3) {
    const bits = (((<u32>1) << ((<u32>1) << node.order)) - 1) << (node.base & 7);
    const old = <u32>load<u8>(half + first);
    store<u8>(half + first, <u8>(denied ? old | bits : old & ~bits));
    return;
  }
  const bytes = ((<usize>1) << node.order) >> 3;
  const inHalf = min<usize>(bytes, PAGE_BYTES);
  memory.fill(half + first, denied ? 0xff : 0, inHalf);
  if (bytes > inHalf) memory.fill(half1, denied ? 0xff : 0, PAGE_BYTES);
}

/** Opens or closes the ports of a node for the domain it belongs to; false when memory is out. */
export function updatePorts(node: Mdb, allowed: bool): bool {
  const pd = node.pd;
  if (pd.isKernel) return true;
  if (!ensurePortMap(pd)) return false;
  setBits(pd.portMap0, pd.portMap1, node, !allowed);
  const before = pd.portMapVersion;
  pd.portMapVersion = ++lastVersion;
  const cost = UPDATE_COST + (((<u32>1) << node.order) >> 3);
  spend(cost);
  const self = thisCpu();
  for (let i: u32 = 0; i < cpuCount(); i++) {
    const cpu: Cpu = cpuById(i);
    if (!cpu.online || cpu.pd !== pd) continue;
    spend(cost);
    if (before !== 0 && cpu.portMapVersion === before) {
      const map = cpu.tss + TSS_IOMAP;
      setBits(map, map + PAGE_BYTES, node, !allowed);
      cpu.portMapVersion = pd.portMapVersion;
    } else loadPortMap(cpu, pd);
    if (cpu !== self) sendReschedule(cpu);
  }
  return true;
}
