// A roottask that makes the kernel do what takes long: the largest ranges, the most capabilities, the deepest
// chains, messages full of typed items, the end of domains that own much. Each operation is between two symbols, so
// that its instructions can be counted from outside.

import { dword, qword, r8, rax, rcx, rdi, rdx, rip, rsi } from "../../tools/asm/index.ts";
import * as abi from "../abi.ts";
import { crd } from "./crd.ts";
import { MEASURED, MeasuredProbe } from "./measured_probe.ts";

const PD = abi.ROOT_SEL_PD;
const OTHER_PD = 0x100;
const VICTIM_PD = 0x101;
const NEW_PD = 0x102;
const HANDLER = 0x110;
const PORTAL = 0x111;
const ITEMS_PORTAL = 0x112;
const MAIN_UTCB = 0x7fff_ffff_d000n;
const HANDLER_UTCB = 0x2000_0000;
/** Object capabilities: a crowd of originals, a chain of copies, selectors far apart. */
const CROWD = 0x10_0000;
export const CROWD_SIZE = 60_000;
const CROWD_ORDER = 16;
const CHAIN = 0x20_0000;
const CHAIN_LENGTH = 4095;
const SCATTERED = 0x100_0000;
const SCATTERED_COUNT = 2000;
/** Pages: large ones, the same as many small ones, and where they are copied to. */
const LARGE = 0x1_0000_0000n;
const SMALL = 0x2_0000_0000n;
const COPY = 0x3_0000_0000n;
const GIB_ORDER = 18;
const PORTS = 2048;
const ITEMS = 254;
const FROM_KERNEL = abi.XFER_DELEGATE | abi.XFER_FROM_KERNEL;

/** Operations in the order in which they come. */
export const OPERATIONS = [
  "delegate a page into an empty place",
  "delegate a page",
  "delegate 1 GiB of the machine",
  "delegate 8 TiB of the machine",
  "revoke 8 TiB",
  "delegate 1 GiB of large pages",
  "delegate 1 GiB of small pages",
  "revoke 1 GiB of small pages",
  "delegate 60,000 objects",
  "create a domain with 60,000 objects",
  "revoke a permission of 60,000 objects",
  "revoke 60,000 objects from others",
  "revoke a domain with 60,000 objects",
  "revoke 60,000 objects",
  "delegate objects far apart",
  "revoke objects far apart",
  "delegate single ports",
  "delegate all ports",
  "revoke single ports",
  "revoke all ports",
  "translate through a chain 254 times",
  "delegate small pages 254 times",
  "reply with small pages 254 times",
  "revoke a permission of a chain",
  "revoke the top of a chain",
  "revoke a domain with many tables",
] as const;

type Operation = (typeof OPERATIONS)[number];

class LongOperations extends MeasuredProbe {
  private measureDelegation(
    name: Operation,
    source: bigint,
    target: bigint,
    to = PD,
    flags = 1,
  ): void {
    const values = [BigInt(to), source, BigInt(flags), target];
    this.measure(name, abi.HC_PD_CTRL, PD, abi.PD_CTRL_DELEGATE, values);
  }

  private measureRevocation(name: Operation, range: bigint, self = true): void {
    this.measure(name, abi.HC_REVOKE, 0, self ? abi.REVOKE_SELF : 0, [range]);
  }

  private emitDomains(): void {
    const { a } = this;
    this.hypercall("other PD", abi.HC_CREATE_PD, OTHER_PD, 0, { rsi: PD });
    this.hypercall("victim PD", abi.HC_CREATE_PD, VICTIM_PD, 0, { rsi: PD });
    a.lea(r8, rip("handler_stack")).push(r8);
    this.load(rsi, PD);
    this.load(rdx, HANDLER_UTCB);
    a.pop(rax);
    this.load(r8, 0);
    this.load(rdi, (HANDLER << 12) | abi.HC_CREATE_EC);
    a.syscall();
    this.createPt("portal", PORTAL, HANDLER, 0, "answer");
    this.createPt("portal for items", ITEMS_PORTAL, HANDLER, 0, "answer_items");
  }

