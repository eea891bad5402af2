// Every hypercall through its statuses and the boundaries of its arguments: rows for the table of the probe.

import * as abi from "../abi.ts";
import * as msr from "../msr_number.ts";
import { type Arguments, CallTable, type Options } from "./call_table.ts";
import { crd } from "./crd.ts";
import {
  CONFIG_PAGE,
  EC_CTRL,
  EC_PT,
  EC_SC,
  FROM_KERNEL,
  GLOBAL_EC,
  HIGH_PRIORITY,
  HPET,
  HPET_PAGE,
  INTERRUPT,
  LAST,
  LOCAL_EC,
  MCFG,
  MESSAGE,
  mem,
  NEW,
  NOTHING,
  obj,
  PD,
  PIN,
  PIT,
  PORTAL,
  PORTAL_CALL,
  PORTAL_CTRL,
  port,
  qpd,
  RAM,
  RAM_PAGE,
  REMOTE_PORTAL,
  REVOKED_SEM,
  SEM,
  SEM_DOWN,
  SEM_UP,
  SOURCE,
} from "./interface_objects.ts";
import { PROBE_BASE, PROBE_ORDER } from "./probe.ts";

export function emitNumbers(p: CallTable): void {
  for (const id of [16, 17, 0x7f, 0x80, 0xff]) {
    p.row(`unknown hypercall: ${id}`, id, SEM, {}, { flags: id & 15 });
  }
}

export function emitCalls(p: CallTable): void {
  for (const [what, selector] of p.others("portal")) {
    p.row(`call: ${what}`, abi.HC_CALL, selector);
  }
  p.row("call: on another CPU", abi.HC_CALL, REMOTE_PORTAL);
  for (let flags = 0; flags < 16; flags++) {
    p.row(`call: flags ${flags}`, abi.HC_CALL, PORTAL, {}, { flags });
  }
  p.row("call: with permission to call alone", abi.HC_CALL, PORTAL_CALL);
  p.row("call: without permission to call", abi.HC_CALL, PORTAL_CTRL);
  p.row("call: beyond the last selector", abi.HC_CALL, PORTAL + abi.NUM_SELECTORS);
  for (const [what, selector] of p.others("portal")) {
    p.row(`pt_ctrl: ${what}`, abi.HC_PT_CTRL, selector);
  }
  for (const flags of [0, 1, 2, 4, 8, 15]) {
    p.row(`pt_ctrl: flags ${flags}`, abi.HC_PT_CTRL, PORTAL, { rsi: -1n }, { flags });
  }
  p.row("pt_ctrl: with permission to control alone", abi.HC_PT_CTRL, PORTAL_CTRL);
  p.row("pt_ctrl: without permission to control", abi.HC_PT_CTRL, PORTAL_CALL);
}

export function emitCreatePd(p: CallTable): void {
  const pd = (name: string, selector: bigint | number, args: Arguments = {}, flags = 0) =>
    p.row(`create_pd: ${name}`, abi.HC_CREATE_PD, selector, { rsi: PD, ...args }, { flags });
  for (const [what, selector] of p.others("PD")) pd(`parent is ${what}`, NEW, { rsi: selector });
  pd("selector taken", SEM);
  pd("parent is nothing, selector taken", SEM, { rsi: NOTHING });
  for (let flags = 0; flags < 16; flags += 3) pd(`flags ${flags}`, NEW + flags, {}, flags);
  pd("last selector", LAST);
  pd("beyond the last selector", abi.NUM_SELECTORS + 0x3000);
  const ranges: [string, bigint][] = [
    ["null", 0n],
    ["null with garbage", 0xffff_fffcn],
    ["one capability", obj(SEM)],
    ["all capabilities", obj(0, 31)],
    ["memory", mem(PROBE_BASE >> 12, PROBE_ORDER)],
    ["a port", port(0x3f8)],
    ["a port it does not have", port(0x60)],
    ["beyond all selectors", obj(1n << 40n)],
  ];
  for (const [i, [what, rdx]] of ranges.entries()) pd(`range ${what}`, NEW + 0x20 + i, { rdx });
  const foreign: [string, bigint | number][] = [
    ["base 0", 1],
    ["base 64", (64 << 1) | 1],
    ["largest base", -1n],
    ["base but not foreign", 64 << 1],
  ];
  for (const [i, [what, rax]] of foreign.entries()) pd(`foreign, ${what}`, NEW + 0x30 + i, { rax });
  for (const flags of [0, 3]) p.revoke(`PD of flags ${flags}`, obj(NEW + flags));
  p.revoke("all the PDs", obj(NEW, 6));
  p.revoke("PD of the last selector", obj(LAST));
}

