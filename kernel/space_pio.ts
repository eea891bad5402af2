// Port capabilities: nodes in the mapping database and a bitmap (bit set: denied) that is copied into
// the TSS when the domain runs. Intel SDM vol. 1, 19.5.2.

import { Cpu, cpuById, cpuCount, loadPortMap, thisCpu } from "./cpu";
import { sendReschedule } from "./lapic";
import { Mdb } from "./mdb";
import { allocPage, PAGE_BYTES } from "./page";
import { Pd } from "./pd";

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

/** Opens or closes the ports of a node for the domain it belongs to; false when memory is out. */
export function updatePorts(node: Mdb, allowed: bool): bool {
  const pd = node.pd;
  if (pd.isKernel) return true;
  if (!ensurePortMap(pd)) return false;
  const end = node.base + ((<u32>1) << node.order);
  for (let port = node.base; port < end; port++) {
    const page = port < 0x8000 ? pd.portMap0 : pd.portMap1;
    const at = page + ((port & 0x7fff) >> 3);
    const bit = <u8>((<u32>1) << (port & 7));
    const old = load<u8>(at);
    store<u8>(at, allowed ? old & ~bit : old | bit);
  }
  pd.portMapVersion = ++lastVersion;
  const self = thisCpu();
  for (let i: u32 = 0; i < cpuCount(); i++) {
    const cpu: Cpu = cpuById(i);
    if (!cpu.online || cpu.pd !== pd) continue;
    loadPortMap(cpu, pd);
    if (cpu !== self) sendReschedule(cpu);
  }
  return true;
}
