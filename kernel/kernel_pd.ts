// The kernel's own domain: the source of everything that belongs to the machine, which the roottask gets from
// it by the "from the kernel" flag of a delegation (delegate.ts).

import { CRD_PIO, NUM_PORTS } from "./abi";
import { allocMdb, Mdb } from "./mdb";
import { insertNode } from "./node_table";
import { panic } from "./panic";
import { createPd, Pd } from "./pd";

let domain: Pd = changetype<Pd>(0);

/** All ports, interrupts and physical memory are this domain's. */
export function kernelPd(): Pd {
  return domain;
}

/** Makes it, with the right to every port; called once. */
export function createKernelPd(): Pd {
  domain = createPd(changetype<Pd>(0), 0, 0, true);
  if (changetype<usize>(domain) === 0) panic("out of memory for the kernel's domain");
  const ports: Mdb = allocMdb(domain, CRD_PIO, 0, 0, 16, 1);
  if (changetype<usize>(ports) === 0 || !insertNode(domain.ports, ports, NUM_PORTS)) {
    panic("out of memory for the I/O ports");
  }
  ports.attr = 7;
  return domain;
}