export function emitCreateEc(p: CallTable): void {
  const ec = (name: string, selector: bigint | number, args: Arguments = {}, flags = 0) =>
    p.row(`create_ec: ${name}`, abi.HC_CREATE_EC, selector, { rsi: PD, ...args }, { flags });
  for (const [what, selector] of p.others("PD")) ec(`parent is ${what}`, NEW, { rsi: selector });
  for (const cpu of [8, 63, 64, 0x3ff, 0xfff]) ec(`CPU ${cpu}`, NEW, { rdx: cpu });
  ec("selector taken", SEM);
  ec("last selector", LAST);
  p.revoke("EC of the last selector", obj(LAST));
  const pages: [string, bigint][] = [
    ["right behind user space", 0x7fff_ffff_f000n],
    ["first not canonical", 1n << 47n],
    ["in the kernel's half", 0xffff_8000_0000_0000n],
    ["last page", 0xffff_ffff_ffff_f000n],
  ];
  for (const [what, rdx] of pages) ec(`UTCB ${what}`, NEW, { rdx });
  ec("virtual CPU", NEW, {}, abi.CREATE_EC_GLOBAL | abi.CREATE_EC_VCPU);
  ec("local virtual CPU", NEW, {}, abi.CREATE_EC_VCPU);
  // Which of two faults is told.
  const bad = 1n << 47n;
  ec("CPU 63 and parent is nothing", NEW, { rdx: 63, rsi: NOTHING });
  ec("CPU 63 and virtual CPU", NEW, { rdx: 63 }, 3);
  ec("virtual CPU and parent is nothing", NEW, { rsi: NOTHING }, 3);
  ec("parent is nothing and bad UTCB", NEW, { rsi: NOTHING, rdx: bad });
  ec("bad UTCB and selector taken", SEM, { rdx: bad });
  for (const flags of [0, 1, 4, 5, 8, 9, 12, 13]) {
    ec(`flags ${flags}`, NEW + flags, { rax: -1n, r8: -1n }, flags);
  }
  ec("UTCB of its own", NEW + 0x10, { rdx: 0x4000_0000 });
  ec("UTCB over another's", NEW + 0x11, { rdx: 0x4000_0000 });
  p.revoke("all the ECs", obj(NEW, 5));
}

export function emitCreateSc(p: CallTable): void {
  const sc = (name: string, selector: bigint | number, args: Arguments = {}, flags = 0) =>
    p.row(
      `create_sc: ${name}`,
      abi.HC_CREATE_SC,
      selector,
      { rsi: PD, rdx: GLOBAL_EC, rax: qpd(HIGH_PRIORITY), ...args },
      { flags },
    );
  for (const [what, selector] of p.others("PD")) sc(`parent is ${what}`, NEW, { rsi: selector });
  for (const [what, selector] of p.others("EC")) sc(`of ${what}`, NEW, { rdx: selector });
  sc("of a local EC", NEW, { rdx: LOCAL_EC });
  sc("of an EC without permission", NEW, { rdx: EC_CTRL });
  for (const priority of [0, 128, 255]) sc(`priority ${priority}`, NEW, { rax: qpd(priority) });
  sc("quantum 0", NEW, { rax: qpd(1, 0) });
  sc("quantum 2^32", NEW, { rax: qpd(1, 1n << 32n) });
  sc("priority 0 and quantum 0", NEW, { rax: 0 });
  sc("selector taken", SEM);
  sc("priority 0 and selector taken", SEM, { rax: qpd(0) });
  sc("parent is nothing and of nothing", NEW, { rsi: NOTHING, rdx: NOTHING });
  sc("of nothing and priority 0", NEW, { rdx: NOTHING, rax: qpd(0) });
  sc("of an EC with the permission alone", NEW, { rdx: EC_SC });
  sc("a second one", NEW + 1);
  sc("priority 127", NEW + 2, { rax: qpd(127) });
  sc("quantum 1", NEW + 3, { rax: qpd(HIGH_PRIORITY, 1) });
  sc("largest quantum", NEW + 4, { rax: qpd(HIGH_PRIORITY, 0xffff_ffff) });
  sc("bits between priority and quantum", NEW + 5, { rax: qpd(HIGH_PRIORITY) | 0xf00n });
  sc("flags 15", NEW + 6, {}, 15);
  for (const [what, selector] of p.others("SC")) {
    p.row(`sc_ctrl: ${what}`, abi.HC_SC_CTRL, selector);
  }
  for (const flags of [0, 1, 15]) {
    const hidden: Options["hidden"] = ["rsi", "rdx"];
    p.row(`sc_ctrl: flags ${flags}`, abi.HC_SC_CTRL, NEW, {}, { flags, hidden });
  }
  p.revoke("all the SCs", obj(NEW, 3));
}

