// The second level: the compiled kernel, booted on one or two CPUs, with agents (agent.ts) that are told what to do. What the model says of pages and ports is tried by accesses of user code, on both CPUs; locks,
// interrupts between CPUs and TLBs are those of the machine.

import { Random } from "../../tools/aot/fuzz/random.ts";
import { guestModule } from "../../tools/asc/guest.ts";
import * as abi from "../abi.ts";
import { buildKernel } from "../build.ts";
import { KERNEL_GUEST } from "../options.ts";
import {
  BOX,
  buildAgents,
  COMMAND,
  IMAGE_BASE,
  IMAGE_ORDER,
  MAILBOX_BYTES,
  MAILBOXES,
  SLEEP_SELECTOR,
} from "./agent.ts";
import type { Board } from "./board.ts";
import { Mismatch } from "./harness.ts";
import { EXECUTE, READ, WRITE } from "./memory.ts";
import {
  Cap,
  crdBase,
  crdOrder,
  Domain,
  Model,
  makeCrd,
  type PdItem,
  type SmItem,
} from "./model.ts";

const ALL = 0x1f;
const SELF = 32;
const DOMAINS = 3;
/** Physical pages that are given away; each holds its own number. */
const FIRST_PAGE = 0x8000;
const PAGES = 256;
/** Where agents see them: the middle of the arena around 512 GiB. */
const FIRST_USER = 2 ** 27 - 16;
const USER = 24;
const PORTS = [0x3f8, 0x3f9, 0x3ff, 0x400, 0x80, 0x60];
const HANDLER_UTCBS = 0x2_0000;
/** Selectors of the roottask for what belongs to a domain. */
const domainBase = (n: number) => 0x1000 * (n + 1);
const EVENTS = 0x400;
const RET = 0xc3;
const PLAY = 64;
const PLAY_SIZE = 16;

interface Agent {
  domain: Domain;
  cpu: number;
  /** Physical address of its mailbox. */
  box: number;
  sequence: number;
}

interface Answer {
  rdi: bigint;
  rsi: bigint;
  rdx: bigint;
  rax: bigint;
  fault: number;
}

export class Booted {
  private readonly board: Board;
  private readonly random: Random;
  private readonly model = new Model();
  private readonly agents: Agent[] = [];
  private readonly domains: Domain[] = [];
  hypercalls = 0;
  accesses = 0;
  faults = 0;

  /** The compiled kernel; `sources` replace files of the repository. */
  static async image(sources: Record<string, string> = {}): Promise<Uint8Array> {
    const { wasm, sourceMap } = await guestModule({ ...KERNEL_GUEST, sources });
    return buildKernel(wasm, sourceMap);
  }

  /** The agents, which are booted with the kernel. */
  static agents(): Uint8Array {
    return buildAgents().elf;
  }

  /** Starts all agents on a machine that has been switched on. */
  static start(board: Board, seed: number): Booted {
    const booted = new Booted(board, seed);
    booted.startAgents(buildAgents().handler);
    return booted;
  }

  private constructor(board: Board, seed: number) {
    this.board = board;
    this.random = new Random(seed);
  }

  get log(): string {
    return this.board.log;
  }

  // --- Agents ---

  private tell(
    agent: Agent,
    command: number,
    registers: Partial<Answer> & { r8?: bigint } = {},
  ): Answer {
    const put = (field: keyof typeof BOX, value: bigint) =>
      this.board.write(agent.box + BOX[field], BigInt.asUintN(64, value));
    put("command", BigInt(command));
    for (const name of ["rdi", "rsi", "rdx", "rax", "r8"] as const)
      put(name, registers[name] ?? 0n);
    put("fault", 0n);
    put("stop", 0n);
    agent.sequence++;
    put("sequence", BigInt(agent.sequence));
    return this.answer(agent);
  }

