// A roottask that puts the machine to sleep (S3) and, when something has woken it up, uses what the sleep could have
// lost: registers of the FPU, time, interrupts, memory, other CPUs and what ran there. It sleeps twice, and a third
// time by a hypercall on CPU 1. It prints the same on this kernel and on the reference (suspend.*.expected.txt).

import {
  al,
  ax,
  byte,
  dword,
  dx,
  eax,
  ecx,
  edx,
  qword,
  rax,
  rbp,
  rbx,
  rcx,
  rdi,
  rdx,
  rip,
  rsi,
  xmm0,
  xmm1,
  xmm9,
} from "../../tools/asm/index.ts";
import * as abi from "../abi.ts";
import { CallTable } from "./call_table.ts";
import {
  FROM_KERNEL,
  HANDLER_UTCB,
  HIP,
  INTERRUPT,
  LOCAL_EC,
  mem,
  NOTHING,
  obj,
  PAST,
  PD,
  PIT,
  PORTAL,
  port,
  qpd,
  REMOTE_EC,
  RETRY_UTCB,
  SLEEP,
  WORKER_DONE,
  WORKER_EC,
  WORKER_EVENTS,
  WORKER_GO,
  WORKER_UTCB,
} from "./interface_objects.ts";
import { PROBE_BASE, PROBE_ORDER } from "./probe.ts";

/** S3 on QEMU's PCs: the value of SLP_TYP, and the port of PM1 enable. */
const S3 = 1;
const PM1_PORTS = 0x600;
const PM1A_ENABLE = 0x602;
const PWRBTN_EN = 0x100;
/** A page of low memory that the kernel may use for its own start. */
const LOW_PAGE = 0x1000;
const LOW_ADDRESS = 0x3200_0000;
const SPINNER_EC = 0x270;
const SPINNER_EVENTS = 0x780;
const SPINNER_UTCB = 0x2000_5000;
const PATTERN = 0x0123_4567_89ab_cdefn;
/** Rounding toward zero, all exceptions masked. */
const MXCSR = 0x7f80;

export const SUSPEND_END = "probe ends\n";

class SuspendProbe extends CallTable {
  private emitPreparation(): void {
    this.row("create_sm: for a timeout", abi.HC_CREATE_SM, SLEEP, { rsi: PD });
    const image = 4096 << PROBE_ORDER;
    const local = (name: string, selector: number, rdx: number, stack: number) =>
      this.row(`create_ec: ${name}`, abi.HC_CREATE_EC, selector, {
        rsi: PD,
        rdx,
        rax: PROBE_BASE + stack,
      });
    local("handler", LOCAL_EC, HANDLER_UTCB, image);
    this.portal("a portal", PORTAL, LOCAL_EC, "echo_portal", 0, 0x77);
    const interrupt = obj(abi.NUM_CPU + PIT);
    this.move("interrupt", interrupt, obj(INTERRUPT + PIT), FROM_KERNEL);
    this.move("PIT", port(0x40, 2), port(0x40, 2), FROM_KERNEL);
    this.move("power management", port(PM1_PORTS, 3), port(PM1_PORTS, 3), FROM_KERNEL);
    this.move("low memory", mem(LOW_PAGE >> 12), mem(LOW_ADDRESS >> 12), FROM_KERNEL);
    const route = { rax: -1n };
    this.flush();
    this.shootPit(0x30);
    this.row("assign_gsi: PIT", abi.HC_ASSIGN_GSI, INTERRUPT + PIT, route);
    this.row("create_sm: for the worker", abi.HC_CREATE_SM, WORKER_GO, { rsi: PD });
    this.row("create_sm: for the worker", abi.HC_CREATE_SM, WORKER_DONE, { rsi: PD });
    this.flush();
    this.onTwo(() => {
      local("handler on CPU 1", REMOTE_EC, RETRY_UTCB | 1, image - 4096);
      const startup = (events: number, label: string) =>
        this.portal(label, events + abi.EVENT_STARTUP, REMOTE_EC, `${label}_startup`, 0xc);
      startup(WORKER_EVENTS, "worker");
      startup(SPINNER_EVENTS, "spinner");
      const thread = (name: string, ec: number, utcb: number, r8: number, prio: number) => {
        const args = { rsi: PD, rdx: utcb | 1, r8 };
        this.row(`create_ec: ${name}`, abi.HC_CREATE_EC, ec, args, {
          flags: abi.CREATE_EC_GLOBAL,
        });
        const time = { rsi: PD, rdx: ec, rax: qpd(prio) };
        this.row(`create_sc: ${name}`, abi.HC_CREATE_SC, ec + 1, time);
      };
      thread("worker", WORKER_EC, WORKER_UTCB, WORKER_EVENTS, 2);
      thread("spinner", SPINNER_EC, SPINNER_UTCB, SPINNER_EVENTS, 1);
    });
  }

