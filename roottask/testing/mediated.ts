// A program whose system calls go to the mediator first, as the kernel and the stub (mediator/asm.ts) do it: the
// mediator's code runs in Node on the program's memory, which the roottask's rooms hold (machine.ts). Between any two of
// its accesses to memory a test may let other threads run.

import { guestModule } from "../../tools/asc/guest.ts";
import {
  ANSWERED,
  COMMIT,
  FILE_WORDS_PAGE,
  FRAME_BYTES,
  FRAME_NUMBER,
  FRAME_R8,
  FRAME_R9,
  FRAME_R10,
  FRAME_RDI,
  FRAME_RDX,
  FRAME_RESULT,
  FRAME_RSI,
  MEDIATOR_PAGES,
  PAGE_COMMIT,
} from "../libhrstd/mediator_layout.ts";
import { linkMediator, mediatorImage } from "../mediator/image.ts";
import { roottask } from "../programs.ts";
import type { Machine } from "./machine.ts";

const PAGE = 4096;
const ARGUMENTS = [FRAME_RDI, FRAME_RSI, FRAME_RDX, FRAME_R10, FRAME_R8, FRAME_R9] as const;
const MASK = BigInt(PAGE - 1);

let compiled: Promise<{ module: WebAssembly.Module; image: Uint8Array }> | undefined;

async function compileMediator() {
  const guest = roottask.parts?.mediator;
  if (!guest) throw new Error("the roottask has no mediator");
  const { wasm, sourceMap } = await guestModule(guest);
  return {
    module: new WebAssembly.Module(wasm),
    image: mediatorImage(linkMediator(wasm, sourceMap)),
  };
}

export class MediatedProgram {
  /** Calls that were answered without the roottask. */
  answered = 0;
  /** Lets another thread do something, in front of an access to memory. */
  interrupt: () => void = () => {};
  readonly #machine: Machine;
  readonly #id: number;
  readonly #mediate: (frame: bigint) => number;
  /** Where the roottask has the pages of threads, by the thread's number. */
  readonly #pages: number[] = [];

  private constructor(machine: Machine, id: number, module: WebAssembly.Module) {
    this.#machine = machine;
    this.#id = id;
    const absent = () => {
      throw new Error("a call that this test does not make");
    };
    const load = (address: bigint) => {
      this.interrupt();
      return this.#machine.view.getBigUint64(this.#pointer(address), true);
    };
    const imports = {
      x86: {
        load64: load,
        load32: (address: bigint) =>
          BigInt(this.#machine.view.getUint32(this.#pointer(address), true)),
        store64: (address: bigint, value: bigint) =>
          this.#machine.view.setBigUint64(this.#pointer(address), value, true),
        store32: (address: bigint, value: bigint) =>
          this.#machine.view.setUint32(this.#pointer(address), Number(value & 0xffff_ffffn), true),
        rdtsc: absent,
      },
      stub: { copy: absent, wipe: absent, wipe_stack: absent },
    };
    const { exports } = new WebAssembly.Instance(module, imports);
    this.#mediate = exports.mediate as (frame: bigint) => number;
  }

  /** Gives program `id` of `machine` a mediator that may hand out `bytes` by itself. */
  static async create(machine: Machine, id: number, bytes: number): Promise<MediatedProgram> {
    compiled ??= compileMediator();
    const { module, image } = await compiled;
    machine.mediatorImage = machine.place(image);
    if (machine.exports.giveMediatorTo(id) === 0) throw new Error("there is no mediator");
    machine.exports.pregrantTo(id, BigInt(bytes));
    return new MediatedProgram(machine, id, module);
  }

  #pointer(address: bigint): number {
    const offset = Number(address & MASK);
    const page = address - BigInt(offset);
    if (page === BigInt(FILE_WORDS_PAGE)) return this.#machine.exports.wordsOf(this.#id) + offset;
    const thread = Number((page - BigInt(MEDIATOR_PAGES)) / BigInt(PAGE));
    const found = this.#pages[thread];
    if (found === undefined) throw new Error(`0x${address.toString(16)} is not there`);
    return found + offset;
  }

  /** The word at `offset` of the page that all threads share. */
  word(offset: number): bigint {
    return this.#machine.view.getBigUint64(this.#machine.exports.wordsOf(this.#id) + offset, true);
  }

  setWord(offset: number, value: bigint): void {
    const at = this.#machine.exports.wordsOf(this.#id) + offset;
    this.#machine.view.setBigUint64(at, BigInt.asUintN(64, value), true);
  }

  /** What the mediator of thread `thread` makes of a system call: the result, or undefined where it forwards it. */
  answer(thread: number, number: number, ...args: (number | bigint)[]): bigint | undefined {
    this.#pages[thread] ??= this.#machine.exports.storage(PAGE);
    const frame = BigInt(MEDIATOR_PAGES + (thread + 1) * PAGE - FRAME_BYTES);
    const set = (offset: number, value: number | bigint) =>
      this.#machine.view.setBigUint64(
        this.#pointer(frame + BigInt(offset)),
        BigInt.asUintN(64, BigInt(value)),
        true,
      );
    set(FRAME_NUMBER, number);
    for (const [index, offset] of ARGUMENTS.entries()) set(offset, args[index] ?? 0);
    const outcome = this.#mediate(frame);
    if (outcome !== ANSWERED && (outcome !== COMMIT || !this.#commit(frame))) return undefined;
    this.answered++;
    return this.#machine.view.getBigInt64(this.#pointer(frame + BigInt(FRAME_RESULT)), true);
  }

  /** A system call of thread `thread`; the result as a signed number. */
  call(thread: number, number: number, ...args: (number | bigint)[]): bigint {
    const answer = this.answer(thread, number, ...args);
    if (answer !== undefined) return answer;
    this.interrupt();
    return this.#machine.call(this.#id, number, ...args);
  }

  /** The compare-and-exchange that the mediator of the thread with `frame` has asked for has succeeded. */
  #commit(frame: bigint): boolean {
    this.interrupt();
    const page = frame + BigInt(FRAME_BYTES - PAGE);
    const [at = 0n, before, after = 0n] = [0, 8, 16].map((offset) =>
      this.#machine.view.getBigUint64(this.#pointer(page + BigInt(PAGE_COMMIT + offset)), true),
    );
    const pointer = this.#pointer(at);
    if (this.#machine.view.getBigUint64(pointer, true) !== before) return false;
    this.#machine.view.setBigUint64(pointer, after, true);
    return true;
  }
}
