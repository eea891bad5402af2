// A roottask that uses every hypercall and prints what comes back, one line per step, on COM1. It runs
// on this kernel and on the reference alike: their lines have to be equal (probe.expected.txt is what
// the reference kernel printed). Written with the assembler, so that it depends on nothing else of ours.

import {
  Assembler,
  al,
  ax,
  byte,
  cl,
  dil,
  dword,
  dx,
  eax,
  ecx,
  edx,
  fs,
  gs,
  mem,
  qword,
  r8,
  r9,
  r10,
  r12,
  r13,
  r14,
  r15,
  rax,
  rbp,
  rbx,
  rcx,
  rdi,
  rdx,
  rip,
  rsi,
  rsp,
  xmm0,
} from "../../tools/asm/index.ts";
import { linkElf } from "../../tools/elf/index.ts";
import * as abi from "../abi.ts";
import { crd } from "./crd.ts";

export const PROBE_BASE = 0x100_0000;
export const PROBE_ORDER = 5;
const UTCB = 0x7fff_ffff_d000n;
const HANDLER_UTCB = 0x2000_0000;
const OTHER_UTCB = 0x2000_1000;
const THREAD_UTCB = 0x2000_2000;
const FOREIGN_UTCB = 0x2000_3000;
const PD = abi.ROOT_SEL_PD;
/** Segment bases as they are set by events: name, place in the UTCB, word they point to. */
const BASES: readonly [string, number, string][] = [
  ["FS base", abi.UTCB_FS_BASE, "fs_word"],
  ["GS base", abi.UTCB_GS_BASE, "gs_word"],
];
const REMOTE_UTCB = 0x2000_4000;
const REMOTE_HANDLER_UTCB = 0x2000_5000;
const SHARED_PAGE = 0x3000_0000;
/** Physical memory that neither a kernel nor the loader uses on a machine with 256 MiB. */
const FREE_MEMORY = 0xc00_0000;
/** Power-off on QEMU's q35: PM1a_CNT, SLP_TYP 0 and SLP_EN. */
const PM1A_CONTROL = 0x604;
const SLEEP_S5 = 0x2000;
const ALL_STATE = 0x40_005f;

/** HIP fields whose values are those of the machine rather than of the kernel. */
const MACHINE_FIELDS = new Set([
  "pci_bus_start",
  "mcfg_base",
  "mcfg_size",
  "hpet_base",
  "rsdt",
  "pm1a_cnt",
  "lapic0 version",
  "ioapic0",
  "ioapic0+8",
]);

interface Arguments {
  rsi?: bigint | number;
  rdx?: bigint | number;
  rax?: bigint | number;
  r8?: bigint | number;
}

export class Probe {
  readonly a = new Assembler({ bits: 64, name: "probe" });
  private strings: [string, string][] = [];
  private labels = 0;

  protected fresh(prefix: string): string {
    return `${prefix}_${this.labels++}`;
  }

  protected text(value: string): string {
    const label = this.fresh("text");
    this.strings.push([label, value]);
    return label;
  }

  print(value: string): void {
    this.a.lea(rsi, rip(this.text(value)));
    this.a.call("print");
  }

  /** Prints a label and the 64-bit value at an address or in a register, in hexadecimal. */
  show(name: string, value: Parameters<Assembler["mov"]>[1]): void {
    this.a.push(rax);
    this.a.push(rsi);
    this.a.mov(rax, value);
    this.a.push(rax);
    this.print(`${name} `);
    this.a.pop(rax);
    this.a.call("print_hex");
    this.print("\n");
    this.a.pop(rsi);
    this.a.pop(rax);
  }

  load(register: typeof rax, value: bigint | number): void {
    this.a.form("Mov_r64_imm64", register, BigInt.asUintN(64, BigInt(value)));
  }

  /** A hypercall whose status is printed, with `outputs` RSI, RDX and RAX as well. */
  hypercall(
    name: string,
    id: number,
    selector: bigint | number,
    flags: number,
    args: Arguments = {},
    outputs = "",
  ): void {
    const { a } = this;
    this.load(rsi, args.rsi ?? 0);
    this.load(rdx, args.rdx ?? 0);
    this.load(rax, args.rax ?? 0);
    this.load(r8, args.r8 ?? 0);
    this.load(rdi, (BigInt(selector) << 12n) | BigInt(flags << 8) | BigInt(id));
    a.syscall();
    a.mov(qword(rip("out_rsi")), rsi);
    a.mov(qword(rip("out_rdx")), rdx);
    a.mov(qword(rip("out_rax")), rax);
    a.and(rdi, 0xff);
    this.show(`${name}: status`, rdi);
    for (const output of outputs.split(" ").filter((each) => each !== "")) {
      this.show(`  ${output}`, qword(rip(`out_${output}`)));
    }
  }

  delegate(name: string, source: bigint, target: bigint, flags: bigint, to = PD, from = PD): void {
    const args = { rsi: to, rdx: source, rax: flags, r8: target };
    this.hypercall(name, abi.HC_PD_CTRL, from, abi.PD_CTRL_DELEGATE, args, "rdx rax");
  }

  lookup(name: string, kind: number, base: number): void {
    const args = { rsi: crd(kind, base) };
    this.hypercall(name, abi.HC_PD_CTRL, 0, abi.PD_CTRL_LOOKUP, args, "rsi");
  }

  createEc(name: string, selector: number, flags: number, args: Arguments): void {
    this.hypercall(name, abi.HC_CREATE_EC, selector, flags, { rsi: PD, ...args });
  }

