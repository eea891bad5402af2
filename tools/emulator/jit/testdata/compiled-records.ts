// A CPU core whose decoded blocks are compiled before they run: each record to a function of its own, or a block's
// records to one. What the specializer's functions do is compared with what the core does without them.

import { I32 } from "../../../wasm/types.ts";
import type { CoreExports, CoreImports } from "../../core/interface.ts";
import {
  BLOCK_END,
  BLOCK_FIRST,
  BLOCK_KEY,
  OP_HANDLER,
  OP_IMM,
  OP_SIZE,
  PAGE_CODEMAP,
  SCRATCH_BLOCK,
} from "../../core/state.ts";
import { Code, Imports, OP_RETURN } from "../code.ts";
import type { CoreCode } from "../core-code.ts";
import { instantiate, moduleOf, type NamedCode } from "../module.ts";
import { type OpContext, specialize } from "../specialize.ts";
import { StateLocals } from "../state-locals.ts";
import { emit, type Value } from "../value.ts";

/** What is compiled together. */
export type Unit = "record" | "block";

export class CompiledCore {
  readonly exports: CoreExports;
  /** Handlers (by table index) that were specialized, and those that were not. */
  readonly inlined = new Set<number>();
  readonly called = new Set<number>();
  /** Why not. */
  readonly refusals = new Map<number, string>();
  /** Bytes and time of what has been specialized. */
  bytes = 0;
  milliseconds = 0;
  records = 0;
  /** The next bytes written to code are those that are there. */
  same = false;
  private readonly core: CoreExports;
  private readonly code: CoreCode;
  private readonly unit: Unit;
  /** Places in the table that are free, and that are taken. */
  private slots: number[] = [];
  private used: number[] = [];
  /** The module that was made last, for whoever wants to see it. */
  lastModule: Uint8Array = new Uint8Array(0);

  constructor(core: CoreExports, code: CoreCode, unit: Unit) {
    this.core = core;
    this.code = code;
    this.unit = unit;
    const written = (address: number, length: number): void => {
      if (!this.same) core.ram_written(address, length);
    };
    this.exports = { ...core, ram_written: written };
  }

  /** Makes a core as `EmulatedCpu.create` takes it. */
  static from(
    make: (imports: CoreImports) => Promise<{ exports: CoreExports }>,
    code: CoreCode,
    unit: Unit,
    done: (core: CompiledCore) => void,
  ): (imports: CoreImports) => Promise<{ exports: CoreExports }> {
    return async (imports) => {
      const core = new CompiledCore((await make(imports)).exports, code, unit);
      done(core);
      return { exports: core.exports };
    };
  }

  private get view(): DataView {
    return new DataView(this.core.memory.buffer);
  }

  /** Records of the block whose header is at `block`. */
  private recordsOf(view: DataView, block: number): number[] {
    const records: number[] = [];
    const end = view.getUint32(block + BLOCK_END, true);
    for (let at = view.getUint32(block + BLOCK_FIRST, true); at < end; at += OP_SIZE)
      records.push(at);
    return records;
  }

  /** Compiles all blocks of `pages` page frames from `frame` on. */
  compile(frame: number, pages: number): void {
    const view = this.view;
    const imports = new Imports();
    const fns: NamedCode[] = [];
    const entries: [record: number, name: string][] = [];
    for (let page = frame; page < frame + pages; page++) {
      const map = view.getUint32(PAGE_CODEMAP + 4 * page, true);
      if (map === 0) continue;
      for (let offset = 0; offset < 4096; offset++) {
        const block = view.getUint32(map + 4 * offset, true);
        if (block === 0 || block === SCRATCH_BLOCK) continue;
        const key = view.getUint32(block + BLOCK_KEY, true);
        const records = this.recordsOf(view, block);
        const groups = this.unit === "block" ? [records] : records.map((r) => [r]);
        for (const group of groups) {
          const name = `r${group[0]}`;
          const code = this.function(view, imports, key, group);
          if (!code) continue;
          fns.push({ name, code });
          entries.push([group[0] as number, name]);
        }
      }
    }
    if (fns.length === 0) return;
    const bytes = moduleOf(this.code, imports.functions, fns);
    this.lastModule = bytes;
    const compiled = instantiate(bytes, imports.functions, this.core);
    for (const [record, name] of entries) {
      const slot = this.slots.pop() ?? this.core.table.grow(1);
      this.core.table.set(slot, compiled[name] as CallableFunction);
      view.setUint32(record + OP_HANDLER, slot, true);
      this.used.push(slot);
    }
  }

  /** Gives the slots of the table back. */
  forget(): void {
    this.slots.push(...this.used);
    this.used = [];
  }

  private function(
    view: DataView,
    imports: Imports,
    key: number,
    records: number[],
  ): Code | undefined {
    const code = new Code(imports);
    const state = new StateLocals(code, view, key);
    const begin = performance.now();
    state.reload();
    let any = false;
    for (const record of records) {
      const handler = this.core.plain_handler(view.getUint32(record + OP_HANDLER, true));
      this.records++;
      const leave = (): void => {
        state.flush();
        state.writeBack();
      };
      const context: OpContext = {
        core: this.code,
        code,
        state,
        memory: view,
        record,
        handler,
        linkOf: (which) =>
          view.getUint32(record + OP_IMM + 4 * which, true) === 0 ? "loaded" : "set",
        granted: -1,
        seldom: false,
        follows: () => false,
        onLink: (which) => {
          leave();
          code.i32Const(view.getUint32(record + OP_IMM + 4 * which, true)).bytes(OP_RETURN);
        },
        onTail: (name, args: readonly Value[]) => {
          for (const arg of args) emit(code, arg);
          leave();
          code.call(name);
          if (this.code.typeNamed(name).results.length === 0) code.i32Const(0);
          code.bytes(OP_RETURN);
        },
        onReturn: (value) => {
          emit(code, value);
          leave();
          code.bytes(OP_RETURN);
        },
        onLeave: () => {
          leave();
          code.i32Const(record).callHandler(handler).bytes(OP_RETURN);
        },
        onRefused: (reason) => this.refusals.set(handler, reason),
      };
      if (specialize(context)) {
        any = true;
        this.inlined.add(handler);
        continue;
      }
      this.called.add(handler);
      state.flush();
      state.writeBack();
      const result = code.local(I32);
      code.i32Const(record).callHandler(handler).tee(result);
      code.i32Const(record + OP_SIZE).bytes(0x47);
      code.if();
      code.get(result).bytes(OP_RETURN);
      code.end();
      state.reload();
    }
    state.flush();
    state.writeBack();
    code.i32Const((records.at(-1) as number) + OP_SIZE);
    state.finish();
    this.milliseconds += performance.now() - begin;
    this.bytes += code.root.size;
    return any ? code : undefined;
  }
}