  /** Waits for what an agent says. */
  private answer(agent: Agent): Answer {
    const get = (field: keyof typeof BOX) => this.board.read(agent.box + BOX[field]);
    if (!this.board.runUntil(() => get("done") === BigInt(agent.sequence))) {
      throw new Mismatch(`an agent does not answer\n${this.log}`);
    }
    return {
      rdi: get("rdi"),
      rsi: get("rsi"),
      rdx: get("rdx"),
      rax: get("rax"),
      fault: Number(get("fault")),
    };
  }

  private call(
    agent: Agent,
    id: number,
    selector: number,
    flags: number,
    rest: { rsi?: bigint; rdx?: bigint; rax?: bigint; r8?: bigint } = {},
  ): Answer {
    this.hypercalls++;
    const rdi = (BigInt(selector) << 12n) | BigInt((flags << 8) | id);
    return this.tell(agent, COMMAND.hypercall, { rdi, ...rest });
  }

  private expect(answer: Answer, status: number, what: string): void {
    const seen = Number(answer.rdi & 0xffn);
    if (seen !== status) throw new Mismatch(`${what}: status ${seen}, expected ${status}`);
  }

  private root(
    id: number,
    selector: number,
    flags: number,
    rest: Parameters<Booted["call"]>[4],
  ): void {
    const [root] = this.agents;
    if (root === undefined) throw new Error("no roottask");
    this.expect(
      this.call(root, id, selector, flags, rest),
      abi.SUCCESS,
      `roottask, hypercall ${id}`,
    );
  }

  /** The pool as the information page has it, which the roottask reads: the last of the kernel's entries. */
  private pool(): { first: number; end: number } {
    const hip = abi.USER_ADDR - 4096;
    const peek = (at: number) => {
      const { rax } = this.tell(this.agents[0] as Agent, COMMAND.read, { rsi: BigInt(hip + at) });
      return rax;
    };
    let pool = { first: 0, end: 0 };
    const end = Number(peek(abi.HIP_LENGTH) & 0xffffn);
    for (let at: number = abi.HIP_MEMS; at < end; at += abi.HIP_MEM_BYTES) {
      if (Number(BigInt.asIntN(32, peek(at + 16))) !== abi.HIP_MEM_TYPE_HYPERVISOR) continue;
      const first = Number(peek(at)) / 4096;
      pool = { first, end: first + Number(peek(at + 8)) / 4096 };
    }
    return pool;
  }

  private startAgents(handler: bigint): void {
    const { board, model } = this;
    const image = board.image();
    const boxAt = (n: number) => image + MAILBOXES - IMAGE_BASE + n * MAILBOX_BYTES;
    for (let page = FIRST_PAGE; page < FIRST_PAGE + PAGES; page++) {
      board.writeByte(page * 4096, RET);
      board.write(page * 4096 + 8, BigInt(page));
    }
    const { root } = model;
    this.agents.push({ domain: root, cpu: 0, box: boxAt(0), sequence: 0 });
    this.domains.push(root);
    model.pool = this.pool();
    const self: PdItem = { type: "pd", address: 0, gone: false, domain: root };
    model.add(root, SELF, self);
    const me = BigInt(SELF);
    this.root(abi.HC_CREATE_SM, SLEEP_SELECTOR, 0, { rsi: me });
    for (let n = 0; n < DOMAINS; n++) this.makeDomain(n, handler, boxAt);
    // Everybody can pass things to everybody.
    for (const [i, domain] of this.domains.entries()) {
      for (const [j, other] of this.domains.entries()) {
        if (i === 0 || j === 0 || i === j) continue;
        const item: PdItem = { type: "pd", address: 0, gone: false, domain: other };
        domain.objects.caps.set(48 + j, new Cap(domain, abi.CRD_OBJ, 48 + j, 0, item, 1, false));
        this.handOver(domainBase(i - 1), makeCrd(abi.CRD_OBJ, domainBase(j - 1), 0, ALL), 48 + j);
      }
    }
  }

  private handOver(pd: number, crd: bigint, selector: number): void {
    const window = makeCrd(Number(crd & 3n), selector, Number((crd >> 7n) & 31n), ALL);
    this.root(abi.HC_PD_CTRL, SELF, abi.PD_CTRL_DELEGATE, {
      rsi: BigInt(pd),
      rdx: crd,
      rax: 1n,
      r8: window,
    });
  }