export function emitCreatePt(p: CallTable): void {
  const pt = (name: string, selector: bigint | number, args: Arguments = {}, flags = 0) =>
    p.row(
      `create_pt: ${name}`,
      abi.HC_CREATE_PT,
      selector,
      { rsi: PD, rdx: LOCAL_EC, ...args },
      { flags },
    );
  for (const [what, selector] of p.others("PD")) pt(`parent is ${what}`, NEW, { rsi: selector });
  for (const [what, selector] of p.others("EC")) pt(`of ${what}`, NEW, { rdx: selector });
  pt("of a global EC", NEW, { rdx: GLOBAL_EC });
  pt("of an EC without permission", NEW, { rdx: EC_CTRL });
  pt("selector taken", SEM);
  pt("parent is nothing and of nothing", NEW, { rsi: NOTHING, rdx: NOTHING });
  pt("of an EC with the permission alone", NEW, { rdx: EC_PT });
  pt("largest MTD and address", NEW + 1, { rax: -1n, r8: -1n });
  pt("address 0", NEW + 2);
  pt("flags 15", NEW + 3, {}, 15);
  pt("last selector", LAST);
  p.revoke("all the portals", obj(NEW, 2));
  p.revoke("portal of the last selector", obj(LAST));
}

export function emitSemaphores(p: CallTable): void {
  const sm = (name: string, selector: bigint | number, args: Arguments = {}, flags = 0) =>
    p.row(`create_sm: ${name}`, abi.HC_CREATE_SM, selector, { rsi: PD, ...args }, { flags });
  for (const [what, selector] of p.others("PD")) sm(`parent is ${what}`, NEW, { rsi: selector });
  sm("selector taken", SEM);
  sm("last selector", LAST);
  p.up("last selector", LAST);
  p.down("last selector", LAST);
  p.revoke("SM of the last selector", obj(LAST));
  sm("largest count", NEW, { rdx: -1n });
  sm("flags 15", NEW + 1, { rdx: 5 }, 15);
  p.down("takes one", NEW + 1);
  p.down("takes all", NEW + 1, abi.SM_CTRL_ZERO);
  p.down("nothing to take", NEW + 1);
  p.down("nothing to take, to zero", NEW + 1, abi.SM_CTRL_ZERO);
  p.down("bits of the operation that are ignored", NEW, 0xc);
  p.up("bits of the operation that are ignored", NEW + 1, 0xe);
  p.down("after it", NEW + 1);
  for (const [what, selector] of p.others("semaphore")) {
    p.up(what, selector);
    p.down(what, Number(selector));
  }
  p.up("beyond the last selector", SEM + abi.NUM_SELECTORS);
  p.up("with permission alone", SEM_UP);
  p.up("without permission", SEM_DOWN);
  p.down("with permission alone", SEM_DOWN);
  p.down("without permission", SEM_UP);
  p.revoke("all the SMs", obj(NEW, 1));
}

export function emitControls(p: CallTable): void {
  const ec = (name: string, selector: number | bigint, flags = 0) =>
    p.row(`ec_ctrl: ${name}`, abi.HC_EC_CTRL, selector, {}, { flags });
  for (const [what, selector] of p.others("EC")) ec(what, selector);
  for (const flags of [1, 2, 3, 5, 13]) ec(`operation ${flags}`, GLOBAL_EC, flags);
  ec("operation 1 on nothing", NOTHING, 1);
  ec("with the permission alone", EC_CTRL);
  ec("without permission", EC_PT);
  ec("bits of the operation that are ignored", EC_CTRL, 12);
  p.row("create_ec: to recall", abi.HC_CREATE_EC, NEW, { rsi: PD });
  ec("a local EC", NEW);
  p.revoke("the recalled EC", obj(NEW));
}

