// The kernel as tests that look inside need it: its entry points, and where objects and capabilities are. Not
// part of the kernel's image.

import { Cpu, cpuById, cpuCount } from "../cpu";
import { Ec } from "../ec";
import { Kobject } from "../kobject";
import { Mdb } from "../mdb";
import { nextNode } from "../node_table";
import { availablePages } from "../page";
import { nodeTable, Pd } from "../pd";
import { Pt } from "../pt";
import { Sm } from "../sm";

export * from "./audited";

/** Address of the first capability of this kind at `index` or behind it in the domain's space, 0 for none. */
export function inspect_next(pd: usize, kind: u32, index: u32): usize {
  return changetype<usize>(nextNode(nodeTable(changetype<Pd>(pd), kind), <u64>index));
}

/** Address of a CPU's object, 0 if there is none of this number. */
export function inspect_cpu(id: u32): usize {
  return id < cpuCount() ? changetype<usize>(cpuById(id)) : 0;
}

export function inspect_free_pages(): u32 {
  return availablePages();
}

/** Offsets of fields, in the order of INSPECTED in kernel/fuzz/view.ts. */
export function inspect_offset(field: u32): u32 {
  switch (field) {
    case 0:
      return offsetof<Mdb>("target");
    case 1:
      return offsetof<Mdb>("base");
    case 2:
      return offsetof<Mdb>("order");
    case 3:
      return offsetof<Mdb>("attr");
    case 4:
      return offsetof<Mdb>("pd");
    case 5:
      return offsetof<Kobject>("type");
    case 6:
      return offsetof<Pd>("pageTable");
    case 7:
      return offsetof<Pd>("portMap0");
    case 8:
      return offsetof<Pd>("portMap1");
    case 9:
      return offsetof<Ec>("cont");
    case 10:
      return offsetof<Ec>("caller");
    case 11:
      return offsetof<Ec>("domain");
    case 12:
      return offsetof<Ec>("utcb");
    case 13:
      return offsetof<Sm>("waiting");
    case 14:
      return offsetof<Sm>("counter");
    case 15:
      return offsetof<Pt>("id");
    case 16:
      return offsetof<Cpu>("ec");
    case 17:
      return offsetof<Cpu>("pd");
    case 18:
      return offsetof<Cpu>("tss");
    case 19:
      return offsetof<Cpu>("idleEc");
    case 20:
      return offsetof<Kobject>("refs");
    default:
      return 0xffffffff;
  }
}