  private makeDomain(n: number, handler: bigint, boxAt: (n: number) => number): void {
    const base = domainBase(n);
    const me = BigInt(SELF);
    const domain = new Domain(`domain ${n + 1}`);
    this.root(abi.HC_CREATE_PD, base, 0, { rsi: me });
    const pages = makeCrd(abi.CRD_MEM, IMAGE_BASE / 4096, IMAGE_ORDER, ALL);
    this.handOver(base, pages, IMAGE_BASE / 4096);
    this.handOver(base, makeCrd(abi.CRD_OBJ, base, 0, ALL), SELF);
    const item: PdItem = { type: "pd", address: 0, gone: false, domain };
    domain.objects.caps.set(SELF, new Cap(domain, abi.CRD_OBJ, SELF, 0, item, 1, false));
    this.domains.push(domain);
    this.root(abi.HC_CREATE_SM, base + 1, 0, { rsi: me });
    this.handOver(base, makeCrd(abi.CRD_OBJ, base + 1, 0, ALL), SLEEP_SELECTOR);
    for (let cpu = 0; cpu < this.board.cpus; cpu++) {
      const at = base + 8 + cpu * 8;
      const events = base + EVENTS + cpu * 32;
      const number = this.agents.length;
      const utcb = BigInt(HANDLER_UTCBS + number) << 12n;
      const box = boxAt(number);
      const mailbox = BigInt(MAILBOXES + number * MAILBOX_BYTES);
      this.board.write(box + BOX.utcb, utcb);
      this.root(abi.HC_CREATE_EC, at, 0, { rsi: BigInt(base), rdx: utcb | BigInt(cpu) });
      for (const event of [abi.EXC_UD, abi.EXC_GP, abi.EXC_PF, abi.EVENT_STARTUP]) {
        const selector = events + event;
        this.root(abi.HC_CREATE_PT, selector, 0, {
          rsi: me,
          rdx: BigInt(at),
          rax: 0x40_000cn,
          r8: handler,
        });
        this.root(abi.HC_PT_CTRL, selector, 0, { rsi: mailbox + BigInt(event) });
      }
      this.handOver(base, makeCrd(abi.CRD_OBJ, events, 5, ALL), EVENTS + cpu * 32);
      this.root(abi.HC_CREATE_EC, at + 1, abi.CREATE_EC_GLOBAL, {
        rsi: BigInt(base),
        rdx: BigInt(cpu),
        r8: BigInt(EVENTS + cpu * 32),
      });
      this.root(abi.HC_CREATE_SC, at + 2, 0, {
        rsi: me,
        rdx: BigInt(at + 1),
        rax: (1000n << 12n) | 1n,
      });
      this.agents.push({ domain, cpu, box, sequence: 0 });
    }
  }

  // --- Steps ---

  /** A random operation of a random agent, and accesses of others. */
  step(): void {
    const { random } = this;
    // The roottask has what can be given away.
    const agent = this.agents[random.chance(35) ? 0 : random.below(this.agents.length)] as Agent;
    const dice = random.below(100);
    if (dice < 65) this.delegate(agent);
    else if (dice < 85) this.revoke(agent);
    else if (dice < 92) this.semaphore(agent);
    else this.lookup(agent);
    if (random.chance(15)) this.race();
    for (let i = 0; i < 3; i++) this.touch();
  }

  private permissions(): number {
    return this.random.chance(60) ? ALL : this.random.below(8);
  }

  private range(kind: number, machine: boolean): bigint {
    const { random } = this;
    const order = random.below(5);
    const align = (base: number) => (random.chance(10) ? base : base - (base % 2 ** order));
    if (kind === abi.CRD_MEM) {
      const base = machine ? FIRST_PAGE + random.below(PAGES) : FIRST_USER + random.below(USER);
      return makeCrd(kind, align(base), order, this.permissions());
    }
    if (kind === abi.CRD_PIO)
      return makeCrd(kind, align(random.pick(PORTS)), order, this.permissions());
    return makeCrd(kind, align(PLAY + random.below(PLAY_SIZE)), order, this.permissions());
  }