  private emitPages(): void {
    const mem = (address: bigint, order: number) => crd(abi.CRD_MEM, address >> 12n, order, 7);
    const machine = (order: number) => crd(abi.CRD_MEM, 0, order, 7);
    const page = crd(abi.CRD_MEM, 0x8000, 0, 7);
    const first = mem(SMALL, 0);
    this.measureDelegation("delegate a page into an empty place", page, first, PD, FROM_KERNEL);
    this.measureDelegation("delegate a page", page, mem(SMALL + 4096n, 0), PD, FROM_KERNEL);
    this.measureDelegation(
      "delegate 1 GiB of the machine",
      machine(GIB_ORDER),
      mem(COPY, GIB_ORDER),
      PD,
      FROM_KERNEL,
    );
    this.measureDelegation(
      "delegate 8 TiB of the machine",
      machine(31),
      crd(abi.CRD_MEM, 1n << 31n, 31, 7),
      PD,
      FROM_KERNEL,
    );
    this.measureRevocation("revoke 8 TiB", crd(abi.CRD_MEM, 1n << 31n, 31, 7));
    this.delegate("1 GiB", crd(abi.CRD_MEM, 0x4_0000, 18, 7), mem(LARGE, 18), BigInt(FROM_KERNEL));
    this.measureDelegation(
      "delegate 1 GiB of large pages",
      mem(LARGE, GIB_ORDER),
      mem(COPY, GIB_ORDER),
    );
    // A block of 1 MiB whose place within 2 MiB changes can have no large page.
    this.times(1024, () => {
      this.arguments(abi.HC_PD_CTRL, PD, abi.PD_CTRL_DELEGATE, [
        BigInt(PD),
        crd(abi.CRD_MEM, 0x4_0100, 8, 7),
        BigInt(FROM_KERNEL),
        mem(SMALL, 8),
      ]);
      this.addTurn(r8, 256);
      this.a.syscall();
    });
    const small = mem(SMALL, GIB_ORDER);
    this.measureDelegation("delegate 1 GiB of small pages", small, mem(COPY, GIB_ORDER));
    this.measureRevocation("revoke 1 GiB of small pages", mem(COPY, GIB_ORDER));
    this.delegate("small pages for the victim", small, mem(COPY, GIB_ORDER), 1n, VICTIM_PD);
  }

  private emitCrowd(): void {
    const { a } = this;
    const crowd = (attr = 0x1f) => crd(abi.CRD_OBJ, CROWD, CROWD_ORDER, attr);
    const create = (first: number, count: number, step: number) =>
      this.times(count, () => {
        this.arguments(abi.HC_CREATE_SM, first, 0, [BigInt(PD)]);
        this.addTurn(rdi, step);
        a.syscall();
      });
    create(CROWD, CROWD_SIZE, 1);
    this.measureDelegation("delegate 60,000 objects", crowd(), crowd(), OTHER_PD);
    this.measure("create a domain with 60,000 objects", abi.HC_CREATE_PD, NEW_PD, 0, [
      BigInt(PD),
      crowd(),
    ]);
    const permission = crowd(abi.PERM_SM_DOWN);
    this.measureRevocation("revoke a permission of 60,000 objects", permission, false);
    const remote = [crowd(), BigInt(OTHER_PD)];
    this.measure(
      "revoke 60,000 objects from others",
      abi.HC_REVOKE,
      0,
      abi.REVOKE_SELF | abi.REVOKE_REMOTE,
      remote,
    );
    this.measureRevocation("revoke a domain with 60,000 objects", crd(abi.CRD_OBJ, NEW_PD));
    this.measureRevocation("revoke 60,000 objects", crowd());

    create(SCATTERED, SCATTERED_COUNT, 1024);
    const scattered = crd(abi.CRD_OBJ, SCATTERED, 24);
    this.measureDelegation("delegate objects far apart", scattered, scattered, OTHER_PD);
    this.measureRevocation("revoke objects far apart", scattered);
  }

  private emitSinglePorts(): void {
    const all = crd(abi.CRD_PIO, 0, 16);
    // Above those of the serial line.
    const first = crd(abi.CRD_PIO, 0x1000);
    this.times(PORTS, () => {
      this.arguments(abi.HC_PD_CTRL, PD, abi.PD_CTRL_DELEGATE, [
        BigInt(PD),
        first,
        BigInt(FROM_KERNEL),
        first,
      ]);
      this.addTurn(rdx);
      this.addTurn(r8);
      this.a.syscall();
    });
    this.measureDelegation("delegate single ports", all, all, OTHER_PD);
    const some = crd(abi.CRD_PIO, 0x1000, 11);
    this.measureDelegation("delegate all ports", all, all, VICTIM_PD, FROM_KERNEL);
    this.measureRevocation("revoke single ports", some);
    const values = [all, BigInt(VICTIM_PD)];
    const flags = abi.REVOKE_SELF | abi.REVOKE_REMOTE;
    this.measure("revoke all ports", abi.HC_REVOKE, 0, flags, values);
  }

