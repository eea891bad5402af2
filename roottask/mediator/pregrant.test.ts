// Memory that a mediator hands out by itself: what a program can see is what it sees where the roottask answers every
// call, addresses that nobody asked for aside, wherever threads are interrupted; and what a program writes into the words
// gains it nothing.

import { beforeEach, describe, expect, it } from "vitest";
import { WORD_ADDRESS_BITS, WORD_BREAK, WORD_POOL } from "../libhrstd/mediator_layout.ts";
import {
  SYS_brk,
  SYS_madvise,
  SYS_mlock,
  SYS_mmap,
  SYS_mprotect,
  SYS_mremap,
  SYS_munmap,
  SYS_prlimit64,
} from "../linux/numbers.ts";
import { Machine } from "../testing/machine.ts";
import { MediatedProgram } from "../testing/mediated.ts";
import { sampleProgram, tarOf } from "../testing/samples.ts";

const PAGE = 4096;
const RW = 3;
const PRIVATE_ANONYMOUS = 0x22;
const MAP_FIXED = 0x10;
const MAP_POPULATE = 0x8000;
const MAP_NORESERVE = 0x4000;
const MAP_STACK = 0x2_0000;
const MAYMOVE = 1;
const EFAULT = -14n;
const ENOMEM = -12n;
const EINVAL = -22n;
const RLIMIT_DATA = 2;
const RLIMIT_AS = 9;
const SIZE = 64 * PAGE;

let machine: Machine;
let program: MediatedProgram;

async function launch(bytes: number): Promise<[Machine, MediatedProgram]> {
  const made = await Machine.create();
  made.unpack(await tarOf([{ name: "bin/sample", mode: 0o755, data: sampleProgram() }]));
  expect(made.launch("linux bin/sample")).toBe(0);
  return [made, await MediatedProgram.create(made, 1, bytes)];
}

beforeEach(async () => {
  [machine, program] = await launch(SIZE);
});

const brk = (address: bigint | number) => program.call(0, SYS_brk, address);
const mmap = (length: number | bigint, flags = 0, protection = RW, hint = 0n) =>
  program.call(0, SYS_mmap, hint, length, protection, PRIVATE_ANONYMOUS | flags, -1, 0);
const isThere = (address: bigint) => machine.exports.pointer(1, address, 1) !== 0;

/** Whether `call` is answered without the roottask, and its result. */
function asked(call: () => bigint): [boolean, bigint] {
  const before = program.answered;
  const result = call();
  return [program.answered > before, result];
}

describe("the mediator", () => {
  it("moves the break up, to the byte, in what has been granted", () => {
    const start = brk(0);
    for (const step of [1, 4095, 4096, 4097, 10_000]) {
      expect(asked(() => brk(start + BigInt(step)))).toEqual([true, start + BigInt(step)]);
    }
    expect(asked(() => brk(0))).toEqual([true, start + 10_000n]);
    expect(asked(() => brk(start + BigInt(SIZE)))).toEqual([true, start + BigInt(SIZE)]);
    // The next piece is the roottask's to grant.
    expect(asked(() => brk(start + BigInt(SIZE) + 1n))[0]).toBe(false);
    expect(asked(() => brk(start + BigInt(SIZE) + 8192n))[0]).toBe(true);
    expect(asked(() => brk(start - 1n))).toEqual([false, start + BigInt(SIZE) + 8192n]);
  });

  it("maps downwards, whole pages, and leaves to the roottask what does not fit", () => {
    const first = mmap(1);
    expect(asked(() => mmap(PAGE + 1))).toEqual([true, first - 2n * BigInt(PAGE)]);
    expect(asked(() => mmap(PAGE, MAP_STACK | MAP_NORESERVE))[0]).toBe(true);
    expect(asked(() => mmap(SIZE))[0]).toBe(false);
    // Renewed with the call that did not fit.
    expect(asked(() => mmap(SIZE))[0]).toBe(true);
  });

  it("leaves every other mapping to the roottask", () => {
    expect(asked(() => mmap(0))).toEqual([false, EINVAL]);
    expect(asked(() => mmap(-1n))).toEqual([false, ENOMEM]);
    expect(asked(() => mmap(PAGE, MAP_POPULATE))[0]).toBe(false);
    expect(asked(() => mmap(PAGE, 0, 1))[0]).toBe(false);
    expect(asked(() => mmap(PAGE, 0, 7))[0]).toBe(false);
    expect(asked(() => mmap(PAGE, 0, RW, 0x1000_0000n))).toEqual([false, 0x1000_0000n]);
    expect(asked(() => mmap(PAGE, MAP_FIXED, RW, 0x1000_0001n))).toEqual([false, EINVAL]);
    const odd = () => program.call(0, SYS_mmap, 0, PAGE, RW, PRIVATE_ANONYMOUS, -1, 1);
    expect(asked(odd)).toEqual([false, EINVAL]);
  });

  it("hands nothing out where a limit on memory is set", () => {
    const stack = machine.exports.stackOf(1) - 64n;
    for (const resource of [RLIMIT_DATA, RLIMIT_AS]) {
      machine.poke(1, stack, Buffer.alloc(16, 0x7f));
      expect(program.call(0, SYS_prlimit64, 0, resource, stack, 0)).toBe(0n);
      expect(asked(() => mmap(PAGE))[0]).toBe(false);
      const start = brk(0);
      expect(asked(() => brk(start + 1n))).toEqual([false, start + 1n]);
      machine.poke(1, stack, Buffer.alloc(16, 0xff));
      expect(program.call(0, SYS_prlimit64, 0, resource, stack, 0)).toBe(0n);
      expect(asked(() => mmap(PAGE))[0]).toBe(true);
    }
  });
});