  private delegate(agent: Agent): void {
    const { random, model } = this;
    const { domain } = agent;
    const isRoot = domain === model.root;
    const machine = isRoot && random.chance(70);
    let kind: number = abi.CRD_MEM;
    if (random.chance(45)) kind = random.chance(50) ? abi.CRD_PIO : abi.CRD_OBJ;
    if (machine && kind === abi.CRD_OBJ) kind = abi.CRD_MEM;
    const to = isRoot ? random.below(DOMAINS + 1) : 1 + random.below(DOMAINS);
    const target = this.domains[to] as Domain;
    let selector = SELF;
    if (target !== domain) selector = isRoot ? domainBase(to - 1) : 48 + to;
    const crd = this.range(kind, machine);
    // Ports keep their numbers; of the others half are taken as they are sent.
    let window = this.range(kind, false);
    if (kind === abi.CRD_PIO && random.chance(50)) window = makeCrd(kind, 0, 16, ALL);
    else if (random.chance(50)) {
      const order = crdOrder(crd);
      window = makeCrd(kind, crdBase(window) - (crdBase(window) % 2 ** order), order, ALL);
    }
    const meta = (BigInt(FIRST_USER + random.below(USER)) << 12n) | (machine ? 0x801n : 1n);
    const answer = this.call(agent, abi.HC_PD_CTRL, SELF, abi.PD_CTRL_DELEGATE, {
      rsi: BigInt(selector),
      rdx: crd,
      rax: meta,
      r8: window,
    });
    this.expect(answer, abi.SUCCESS, "delegation");
    const [told] = model.transfer(target, domain, window, window, crd, meta);
    if (told !== answer.rdx) {
      throw new Mismatch(
        `a delegation says 0x${answer.rdx.toString(16)}, expected 0x${told.toString(16)}`,
      );
    }
  }

  private revoke(agent: Agent): void {
    const { random } = this;
    const kind = random.pick([abi.CRD_MEM, abi.CRD_MEM, abi.CRD_PIO, abi.CRD_OBJ]);
    const crd = this.range(kind, false);
    const self = random.below(2);
    this.expect(this.call(agent, abi.HC_REVOKE, 0, self, { rsi: crd }), abi.SUCCESS, "revocation");
    this.model.revoke(agent.domain, crd, self === 1);
  }

  private semaphore(agent: Agent): void {
    const { model, random } = this;
    const { domain } = agent;
    const selector = PLAY + random.below(PLAY_SIZE);
    const taken = domain.objects.caps.get(selector);
    const item: SmItem = { type: "sm", address: 0, gone: false, counter: 0n };
    const created = this.call(agent, abi.HC_CREATE_SM, selector, 0, { rsi: BigInt(SELF) });
    this.expect(created, taken === undefined ? abi.SUCCESS : abi.BAD_CAP, "create_sm");
    if (taken === undefined) model.add(domain, selector, item);
    const up = this.call(agent, abi.HC_SM_CTRL, selector, abi.SM_CTRL_UP);
    const may = ((taken?.attr ?? 3) & abi.PERM_SM_UP) !== 0;
    this.expect(up, may ? abi.SUCCESS : abi.BAD_CAP, "up");
  }

  private lookup(agent: Agent): void {
    const { random } = this;
    const kind = random.chance(50) ? abi.CRD_OBJ : abi.CRD_PIO;
    const crd = this.range(kind, false);
    const cap = agent.domain.space(kind).at(crdBase(crd));
    const answer = this.call(agent, abi.HC_PD_CTRL, 0, abi.PD_CTRL_LOOKUP, { rsi: crd });
    const wanted = cap === undefined ? 0n : makeCrd(kind, cap.base, cap.order, cap.attr);
    if (answer.rsi !== wanted) {
      throw new Mismatch(
        `${agent.domain.name} holds 0x${answer.rsi.toString(16)}, expected 0x${wanted.toString(16)}`,
      );
    }
  }

