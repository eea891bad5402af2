// A roottask that walks the hypercalls through their statuses and the boundaries of their arguments, and prints
// one line per call. It runs on this kernel and on the reference alike; what the reference printed is in
// interface.*.expected.txt, and where this kernel means to differ is in differences.ts. Calls are rows of a table
// that a loop works through: the line says the status, each output register that is not what it was before the
// call, and whether a register changed that is no output. doc/kernel-interface.md of the reference.

import {
  al,
  byte,
  dword,
  dx,
  eax,
  edx,
  qword,
  rax,
  rbp,
  rbx,
  rdi,
  rdx,
  rip,
  rsi,
} from "../../tools/asm/index.ts";
import * as abi from "../abi.ts";
import * as msr from "../msr_number.ts";
import { type Arguments, CallTable } from "./call_table.ts";
import {
  BOUND,
  CHILD,
  CHILD_DONE,
  CHILD_EC,
  CHILD_GO,
  CHILD_UTCB,
  EC_CTRL,
  EC_PT,
  EC_SC,
  FOREIGN,
  FOREIGN_BASE,
  FOREIGN_EVENTS,
  FOREIGN_UTCB,
  FROM_KERNEL,
  GLOBAL_EC,
  HANDLER_UTCB,
  INTERRUPT,
  INTERRUPT_VALUE,
  LOCAL_EC,
  mem,
  NEW,
  obj,
  PAST,
  PD,
  PIN,
  PIT,
  PORTAL,
  PORTAL_CALL,
  PORTAL_CTRL,
  port,
  RAM,
  REMOTE_EC,
  REMOTE_PORTAL,
  RETRY_EC,
  RETRY_PORTAL,
  RETRY_SEM,
  RETRY_UTCB,
  SC,
  SEM,
  SEM_DOWN,
  SEM_UP,
  SIGNAL_A,
  SIGNAL_B,
  SLEEP,
  SLEEPER_EVENTS,
  WORKER_DONE,
  WORKER_EC,
  WORKER_EVENTS,
  WORKER_GO,
  WORKER_UTCB,
} from "./interface_objects.ts";
import {
  emitAccess,
  emitCalls,
  emitControls,
  emitCreateEc,
  emitCreatePd,
  emitCreatePt,
  emitCreateSc,
  emitDevices,
  emitMachine,
  emitMsrs,
  emitNumbers,
  emitRevocations,
  emitSemaphores,
} from "./interface_walk.ts";
import { PROBE_BASE, PROBE_ORDER } from "./probe.ts";

export class InterfaceProbe extends CallTable {
  private emitPreparation(): void {
    const sm = (name: string, selector: number, rdx = 0) =>
      this.row(`create_sm: ${name}`, abi.HC_CREATE_SM, selector, { rsi: PD, rdx });
    sm("a semaphore", SEM, 3);
    sm("for sleepers", SLEEP);
    this.move("up only", obj(SEM, 0, 1), obj(SEM_UP));
    this.move("down only", obj(SEM, 0, 2), obj(SEM_DOWN));
    const ec = (name: string, selector: number, rdx: bigint | number, stack: number, global = 0) =>
      this.row(
        `create_ec: ${name}`,
        abi.HC_CREATE_EC,
        selector,
        { rsi: PD, rdx, rax: PROBE_BASE + stack, r8: SLEEPER_EVENTS },
        { flags: global },
      );
    // Local ECs use the ends of the image's last pages as stacks.
    const image = 4096 << PROBE_ORDER;
    ec("global", GLOBAL_EC, 0, 0, abi.CREATE_EC_GLOBAL);
    ec("local", LOCAL_EC, HANDLER_UTCB, image);
    ec("local for repeated calls", RETRY_EC, RETRY_UTCB, image - 2048);
    ec("local on CPU 1", REMOTE_EC, 1, image - 4096);
    this.move("EC for ec_ctrl", obj(GLOBAL_EC, 0, abi.PERM_EC_CTRL), obj(EC_CTRL));
    this.move("EC for create_sc", obj(GLOBAL_EC, 0, abi.PERM_EC_CREATE_SC), obj(EC_SC));
    this.move("EC for create_pt", obj(LOCAL_EC, 0, abi.PERM_EC_CREATE_PT), obj(EC_PT));
    this.portal("a portal", PORTAL, LOCAL_EC, "echo_portal");
    this.portal("a portal on CPU 1", REMOTE_PORTAL, REMOTE_EC, "echo_portal");
    this.portal("one that repeats", RETRY_PORTAL, RETRY_EC, "retry_portal");
    const startup = abi.EVENT_STARTUP;
    this.portal("startup of sleepers", SLEEPER_EVENTS + startup, LOCAL_EC, "sleeper_startup", 0xc);
    this.portal("startup of the worker", WORKER_EVENTS + startup, LOCAL_EC, "worker_startup", 0xc);
    this.move("portal for pt_ctrl", obj(PORTAL, 0, abi.PERM_PT_CTRL), obj(PORTAL_CTRL));
    this.move("portal for call", obj(PORTAL, 0, abi.PERM_PT_CALL), obj(PORTAL_CALL));
    this.flush();
  }