  /** A portal whose entry is a label. */
  createPt(name: string, selector: number, ec: number, mtd: number, label: string): void {
    const { a } = this;
    this.load(rsi, PD);
    this.load(rdx, ec);
    this.load(rax, mtd);
    a.lea(r8, rip(label));
    this.load(rdi, (selector << 12) | abi.HC_CREATE_PT);
    a.syscall();
    a.and(rdi, 0xff);
    this.show(`${name}: status`, rdi);
  }

  reply(): void {
    this.a.mov(rdi, abi.HC_REPLY);
    this.a.syscall();
  }

  /** Store a constant at a user address. */
  poke(address: bigint | number, value: bigint | number): void {
    this.load(rax, value);
    this.load(rcx, address);
    this.a.mov(qword(rcx), rax);
  }

  peek(name: string, address: bigint | number): void {
    this.load(rcx, address);
    this.show(name, qword(rcx));
  }

  protected emitLibrary(): void {
    const { a } = this;
    // RSI: zero-terminated text. Keeps everything but RAX, RDX, RSI.
    a.label("print");
    a.push(rbx);
    a.label("print_next");
    a.movzx(eax, byte(rsi));
    a.test(al, al);
    a.je("print_end");
    a.inc(rsi);
    a.call("put");
    a.jmp("print_next");
    a.label("print_end");
    a.pop(rbx);
    a.ret();

    // RAX: value.
    a.label("print_hex");
    a.push(rbx);
    a.push(rcx);
    a.mov(rbx, rax);
    a.mov(ecx, 60);
    a.label("print_hex_skip");
    a.test(ecx, ecx);
    a.je("print_hex_next");
    a.mov(rax, rbx);
    a.shr(rax, cl);
    a.jne("print_hex_next");
    a.sub(ecx, 4);
    a.jmp("print_hex_skip");
    a.label("print_hex_next");
    a.mov(rax, rbx);
    a.shr(rax, cl);
    a.and(eax, 15);
    a.cmp(al, 10);
    a.jb("print_hex_digit");
    a.add(al, 39);
    a.label("print_hex_digit");
    a.add(al, 48);
    a.call("put");
    a.sub(ecx, 4);
    a.jns("print_hex_next");
    a.pop(rcx);
    a.pop(rbx);
    a.ret();

    a.label("put");
    a.push(rax);
    a.mov(dx, 0x3fd);
    a.label("put_wait");
    a.in(al, dx);
    a.test(al, 0x20);
    a.je("put_wait");
    a.pop(rax);
    a.mov(dx, 0x3f8);
    a.out(dx, al);
    a.ret();
  }

  protected emitData(): void {
    const { a } = this;
    a.align(8);
    for (const name of [
      "out_rsi",
      "out_rdx",
      "out_rax",
      "counter",
      "remote_counter",
      "remote_address",
    ]) {
      a.label(name);
      a.dq(0);
    }
    a.label("fs_word");
    a.dq(0xf5);
    a.label("gs_word");
    a.dq(0x65);
    for (const [label, value] of this.strings) {
      a.label(label);
      a.db(value, 0);
    }
    for (const name of ["main", "handler", "other", "thread", "foreign", "remote"]) {
      a.align(16);
      a.space(0x800);
      a.label(`${name}_stack`);
    }
    a.padTo(4096 << PROBE_ORDER);
  }

  protected emitStart(): void {
    const { a } = this;
    a.label("_start", { global: true });
    a.mov(rbp, rsp);
    a.mov(rbx, rdi);
    a.lea(rsp, rip("main_stack"));
    // The serial line first: without it nothing can be said.
    const com1 = crd(abi.CRD_PIO, 0x3f8, 3);
    this.load(rsi, PD);
    this.load(rdx, com1);
    this.load(rax, 0x801);
    this.load(r8, com1);
    this.load(rdi, (PD << 12) | (abi.PD_CTRL_DELEGATE << 8) | abi.HC_PD_CTRL);
    a.syscall();
    a.mov(qword(rip("out_rdx")), rdx);
    this.print("probe starts\n");
    this.show("RSP at start", rbp);
    this.show("RDI at start", rbx);
    this.show("delegated ports", qword(rip("out_rdx")));
  }