export function emitAccess(p: CallTable): void {
  p.row("create_sm: to delegate", abi.HC_CREATE_SM, SOURCE, { rsi: PD });
  p.move("source is nothing", obj(SOURCE), obj(NEW), 1n, PD, NOTHING);
  p.move("target is nothing", obj(SOURCE), obj(NEW), 1n, NOTHING);
  p.move("source is an EC", obj(SOURCE), obj(NEW), 1n, PD, LOCAL_EC);
  p.move("target is a semaphore", obj(SOURCE), obj(NEW), 1n, SEM);
  for (const order of [1, 5, 10, 25, 26, 27, 31]) {
    p.move(`window of order ${order}`, obj(SOURCE), obj(0, order), (0x410n << 12n) | 1n);
  }
  p.look("one of them", obj(0x410));
  p.revoke("the copies", obj(SOURCE), 0);
  const unaligned: [string, bigint, bigint, bigint][] = [
    ["objects, base inside its block", obj(SOURCE + 1, 2), obj(NEW, 2), obj(NEW + 3)],
    [
      "objects, window's base inside its block",
      obj(SOURCE, 2),
      obj(NEW + 0x11, 2),
      obj(NEW + 0x13),
    ],
    ["ports, base inside its block", port(0x3f9, 3), port(0x3f8, 3), port(0x3f9)],
    ["ports, window's base inside its block", port(0x3f8, 3), port(0x3fd, 3), port(0x3f8)],
    ["ports, last of a block", port(0x3ff, 3), port(0x3ff, 3), port(0x3ff)],
  ];
  for (const [what, source, target, seen] of unaligned) {
    p.move(what, source, target);
    p.look(`after ${what}`, seen);
  }
  p.revoke("what came of it", obj(NEW, 8));
  p.move("the last selector", obj(SOURCE), obj(LAST));
  p.look("the last selector", obj(LAST));
  p.revoke("the copies again", obj(SOURCE), 0);
  p.move("no permissions in the range", obj(SOURCE, 0, 0), obj(NEW));
  p.move("no permissions in the window", obj(SOURCE), obj(NEW, 0, 0));
  p.move("permissions that nobody has", obj(SOURCE, 0, 0x1c), obj(NEW));
  p.look("after it", obj(NEW));
  p.move("object into memory", obj(SOURCE), mem(0x5_0000));
  p.move("null into null", 0n, 0n);
  p.move("object into null", obj(SOURCE), 0n);
  p.move("bits 7:2 and 63:12 of the flags", obj(SOURCE), obj(NEW), (0xabcden << 12n) | 0xfdn);
  p.revoke("the copies a third time", obj(SOURCE), 0);
  p.move("from the kernel", port(0x80), port(0x80), FROM_KERNEL);
  p.move("from the kernel, larger window", port(0x80), port(0, 16), FROM_KERNEL);
  p.move("ports into a larger window", port(0x3f8, 1), port(0, 16));
  p.move("ports into a smaller window", port(0x3f8, 3), port(0x3fa, 1));
  p.move("ports into a window elsewhere", port(0x3f8, 3), port(0x2f8, 3));
  p.move("ports into one of order 31", port(0x3f8), port(0, 31));
  p.move("memory without permissions", mem(PROBE_BASE >> 12, 0, 0), mem(0x6_0000));
  p.move("memory into a larger window", mem(PROBE_BASE >> 12), mem(0x6_0000, 4), (3n << 12n) | 1n);
  p.move("memory into a smaller window", mem(PROBE_BASE >> 12, 4), mem(0x6_0000), (5n << 12n) | 1n);
  p.move("memory behind user space", mem(PROBE_BASE >> 12), mem(1n << 35n));
  p.move("memory at the last page", mem(PROBE_BASE >> 12), mem((1n << 52n) - 1n));
  p.revoke("the memory", mem(0x6_0000, 4, 7));
  for (const [what, range] of [
    ["null", 0n],
    ["memory", mem(PROBE_BASE >> 12)],
    ["beyond the last selector", obj(abi.NUM_SELECTORS + SOURCE)],
    ["beyond all", obj((1n << 52n) - 1n)],
    ["port beyond the last", port(0x1_0000 + 0x3f8)],
    ["first port of a range", port(0x3f8)],
    ["garbage in order and permissions", obj(SOURCE, 31, 0)],
  ] as const) {
    p.look(what, range);
  }
  const translate = (name: string, source: bigint, window: bigint, meta = 0n) =>
    p.move(`translate: ${name}`, source, window, meta);
  translate("an object", obj(SOURCE), obj(0, 31));
  translate("outside the window", obj(SOURCE), obj(0x1000, 4));
  translate("larger than the object", obj(SOURCE, 4), obj(0, 31));
  translate("memory", mem(PROBE_BASE >> 12), mem(0, 31));
  translate("a port", port(0x3f8, 3), port(0, 16));
  translate("into nothing", obj(SOURCE), 0n);
  translate("unknown, or delegate", obj(SOURCE), obj(NEW), 2n);
  p.look("after it", obj(NEW));
  p.revoke("the copies a fourth time", obj(SOURCE), 0);
  const page = (name: string, rsi: bigint) =>
    p.row(
      `pd_ctrl access page: ${name}`,
      abi.HC_PD_CTRL,
      0,
      { rsi },
      { flags: abi.PD_CTRL_MAP_ACCESS_PAGE },
    );
  page("null", 0n);
  page("object", obj(0, 0, 3));
  page("of order 1", mem(0x100, 1, 3));
  page("read-only", mem(0x100, 0, 1));
  page("executable", mem(0x100, 0, 7));
  page("as it has to be", mem(0x100, 0, 3));
}