describe("memory that has not been handed out", () => {
  it("is not there, although it has been granted", () => {
    const start = brk(0);
    expect(isThere(start)).toBe(false);
    brk(start + 1n);
    expect([isThere(start), isThere(start + BigInt(PAGE))]).toEqual([true, false]);
    const at = mmap(PAGE);
    expect([isThere(at), isThere(at - 1n)]).toEqual([true, false]);
    for (const call of [SYS_mlock, SYS_mprotect, SYS_madvise]) {
      expect(program.call(0, call, at - BigInt(PAGE), PAGE, 0)).toBe(ENOMEM);
      expect(program.call(0, call, start + BigInt(PAGE), PAGE, 0)).toBe(ENOMEM);
    }
    expect(program.call(0, SYS_mremap, at - BigInt(PAGE), PAGE, PAGE, 0)).toBe(EFAULT);
    expect(program.call(0, SYS_munmap, at - BigInt(PAGE), PAGE)).toBe(0n);
  });

  it("is anybody's who asks for it by address, and the mediator finds other", () => {
    const at = mmap(PAGE);
    const start = brk(0);
    const below = at - BigInt(PAGE);
    expect(mmap(PAGE, MAP_FIXED, RW, below)).toBe(below);
    expect(mmap(PAGE, 0, RW, start + 2n * BigInt(PAGE))).toBe(start + 2n * BigInt(PAGE));
    machine.poke(1, below, Buffer.from("kept"));
    expect(new Set([mmap(PAGE), mmap(PAGE)]).has(below)).toBe(false);
    expect(brk(start + 2n * BigInt(PAGE))).toBe(start + 2n * BigInt(PAGE));
    expect(asked(() => brk(start + 2n * BigInt(PAGE) + 1n))).toEqual([
      false,
      start + 2n * BigInt(PAGE),
    ]);
    expect(machine.peek(1, below, 4).toString()).toBe("kept");
  });
});

describe("memory that has been handed out", () => {
  it("is the roottask's to take away, and comes back as zeroes", () => {
    const start = brk(0);
    brk(start + 100n);
    machine.poke(1, start, Buffer.from("heap"));
    expect(brk(start)).toBe(start);
    expect(isThere(start)).toBe(false);
    expect(asked(() => brk(start + 100n))).toEqual([true, start + 100n]);
    expect(machine.peek64(1, start)).toBe(0n);

    const at = mmap(2 * PAGE);
    machine.poke(1, at, Buffer.from("mapping"));
    expect(program.call(0, SYS_mprotect, at, PAGE, 1)).toBe(0n);
    expect(machine.exports.pointer(1, at, 2)).toBe(0);
    expect(program.call(0, SYS_munmap, at, PAGE)).toBe(0n);
    expect([isThere(at), isThere(at + BigInt(PAGE))]).toEqual([false, true]);
    const again = mmap(2 * PAGE);
    expect(machine.peek64(1, again)).toBe(0n);
  });

  it("can be moved, joined with what the roottask has mapped, and protected in one piece", () => {
    const at = mmap(4 * PAGE);
    const next = mmap(4 * PAGE);
    expect(next).toBe(at - 4n * BigInt(PAGE));
    machine.poke(1, at, Buffer.from("mapping"));
    expect(program.call(0, SYS_mprotect, next, 8 * PAGE, 1)).toBe(0n);
    const moved = program.call(0, SYS_mremap, next, 8 * PAGE, 16 * PAGE, MAYMOVE);
    expect(machine.peek(1, moved + 4n * BigInt(PAGE), 7).toString()).toBe("mapping");
    expect(machine.exports.pointer(1, moved, 2)).toBe(0);
  });
});