  private emitHip(): void {
    const fields: [string, number, number][] = [
      ["signature", 0, 4],
      ["cpu_offs", 8, 2],
      ["cpu_size", 0xa, 2],
      ["ioapic_offs", 0xc, 2],
      ["ioapic_size", 0xe, 2],
      ["mem_offs", 0x10, 2],
      ["mem_size", 0x12, 2],
      ["api_ver", 0x18, 4],
      ["sel_num", 0x1c, 4],
      ["sel_exc", 0x20, 4],
      ["sel_vmi", 0x24, 4],
      ["sel_gsi", 0x28, 4],
      ["cfg_page", 0x2c, 4],
      ["cfg_utcb", 0x30, 4],
      ["pci_bus_start", 0x3c, 4],
      ["mcfg_base", 0x40, 8],
      ["mcfg_size", 0x48, 8],
      ["hpet_base", 0x58, 8],
      ["rsdt", 0x68, 8],
      ["pm1a_cnt", 0x70, 8],
      ["pm1a_cnt+8", 0x78, 4],
      ["pm1b_cnt", 0x7c, 8],
      ["cpu0", 0x90, 8],
      ["lapic0 id", 0x98, 4],
      ["lapic0 version", 0x9c, 4],
      ["cpu2 flags", 0x90 + 96, 1],
      ["ioapic0", 0xc90, 8],
      ["ioapic0+8", 0xc98, 8],
    ];
    const { a } = this;
    for (const [name, offset, size] of fields) {
      const load = { 1: byte, 2: undefined, 4: dword, 8: qword }[size];
      if (size === 8 && load) a.mov(rax, qword(rbp, { disp: offset }));
      else if (size === 4) a.mov(eax, dword(rbp, { disp: offset }));
      else if (size === 1) a.movzx(eax, byte(rbp, { disp: offset }));
      else a.form("Movzx_r32_rm16", eax, mem(rbp, { disp: offset }));
      this.show(`${MACHINE_FIELDS.has(name) ? "machine" : "HIP"} ${name}`, rax);
    }
    // The 16-bit words up to `length` add up to 0.
    a.form("Movzx_r32_rm16", ecx, mem(rbp, { disp: 6 }));
    a.shr(ecx, 1);
    a.xor(edx, edx);
    a.mov(rsi, rbp);
    a.label("hip_sum");
    a.form("Movzx_r32_rm16", eax, mem(rsi));
    a.add(edx, eax);
    a.add(rsi, 2);
    a.dec(ecx);
    a.jne("hip_sum");
    a.and(edx, 0xffff);
    this.show("HIP checksum", rdx);
  }

  private emitObjects(): void {
    const sm = (name: string, selector: number, args: Arguments) =>
      this.hypercall(name, abi.HC_CREATE_SM, selector, 0, args);
    sm("create_sm", 200, { rsi: PD, rdx: 2 });
    sm("create_sm, selector taken", 200, { rsi: PD, rdx: 2 });
    sm("create_sm, no such PD", 201, { rsi: 999 });
    sm("create_sm, PD is an EC", 201, { rsi: 33 });
    const control = (name: string, selector: number, flags: number, args: Arguments = {}) =>
      this.hypercall(name, abi.HC_SM_CTRL, selector, flags, args);
    control("down", 200, 1);
    control("down", 200, 1);
    control("up", 200, 0);
    control("up", 200, 0);
    control("down to zero", 200, 3);
    control("up, no such SM", 999, 0);
    control("up, SM is a PD", PD, 0);
    this.lookup("lookup SM", abi.CRD_OBJ, 200);
    this.lookup("lookup PD", abi.CRD_OBJ, 32);
    this.lookup("lookup EC", abi.CRD_OBJ, 33);
    this.lookup("lookup SC", abi.CRD_OBJ, 34);
    this.lookup("lookup nothing", abi.CRD_OBJ, 999);
    this.lookup("lookup port", abi.CRD_PIO, 0x3fa);
    this.lookup("lookup other port", abi.CRD_PIO, 0x60);
    const obj = (base: number, order = 0, attr = 0x1f) => crd(abi.CRD_OBJ, base, order, attr);
    this.delegate("delegate up only", obj(200, 0, 1), obj(210), 1n);
    control("down without permission", 210, 1);
    control("up with permission", 210, 0);
    this.delegate("delegate without permissions", obj(200, 0, 2), obj(211, 0, 1), 1n);
    this.delegate("delegate by hotspot", obj(200), obj(0x400, 8), (0x4fn << 12n) | 1n);
    this.lookup("lookup hotspot", abi.CRD_OBJ, 0x44f);
    this.delegate("delegate onto itself", obj(200), obj(200), 1n);
    this.delegate("delegate kinds differ", obj(200), crd(abi.CRD_PIO, 200), 1n);
    this.delegate("delegate null", 0n, obj(200), 1n);
    this.delegate("delegate, no such PD", obj(200), obj(220), 1n, 999);
    this.delegate("translate", obj(0x44f), obj(0, 31), 0n);
    this.delegate("translate nothing", obj(999), obj(0, 31), 0n);
    this.delegate("translate or delegate, known", obj(0x44f), obj(0, 31), 2n);
    this.delegate("invalid transfer kind", obj(200), obj(221), 3n);
    const revoke = (name: string, range: bigint, self: number) =>
      this.hypercall(name, abi.HC_REVOKE, 0, self, { rsi: range });
    revoke("revoke copies", obj(200), 0);
    this.lookup("lookup copy", abi.CRD_OBJ, 210);
    this.lookup("lookup original", abi.CRD_OBJ, 200);
    revoke("revoke original", obj(200), 1);
    this.lookup("lookup revoked", abi.CRD_OBJ, 200);
    sm("create_sm again", 200, { rsi: PD });
    revoke("revoke nothing", obj(999), 1);
    revoke("revoke null", 0n, 1);
    this.hypercall("revoke remote, no such PD", abi.HC_REVOKE, 0, 3, { rsi: obj(1), rdx: 999 });
  }

