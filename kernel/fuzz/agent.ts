// A roottask for the booted kernel that does what it is told from outside: agents, one thread per domain and CPU,
// look into their mailbox, make the hypercall or the access that is there, and answer. Between two looks they
// sleep, so that the machine's time jumps. The first agent is the roottask; it is told to make the others.

import {
  Assembler,
  al,
  byte,
  dx,
  eax,
  ecx,
  edx,
  mem,
  qword,
  r8,
  r14,
  r15,
  rax,
  rbx,
  rcx,
  rdi,
  rdx,
  rip,
  rsi,
  rsp,
} from "../../tools/asm/index.ts";
import { linkElf } from "../../tools/elf/index.ts";
import * as abi from "../abi.ts";

export const IMAGE_BASE = 0x100_0000;
/** log2 of the image's pages. */
export const IMAGE_ORDER = 4;
export const MAILBOX_BYTES = 0x400;
export const MAX_AGENTS = 16;
/** The image's mailboxes begin here. */
export const MAILBOXES = IMAGE_BASE + 0x8000;

/** Offsets in a mailbox; 64-bit words. */
export const BOX = {
  sequence: 0x00,
  done: 0x08,
  command: 0x10,
  rdi: 0x18,
  rsi: 0x20,
  rdx: 0x28,
  rax: 0x30,
  r8: 0x38,
  /** Vector of the fault plus one, 0 for none. */
  fault: 0x40,
  /** Address of the UTCB of the agent's handler. */
  utcb: 0x48,
  /** Not 0: the end of a watch. */
  stop: 0x50,
} as const;

/** What an agent does: a hypercall with the registers, an access at `rsi`, or reads there without a pause until stopped. */
export const COMMAND = { hypercall: 0, read: 1, write: 2, execute: 3, port: 4, watch: 5 } as const;

/** Every agent has a semaphore nobody ups, to sleep on. */
export const SLEEP_SELECTOR = 40;
const SLEEP_TICKS = 20_000;
const box = (field: keyof typeof BOX) => qword(r15, { disp: BOX[field] });

/** Where a portal of a handler leads to; its identifier is the mailbox's address plus the event. */
export interface AgentImage {
  elf: Uint8Array;
  handler: bigint;
}

/** The executable, and the address of the handlers' entry. */
export function buildAgents(): AgentImage {
  const a = new Assembler({ bits: 64, name: "agents" });
  a.label("_start", { global: true });
  a.form("Mov_r64_imm64", r15, BigInt(MAILBOXES));
  a.label("agent");
  a.lea(rsp, mem(r15, { disp: MAILBOX_BYTES }));
  a.xor(r14, r14);
  a.label("look");
  a.mov(rax, box("sequence"));
  a.cmp(rax, r14);
  a.jne("work");
  a.rdtsc();
  a.mov(rsi, rdx);
  a.mov(edx, eax);
  a.add(rdx, SLEEP_TICKS);
  a.mov(rdi, (SLEEP_SELECTOR << 12) | (abi.SM_CTRL_DOWN << 8) | abi.HC_SM_CTRL);
  a.syscall();
  a.jmp("look");
  a.label("work");
  a.mov(r14, rax);
  a.mov(rax, box("command"));
  for (const [name, number] of Object.entries(COMMAND)) {
    a.cmp(rax, number);
    a.je(`do_${name}`);
  }
  a.ud2();
  a.label("do_hypercall");
  a.mov(rdi, box("rdi"));
  a.mov(rsi, box("rsi"));
  a.mov(rdx, box("rdx"));
  a.mov(r8, box("r8"));
  a.mov(rax, box("rax"));
  a.syscall();
  a.mov(box("rdi"), rdi);
  a.mov(box("rsi"), rsi);
  a.mov(box("rdx"), rdx);
  a.mov(box("rax"), rax);
  a.jmp("answer");
  a.label("do_read");
  a.mov(rsi, box("rsi"));
  a.mov(rax, qword(rsi));
  a.mov(box("rax"), rax);
  a.jmp("answer");
  a.label("do_write");
  a.mov(rsi, box("rsi"));
  a.mov(rax, box("rax"));
  a.mov(qword(rsi), rax);
  a.jmp("answer");
  a.label("do_execute");
  a.mov(rsi, box("rsi"));
  a.call(rsi);
  a.jmp("answer");
  a.label("do_port");
  a.mov(rdx, box("rsi"));
  a.in(al, dx);
  a.jmp("answer");
  a.label("do_watch");
  a.mov(rsi, box("rsi"));
  a.label("watch");
  a.mov(rax, qword(rsi));
  a.cmp(box("stop"), 0);
  a.je("watch");
  // Once more after the end: what is taken away by then is gone.
  a.mov(rax, qword(rsi));
  a.label("answer");
  a.mov(box("done"), r14);
  a.jmp("look");

  // A handler: RDI is mailbox + event. It lets its agent begin, or go on behind what has faulted.
  a.label("handler", { global: true });
  a.mov(rcx, rdi);
  a.and(ecx, 31);
  a.sub(rdi, rcx);
  a.mov(rbx, qword(rdi, { disp: BOX.utcb }));
  a.cmp(ecx, abi.EVENT_STARTUP);
  a.je("begin");
  a.inc(rcx);
  a.mov(qword(rdi, { disp: BOX.fault }), rcx);
  a.lea(rax, mem(rdi, { disp: MAILBOX_BYTES }));
  a.mov(qword(rbx, { disp: abi.UTCB_RSP }), rax);
  a.lea(rax, rip("answer"));
  a.mov(qword(rbx, { disp: abi.UTCB_RIP }), rax);
  a.mov(eax, abi.MTD_RIP_LEN | abi.MTD_RSP);
  a.jmp("reply");
  a.label("begin");
  a.mov(qword(rbx, { disp: abi.UTCB_R8 + 56 }), rdi);
  a.lea(rax, rip("agent"));
  a.mov(qword(rbx, { disp: abi.UTCB_RIP }), rax);
  a.mov(eax, abi.MTD_RIP_LEN | abi.MTD_GPR_R8_R15);
  a.label("reply");
  a.mov(qword(rbx, { disp: abi.UTCB_MTD }), rax);
  a.mov(byte(rbx, { disp: abi.UTCB_ITEMS + 2 }), 0);
  a.mov(rdi, abi.HC_REPLY);
  a.syscall();
  a.padTo(MAILBOXES - IMAGE_BASE);
  a.space(MAX_AGENTS * MAILBOX_BYTES);
  a.padTo(4096 << IMAGE_ORDER);

  const object = a.object();
  const elf = linkElf({
    objects: [object],
    segments: [{ name: "agents", flags: "rwx", vaddr: BigInt(IMAGE_BASE), sections: [".text"] }],
    entry: "_start",
    class: 64,
    padSegments: true,
  });
  const handler = object.symbols.find((symbol) => symbol.name === "handler");
  if (handler === undefined) throw new Error("no handler");
  return { elf, handler: BigInt(IMAGE_BASE) + handler.value };
}