/** Numbers that look random, the same in every run: xorshift, Marsaglia 2003. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

interface Mapping {
  at: bigint;
  pages: number;
  value: number;
}

/** Mappings that a program has, each filled with a value of its own, and whether they stay apart and keep it. */
class Mappings {
  list: Mapping[] = [];
  #value = 0;

  add(at: bigint, pages: number): void {
    const end = at + BigInt(pages * PAGE);
    expect(at > 0n && at % BigInt(PAGE) === 0n).toBe(true);
    for (const each of this.list) {
      expect(at >= each.at + BigInt(each.pages * PAGE) || end <= each.at).toBe(true);
    }
    this.#value = (this.#value % 255) + 1;
    for (let page = at; page < end; page += BigInt(PAGE)) {
      expect(machine.peek64(1, page)).toBe(0n);
      machine.poke(1, page, Buffer.of(this.#value));
    }
    this.list.push({ at, pages, value: this.#value });
  }

  check(): void {
    for (const { at, pages, value } of this.list) {
      for (let page = 0; page < pages; page++) {
        expect(machine.peek(1, at + BigInt(page * PAGE), 1)[0]).toBe(value);
      }
    }
  }
}

describe("a thread that is interrupted in the mediator", () => {
  /**
   * Runs `call` again and again, `other` in front of its first access to memory, its second and so on; `prepare` and
   * `check` without.
   */
  function interrupted(
    call: () => void,
    other: () => void,
    prepare: () => void = () => {},
    check: () => void = () => {},
  ): void {
    for (let place = 0; ; place++) {
      let left = place;
      let isDone = false;
      prepare();
      program.interrupt = () => {
        if (left-- !== 0) return;
        isDone = true;
        program.interrupt = () => {};
        other();
      };
      call();
      program.interrupt = () => {};
      check();
      if (!isDone) {
        // What it reads, and the exchange.
        expect(place).toBeGreaterThan(3);
        return;
      }
    }
  }

  it.each([1, 3, 70])("maps nothing that another maps meanwhile: %d pages", (pages) => {
    const mappings = new Mappings();
    const map = (thread: number, size: number) => () => {
      const at = program.call(thread, SYS_mmap, 0, size * PAGE, RW, PRIVATE_ANONYMOUS, -1, 0);
      mappings.add(at, size);
    };
    interrupted(map(0, 2), map(1, pages));
    const fixed = () => {
      const at = (program.word(WORD_POOL) & ((1n << 47n) - 1n)) - BigInt(pages * PAGE);
      // Where the mediator would have put it.
      if (at < 0n) return;
      const flags = PRIVATE_ANONYMOUS | MAP_FIXED;
      mappings.add(program.call(1, SYS_mmap, at, pages * PAGE, RW, flags, -1, 0), pages);
    };
    interrupted(map(0, 2), fixed);
    const moved = () => {
      const mapping = mappings.list.shift() as Mapping;
      const size = mapping.pages * PAGE;
      const at = program.call(1, SYS_mremap, mapping.at, size, size + PAGE, MAYMOVE);
      program.call(1, SYS_munmap, at, size + PAGE);
    };
    interrupted(map(0, 2), moved);
    interrupted(map(0, 2), () => {
      const { at, pages: held } = mappings.list.pop() as Mapping;
      expect(program.call(1, SYS_munmap, at, held * PAGE)).toBe(0n);
    });
    mappings.check();
  });

  it.each([-3, -1, 1, 5, 100])(
    "moves the break as if before or after one that moves it: %d pages",
    (by) => {
      const start = brk(0) + BigInt(8 * PAGE);
      const [mine, other] = [start + 2n * BigInt(PAGE), start + BigInt(by * PAGE)];
      interrupted(
        () => expect(program.call(0, SYS_brk, mine)).toBe(mine),
        () => expect(program.call(1, SYS_brk, other)).toBe(other),
        () => brk(start),
        () => {
          const end = brk(0);
          expect(end === mine || end === other).toBe(true);
          expect([isThere(end - 1n), isThere(end)]).toEqual([true, false]);
          for (let page = start; page < end; page += BigInt(PAGE)) {
            expect(machine.peek64(1, page)).toBe(0n);
            machine.poke(1, page, Buffer.of(1));
          }
        },
      );
    },
  );
});

it("hands nothing out while the roottask changes areas", () => {
  const start = brk(0);
  const [at, other] = [mmap(PAGE), mmap(PAGE)];
  brk(start + BigInt(3 * PAGE));
  for (const page of [at, other, start, start + BigInt(2 * PAGE)])
    machine.poke(1, page, Buffer.of(1));
  const changes: [number, ...(number | bigint)[]][] = [
    [SYS_mprotect, start, PAGE, 1],
    [SYS_brk, start + BigInt(PAGE)],
    [SYS_mmap, start, PAGE, RW, PRIVATE_ANONYMOUS | MAP_FIXED, -1, 0],
    [SYS_mremap, at, PAGE, 2 * PAGE, MAYMOVE],
    [SYS_munmap, other, PAGE],
  ];
  for (const [number, ...args] of changes) {
    const answers: (bigint | undefined)[] = [];
    machine.onDelegation = () => {
      answers.push(program.answer(1, SYS_brk, start + BigInt(8 * PAGE)));
      answers.push(program.answer(1, SYS_mmap, 0, PAGE, RW, PRIVATE_ANONYMOUS, -1, 0));
      answers.push(program.answer(1, SYS_brk, 0));
    };
    program.call(0, number, ...args);
    machine.onDelegation = () => {};
    expect(answers.length).toBeGreaterThan(0);
    expect(answers.filter((answer) => answer !== undefined)).toEqual([]);
    expect(asked(() => mmap(1))[0]).toBe(true);
  }
});

describe("a program that writes into the words", () => {
  it.each([1, 2, 3])("gets what it could have had, and disturbs nothing else: %d", (seed) => {
    const random = numbers(seed);
    const mappings = new Mappings();
    const start = brk(0);
    const offsets = [WORD_BREAK, WORD_POOL];
    const PLACES = [
      0n,
      start,
      1n << 46n,
      0x40_1000n,
      0x7fff_f482_0000n,
      0x7fff_ffff_e000n,
      (1n << 47n) - 1n,
    ];
    for (let round = 0; round < 2000; round++) {
      const offset = offsets[random(2)] ?? WORD_POOL;
      const place = PLACES[random(PLACES.length)] ?? 0n;
      const count =
        BigInt([0, 1, 64, 0x1_ffff, random(0x2_0000)][random(5)] ?? 0) << BigInt(WORD_ADDRESS_BITS);
      const word = program.word(offset);
      const values = [
        count | place,
        count | (word & ((1n << 47n) - 1n)),
        word ^ (1n << BigInt(random(64))),
        word - BigInt(random(80) * PAGE),
      ];
      program.setWord(offset, values[random(values.length)] ?? 0n);
      // The roottask's answers, which the program has not made up.
      const pages = 1 + random(3);
      const at = mmap(PAGE * pages, MAP_POPULATE);
      if (mappings.list.length < 40) mappings.add(at, pages);
      else program.call(0, SYS_munmap, at, PAGE * pages);
      if (random(4) === 0) mmap(1 + random(SIZE));
      if (random(4) === 0) brk(start + BigInt(random(2 * SIZE)));
      isThere(PLACES[random(PLACES.length)] ?? 0n);
      if (random(8) === 0) program.call(0, SYS_mprotect, start, PAGE, random(4));
    }
    // Nothing that is not the program's has become so.
    for (const place of [0x7fff_f482_0000n, 0x7fff_f484_1000n, 0x7fff_ffff_e000n]) {
      expect(isThere(place)).toBe(false);
    }
    mappings.check();
    machine.exports.reap(1);
    expect(machine.launch("linux bin/sample")).toBe(0);
  });
});