  private emitErrors(): void {
    const h = (name: string, id: number, selector: number, flags: number, args: Arguments = {}) =>
      this.hypercall(name, id, selector, flags, args);
    h("unknown hypercall", 0x33, 0, 0);
    h("call, no such PT", abi.HC_CALL, 999, 0);
    h("call, PT is a PD", abi.HC_CALL, PD, 0);
    h("create_ec, no such CPU", abi.HC_CREATE_EC, 300, 0, { rsi: PD, rdx: 63 });
    h("create_ec, bad UTCB address", abi.HC_CREATE_EC, 300, 0, { rsi: PD, rdx: 0x7fff_ffff_f000n });
    h("create_ec, no such PD", abi.HC_CREATE_EC, 300, 0, { rsi: 999 });
    h("create_ec, selector taken", abi.HC_CREATE_EC, 32, 0, { rsi: PD });
    h("create_sc, no such EC", abi.HC_CREATE_SC, 300, 0, { rsi: PD, rdx: 999, rax: 0x1001 });
    h("create_pt on a global EC", abi.HC_CREATE_PT, 300, 0, { rsi: PD, rdx: 33 });
    h("create_pd, no such PD", abi.HC_CREATE_PD, 300, 0, { rsi: 999 });
    h("pt_ctrl, no such PT", abi.HC_PT_CTRL, 999, 0);
    h("sc_ctrl, no such SC", abi.HC_SC_CTRL, 999, 0);
    h("sc_ctrl", abi.HC_SC_CTRL, 34, 0);
    h("ec_ctrl, unknown operation", abi.HC_EC_CTRL, 33, 1);
    h("ec_ctrl, no such EC", abi.HC_EC_CTRL, 999, 0);
    h("assign_gsi, no such CPU", abi.HC_ASSIGN_GSI, 200, 0, { rdx: 63, rax: -1 });
    h("assign_gsi, ordinary SM", abi.HC_ASSIGN_GSI, 200, 0, { rax: -1 });
    h("assign_gsi, no such SM", abi.HC_ASSIGN_GSI, 999, 0, { rax: -1 });
    h("assign_pci, no such PD", abi.HC_ASSIGN_PCI, 999, 0);
    h("machine_ctrl, unknown operation", abi.HC_MACHINE_CTRL, 0, 3);
    h("read forbidden MSR", abi.HC_PD_CTRL, 0xc000_0080, abi.PD_CTRL_MSR_ACCESS);
    const args = { rsi: 0 };
    this.hypercall("read STAR", abi.HC_PD_CTRL, 0xc000_0081, abi.PD_CTRL_MSR_ACCESS, args, "rsi");
    this.createEc("global EC for create_sc", 300, 1, {});
    const sc = (name: string, rax: bigint | number) =>
      h(name, abi.HC_CREATE_SC, 301, 0, { rsi: PD, rdx: 300, rax });
    sc("create_sc, priority 0", 0x1000);
    sc("create_sc, priority 128", 0x1080);
    sc("create_sc, quantum 0", 1);
  }

  private emitMessages(): void {
    const { a } = this;
    const stack = (name: string) => {
      a.lea(rax, rip(`${name}_stack`));
    };
    const localEc = (name: string, selector: number, utcb: number, stackName: string) => {
      this.load(rsi, PD);
      this.load(rdx, utcb);
      this.load(r8, 0x600);
      this.load(rdi, (selector << 12) | abi.HC_CREATE_EC);
      stack(stackName);
      a.syscall();
      a.and(rdi, 0xff);
      this.show(`${name}: status`, rdi);
    };
    localEc("create local EC", 400, HANDLER_UTCB, "handler");
    localEc("create other local EC", 401, OTHER_UTCB, "other");
    this.createPt("create_pt", 410, 400, 0, "add_portal");
    this.createPt("create_pt", 411, 400, 0, "forward_portal");
    this.createPt("create_pt", 412, 401, 0, "add_portal");
    this.createPt("create_pt", 413, 400, 0, "busy_portal");
    this.createPt("create_pt", 414, 401, 0, "dying_portal");
    this.hypercall("pt_ctrl", abi.HC_PT_CTRL, 410, 0, { rsi: 0x1234_5678_9abc_def0n });
    this.poke(UTCB + 4n, 2);
    this.poke(UTCB + 0x20n, 5);
    this.poke(UTCB + 0x28n, 6);
    this.poke(UTCB + 0x30n, 0xdead);
    this.hypercall("call", abi.HC_CALL, 410, 0);
    this.peek("  items", UTCB);
    this.peek("  word 0", UTCB + 0x20n);
    this.peek("  word 1", UTCB + 0x28n);
    this.peek("  word 2", UTCB + 0x30n);
    this.poke(UTCB + 4n, 2);
    this.hypercall("call that calls", abi.HC_CALL, 411, 0);
    this.peek("  word 0", UTCB + 0x20n);
    this.hypercall("call of a handler that calls itself, non-blocking", abi.HC_CALL, 413, 0);
    this.delegate(
      "delegate the portal without permission to call",
      crd(abi.CRD_OBJ, 410, 0, 1),
      crd(abi.CRD_OBJ, 415),
      1n,
    );
    this.poke(UTCB + 4n, 2);
    this.hypercall("call without permission", abi.HC_CALL, 415, 0);
    // Typed items: the window of the handler, the answers in both UTCBs.
    this.poke(HANDLER_UTCB + 0x10, crd(abi.CRD_OBJ, 0x500, 4));
    this.poke(HANDLER_UTCB + 8, crd(abi.CRD_OBJ, 0, 31));
    this.poke(UTCB + 4n, 2 | (3 << 16));
    this.poke(UTCB + 0xff0n, crd(abi.CRD_OBJ, 200));
    this.poke(UTCB + 0xff8n, (3n << 12n) | 1n);
    this.poke(UTCB + 0xfe0n, crd(abi.CRD_OBJ, 0x44f));
    this.poke(UTCB + 0xfe8n, 0);
    this.poke(UTCB + 0xfd0n, crd(abi.CRD_PIO, 0x3f8));
    this.poke(UTCB + 0xfd8n, 1);
    this.hypercall("call with items", abi.HC_CALL, 410, 0);
    for (const [i, at] of [0xff0, 0xff8, 0xfe0, 0xfe8, 0xfd0, 0xfd8].entries()) {
      this.peek(`  item word ${i}`, HANDLER_UTCB + at);
    }
    this.lookup("lookup received", abi.CRD_OBJ, 0x503);
    this.poke(UTCB + 4n, 0);
    this.hypercall("call of a handler that dies", abi.HC_CALL, 414, 0);
    this.hypercall("call of a dead handler", abi.HC_CALL, 412, 0);
  }