  /** A domain without passthrough or privilege makes calls. */
  private emitChild(): void {
    const semaphore = (selector: number) =>
      this.row("create_sm: for the child", abi.HC_CREATE_SM, selector, { rsi: PD });
    semaphore(CHILD_GO);
    semaphore(CHILD_DONE);
    this.row("create_pd: a child", abi.HC_CREATE_PD, CHILD, { rsi: PD });
    this.portal("startup of the child", NEW, LOCAL_EC, "child_startup", 0xc);
    const image = mem(PROBE_BASE >> 12, PROBE_ORDER, 7);
    this.move("the image", image, image, 1n, CHILD);
    this.move("COM1", port(0x3f8, 3), port(0x3f8, 3), 1n, CHILD);
    this.move("startup portal", obj(NEW), obj(abi.EVENT_STARTUP), 1n, CHILD);
    for (const each of [CHILD_GO, CHILD_DONE, SEM]) {
      this.move("a semaphore", obj(each), obj(each), 1n, CHILD);
    }
    this.move("its own PD", obj(CHILD), obj(PD), 1n, CHILD);
    this.move("its parent's PD", obj(PD), obj(PD + 1), 1n, CHILD);
    this.thread("in the child", CHILD_EC, CHILD_UTCB, 0, CHILD);
    this.flush();

    const access = (name: string, index: number, flags: number) =>
      this.row(name, abi.HC_PD_CTRL, index, {}, { flags: abi.PD_CTRL_MSR_ACCESS | flags });
    access("pd_ctrl MSR read: no passthrough", msr.IA32_STAR, 0);
    access("pd_ctrl MSR write: no passthrough", msr.IA32_STAR, abi.MSR_ACCESS_WRITE);
    for (const flags of [0, 1, 2, 3]) {
      this.row(`machine_ctrl: no passthrough, ${flags}`, abi.HC_MACHINE_CTRL, 0, {}, { flags });
    }
    this.move("from the kernel, no privilege", port(0x60), port(0x60), FROM_KERNEL);
    this.look("after it", port(0x60));
    this.move("memory from the kernel, no privilege", mem(RAM / 4096), mem(0x7_0000), FROM_KERNEL);
    this.move("from the parent by its privilege", port(0x61), port(0x61), FROM_KERNEL, PD, PD + 1);
    this.look("after it", port(0x61));
    const child = (name: string, selector: number, flags: number) =>
      this.row(`create_pd: ${name}`, abi.HC_CREATE_PD, selector, { rsi: PD }, { flags });
    child("passthrough asked for by a domain without", NEW, abi.CREATE_PD_PASSTHROUGH);
    this.row("create_sm: in the child", abi.HC_CREATE_SM, NEW + 1, { rsi: PD });
    this.up("in the child", SEM);
    this.up("what the child does not have", SEM_UP);
    this.row("call: no portal in the child", abi.HC_CALL, PORTAL);
    this.row("ec_ctrl: no EC in the child", abi.HC_EC_CTRL, LOCAL_EC);
    this.row("sc_ctrl: no SC in the child", abi.HC_SC_CTRL, SC);
    this.flushInChild();
  }

  /** A thread of higher priority: what it is to do is at "worker_task", what came of it in "worker_*". */
  private emitWorker(): void {
    const semaphore = (selector: number) =>
      this.row("create_sm: for the worker", abi.HC_CREATE_SM, selector, { rsi: PD });
    semaphore(WORKER_GO);
    semaphore(WORKER_DONE);
    this.thread("worker", WORKER_EC, WORKER_UTCB, WORKER_EVENTS);
    this.flush();
  }

  /** Lets the worker run `label`; returns when it waits or is done. */
  private work(label: string): void {
    this.flush();
    this.a.mov(qword(rip("worker_rdi")), -1);
    this.a.lea(rax, rip(label));
    this.a.mov(qword(rip("worker_task")), rax);
    this.control(WORKER_GO, abi.SM_CTRL_UP);
  }