  /** User code reads, writes or executes a page, or reads a port. The roottask would not survive a fault. */
  private touch(): void {
    const { random } = this;
    const agent = random.pick(this.agents.slice(1));
    this.accesses++;
    if (random.chance(25)) {
      const port = random.pick(PORTS) + random.below(2);
      const allowed = ((agent.domain.denied[port >> 3] ?? 0) & (1 << (port & 7))) === 0;
      const { fault } = this.tell(agent, COMMAND.port, { rsi: BigInt(port) });
      this.compare(agent, `port 0x${port.toString(16)}`, fault, allowed ? 0 : abi.EXC_GP + 1);
      return;
    }
    const page = FIRST_USER + random.below(USER);
    const address = BigInt(page) << 12n;
    const { phys, rights } = agent.domain.memory.get(page);
    const what = `page 0x${page.toString(16)}`;
    const outcome = (right: number) => (rights & right ? 0 : abi.EXC_PF + 1);
    const kind = random.below(3);
    if (kind === 0) {
      const { fault, rax } = this.tell(agent, COMMAND.read, { rsi: address + 8n });
      this.compare(agent, `${what}, read`, fault, outcome(READ));
      if (rights & READ && rax !== BigInt(phys)) {
        throw new Mismatch(
          `${agent.domain.name} reads page 0x${rax.toString(16)}, expected 0x${phys.toString(16)}`,
        );
      }
    } else if (kind === 1) {
      const stamp = BigInt(random.u32());
      const { fault } = this.tell(agent, COMMAND.write, { rsi: address + 16n, rax: stamp });
      this.compare(agent, `${what}, write`, fault, outcome(WRITE));
      if (rights & WRITE && this.board.read(phys * 4096 + 16) !== stamp) {
        throw new Mismatch(
          `${agent.domain.name} has written somewhere else than to 0x${phys.toString(16)}`,
        );
      }
    } else {
      const { fault } = this.tell(agent, COMMAND.execute, { rsi: address });
      this.compare(agent, `${what}, execute`, fault, outcome(EXECUTE));
    }
  }

  /** A page is taken from a domain on one CPU while it is read without a pause on the other. */
  private race(): void {
    const { random, board, model } = this;
    const watcher = random.pick(this.agents.slice(1));
    const other = this.agents.find((a) => a.domain === watcher.domain && a !== watcher);
    const page = FIRST_USER + random.below(USER);
    if (other === undefined || (watcher.domain.memory.get(page).rights & READ) === 0) return;
    board.write(watcher.box + BOX.command, BigInt(COMMAND.watch));
    board.write(watcher.box + BOX.rsi, BigInt(page) << 12n);
    board.write(watcher.box + BOX.fault, 0n);
    board.write(watcher.box + BOX.stop, 0n);
    watcher.sequence++;
    board.write(watcher.box + BOX.sequence, BigInt(watcher.sequence));
    board.run();
    const crd = makeCrd(abi.CRD_MEM, page, 0, ALL);
    this.expect(this.call(other, abi.HC_REVOKE, 0, 1, { rsi: crd }), abi.SUCCESS, "revocation");
    model.revoke(watcher.domain, crd, true);
    board.write(watcher.box + BOX.stop, 1n);
    this.accesses++;
    const { fault } = this.answer(watcher);
    this.compare(watcher, `page 0x${page.toString(16)}, taken away`, fault, abi.EXC_PF + 1);
  }

  private compare(agent: Agent, what: string, fault: number, wanted: number): void {
    if (fault !== 0) this.faults++;
    if (fault !== wanted) {
      throw new Mismatch(
        `${agent.domain.name} on CPU ${agent.cpu}, ${what}: ${fault ? `vector ${fault - 1}` : "no fault"}, expected ${wanted ? `vector ${wanted - 1}` : "none"}`,
      );
    }
  }
}