  private emitEvents(): void {
    const { a } = this;
    for (const vector of [0, 3, 6, 13, 14, abi.EVENT_RECALL]) {
      this.createPt(
        "create exception portal",
        vector,
        400,
        ALL_STATE | abi.MTD_QUAL,
        "event_portal",
      );
      this.hypercall("pt_ctrl", abi.HC_PT_CTRL, vector, 0, { rsi: vector });
    }
    const raise = (name: string, emit: () => void) => {
      this.print(`${name}\n`);
      this.load(rax, 0x1111);
      this.load(rcx, 0x2222);
      this.load(rdx, 0x3333);
      this.load(rsi, 0x4444);
      this.load(r8, 0x5555);
      this.load(r15, 0x6666);
      const next = this.fresh("resume");
      a.lea(r14, rip(next));
      emit();
      a.label(next);
    };
    raise("#UD", () => a.ud2());
    raise("#BP", () => a.int3());
    raise("#GP by HLT", () => a.hlt());
    raise("#GP by non-canonical address", () => {
      this.load(rbx, 1n << 63n);
      a.mov(rax, qword(rbx));
    });
    raise("#DE", () => {
      a.xor(ecx, ecx);
      a.div(ecx);
    });
    raise("#PF read", () => {
      a.mov(eax, dword(0x3456_7890));
    });
    raise("#PF write to a page of the kernel", () => {
      this.load(rbx, -4096);
      a.mov(dword(rbx), eax);
    });
    raise("#GP by a port without permission", () => {
      a.in(al, 0x60);
    });
    this.print("recall\n");
    const next = this.fresh("resume");
    a.lea(r14, rip(next));
    this.load(rax, 0x1111);
    this.load(rdx, 0x3333);
    this.load(rsi, 0x4444);
    this.load(r8, 0x5555);
    this.load(r15, 0x6666);
    this.load(rdi, (33 << 12) | abi.HC_EC_CTRL);
    a.syscall();
    a.label(next);
    this.show("after recall: status", rdi);
  }

  private emitThreads(): void {
    const { a } = this;
    const createSm = (selector: number) =>
      this.hypercall("create_sm", abi.HC_CREATE_SM, selector, 0, { rsi: PD });
    createSm(500);
    createSm(501);
    this.createPt("create startup portal", 0x700 + abi.EVENT_STARTUP, 400, 0xc, "startup_portal");
    this.createEc("create global EC", 510, 1, { rdx: THREAD_UTCB, rax: 0x1234_5670, r8: 0x700 });
    const sc = (name: string, priority: number) =>
      this.hypercall(name, abi.HC_CREATE_SC, 511, 0, {
        rsi: PD,
        rdx: 510,
        rax: (1000n << 12n) | BigInt(priority),
      });
    sc("create_sc of higher priority", 2);
    this.hypercall("down until the thread has counted", abi.HC_SM_CTRL, 500, 1);
    this.show("  counter", qword(rip("counter")));
    this.hypercall("up for the thread", abi.HC_SM_CTRL, 501, 0);
    this.hypercall("down again", abi.HC_SM_CTRL, 500, 1);
    this.show("  counter", qword(rip("counter")));
    this.print("down with a deadline\n");
    a.rdtsc();
    a.shl(rdx, 32);
    a.or(rax, rdx);
    a.add(rax, 20_000_000);
    a.mov(r12, rax);
    a.mov(rdx, rax);
    a.mov(rsi, rax);
    a.shr(rsi, 32);
    a.mov(edx, edx);
    this.load(rdi, (500 << 12) | (abi.SM_CTRL_DOWN << 8) | abi.HC_SM_CTRL);
    a.syscall();
    a.mov(r13, rdi);
    a.rdtsc();
    a.shl(rdx, 32);
    a.or(rax, rdx);
    a.cmp(rax, r12);
    a.setae(dil);
    a.movzx(eax, dil);
    a.mov(r12, rax);
    this.show("  status", r13);
    this.show("  deadline reached", r12);
  }

  /** Registers that are not in the frame: SSE and segment bases. */
  private emitRegisters(): void {
    const { a } = this;
    const setXmm = (value: number) => {
      this.load(rax, value);
      a.movq(xmm0, rax);
    };
    this.createPt("create_pt", 420, 400, 0, "sse_portal");
    const fpu = 2 ** abi.MTD_FPU_SHIFT;
    this.createPt("create_pt", 4, 400, ALL_STATE + fpu, "sse_event_portal");
    for (let turn = 0; turn < 2; turn++) {
      setXmm(0x1111);
      this.hypercall("call with SSE registers", abi.HC_CALL, 420, 0);
      a.movq(rax, xmm0);
      this.show("  XMM0 of the caller", rax);
    }
    setXmm(0x2222);
    for (let turn = 0; turn < 2; turn++) {
      this.print("#OF by INT 4\n");
      a.int(4);
      a.movq(rax, xmm0);
      this.show("  XMM0 after the event", rax);
      a.mov(rax, qword({ disp: 0, segment: fs }));
      this.show("  at FS:0", rax);
      a.mov(rax, qword({ disp: 0, segment: gs }));
      this.show("  at GS:0", rax);
    }
    setXmm(0x3333);
    this.hypercall("call with SSE registers", abi.HC_CALL, 420, 0);
    a.movq(rax, xmm0);
    this.show("  XMM0 of the caller", rax);
  }

