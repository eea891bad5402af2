// Hypercalls as rows of a table that a loop in the roottask works through, one printed line per call: its name, the
// status, each output register that is not what it was before the call, and whether a register changed that is no
// output. With short ways to add rows for the frequent calls.

import {
  byte,
  dword,
  edx,
  qword,
  r8,
  r9,
  r10,
  r11,
  r12,
  r13,
  r14,
  r15,
  rax,
  rbp,
  rbx,
  rdi,
  rdx,
  rip,
  rsi,
} from "../../tools/asm/index.ts";
import * as abi from "../abi.ts";
import {
  CHILD_DONE,
  CHILD_GO,
  HIGH_PRIORITY,
  HIP,
  LAST,
  LOCAL_EC,
  NOTHING,
  PAST,
  PD,
  PORTAL,
  qpd,
  SC,
  SEM,
} from "./interface_objects.ts";
import { Probe } from "./probe.ts";

/** Offsets in a row: arguments, name, outputs that are not shown. */
const ROW = { rdi: 0, rsi: 8, rdx: 16, rax: 24, r8: 32, name: 40, hidden: 48, bytes: 56 };
const OUTPUTS = ["rsi", "rdx", "rax", "r8"] as const;
const ARGUMENTS = { rdi, rsi, rdx, rax, r8 };
/** Bit of `hidden` in a row: Options.patient. How often, and ticks of the TSC between two attempts. */
const PATIENT = 0x80;
const ATTEMPTS = 1000;
const PAUSE = 10_000_000;
/** Registers that no hypercall may change. */
const KEPT = { r9, r10, r12, r13, r14, r15 };

export type Arguments = Partial<Record<(typeof OUTPUTS)[number], bigint | number>>;
export interface Options {
  flags?: number;
  /** Outputs that depend on time. */
  hidden?: (typeof OUTPUTS)[number][];
  /** A `down` whose semaphore is upped some time soon: repeated for a while when it times out. */
  patient?: boolean;
}
interface Row {
  label: string;
  name: string;
  rdi: bigint;
  args: Arguments;
  hidden: number;
}

export class CallTable extends Probe {
  private rows: Row[] = [];
  private flushed = 0;

  /** Adds a call to the table; its line starts with the hypercall's name. */
  row(
    name: string,
    id: number,
    selector: bigint | number,
    args: Arguments = {},
    { flags = 0, hidden = [], patient = false }: Options = {},
  ): void {
    this.rows.push({
      label: this.text(name),
      name,
      rdi: (BigInt(selector) << 12n) | BigInt(flags << 8) | BigInt(id),
      args,
      hidden: OUTPUTS.reduce(
        (mask, each, i) => (hidden.includes(each) ? mask | (1 << i) : mask),
        patient ? PATIENT : 0,
      ),
    });
  }

  /** RBX and RBP become the rows added since the last flush. */
  takeRows(): void {
    this.a.lea(rbx, rip("rows"));
    this.a.lea(rbp, rip("rows"));
    this.a.add(rbx, this.flushed * ROW.bytes);
    this.a.add(rbp, this.rows.length * ROW.bytes);
    this.flushed = this.rows.length;
  }

  /**
   * Calls that are made on one CPU alone: the reference ends an object's life some time after its revocation, when
   * every CPU has been through the kernel, which with several may be never.
   */
  alone(emit: () => void): void {
    const over = this.fresh("not_alone");
    this.flush();
    this.load(rbx, HIP);
    this.a.test(byte(rbx, { disp: abi.HIP_CPUS + abi.HIP_CPU_BYTES }), 1);
    this.a.jne(over);
    emit();
    this.flush();
    this.a.label(over);
  }

  /** Makes the calls added since the last flush. */
  flush(): void {
    this.takeRows();
    this.a.call("run_rows");
  }

  /** The same in the child's domain. */
  flushInChild(): void {
    const { a } = this;
    this.takeRows();
    a.mov(qword(rip("child_first")), rbx);
    a.mov(qword(rip("child_end")), rbp);
    this.control(CHILD_GO, abi.SM_CTRL_UP);
    this.control(CHILD_DONE, abi.SM_CTRL_DOWN);
  }

  /** sm_ctrl without a line; without a deadline it waits for ever. */
  control(selector: number, operation: number, deadline = 0): void {
    this.load(rsi, 0);
    this.load(rdx, deadline);
    this.load(rdi, (selector << 12) | (operation << 8) | abi.HC_SM_CTRL);
    this.a.syscall();
  }

  /** create_pt for an entry point given by its label. */
  portal(name: string, selector: number, ec: number, label: string, mtd = 0, id = 0): void {
    this.flush();
    this.createPt(`create_pt: ${name}`, selector, ec, mtd, label);
    this.row(`pt_ctrl: ${name}`, abi.HC_PT_CTRL, selector, { rsi: id });
  }

  move(name: string, source: bigint, target: bigint, meta = 1n, to = PD, from = PD): void {
    this.row(
      `pd_ctrl delegate: ${name}`,
      abi.HC_PD_CTRL,
      from,
      { rsi: to, rdx: source, rax: meta, r8: target },
      { flags: abi.PD_CTRL_DELEGATE },
    );
  }

  look(name: string, range: bigint): void {
    this.row(`pd_ctrl lookup: ${name}`, abi.HC_PD_CTRL, 0, { rsi: range });
  }