  /** What takes a second CPU. */
  private onTwo(emit: () => void): void {
    const { a } = this;
    const over = this.fresh("one_cpu");
    this.flush();
    this.load(rbx, HIP);
    a.test(byte(rbx, { disp: abi.HIP_CPUS + abi.HIP_CPU_BYTES }), 1);
    a.je(over);
    emit();
    this.flush();
    a.label(over);
  }

  /** Sleeps for so many ticks of the TSC, from `before` to `deadline`; RDI becomes the status. */
  private sleepFor(ticks: number): void {
    const { a } = this;
    this.now("before");
    a.mov(rdx, qword(rip("before")));
    a.add(rdx, ticks);
    a.mov(qword(rip("deadline")), rdx);
    a.mov(rsi, rdx);
    a.shr(rsi, 32);
    this.load(rdi, (SLEEP << 12) | (abi.SM_CTRL_DOWN << 8) | abi.HC_SM_CTRL);
    a.syscall();
  }

  /** Channel 0, mode 0: one interrupt when the count is over; without a count none. */
  private shootPit(...[mode, ...count]: number[]): void {
    const { a } = this;
    for (const [to, value] of [[0x43, mode ?? 0], ...count.map((each) => [0x40, each])] as const) {
      a.mov(eax, value as number);
      a.mov(edx, to as number);
      a.out(dx, al);
    }
  }

  /** RAX becomes the sum of the words of the low page. */
  private sumLowPage(): void {
    const { a } = this;
    const next = this.fresh("sum");
    this.load(rbx, LOW_ADDRESS);
    this.load(rax, 0);
    a.mov(ecx, 512);
    a.label(next);
    a.add(rax, qword(rbx));
    a.add(rbx, 8);
    a.dec(ecx);
    a.jne(next);
  }

  private now(name: string): void {
    this.a.rdtsc();
    this.a.shl(rdx, 32);
    this.a.add(rdx, rax);
    this.a.mov(qword(rip(name)), rdx);
  }

  /** Prints 1 if the first word is below the second. */
  private showOrder(name: string, first: string, second: string): void {
    const { a } = this;
    a.mov(rax, qword(rip(first)));
    a.cmp(rax, qword(rip(second)));
    a.form("Setb_rm8", al);
    a.movzx(eax, al);
    this.show(name, rax);
  }

  private prepareSleep(): void {
    const { a } = this;
    this.flush();
    this.sumLowPage();
    a.mov(qword(rip("low_sum")), rax);
    a.mov(eax, PWRBTN_EN);
    a.mov(edx, PM1A_ENABLE);
    a.out(dx, ax);
    a.ldmxcsr(dword(rip("mxcsr")));
    this.load(rax, PATTERN);
    a.movq(xmm1, rax);
    a.movq(xmm9, rax);
    this.now("before");
  }

  /** One sleep by the hypercall of this CPU. */
  private sleep(): void {
    const { a } = this;
    this.load(rsi, 5);
    this.load(rdi, (S3 << 12) | (abi.MACHINE_CTRL_SUSPEND << 8) | abi.HC_MACHINE_CTRL);
    a.syscall();
  }

  private useEverything(): void {
    const { a } = this;
    this.now("after");
    a.mov(qword(rip("out_rax")), rdi);
    a.mov(qword(rip("out_rsi")), rsi);
    this.show("suspend: status", qword(rip("out_rax")));
    this.show("suspend: waking vector", qword(rip("out_rsi")));
    this.showOrder("time went on", "before", "after");
    a.movq(rax, xmm1);
    this.show("xmm1", rax);
    a.movq(rax, xmm9);
    this.show("xmm9", rax);
    a.stmxcsr(dword(rip("seen_mxcsr")));
    this.show("mxcsr", qword(rip("seen_mxcsr")));
    a.mov(edx, PM1A_ENABLE);
    a.xor(eax, eax);
    a.in(ax, dx);
    this.show("PM1 enable", rax);
    this.sumLowPage();
    a.sub(rax, qword(rip("low_sum")));
    this.show("difference of low memory", rax);
    this.row("call: a portal", abi.HC_CALL, PORTAL);
    this.row("create_sm: selector taken", abi.HC_CREATE_SM, SLEEP, { rsi: PD });
    this.row("sm_ctrl up: nothing", abi.HC_SM_CTRL, NOTHING);
    this.flush();
    // A deadline in the future.
    this.sleepFor(10_000_000);
    a.mov(qword(rip("out_rax")), rdi);
    this.now("after");
    this.show("down with a deadline: status", qword(rip("out_rax")));
    this.showOrder("deadline reached", "deadline", "after");
    // The reset has left it running.
    this.shootPit(0x30);
    // QEMU's raises its line once more where the period ends that the reset began, after 55 ms at most.
    this.sleepFor(100_000_000);
    this.control(INTERRUPT + PIT, abi.SM_CTRL_DOWN | abi.SM_CTRL_ZERO, PAST);
    this.shootPit(0x30, 0xff, 0x0f);
    this.downPatiently("interrupt", INTERRUPT + PIT);
    this.down("no second interrupt", INTERRUPT + PIT);
    this.onTwo(() => {
      // The spinner goes on: its count changes.
      a.mov(rax, qword(rip("spins")));
      const wait = this.fresh("spins");
      a.label(wait);
      a.pause();
      a.cmp(rax, qword(rip("spins")));
      a.je(wait);
      this.show("spinner's registers that changed", qword(rip("spin_faults")));
      a.lea(rax, rip("worker_nothing"));
      a.mov(qword(rip("worker_task")), rax);
      this.up("the worker", WORKER_GO);
      this.downPatiently("the worker is done", WORKER_DONE);
    });
    this.flush();
  }