export function emitMsrs(p: CallTable): void {
  const access = (name: string, index: number, rsi?: bigint | number) =>
    p.row(
      `pd_ctrl MSR ${rsi === undefined ? "read" : "write"}: ${name}`,
      abi.HC_PD_CTRL,
      index,
      { rsi: rsi ?? 0xaa },
      { flags: abi.PD_CTRL_MSR_ACCESS | (rsi === undefined ? 0 : abi.MSR_ACCESS_WRITE) },
    );
  const refused: [string, number][] = [
    ["IA32_TSC", msr.IA32_TSC],
    ["IA32_APIC_BASE", msr.IA32_APIC_BASE],
    ["IA32_TSC_ADJUST", msr.IA32_TSC_ADJUST],
    ["IA32_SYSENTER_CS", msr.IA32_SYSENTER_CS],
    ["IA32_SYSENTER_ESP", msr.IA32_SYSENTER_CS + 1],
    ["IA32_SYSENTER_EIP", msr.IA32_SYSENTER_EIP],
    ["IA32_VMX_BASIC", msr.IA32_VMX_BASIC],
    ["IA32_VMX_VMFUNC", msr.IA32_VMX_VMFUNC],
    ["IA32_DS_AREA", msr.IA32_DS_AREA],
    ["IA32_TSC_DEADLINE", msr.IA32_TSC_DEADLINE],
    ["first of x2APIC", msr.IA32_X2APIC],
    ["last of x2APIC", msr.IA32_X2APIC_END],
    ["IA32_EFER", msr.IA32_EFER],
    ["IA32_GS_BASE", msr.IA32_GS_BASE],
    ["IA32_KERNEL_GS_BASE", msr.IA32_KERNEL_GS_BASE],
    ["IA32_TSC_AUX", msr.IA32_TSC_AUX],
    ["VM_HSAVE_PA", msr.VM_HSAVE_PA],
  ];
  for (const [name, index] of refused) {
    access(name, index);
    access(name, index, 0);
  }
  access("IA32_STAR", msr.IA32_STAR);
  access("IA32_STAR as it is", msr.IA32_STAR, 0x1b_0008_0000_0000n);
  access("IA32_PAT", msr.IA32_PAT, 0);
  access("IA32_FEATURE_CONTROL", msr.IA32_FEATURE_CONTROL, 0);
  access("first of the MTRRs", msr.IA32_MTRR_PHYSBASE0, 0);
  access("last of the MTRRs", msr.IA32_MTRR_FIX4K_F8000, 0);
  access("IA32_MTRR_DEF_TYPE", msr.IA32_MTRR_DEF_TYPE, 0);
  access("bits 63:32 of the index", msr.IA32_STAR + 2 ** 32);
}

