// A CPU core with one fault: in one of the functions that execute instructions, one arithmetic operation of wasm is
// another one. Whoever looks for faults is tried with these.

import { guestModule } from "../../asc/guest.ts";
import { decodeModule } from "../../wasm/decode.ts";
import type { CoreExports } from "../core/interface.ts";
import { CORE_GUEST } from "../core/options.ts";
import { BLOCK_END, BLOCK_FIRST, OP_HANDLER, OP_SIZE, PAGE_CODEMAP } from "../core/state.ts";
import { Random } from "../cputest/random.ts";

/** i64.add for sub, and for or, xor for and, and back (WebAssembly core specification, 5.4.7). */
const OTHER = new Map([
  [0x7c, 0x7d],
  [0x7d, 0x7c],
  [0x83, 0x84],
  [0x84, 0x83],
  [0x85, 0x83],
]);
const PAGE = 4096;

/** Table indices of the handlers in the decoded code of the pages from `address` on. */
export function handlersInUse(core: CoreExports, address: number, bytes: number): Set<number> {
  const view = new DataView(core.memory.buffer);
  const found = new Set<number>();
  for (let frame = address / PAGE; frame < (address + bytes) / PAGE; frame++) {
    const map = view.getUint32(PAGE_CODEMAP + 4 * frame, true);
    for (let at = 0; map !== 0 && at < PAGE; at++) {
      const block = view.getUint32(map + 4 * at, true);
      if (block === 0) continue;
      const end = view.getUint32(block + BLOCK_END, true);
      for (
        let record = view.getUint32(block + BLOCK_FIRST, true);
        record < end;
        record += OP_SIZE
      ) {
        found.add(view.getUint32(record + OP_HANDLER, true));
      }
    }
  }
  return found;
}

/** The core with a fault in one of these handlers (table indices); which, and what, the seed decides. */
export async function mutantCore(handlers: Iterable<number>, seed: number): Promise<Uint8Array> {
  const { wasm } = await guestModule(CORE_GUEST);
  const module = decodeModule(wasm);
  const table = new Map<number, number>();
  for (const { offset, funcs } of module.elements) {
    const first = offset?.kind === "const" ? Number(offset.bits) : 0;
    for (const [i, index] of funcs.entries()) table.set(first + i, index);
  }
  const functions = [...new Set([...handlers].map((index) => table.get(index)))];
  const random = new Random(seed);
  for (let tries = 0; tries < 10_000; tries++) {
    const index = random.pick(functions) ?? 0;
    const body = module.funcs[index - module.funcImports.length];
    if (body === undefined) continue;
    const places: number[] = [];
    for (let at = body.start; at < body.end; at++) {
      if (OTHER.has(wasm[at] as number)) places.push(at);
    }
    if (places.length === 0) continue;
    const mutant = Uint8Array.from(wasm);
    const place = random.pick(places);
    mutant[place] = OTHER.get(wasm[place] as number) as number;
    // The byte may be part of a number: what is no module any more is tried elsewhere.
    if (WebAssembly.validate(mutant)) return mutant;
  }
  throw new Error("none of these handlers has an arithmetic operation to change");
}
