// How long one processor waits for the kernel, and a recall for another one, while the rest make hypercalls without
// pause: in QEMU, where virtual processors are threads that the host may stop at any moment. Ticks are those of the
// time-stamp counter, and what they say depends on the host: nothing here is a test.

import {
  edi,
  edx,
  esi,
  qword,
  r12,
  r13,
  r14,
  rax,
  rbx,
  rcx,
  rdx,
  rip,
} from "../../tools/asm/index.ts";
import * as abi from "../abi.ts";
import { Probe } from "../testing/probe.ts";
import { bootImages } from "../testing/qemu.ts";

const END = "contention ends";
const PD = abi.ROOT_SEL_PD;
const UTCBS = 0x2000_0000;
const PORTAL = 0x100;
const ANSWER = 0x110;
/** Per processor: handler, thread, its scheduling context, event base; 0x100 selectors apart. */
const HANDLER = 0x1000;
const THREAD = 0x1001;
const TIME = 0x1002;
const EVENTS = 0x1040;
const STRIDE = 0x100;
const LIMIT_MS = 120_000;

class Contention extends Probe {
  private readonly processors: number;
  private readonly turns: number;

  constructor(processors: number, turns: number) {
    super();
    this.processors = processors;
    this.turns = turns;
  }

  private request(id: number, selector: number, flags = 0): void {
    const arg1 = (selector << abi.ARG1_SELECTOR_SHIFT) | (flags << abi.ARG1_FLAGS_SHIFT) | id;
    this.a.mov(edi, arg1).syscall();
  }

  private ticks(): void {
    this.a.rdtsc().shl(rdx, 32).or(rax, rdx);
  }

  /** Goes through `emit` so many times; prints the longest time and all of it. */
  private measure(name: string, emit: () => void): void {
    const { a } = this;
    const loop = this.fresh("loop");
    const shorter = this.fresh("shorter");
    a.mov(rbx, this.turns).xor(esi, esi).mov(r13, 0).mov(r14, 0);
    a.label(loop);
    this.ticks();
    a.mov(r12, rax);
    emit();
    this.ticks();
    a.sub(rax, r12).add(r14, rax);
    a.cmp(rax, r13).jbe(shorter);
    a.mov(r13, rax);
    a.label(shorter);
    a.dec(rbx).jne(loop);
    this.show(`${name}, longest`, r13);
    this.show(`${name}, all`, r14);
  }

  private emitProcessor(cpu: number): void {
    const at = cpu * STRIDE;
    const utcb = UTCBS + cpu * 0x2000;
    this.createEc(`handler ${cpu}`, HANDLER + at, 0, { rdx: utcb | cpu });
    const state = abi.MTD_RIP_LEN | abi.MTD_RSP;
    const start = cpu === 1 ? "start_spinning" : "start_hammering";
    this.createPt(
      "startup",
      EVENTS + at + abi.EVENT_STARTUP,
      HANDLER + at,
      state,
      `${start}_${cpu}`,
    );
    this.createPt("recall", EVENTS + at + abi.EVENT_RECALL, HANDLER + at, 0, "recalled");
    const thread = { rdx: (utcb + 0x1000) | cpu, r8: EVENTS + at };
    this.createEc(`thread ${cpu}`, THREAD + at, 1, thread);
    const rax_ = (10_000n << BigInt(abi.QPD_QUANTUM_SHIFT)) | 1n;
    const time = { rsi: PD, rdx: THREAD + at, rax: rax_ };
    this.hypercall(`time ${cpu}`, abi.HC_CREATE_SC, TIME + at, 0, time);
  }

  override build(): Uint8Array {
    const { a } = this;
    this.emitStart();
    this.hypercall("answer", abi.HC_CREATE_SM, ANSWER, 0, { rsi: PD });
    this.createEc("handler", HANDLER, 0, { rdx: UTCBS });
    this.createPt("portal", PORTAL, HANDLER, 0, "recalled");
    for (let cpu = 1; cpu < this.processors; cpu++) this.emitProcessor(cpu);
    this.measure("pt_ctrl", () => this.request(abi.HC_PT_CTRL, PORTAL));
    this.measure("recall", () => {
      this.request(abi.HC_EC_CTRL, THREAD + STRIDE);
      a.xor(esi, esi).xor(edx, edx);
      this.request(abi.HC_SM_CTRL, ANSWER, abi.SM_CTRL_DOWN);
    });
    this.emitEnd(END);

    a.label("recalled");
    this.request(abi.HC_SM_CTRL, ANSWER, abi.SM_CTRL_UP);
    this.reply();
    for (let cpu = 1; cpu < this.processors; cpu++) {
      const task = cpu === 1 ? "spinning" : "hammering";
      a.label(`start_${task}_${cpu}`);
      this.load(rcx, UTCBS + cpu * 0x2000);
      a.lea(rax, rip(task)).mov(qword(rcx, { disp: abi.UTCB_RIP }), rax);
      a.mov(qword(rcx, { disp: abi.UTCB_MTD }), abi.MTD_RIP_LEN);
      this.reply();
    }
    a.label("spinning");
    a.pause().jmp("spinning");
    a.label("hammering");
    this.request(abi.HC_PT_CTRL, PORTAL);
    a.jmp("hammering");
    this.emitLibrary();
    this.emitData();
    return this.link();
  }
}

export interface Waits {
  name: string;
  /** Ticks of the longest turn, and the mean of all. */
  longest: number;
  mean: number;
}

/** Measures on so many processors, at least 2. Throws an error if QEMU does not come to an end in two minutes. */
export async function measureContention(
  kernel: Uint8Array,
  accelerator: "tcg" | "kvm",
  processors: number,
  turns: number,
): Promise<Waits[]> {
  const output = await bootImages(
    {
      kernel,
      roottask: new Contention(processors, turns).build(),
      options: [
        ...["-smp", `${processors}`, "-m", "512M", "-append", "serial"],
        ...(accelerator === "tcg" ? ["-cpu", "max"] : []),
      ],
      accelerator,
      limit: LIMIT_MS,
    },
    END,
  );
  if (!output.includes(END)) throw new Error(`no end of the contention:\n${output}`);
  const number = (line: string) =>
    Number.parseInt(new RegExp(`^${line} ([0-9a-f]+)`, "m").exec(output)?.[1] ?? "", 16);
  return ["pt_ctrl", "recall"].map((name) => {
    const [longest, all] = [number(`${name}, longest`), number(`${name}, all`)];
    return { name, longest, mean: all / turns };
  });
}