  private emitRegisterPortals(): void {
    const { a } = this;
    a.label("sse_portal");
    a.movq(rax, xmm0);
    this.show("    XMM0 of the handler", rax);
    a.stmxcsr(dword(rip("out_rax")));
    a.mov(eax, dword(rip("out_rax")));
    this.show("    MXCSR of the handler", rax);
    this.load(rax, 0x7777);
    a.movq(xmm0, rax);
    this.reply();

    a.label("sse_event_portal");
    a.movq(rax, xmm0);
    this.show("    XMM0 of the event", rax);
    this.load(rbx, HANDLER_UTCB);
    for (const [name, offset, word] of BASES) {
      a.mov(rax, qword(rbx, { disp: offset }));
      a.lea(rcx, rip(word));
      a.sub(rax, rcx);
      a.setne(al);
      a.movzx(eax, al);
      this.show(`    ${name} is new`, rax);
      a.mov(qword(rbx, { disp: offset }), rcx);
    }
    this.load(rax, 0x9999);
    a.movq(xmm0, rax);
    this.load(rax, abi.MTD_FS_GS + 2 ** abi.MTD_FPU_SHIFT);
    a.mov(qword(rbx, { disp: abi.UTCB_MTD }), rax);
    this.reply();
  }

  /** CPU 1: everything it does is reported through semaphores, only CPU 0 prints. */
  private emitProcessors(): void {
    const { a } = this;
    const create = (name: string, id: number, selector: number, args: Arguments, flags = 0) =>
      this.hypercall(name, id, selector, flags, { rsi: PD, ...args });
    const semaphore = (name: string, selector: number, operation: number) =>
      this.hypercall(name, abi.HC_SM_CTRL, selector, operation);
    create("create_sm", abi.HC_CREATE_SM, 802, {});
    create("create_sm", abi.HC_CREATE_SM, 803, {});
    create("create handler on CPU 1", abi.HC_CREATE_EC, 801, { rdx: REMOTE_HANDLER_UTCB | 1 });
    const state = abi.MTD_RIP_LEN | abi.MTD_RSP | abi.MTD_QUAL;
    const portals: [number, string][] = [
      [abi.EVENT_STARTUP, "remote_startup"],
      [abi.EVENT_RECALL, "remote_recall"],
      [14, "remote_fault"],
    ];
    for (const [event, label] of portals)
      this.createPt("create_pt", 0x800 + event, 801, state, label);
    this.hypercall("call to another CPU", abi.HC_CALL, 0x800 + 14, 0);
    const memory = (page: number) => crd(abi.CRD_MEM, page >> 12, 0, 3);
    this.delegate("delegate memory", memory(FREE_MEMORY), memory(SHARED_PAGE), 0x801n);
    const thread = { rdx: REMOTE_UTCB | 1, r8: 0x800 };
    create("create EC on CPU 1", abi.HC_CREATE_EC, 800, thread, 1);
    const time = { rdx: 800, rax: (10_000n << 12n) | 1n };
    create("create its SC", abi.HC_CREATE_SC, 804, time);
    semaphore("down until it runs", 802, 1);
    semaphore("up for it", 803, 0);
    // It reads the page in a loop now.
    a.label("wait_for_reader");
    a.cmp(qword(rip("remote_counter")), 1000);
    a.jb("wait_for_reader");
    this.hypercall("revoke the memory it reads", abi.HC_REVOKE, 0, 1, { rsi: memory(SHARED_PAGE) });
    semaphore("down until it has faulted", 802, 1);
    this.show("  fault address", qword(rip("remote_address")));
    this.hypercall("recall it", abi.HC_EC_CTRL, 800, 0);
    semaphore("down until it is recalled", 802, 1);
    this.print("it is recalled\n");
  }

  private emitRemote(): void {
    const { a } = this;
    const control = (selector: number, operation: number) => {
      this.load(rsi, 0);
      this.load(rdx, 0);
      this.load(rdi, (selector << 12) | (operation << 8) | abi.HC_SM_CTRL);
      a.syscall();
    };
    const resume = (label: string) => {
      this.load(rbx, REMOTE_HANDLER_UTCB);
      a.lea(rax, rip(label));
      a.mov(qword(rbx, { disp: abi.UTCB_RIP }), rax);
      a.lea(rax, rip("remote_stack"));
      a.mov(qword(rbx, { disp: abi.UTCB_RSP }), rax);
      a.mov(qword(rbx, { disp: abi.UTCB_MTD }), abi.MTD_RIP_LEN | abi.MTD_RSP);
      this.reply();
    };
    a.label("remote_startup");
    resume("remote_thread");
    a.label("remote_fault");
    this.load(rbx, REMOTE_HANDLER_UTCB);
    a.mov(rax, qword(rbx, { disp: abi.UTCB_QUAL + 8 }));
    a.mov(qword(rip("remote_address")), rax);
    control(802, abi.SM_CTRL_UP);
    resume("remote_spin");
    a.label("remote_recall");
    control(802, abi.SM_CTRL_UP);
    resume("remote_end");

    a.label("remote_thread");
    control(802, abi.SM_CTRL_UP);
    control(803, abi.SM_CTRL_DOWN);
    this.load(rbx, SHARED_PAGE);
    a.label("remote_read");
    a.mov(rax, qword(rbx));
    a.inc(qword(rip("remote_counter")));
    a.jmp("remote_read");
    a.label("remote_spin");
    a.pause();
    a.jmp("remote_spin");
    a.label("remote_end");
    control(803, abi.SM_CTRL_DOWN);
    a.ud2();
  }