  /** `over`: the worker's task ends, now or soon. */
  private showWorker(name: string, over = true): void {
    if (over) this.downPatiently("the worker is done", WORKER_DONE);
    this.flush();
    for (const register of ["rdi", "rsi", "rdx"]) {
      this.show(`${name}: ${register}`, qword(rip(`worker_${register}`)));
    }
  }

  private emitSignals(): void {
    const sm = (name: string, selector: number, args: Arguments) =>
      this.row(`create_sm: ${name}`, abi.HC_CREATE_SM, selector, { rsi: PD, ...args });
    sm("bound", BOUND, {});
    sm("signal A", SIGNAL_A, { rdx: 0xaaaa, rax: BOUND });
    sm("signal B", SIGNAL_B, { rdx: -1n, rax: BOUND });
    for (const [what, selector] of this.others("semaphore")) {
      sm(`signal to ${what}`, NEW, { rax: selector });
    }
    sm("signal to one without permission to up", NEW, { rax: SEM_DOWN });
    sm("signal to a signal", NEW, { rax: SIGNAL_A });
    sm("signal, selector taken", SEM, { rax: BOUND });
    sm("signal with permission to up alone", NEW + 1, { rax: SEM_UP });
    this.look("a signal", obj(SIGNAL_A));
    this.down("of a signal", SIGNAL_A);
    this.down("no signal pending", BOUND);
    this.up("signal A", SIGNAL_A);
    this.up("signal A again", SIGNAL_A);
    this.up("signal B", SIGNAL_B);
    this.up("signal A a third time", SIGNAL_A);
    this.down("the first signal", BOUND);
    this.down("the second signal", BOUND);
    this.down("no signal left", BOUND);
    this.up("signal A", SIGNAL_A);
    this.up("the bound semaphore itself", BOUND);
    this.down("signal and count, first", BOUND);
    this.down("signal and count, second", BOUND);
    this.down("signal and count, third", BOUND);
    this.up("signal B", SIGNAL_B);
    this.down("one signal, to zero", BOUND, abi.SM_CTRL_ZERO);
    this.down("nothing after it", BOUND);
    this.work("worker_waits");
    this.up("signal A for a waiting thread", SIGNAL_A);
    this.showWorker("signal received");
    this.down("nothing left", BOUND);
    this.work("worker_waits");
    this.up("the bound semaphore for a waiting thread", BOUND);
    this.showWorker("no signal received");
    this.up("signal A", SIGNAL_A);
    this.up("signal B", SIGNAL_B);
    this.down("two signals, to zero", BOUND, abi.SM_CTRL_ZERO);
    this.down("the one that was not told", BOUND);
    this.down("nothing after it", BOUND);
    this.alone(() => {
      this.work("worker_waits");
      this.revoke("the bound semaphore", obj(BOUND));
      this.showWorker("wait for a semaphore that ends");
    });
    this.revoke("the bound semaphore, again", obj(BOUND));
    this.up("signal of a semaphore that is gone", SIGNAL_B);
    this.revoke("the first signal", obj(SIGNAL_A));
    this.revoke("the second signal", obj(SIGNAL_B));
    this.revoke("the third signal", obj(NEW + 1));
  }

  /**
   * Lets what firmware has left the PIT doing come to its end, and takes what interrupts that gave: how many there are
   * depends on the host. The first shot ends the periods; behind its end nothing comes any more.
   */
  private settlePit(shoot: () => void): void {
    const { a } = this;
    const low = this.fresh("pit_low");
    shoot();
    a.label(low);
    // Read-back of the status of channel 0 (8254, Read-Back Command): OUT is bit 7.
    a.mov(eax, 0xe2);
    a.mov(edx, 0x43);
    a.out(dx, al);
    a.mov(edx, 0x40);
    a.in(al, dx);
    a.test(al, 0x80);
    a.je(low);
    this.control(INTERRUPT + PIT, abi.SM_CTRL_DOWN | abi.SM_CTRL_ZERO, PAST);
  }