  private emitCode(): void {
    const { a } = this;
    a.label("echo_portal");
    a.movq(xmm0, rdi);
    this.load(rbx, HANDLER_UTCB);
    a.mov(dword(rbx, { disp: abi.UTCB_ITEMS }), 0);
    this.reply();

    for (const [name, stack] of [
      ["worker", "remote_stack"],
      ["spinner", "foreign_stack"],
    ] as const) {
      a.label(`${name}_startup`);
      this.load(rbx, RETRY_UTCB);
      a.lea(rax, rip(name));
      a.mov(qword(rbx, { disp: abi.UTCB_RIP }), rax);
      a.lea(rax, rip(stack));
      a.mov(qword(rbx, { disp: abi.UTCB_RSP }), rax);
      a.mov(qword(rbx, { disp: abi.UTCB_MTD }), abi.MTD_RIP_LEN | abi.MTD_RSP);
      this.reply();
    }

    a.label("worker");
    this.control(WORKER_GO, abi.SM_CTRL_DOWN);
    a.jmp(qword(rip("worker_task")));
    a.label("worker_sleeps");
    this.sleep();
    a.mov(qword(rip("worker_rdi")), rdi);
    a.mov(qword(rip("worker_rsi")), rsi);
    a.label("worker_nothing");
    this.control(WORKER_DONE, abi.SM_CTRL_UP);
    a.jmp("worker");

    a.label("spinner");
    this.load(rbp, PATTERN);
    a.movq(xmm9, rbp);
    a.label("spin");
    a.movq(rcx, xmm9);
    a.cmp(rcx, rbp);
    a.je("spin_same");
    a.inc(qword(rip("spin_faults")));
    a.movq(xmm9, rbp);
    a.label("spin_same");
    a.inc(qword(rip("spins")));
    a.jmp("spin");
  }

  private emitWords(): void {
    const { a } = this;
    a.align(8);
    const zero = ["before", "after", "deadline", "low_sum", "spins", "spin_faults", "seen_mxcsr"];
    for (const name of zero) {
      a.label(name);
      a.dq(0);
    }
    a.label("mxcsr");
    a.dd(MXCSR);
  }

  override build(): Uint8Array {
    const { a } = this;
    this.emitStart();
    this.emitPreparation();
    for (const round of ["first", "second"]) {
      this.prepareSleep();
      this.print(`${round} sleep\n`);
      this.sleep();
      this.useEverything();
    }
    this.onTwo(() => {
      this.prepareSleep();
      this.print("sleep by CPU 1\n");
      a.lea(rax, rip("worker_sleeps"));
      a.mov(qword(rip("worker_task")), rax);
      this.control(WORKER_GO, abi.SM_CTRL_UP);
      this.control(WORKER_DONE, abi.SM_CTRL_DOWN);
      a.mov(rdi, qword(rip("worker_rdi")));
      a.mov(rsi, qword(rip("worker_rsi")));
      this.useEverything();
    });
    this.print(SUSPEND_END);
    a.label("halted");
    this.control(SLEEP, abi.SM_CTRL_DOWN);
    a.jmp("halted");
    this.emitRunRows();
    this.emitCode();
    this.emitTables();
    this.emitWords();
    this.emitLibrary();
    this.emitData();
    return this.link();
  }
}

/** The roottask as an ELF executable. */
export function buildSuspendProbe(): Uint8Array {
  return new SuspendProbe().build();
}