  private emitForeign(): void {
    this.hypercall("create foreign PD", abi.HC_CREATE_PD, 600, 0, { rsi: PD, rax: (64 << 1) | 1 });
    this.createPt("create syscall portal", 601, 400, ALL_STATE, "syscall_portal");
    this.createPt("create startup portal", 602, 400, 0xc, "foreign_startup_portal");
    const obj = (base: number) => crd(abi.CRD_OBJ, base);
    this.delegate("delegate syscall portal", obj(601), obj(64), 1n, 600);
    this.delegate("delegate startup portal", obj(602), obj(abi.EVENT_STARTUP), 1n, 600);
    this.delegate("delegate semaphore", obj(500), obj(70), 1n, 600);
    this.delegate("delegate semaphore", obj(501), obj(71), 1n, 600);
    const image = crd(abi.CRD_MEM, PROBE_BASE >> 12, PROBE_ORDER, 7);
    this.delegate("delegate memory", image, image, 1n, 600);
    this.createEc("create foreign EC", 603, 1, { rsi: 600, rdx: FOREIGN_UTCB });
    this.hypercall("create_sc", abi.HC_CREATE_SC, 604, 0, {
      rsi: PD,
      rdx: 603,
      rax: (1000n << 12n) | 2n,
    });
    this.hypercall("down until it is done", abi.HC_SM_CTRL, 500, 1);
    this.hypercall("revoke its SC", abi.HC_REVOKE, 0, 1, { rsi: obj(604) });
    this.hypercall("revoke its EC", abi.HC_REVOKE, 0, 1, { rsi: obj(603) });
    this.hypercall("revoke its PD", abi.HC_REVOKE, 0, 1, { rsi: obj(600) });
    this.emitEnd("probe ends");
  }