  /** The PIT interrupts once: as a plain interrupt semaphore, and through a signal. */
  private emitInterrupts(): void {
    const { a } = this;
    const sm = (name: string, selector: number, args: Arguments) =>
      this.row(`create_sm: ${name}`, abi.HC_CREATE_SM, selector, { rsi: PD, ...args });
    const gsi = (name: string, rax: bigint | number) =>
      this.row(`assign_gsi: ${name}`, abi.HC_ASSIGN_GSI, INTERRUPT + PIT, { rax });
    const shoot = () => {
      this.flush();
      // Channel 0, mode 0: one interrupt when the count is over.
      for (const [to, value] of [
        [0x43, 0x30],
        [0x40, 0xff],
        [0x40, 0x0f],
      ] as const) {
        a.mov(eax, value);
        a.mov(edx, to);
        a.out(dx, al);
      }
    };
    this.move("PIT", port(0x40, 2), port(0x40, 2), FROM_KERNEL);
    gsi("PIT", -1n);
    this.settlePit(shoot);
    shoot();
    this.downPatiently("interrupt", INTERRUPT + PIT);
    this.down("no second interrupt", INTERRUPT + PIT);
    sm("bound", BOUND, {});
    sm("signal of the PIT", SIGNAL_A, { rdx: INTERRUPT_VALUE, rax: BOUND });
    gsi("PIT with a signal", SIGNAL_A);
    this.down("interrupt with a signal", INTERRUPT + PIT);
    shoot();
    this.downPatiently("its signal", BOUND);
    this.down("no second signal", BOUND);
    gsi("PIT without a signal", INTERRUPT + PIT);
    shoot();
    this.downPatiently("interrupt without a signal", INTERRUPT + PIT);
    // What has arrived before goes to the signal.
    this.up("as if an interrupt had come", INTERRUPT + PIN);
    this.up("as if an interrupt had come", INTERRUPT + PIN);
    const route = { rax: SIGNAL_A };
    this.row("assign_gsi: signal after two interrupts", abi.HC_ASSIGN_GSI, INTERRUPT + PIN, route);
    this.down("both", BOUND);
    this.down("none left", BOUND);
    this.revoke("the signal", obj(SIGNAL_A));
    this.revoke("what was bound", obj(BOUND));
    this.flush();
  }

  private emitRepeats(): void {
    const { a } = this;
    const portal = (name: string) => {
      this.flush();
      a.mov(qword(rip("retries")), 0);
      this.row(`call: ${name}`, abi.HC_CALL, RETRY_PORTAL);
      this.flush();
      this.show(`${name}: rounds`, qword(rip("retries")));
    };
    this.row("create_sm: to reply with", abi.HC_CREATE_SM, RETRY_SEM, { rsi: PD, rdx: 1 });
    portal("reply with a semaphore that can be taken");
    this.down("it has been taken", RETRY_SEM);
    this.flush();
    a.mov(qword(rip("retries")), 0);
    this.work("worker_calls");
    this.show("reply with a semaphore to wait for: rounds", qword(rip("retries")));
    this.showWorker("waiting for it", false);
    this.up("for the waiting caller", RETRY_SEM);
    this.flush();
    this.show("repeated: rounds", qword(rip("retries")));
    this.showWorker("repeated");
    this.alone(() => {
      a.mov(qword(rip("retries")), 0);
      this.work("worker_calls");
      this.revoke("the semaphore it waits for", obj(RETRY_SEM));
      this.showWorker("the semaphore is gone");
    });
    this.revoke("the semaphore to reply with", obj(RETRY_SEM));
    portal("reply with a semaphore that is gone");
  }

  /** A foreign domain's EC with an event base: which portal gets its system call. */
  private emitForeignBase(): void {
    const pd = { rsi: PD, rax: (FOREIGN_BASE << 1) | 1 };
    this.row("create_pd: foreign", abi.HC_CREATE_PD, FOREIGN, pd);
    const image = mem(PROBE_BASE >> 12, PROBE_ORDER, 7);
    this.move("the image", image, image, 1n, FOREIGN);
    this.portal("startup", NEW + 0x10, LOCAL_EC, "foreign_startup", 0xc);
    this.portal("system calls", NEW + 0x11, LOCAL_EC, "foreign_portal", 0xc, 1);
    this.portal("the event of that number", NEW + 0x12, LOCAL_EC, "foreign_portal", 0xc, 2);
    const startup = FOREIGN_EVENTS + abi.EVENT_STARTUP;
    this.move("startup portal", obj(NEW + 0x10), obj(startup), 1n, FOREIGN);
    this.move("system call portal", obj(NEW + 0x11), obj(FOREIGN_BASE), 1n, FOREIGN);
    const event = FOREIGN_EVENTS + FOREIGN_BASE;
    this.move("event portal", obj(NEW + 0x12), obj(event), 1n, FOREIGN);
    this.thread("foreign with an event base", FOREIGN + 1, FOREIGN_UTCB, FOREIGN_EVENTS, FOREIGN);
    this.flush();
    this.show("foreign system call: portal id", qword(rip("foreign_id")));
  }