  revoke(name: string, range: bigint, self = 1, semaphore: bigint | number = 0): void {
    this.row(`revoke: ${name}`, abi.HC_REVOKE, semaphore, { rsi: range }, { flags: self });
  }

  down(name: string, selector: number, zero = 0, deadline = PAST): void {
    const flags = abi.SM_CTRL_DOWN | zero;
    this.row(`sm_ctrl down: ${name}`, abi.HC_SM_CTRL, selector, { rdx: deadline }, { flags });
  }

  /** A `down` for something that comes soon; its deadline is not the same in every run. */
  downPatiently(name: string, selector: number): void {
    this.row(
      `sm_ctrl down: ${name}`,
      abi.HC_SM_CTRL,
      selector,
      {},
      { flags: abi.SM_CTRL_DOWN, patient: true },
    );
  }

  up(name: string, selector: bigint | number, flags = 0): void {
    this.row(`sm_ctrl up: ${name}`, abi.HC_SM_CTRL, selector, {}, { flags });
  }

  /** Selectors that are not of the wanted type, by what they are. */
  others(type: string): [string, number | bigint][] {
    const all: [string, number][] = [
      ["a PD", PD],
      ["an EC", LOCAL_EC],
      ["an SC", SC],
      ["a portal", PORTAL],
      ["a semaphore", SEM],
    ];
    return [
      ["nothing", NOTHING],
      ["the last selector, empty", LAST],
      ...all.filter(([name]) => !name.endsWith(type)),
    ];
  }

  /** A global EC whose startup portal is at its event base, with an SC of higher priority. */
  thread(name: string, ec: number, utcb: number, events: number, pd = PD, run = true): void {
    const args = { rsi: pd, rdx: utcb, r8: events };
    this.row(`create_ec: ${name}`, abi.HC_CREATE_EC, ec, args, { flags: abi.CREATE_EC_GLOBAL });
    if (!run) return;
    const time = { rsi: PD, rdx: ec, rax: qpd(HIGH_PRIORITY) };
    this.row(`create_sc: ${name}`, abi.HC_CREATE_SC, ec + 1, time);
  }

  emitRunRows(): void {
    const { a } = this;
    // RBX: first row, RBP: end of the rows.
    a.label("run_rows");
    a.cmp(rbx, rbp);
    a.jae("rows_end");
    a.mov(rsi, qword(rbx, { disp: ROW.name }));
    a.call("print");
    a.mov(qword(rip("attempts")), ATTEMPTS);
    a.label("row_attempt");
    a.test(byte(rbx, { disp: ROW.hidden }), PATIENT);
    a.je("row_call");
    a.rdtsc();
    a.shl(rdx, 32);
    a.add(rdx, rax);
    a.add(rdx, PAUSE);
    a.mov(dword(rbx, { disp: ROW.rdx }), edx);
    a.shr(rdx, 32);
    a.mov(dword(rbx, { disp: ROW.rsi }), edx);
    a.label("row_call");
    for (const [i, register] of Object.values(KEPT).entries())
      this.load(register, 0x1111_1111 * (i + 1));
    for (const name of [...OUTPUTS, "rdi"] as const) {
      a.mov(ARGUMENTS[name], qword(rbx, { disp: ROW[name] }));
    }
    a.syscall();
    for (const name of [...OUTPUTS, "rdi"] as const) {
      a.mov(qword(rip(`row_${name}`)), ARGUMENTS[name]);
    }
    for (const [i, register] of Object.values(KEPT).entries()) {
      this.load(r11, 0x1111_1111 * (i + 1));
      a.cmp(register, r11);
      a.jne("row_other");
    }
    a.test(byte(rbx, { disp: ROW.hidden }), PATIENT);
    a.je("row_status");
    a.cmp(qword(rip("row_rdi")), abi.TIMEOUT);
    a.jne("row_status");
    a.dec(qword(rip("attempts")));
    a.jne("row_attempt");
    a.label("row_status");
    this.print(": status ");
    a.mov(rax, qword(rip("row_rdi")));
    a.call("print_hex");
    for (const [i, name] of OUTPUTS.entries()) {
      const skip = this.fresh("same");
      a.test(byte(rbx, { disp: ROW.hidden }), 1 << i);
      a.jne(skip);
      a.mov(rax, qword(rip(`row_${name}`)));
      a.cmp(rax, qword(rbx, { disp: ROW[name] }));
      a.je(skip);
      this.print(` ${name} `);
      a.mov(rax, qword(rip(`row_${name}`)));
      a.call("print_hex");
      a.label(skip);
    }
    this.print("\n");
    a.add(rbx, ROW.bytes);
    a.jmp("run_rows");
    a.label("row_other");
    this.print(": another register changed");
    a.jmp("row_status");
    a.label("rows_end");
    a.ret();
  }

  emitTables(): void {
    const { a } = this;
    a.align(8);
    for (const name of [
      ...[...OUTPUTS, "rdi"].map((each) => `row_${each}`),
      ...["child_first", "child_end", "worker_task", "worker_rdi", "worker_rsi", "worker_rdx"],
      ...["retries", "foreign_id", "attempts"],
    ]) {
      a.label(name);
      a.dq(0);
    }
    a.label("rows");
    for (const { rdi: first, args, label, hidden } of this.rows) {
      a.dq(first);
      for (const name of OUTPUTS) a.dq(BigInt.asUintN(64, BigInt(args[name] ?? 0)));
      a.dq(label);
      a.dq(hidden);
    }
  }
}