export function emitRevocations(p: CallTable): void {
  const remote = (name: string, rdx: number | bigint, range = obj(NEW)) =>
    p.row(`revoke: remote, ${name}`, abi.HC_REVOKE, 0, { rsi: range, rdx }, { flags: 3 });
  for (const [what, selector] of p.others("PD")) remote(what, selector);
  remote("own PD", PD);
  const sm = (selector: number) =>
    p.row("create_sm: to revoke", abi.HC_CREATE_SM, selector, { rsi: PD });
  for (const kind of [0, 1, 2, 3]) {
    for (const order of [0, 26, 31]) {
      p.revoke(`kind ${kind} order ${order} where nothing is`, crd(kind, 1n << 31n, order));
    }
  }
  sm(NEW);
  p.move("a copy", obj(NEW), obj(NEW + 1));
  p.revoke("no permissions", obj(NEW, 0, 0));
  p.look("after it", obj(NEW));
  p.revoke("permission to up", obj(NEW, 0, 1), 0);
  p.look("after it, the original", obj(NEW));
  p.look("after it, the copy", obj(NEW + 1));
  p.revoke("permission to up, with self", obj(NEW, 0, 1));
  p.look("after it, the original", obj(NEW));
  p.revoke("the last permission", obj(NEW, 0, 2));
  p.look("after it, the original", obj(NEW));
  sm(NEW);
  p.revoke("base inside its block", obj(NEW + 1, 1));
  p.look("after a base inside its block", obj(NEW));
  p.revoke("beyond the last selector", obj(abi.NUM_SELECTORS + SEM));
  p.look("after it", obj(SEM));
  p.revoke("flags 12", obj(NEW), 12);
  // The semaphore, if there is one, is upped when the revocation is over.
  sm(REVOKED_SEM);
  p.move("up only", obj(REVOKED_SEM, 0, 1), obj(NEW + 1));
  p.move("down only", obj(REVOKED_SEM, 0, 2), obj(NEW + 2));
  p.alone(() => {
    p.revoke("semaphore", obj(NEW), 1, REVOKED_SEM);
    p.downPatiently("after the revocation", REVOKED_SEM);
    p.revoke("semaphore with permission to up", obj(NEW), 1, NEW + 1);
    p.downPatiently("after the revocation", REVOKED_SEM);
  });
  p.revoke("semaphore without permission to up", obj(NEW), 1, NEW + 2);
  p.revoke("no semaphore", obj(NEW), 1, NOTHING);
  p.revoke("semaphore is an EC", obj(NEW), 1, LOCAL_EC);
  p.down("after the revocations", REVOKED_SEM);
  p.revoke("its own semaphore", obj(REVOKED_SEM), 1, REVOKED_SEM);
}