  private emitCode(): void {
    const { a } = this;
    const startup = (label: string, task: string, stack: string) => {
      a.label(label);
      this.load(rbx, HANDLER_UTCB);
      a.lea(rax, rip(task));
      a.mov(qword(rbx, { disp: abi.UTCB_RIP }), rax);
      a.lea(rax, rip(stack));
      a.mov(qword(rbx, { disp: abi.UTCB_RSP }), rax);
      a.mov(qword(rbx, { disp: abi.UTCB_MTD }), abi.MTD_RIP_LEN | abi.MTD_RSP);
      this.reply();
    };
    startup("sleeper_startup", "sleeper", "thread_stack");
    startup("worker_startup", "worker", "thread_stack");
    startup("child_startup", "child", "foreign_stack");
    startup("foreign_startup", "foreign", "remote_stack");

    a.label("sleeper");
    this.control(SLEEP, abi.SM_CTRL_DOWN);
    a.jmp("sleeper");

    a.label("worker");
    this.control(WORKER_GO, abi.SM_CTRL_DOWN);
    a.jmp(qword(rip("worker_task")));
    a.label("worker_done");
    for (const [name, register] of [
      ["rdi", rdi],
      ["rsi", rsi],
      ["rdx", rdx],
    ] as const) {
      a.mov(qword(rip(`worker_${name}`)), register);
    }
    this.control(WORKER_DONE, abi.SM_CTRL_UP);
    a.jmp("worker");
    a.label("worker_waits");
    this.control(BOUND, abi.SM_CTRL_DOWN);
    a.jmp("worker_done");
    a.label("worker_calls");
    this.load(rsi, 0);
    this.load(rdx, 0);
    this.load(rdi, (RETRY_PORTAL << 12) | abi.HC_CALL);
    a.syscall();
    a.jmp("worker_done");

    a.label("child");
    this.control(CHILD_GO, abi.SM_CTRL_DOWN);
    a.mov(rbx, qword(rip("child_first")));
    a.mov(rbp, qword(rip("child_end")));
    a.call("run_rows");
    this.control(CHILD_DONE, abi.SM_CTRL_UP);
    a.jmp("child");

    a.label("foreign");
    this.load(rax, 0x99);
    a.syscall();
    a.ud2();

    a.label("echo_portal");
    this.load(rbx, HANDLER_UTCB);
    a.mov(dword(rbx, { disp: abi.UTCB_ITEMS }), 0);
    this.reply();

    // Asks its caller to wait for the semaphore and to call again, once.
    a.label("retry_portal");
    this.load(rbx, RETRY_UTCB);
    a.mov(dword(rbx, { disp: abi.UTCB_ITEMS }), 0);
    a.inc(qword(rip("retries")));
    a.test(byte(rip("retries")), 1);
    a.je("retry_over");
    this.load(rdi, (RETRY_SEM << 12) | abi.HC_REPLY);
    a.syscall();
    a.label("retry_over");
    this.reply();

    // Leaves the caller asleep.
    a.label("foreign_portal");
    a.mov(qword(rip("foreign_id")), rdi);
    this.load(rbx, HANDLER_UTCB);
    a.lea(rax, rip("foreign_over"));
    a.mov(qword(rbx, { disp: abi.UTCB_RIP }), rax);
    a.lea(rax, rip("remote_stack"));
    a.mov(qword(rbx, { disp: abi.UTCB_RSP }), rax);
    a.mov(qword(rbx, { disp: abi.UTCB_MTD }), abi.MTD_RIP_LEN | abi.MTD_RSP);
    this.reply();
    a.label("foreign_over");
    this.load(rbx, FOREIGN_UTCB);
    a.mov(dword(rbx), abi.UTCB_NSCT);
    this.load(rdi, abi.HC_REPLY);
    a.syscall();
  }

  override build(): Uint8Array {
    this.emitStart();
    this.emitPreparation();
    emitNumbers(this);
    emitCalls(this);
    emitCreatePd(this);
    emitCreateEc(this);
    emitCreateSc(this);
    emitCreatePt(this);
    emitSemaphores(this);
    emitControls(this);
    emitAccess(this);
    emitMsrs(this);
    emitRevocations(this);
    emitDevices(this);
    emitMachine(this);
    this.flush();
    this.emitChild();
    this.emitWorker();
    this.emitSignals();
    this.emitInterrupts();
    this.emitRepeats();
    this.emitForeignBase();
    this.flush();
    this.emitEnd("probe ends");
    this.emitRunRows();
    this.emitCode();
    this.emitTables();
    this.emitLibrary();
    this.emitData();
    return this.link();
  }
}

/** The roottask as an ELF executable. */
export function buildInterfaceProbe(): Uint8Array {
  return new InterfaceProbe().build();
}
