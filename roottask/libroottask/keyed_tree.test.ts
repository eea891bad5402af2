// Trees by number beside a sorted list.

import { beforeEach, describe, expect, it } from "vitest";
import { guestModule } from "../../tools/asc/guest.ts";
import { Random } from "../../tools/emulator/cputest/random.ts";

interface Exports {
  memory: WebAssembly.Memory;
  insert(index: number, order: number): void;
  remove(index: number): void;
  find(order: number): number;
  walk(): number;
  list(): number;
  height(): number;
}

const RECORDS = 1000;
let tree: Exports;

beforeEach(async () => {
  const { wasm } = await guestModule({
    entry: "roottask/testing/tree_probe.ts",
    args: ["--use", "abort=", "--initialMemory", "16"],
  });
  const { instance } = await WebAssembly.instantiate(wasm, {});
  tree = instance.exports as unknown as Exports;
});

function order(): number[] {
  const count = tree.walk();
  return [...new Int32Array(tree.memory.buffer, tree.list(), count)];
}

describe("a tree by number", () => {
  it("is as high as it has to be when all come in order", () => {
    for (let i = 0; i < 1000; i++) {
      tree.insert(i, i);
      // Adelson-Velsky and Landis' bound.
      expect(tree.height()).toBeLessThanOrEqual(1.44 * Math.log2(i + 3));
    }
    for (let i = 0; i < 1000; i += 2) tree.remove(i);
    expect(order()).toEqual(Array.from({ length: 500 }, (_, index) => index * 2 + 1));
    expect(tree.height()).toBeLessThanOrEqual(1.44 * Math.log2(503));
  });

  it.each([1, 2, 3])("has what a sorted list has, seed %i", (seed) => {
    const random = new Random(seed);
    const model: { index: number; order: number }[] = [];
    const free = Array.from({ length: RECORDS }, (_, index) => index);
    for (let step = 0; step < 6000; step++) {
      // It grows for some time, and shrinks for some.
      const grows = random.below(10) < (Math.floor(step / 1000) % 2 === 0 ? 7 : 3);
      if (grows && free.length > 0) {
        const index = free.splice(random.below(free.length), 1)[0] as number;
        const number = random.below(seed === 1 ? 40 : 100_000);
        // Those with the same number come behind.
        let at = model.findIndex((each) => each.order > number);
        if (at < 0) at = model.length;
        model.splice(at, 0, { index, order: number });
        tree.insert(index, number);
      } else if (model.length > 0) {
        const [gone] = model.splice(random.below(model.length), 1) as [(typeof model)[number]];
        free.push(gone.index);
        tree.remove(gone.index);
      }
      const number = random.below(40);
      expect(tree.find(number)).toBe(model.find((each) => each.order === number)?.index ?? -1);
      if (step % 50 !== 0) continue;
      expect(order()).toEqual(model.map((each) => each.index));
      expect(tree.height()).toBeLessThanOrEqual(1.44 * Math.log2(model.length + 3));
    }
  });
});