  /** Fills the message of a UTCB with the same typed item. */
  private fill(utcb: bigint | number, item: bigint, meta: bigint): void {
    const { a } = this;
    this.load(rcx, utcb);
    a.mov(dword(rcx, { disp: abi.UTCB_ITEMS }), ITEMS << 16);
    this.load(rax, item);
    this.load(rdx, meta);
    const loop = this.fresh("fill");
    this.load(rsi, ITEMS);
    a.add(rcx, abi.UTCB_XFER);
    a.label(loop);
    a.mov(qword(rcx), rax);
    a.mov(qword(rcx, { disp: 8 }), rdx);
    a.sub(rcx, 16);
    a.dec(rsi);
    a.jne(loop);
  }

  private window(utcb: bigint | number, at: number, range: bigint): void {
    this.load(rax, range);
    this.load(rcx, utcb);
    this.a.mov(qword(rcx, { disp: at }), rax);
  }

  private emitItems(): void {
    const { a } = this;
    const mem = (address: bigint, order: number) => crd(abi.CRD_MEM, address >> 12n, order, 7);
    this.hypercall("origin", abi.HC_CREATE_SM, CHAIN, 0, { rsi: PD });
    this.times(CHAIN_LENGTH, () => {
      this.arguments(abi.HC_PD_CTRL, PD, abi.PD_CTRL_DELEGATE, [
        BigInt(PD),
        crd(abi.CRD_OBJ, CHAIN),
        1n,
        crd(abi.CRD_OBJ, CHAIN + 1),
      ]);
      this.addTurn(rdx);
      this.addTurn(r8);
      a.syscall();
    });
    const call = (name: Operation, portal = PORTAL) =>
      this.measure(name, abi.HC_CALL, portal, 0, []);
    const clear = (utcb: bigint | number) => {
      this.load(rcx, utcb);
      a.mov(dword(rcx, { disp: abi.UTCB_ITEMS }), 0);
    };
    this.window(HANDLER_UTCB, abi.UTCB_XLT, crd(abi.CRD_OBJ, CHAIN));
    this.fill(MAIN_UTCB, crd(abi.CRD_OBJ, CHAIN + CHAIN_LENGTH), BigInt(abi.XFER_TRANSLATE));
    clear(HANDLER_UTCB);
    call("translate through a chain 254 times");
    this.window(HANDLER_UTCB, abi.UTCB_DEL, mem(COPY, 9));
    this.fill(MAIN_UTCB, mem(SMALL, 9), 1n);
    call("delegate small pages 254 times");
    clear(MAIN_UTCB);
    this.window(MAIN_UTCB, abi.UTCB_DEL, mem(COPY, 9));
    this.fill(HANDLER_UTCB, mem(SMALL, 9), 1n);
    call("reply with small pages 254 times", ITEMS_PORTAL);
    const permission = crd(abi.CRD_OBJ, CHAIN, 0, abi.PERM_SM_DOWN);
    this.measureRevocation("revoke a permission of a chain", permission, false);
    this.measureRevocation("revoke the top of a chain", crd(abi.CRD_OBJ, CHAIN));
  }

  override build(): Uint8Array {
    const { a } = this;
    this.emitStart();
    this.emitDomains();
    this.emitPages();
    this.emitCrowd();
    this.emitSinglePorts();
    this.emitItems();
    this.measureRevocation("revoke a domain with many tables", crd(abi.CRD_OBJ, VICTIM_PD));
    this.emitEnd(MEASURED);
    a.label("answer");
    this.load(rcx, HANDLER_UTCB);
    a.mov(dword(rcx, { disp: abi.UTCB_ITEMS }), 0);
    this.reply();
    a.label("answer_items");
    this.load(rcx, HANDLER_UTCB);
    a.mov(dword(rcx, { disp: abi.UTCB_ITEMS }), ITEMS << 16);
    this.reply();
    this.emitLibrary();
    this.emitData();
    return this.link();
  }
}

/** The roottask as an ELF executable. */
export function buildLongOperations(): Uint8Array {
  return new LongOperations().build();
}
