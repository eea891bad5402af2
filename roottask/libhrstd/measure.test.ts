// The measuring library in Node: a counter that the test sets says how long work takes, and plain JavaScript what the
// line about it must say.

import { beforeEach, describe, expect, it } from "vitest";
import { guestModule } from "../../tools/asc/guest.ts";

interface Exports {
  memory: WebAssembly.Memory;
  textBuffer(): number;
  line(): number;
  measuredLength(): number;
  startMeasuring(repetitions: number, calls: number): void;
  measureWork(repetitions: number, calls: number, divisor: bigint): number;
  limit(): number;
  usePrefix(): void;
}

/** What reading the counter takes. */
const OVERHEAD = 24;

let compiled: Promise<WebAssembly.Module> | undefined;

async function compile(): Promise<WebAssembly.Module> {
  const { wasm } = await guestModule({
    entry: "roottask/testing/measure_probe.ts",
    args: ["--use", "abort=", "--initialMemory", "4"],
  });
  return new WebAssembly.Module(wasm);
}

class Probe {
  /** Ticks that the next repetitions take; 0 when there are no more. */
  costs: number[] = [];
  /** What has been called, in order. */
  calls: string[] = [];
  readonly exports: Exports;
  #time = 1n << 40n;

  constructor(module: WebAssembly.Module) {
    this.exports = new WebAssembly.Instance(module, {
      stub: {
        measure_begin: () => this.#time,
        measure_end: () => {
          this.#time += BigInt(OVERHEAD);
          return this.#time;
        },
      },
      host: {
        work: () => {
          this.calls.push("work");
          this.#time += BigInt(this.costs.shift() ?? 0);
        },
        before: () => this.calls.push("before"),
        after: () => this.calls.push("after"),
      },
      x86: { load8: (address: bigint) => BigInt(this.#bytes()[Number(address)] ?? 0) },
    }).exports as unknown as Exports;
  }

  #bytes(): Uint8Array {
    return new Uint8Array(this.exports.memory.buffer);
  }

  /** The line of the last measurement. */
  get line(): string {
    const [at, length] = [this.exports.line(), this.exports.measuredLength()];
    return Buffer.from(this.exports.memory.buffer, at, length).toString("latin1");
  }

  put(text: string): void {
    this.#bytes().set(Buffer.from(`${text}\0`, "latin1"), this.exports.textBuffer());
  }
}

let probe: Probe;

beforeEach(async () => {
  compiled ??= compile();
  probe = new Probe(await compiled);
});

/** Numbers that look random and are the same every time. */
function* numbers(seed: number): Generator<number> {
  for (let state = seed; ; ) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    yield state >>> 12;
  }
}

describe("measuring", () => {
  it("first tells what reading the counter costs", () => {
    probe.exports.startMeasuring(0, 0);
    expect(probe.line).toBe("BENCH timer.overhead n=1000 min=24 median=24 p99=24\n");
  });

  it.each([1, 2, 3, 10, 99, 100, 101, 250, 1000])("sorts %d samples", (count) => {
    probe.exports.startMeasuring(0, 0);
    const warmUp = Math.ceil(count / 10);
    const random = numbers(count);
    const costs = Array.from({ length: warmUp + count }, () => random.next().value as number);
    probe.costs = [...costs];
    expect(probe.exports.measureWork(count, 1, 1n)).toBe(1);
    const sorted = costs.slice(warmUp).sort((a, b) => a - b);
    const atMost = (share: number) => sorted.find((_, at) => (at + 1) / count >= share);
    expect(probe.line).toBe(
      `BENCH some.4k n=${count} min=${sorted[0]} median=${atMost(0.5)} p99=${atMost(0.99)}\n`,
    );
  });

  it("does not count what the warm-up costs", () => {
    probe.exports.startMeasuring(0, 0);
    probe.costs = [9000, ...Array.from({ length: 10 }, () => 7)];
    probe.exports.measureWork(10, 1, 1n);
    expect(probe.line).toBe("BENCH some.4k n=10 min=7 median=7 p99=7\n");
    expect(probe.calls).toEqual(
      Array.from({ length: 11 }, () => ["before", "work", "after"]).flat(),
    );
  });

  it("divides what a repetition does several times", () => {
    probe.exports.startMeasuring(0, 0);
    probe.costs = [0, 11, 13];
    probe.exports.measureWork(2, 1, 2n);
    expect(probe.line).toBe("BENCH some.4k n=2 min=5 median=5 p99=6\n");
  });

  it("never says that something took less than nothing", () => {
    probe.exports.startMeasuring(0, 0);
    probe.costs = [0, -5];
    probe.exports.measureWork(1, 1, 1n);
    expect(probe.line).toBe("BENCH some.4k n=1 min=0 median=0 p99=0\n");
  });

  it("repeats less what makes many calls, and does once, without warm-up, what makes very many", () => {
    probe.exports.startMeasuring(0, 0);
    probe.exports.measureWork(100, 256, 1n);
    expect(probe.line).toMatch(/ n=78 /);
    probe.calls = [];
    probe.exports.measureWork(100, 1 << 20, 1n);
    expect(probe.line).toMatch(/ n=1 /);
    expect(probe.calls).toEqual(["before", "work", "after"]);
  });

  it("keeps to the limits it is given", () => {
    probe.exports.startMeasuring(7, 20);
    expect(probe.line).toMatch(/ n=7 /);
    expect(probe.exports.measureWork(100, 20, 1n)).toBe(1);
    expect(probe.line).toMatch(/ n=7 /);
    probe.calls = [];
    expect(probe.exports.measureWork(100, 21, 1n)).toBe(0);
    expect(probe.calls).toEqual([]);
  });

  it("takes no more repetitions than there is room for", () => {
    probe.exports.startMeasuring(0xffff_ffff, 0);
    probe.exports.measureWork(0xffff_ffff, 1, 1n);
    expect(probe.line).toMatch(/ n=1000 /);
  });

  it.each([
    ["12", 12],
    ["0", 0],
    ["", 0],
    ["12x", 0],
    ["-3", 0],
    ["4294967295", 0xffff_ffff],
    ["99999999999999999999", 0],
  ])("reads the limit %j", (text, value) => {
    probe.put(text);
    expect(probe.exports.limit() >>> 0).toBe(value);
  });

  it("puts a prefix in front of names, and of a long one its beginning", () => {
    probe.put("mediated.");
    probe.exports.usePrefix();
    probe.exports.startMeasuring(1, 0);
    expect(probe.line).toBe("BENCH mediated.timer.overhead n=1 min=24 median=24 p99=24\n");
    probe.put("x".repeat(50));
    probe.exports.usePrefix();
    probe.exports.startMeasuring(1, 0);
    expect(probe.line).toBe(`BENCH ${"x".repeat(32)}timer.overhead n=1 min=24 median=24 p99=24\n`);
  });
});