export function emitDevices(p: CallTable): void {
  const pci = (name: string, pd: number | bigint, rsi: number) =>
    p.row(`assign_pci: ${name}`, abi.HC_ASSIGN_PCI, pd, { rsi });
  for (const [what, selector] of p.others("PD")) pci(what, selector, CONFIG_PAGE);
  pci("page that is not mapped", PD, 0x3200_0000);
  pci("no configuration page", PD, RAM_PAGE);
  const page = (name: string, phys: number, virt: number) =>
    p.move(name, mem(phys / 4096, 0, 7), mem(virt / 4096, 0, 7), FROM_KERNEL);
  page("PCI configuration page", MCFG, CONFIG_PAGE);
  page("HPET", HPET, HPET_PAGE);
  page("RAM", RAM, RAM_PAGE);
  pci("configuration page, no IOMMU", PD, CONFIG_PAGE);
  for (const gsi of [PIT, PIN, MESSAGE, abi.NUM_GSI - 1]) {
    p.move(`GSI ${gsi}`, obj(abi.NUM_CPU + gsi), obj(INTERRUPT + gsi), FROM_KERNEL);
  }
  p.move("a GSI too many", obj(abi.NUM_CPU + abi.NUM_GSI), obj(NEW), FROM_KERNEL);
  const gsi = (name: string, sm: number | bigint, args: Arguments = {}, flags = 0) =>
    p.row(`assign_gsi: ${name}`, abi.HC_ASSIGN_GSI, sm, { rax: -1n, ...args }, { flags });
  for (const [what, selector] of p.others("semaphore")) gsi(what, selector);
  gsi("a semaphore of a program", SEM);
  for (const cpu of [0, 1, 8, 63, 64, 0xfff, 0xffff_ffff]) {
    gsi(`CPU ${cpu}`, INTERRUPT + PIN, { rdx: cpu });
  }
  gsi("CPU 63 and no semaphore", NOTHING, { rdx: 63 });
  gsi("level, low", INTERRUPT + PIN, { rdx: 3n << 32n }, abi.ASSIGN_GSI_RECONFIGURE);
  gsi("edge, high", INTERRUPT + PIN, { rdx: 0 }, abi.ASSIGN_GSI_RECONFIGURE);
  gsi("bits of ARG3 that are ignored", INTERRUPT + PIN, { rdx: 0xffff_fffcn << 32n });
  gsi("flags 14", INTERRUPT + PIN, {}, 14);
  gsi("message, no page", INTERRUPT + MESSAGE);
  gsi("message, page that is not mapped", INTERRUPT + MESSAGE, { rsi: 0x3200_0000 });
  gsi("message, RAM", INTERRUPT + MESSAGE, { rsi: RAM_PAGE });
  gsi("message, address that is no user's", INTERRUPT + MESSAGE, { rsi: -4096n });
  gsi("message, configuration page", INTERRUPT + MESSAGE, { rsi: CONFIG_PAGE });
  gsi("message, inside the page", INTERRUPT + MESSAGE, { rsi: CONFIG_PAGE + 0x123 });
  gsi("message, HPET", INTERRUPT + MESSAGE, { rsi: HPET_PAGE });
  gsi("message, CPU 1", INTERRUPT + MESSAGE, { rsi: CONFIG_PAGE, rdx: 1 });
  gsi("message, reconfigured", INTERRUPT + MESSAGE, { rsi: CONFIG_PAGE, rdx: 3n << 32n }, 1);
  gsi("last GSI", INTERRUPT + abi.NUM_GSI - 1, { rsi: CONFIG_PAGE });
  for (const [what, selector] of p.others("semaphore")) {
    gsi(`signal is ${what}`, INTERRUPT + PIN, { rax: selector });
  }
  gsi("signal is another interrupt", INTERRUPT + PIN, { rax: INTERRUPT + MESSAGE });
  gsi("signal is itself", INTERRUPT + PIN, { rax: INTERRUPT + PIN });
  gsi("signal is itself, CPU 63", INTERRUPT + PIN, { rax: INTERRUPT + PIN, rdx: 63 });
  gsi("signal is a semaphore", INTERRUPT + PIN, { rax: SEM });
  gsi("signal without permission to up", INTERRUPT + PIN, { rax: SEM_DOWN });
  gsi("signal, message without page", INTERRUPT + MESSAGE, { rax: SEM });
  gsi("no signal any more", INTERRUPT + MESSAGE, { rax: INTERRUPT + MESSAGE });
  gsi("no signal any more", INTERRUPT + PIN, { rax: INTERRUPT + PIN });
  // ~0 leaves the signal as it is.
  gsi("signal stays", INTERRUPT + PIN, { rax: -1n });
}

export function emitMachine(p: CallTable): void {
  const machine = (name: string, selector: bigint | number, flags: number, args: Arguments = {}) =>
    p.row(`machine_ctrl ${name}`, abi.HC_MACHINE_CTRL, selector, args, { flags });
  machine("operation 2", 0, 2);
  machine("operation 3", 0, 3);
  machine("operation 3 and ignored bits", 0, 15);
  // SLP_TYP has three bits.
  for (const type of [0x8, 0x80, 0xff, 0x800, 0xff00]) {
    machine(`suspend: types 0x${type.toString(16)}`, type, abi.MACHINE_CTRL_SUSPEND, { rsi: 5 });
  }
  const update = (name: string, size: bigint | number, rsi: bigint | number) =>
    machine(`microcode: ${name}`, size, abi.MACHINE_CTRL_UPDATE_MICROCODE, { rsi });
  update("size 0", 0, RAM);
  update("a page", 0x1000, RAM);
  update("largest size", 0xf_ffff, RAM);
  update("bits 63:32", 1n << 40n, RAM);
  update("ignored bits", 0x1000, RAM);
}