  private emitPortals(): void {
    const { a } = this;
    // Prints its id and the words, adds 100 to each.
    a.label("add_portal");
    this.show("    portal id", rdi);
    this.load(rbx, HANDLER_UTCB);
    a.add(qword(rbx, { disp: 0x20 }), 100);
    a.add(qword(rbx, { disp: 0x28 }), 100);
    a.mov(dword(rbx, { disp: 4 }), 2);
    this.reply();

    a.label("forward_portal");
    this.load(rbx, HANDLER_UTCB);
    this.show("    forwarded word", qword(rbx, { disp: 0x20 }));
    this.load(rdi, (412 << 12) | abi.HC_CALL);
    a.syscall();
    a.and(rdi, 0xff);
    this.show("    inner call: status", rdi);
    a.mov(dword(rbx, { disp: 4 }), 1);
    a.mov(qword(rbx, { disp: 0x20 }), 0x77);
    this.reply();

    a.label("busy_portal");
    this.load(rdi, (410 << 12) | (1 << 8) | abi.HC_CALL);
    a.syscall();
    a.and(rdi, 0xff);
    this.show("    own portal: status", rdi);
    this.reply();

    a.label("dying_portal");
    a.ud2();

    // Shows what the event says and resumes at R14.
    a.label("event_portal");
    this.load(rbx, HANDLER_UTCB);
    this.show("    event", rdi);
    this.show("    items", itemWord(rbx, 4));
    const shown: [string, number][] = [
      ["mtd", abi.UTCB_MTD],
      ["rax", abi.UTCB_RAX],
      ["rdx", abi.UTCB_RDX],
      ["rsi", abi.UTCB_RSI],
      ["r8", abi.UTCB_R8],
      ["r15", abi.UTCB_R8 + 56],
      ["error", abi.UTCB_QUAL],
    ];
    for (const [name, offset] of shown) this.show(`    ${name}`, qword(rbx, { disp: offset }));
    // The fault address is meaningful for page faults only.
    a.mov(rax, qword(rbx, { disp: abi.UTCB_QUAL + 8 }));
    a.cmp(rdi, 14);
    a.je("event_fault");
    a.xor(eax, eax);
    a.label("event_fault");
    this.show("    fault address", rax);
    a.mov(rax, qword(rbx, { disp: abi.UTCB_R8 + 48 }));
    a.sub(rax, qword(rbx, { disp: abi.UTCB_RIP }));
    this.show("    bytes to resume", rax);
    a.mov(rax, qword(rbx, { disp: abi.UTCB_R8 + 48 }));
    a.mov(qword(rbx, { disp: abi.UTCB_RIP }), rax);
    a.mov(qword(rbx, { disp: abi.UTCB_MTD }), abi.MTD_RIP_LEN);
    this.reply();

    a.label("startup_portal");
    this.load(rbx, HANDLER_UTCB);
    this.show("    startup, items", itemWord(rbx, 4));
    this.show("    startup rsp", qword(rbx, { disp: abi.UTCB_RSP }));
    a.lea(rax, rip("thread"));
    a.mov(qword(rbx, { disp: abi.UTCB_RIP }), rax);
    a.lea(rax, rip("thread_stack"));
    a.mov(qword(rbx, { disp: abi.UTCB_RSP }), rax);
    a.mov(qword(rbx, { disp: abi.UTCB_MTD }), abi.MTD_RIP_LEN | abi.MTD_RSP);
    this.reply();

    a.label("thread");
    a.inc(qword(rip("counter")));
    this.load(rdi, (500 << 12) | abi.HC_SM_CTRL);
    a.syscall();
    this.load(rsi, 0);
    this.load(rdx, 0);
    this.load(rdi, (501 << 12) | (abi.SM_CTRL_DOWN << 8) | abi.HC_SM_CTRL);
    a.syscall();
    a.jmp("thread");

    a.label("foreign_startup_portal");
    this.load(rbx, HANDLER_UTCB);
    a.lea(rax, rip("foreign"));
    a.mov(qword(rbx, { disp: abi.UTCB_RIP }), rax);
    a.lea(rax, rip("foreign_stack"));
    a.mov(qword(rbx, { disp: abi.UTCB_RSP }), rax);
    a.mov(qword(rbx, { disp: abi.UTCB_MTD }), abi.MTD_RIP_LEN | abi.MTD_RSP);
    this.reply();

    // What the foreign program does: a system call, then a hypercall, then another system call.
    a.label("foreign");
    this.load(rdi, 0x11);
    this.load(rsi, 0x22);
    this.load(rdx, 0x33);
    this.load(r10, 0x44);
    this.load(r8, 0x55);
    this.load(r9, 0x66);
    this.load(r15, 0x77);
    this.load(rax, 0x99);
    a.syscall();
    a.label("foreign_after");
    a.mov(r12, rax);
    a.mov(r13, rsp);
    this.load(rbx, FOREIGN_UTCB);
    a.mov(dword(rbx), abi.UTCB_NSCT);
    this.load(rdi, 0x33);
    a.syscall();
    a.mov(r9, rdi);
    a.mov(dword(rbx), 0);
    this.load(rdi, 0);
    a.mov(rsi, r12);
    a.mov(rdx, r9);
    this.load(rax, 0x9a);
    a.syscall();
    a.mov(dword(rbx), abi.UTCB_NSCT);
    this.load(rdi, (70 << 12) | abi.HC_SM_CTRL);
    a.syscall();
    this.load(rsi, 0);
    this.load(rdx, 0);
    this.load(rdi, (71 << 12) | (abi.SM_CTRL_DOWN << 8) | abi.HC_SM_CTRL);
    a.syscall();
    a.ud2();

    a.label("syscall_portal");
    this.load(rbx, HANDLER_UTCB);
    this.show("    foreign call, items", itemWord(rbx, 4));
    const seen: [string, number][] = [
      ["rax", abi.UTCB_RAX],
      ["rdi", abi.UTCB_RDI],
      ["rsi", abi.UTCB_RSI],
      ["rdx", abi.UTCB_RDX],
      ["r10", abi.UTCB_R8 + 16],
      ["r8", abi.UTCB_R8],
      ["r15", abi.UTCB_R8 + 56],
    ];
    for (const [name, offset] of seen) this.show(`    ${name}`, qword(rbx, { disp: offset }));
    a.lea(rax, rip("foreign_after"));
    a.mov(rcx, qword(rbx, { disp: abi.UTCB_RCX }));
    a.sub(rcx, rax);
    this.show("    rcx from the first call's end", rcx);
    a.lea(rax, rip("foreign_stack"));
    a.sub(rax, qword(rbx, { disp: abi.UTCB_R8 + 24 }));
    this.show("    bytes on the stack by r11", rax);
    a.mov(rax, qword(rbx, { disp: abi.UTCB_RCX }));
    a.mov(qword(rbx, { disp: abi.UTCB_RIP }), rax);
    a.mov(rax, qword(rbx, { disp: abi.UTCB_R8 + 24 }));
    a.mov(qword(rbx, { disp: abi.UTCB_RSP }), rax);
    a.mov(qword(rbx, { disp: abi.UTCB_RAX }), 0x1234);
    a.mov(qword(rbx, { disp: abi.UTCB_MTD }), abi.MTD_RIP_LEN | abi.MTD_RSP | abi.MTD_GPR_ACDB);
    this.reply();
  }

  build(): Uint8Array {
    this.emitStart();
    this.emitHip();
    this.emitObjects();
    this.emitErrors();
    this.emitMessages();
    this.emitEvents();
    this.emitRegisters();
    this.emitThreads();
    this.emitProcessors();
    this.emitForeign();
    this.emitPortals();
    this.emitRegisterPortals();
    this.emitRemote();
    this.emitLibrary();
    this.emitData();
    return this.link();
  }

  protected link(): Uint8Array {
    return linkElf({
      objects: [this.a.object()],
      segments: [{ name: "probe", flags: "rwx", vaddr: BigInt(PROBE_BASE), sections: [".text"] }],
      entry: "_start",
      class: 64,
      padSegments: true,
    });
  }

  /** The last line, and ACPI power-off. */
  protected emitEnd(line: string): void {
    const { a } = this;
    const port = crd(abi.CRD_PIO, PM1A_CONTROL, 1);
    this.delegate("delegate the power management port", port, port, 0x801n);
    this.print(`${line}\n`);
    a.mov(edx, PM1A_CONTROL);
    a.mov(eax, SLEEP_S5);
    a.out(dx, ax);
    a.label("end");
    a.jmp("end");
  }
}

/** Flags and item count of a UTCB: the word that contains offset 4. */
function itemWord(base: typeof rax, offset: number) {
  return qword(base, { disp: offset - 4 });
}

/** The roottask as an ELF executable. */
export function buildProbe(): Uint8Array {
  return new Probe().build();
}
