// Random programs. Two calls with one seed give the same program.

import { Random } from "../cputest/random.ts";
import { type Encoding, type Kind, pickEncoding } from "./encodings.ts";
import {
  ABSENT_PAGE,
  CODE_PAGE,
  DATA_FRAME_COUNT,
  DATA_FRAMES,
  DEVICE_PAGE,
  type Environment,
  environmentOf,
  LOCALS_PAGE,
  MOST_CPUS,
} from "./environment.ts";
import {
  type Load,
  MODES,
  type Mode,
  type Operation,
  type Program,
  type Statement,
} from "./program.ts";
import { randomSweep } from "./sweeps.ts";
import { SYSTEM_ACTIONS } from "./system-actions.ts";

/** Statements of a whole program, about: small ones are soon run, large ones have more that goes together. */
const SIZES = [15, 30, 30, 60, 60, 120];
const MOST_DEPTH = 4;
/** Virtual time after which a program is given up, ns. */
const END = 60_000;
const MOST_STOPS = 4;

const hex = (value: bigint): string => BigInt.asUintN(64, value).toString(16);
const hexBytes = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

function putInteger(bytes: Uint8Array, at: number, size: number, value: bigint): void {
  for (let i = 0; i < size; i++) bytes[at + i] = Number((value >> BigInt(8 * i)) & 0xffn);
}

/** How often each kind of instruction is chosen. */
type Mix = readonly (readonly [Kind, number])[];
const MIXES: readonly Mix[] = [
  [
    ["common", 70],
    ["general", 15],
    ["sse", 7],
    ["vector", 4],
    ["x87", 4],
  ],
  [["common", 100]],
  [
    ["common", 40],
    ["sse", 50],
    ["vector", 10],
  ],
  [
    ["common", 40],
    ["x87", 50],
    ["sse", 10],
  ],
  [
    ["common", 30],
    ["general", 20],
    ["vector", 50],
  ],
];

class ProgramGenerator {
  readonly #random: Random;
  readonly #environment: Environment;
  readonly #mix: Mix;
  readonly #functions: number;
  readonly #size: number;
  #left: number;
  #places = 0;
  #sites = 0;
  /** Sites of all functions and how many encodings each has. */
  readonly #siteEncodings: number[] = [];

  constructor(random: Random, mode: Mode) {
    this.#random = random;
    this.#environment = environmentOf(mode);
    this.#mix = random.oneIn(2) ? (MIXES[0] as Mix) : random.pick(MIXES);
    this.#functions = 1 + random.below(5);
    this.#size = random.pick(SIZES);
    this.#left = this.#size;
  }

  functions(): Statement[][] {
    return Array.from({ length: this.#functions }, (_, index) => {
      this.#left += Math.floor(this.#size / this.#functions / 2);
      return this.#list(index, 0, 4 + this.#random.below(8), []);
    });
  }

  /** About `length` statements; `places` are those of the function so far. */
  #list(index: number, depth: number, length: number, places: number[]): Statement[] {
    const list: Statement[] = [];
    for (let i = 0; i < length && this.#left > 0; i++) {
      list.push(...this.#statements(index, depth, places));
    }
    return list;
  }

  #statements(index: number, depth: number, places: number[]): Statement[] {
    const random = this.#random;
    this.#left--;
    const choice = random.below(100);
    const inner = (): Statement[] => this.#list(index, depth + 1, 1 + random.below(4), places);
    if (depth < MOST_DEPTH) {
      if (choice < 9) {
        const counter = random.pick(["register", "register", "memory", "cx"] as const);
        const count = 1 + random.below(depth === 0 ? 30 : 6);
        return [{ kind: "loop", count, counter, body: inner() }];
      }
      if (choice < 17) {
        const otherwise = random.oneIn(2) ? inner() : [];
        return [{ kind: "if", condition: random.below(16), taken: inner(), otherwise }];
      }
      if (choice < 20) {
        const cases = Array.from({ length: random.pick([2, 4, 8]) }, () => inner());
        return [{ kind: "switch", register: random.below(8), cases }];
      }
      if (choice < 22) {
        const registers = Array.from({ length: 1 + random.below(3) }, () =>
          random.pick([0, 1, 2, 3, 5, 6, 7]),
        );
        return [{ kind: "save", registers, body: inner() }];
      }
      if (choice < 24) {
        // The end of a function in its middle, on a condition.
        const how = random.pick(["plain", "plain", "jump", "drop", "push", "skip"] as const);
        const taken: Statement[] = [...this.#operations(1), { kind: "return", how }];
        return [{ kind: "if", condition: random.below(16), taken, otherwise: [] }];
      }
    }
    if (choice < 30) return [this.#call(index)];
    if (choice < 35) return this.#jump(places);
    if (choice < 39) return [this.#site()];
    if (choice < 43 && this.#siteEncodings.length > 0) return [this.#patch()];
    if (choice < 47) return [this.#string()];
    if (choice < 50) return [{ kind: "system", action: random.pick(SYSTEM_ACTIONS) }];
    if (choice < 53 && this.#environment.paging !== undefined) return [this.#map()];
    if (choice < 55) return [this.#far()];
    if (choice < 58) return [this.#sweep()];
    return this.#operations(1 + random.below(8));
  }

  #call(index: number): Statement {
    const random = this.#random;
    const how = random.pick(["direct", "direct", "register", "memory"] as const);
    const further = index + 1 + random.below(this.#functions);
    if (further < this.#functions && !random.oneIn(4)) {
      return { kind: "call", target: further, how };
    }
    // Back, or to itself: until the fuel is used up.
    return { kind: "call", target: random.below(this.#functions), how, fuel: 1 + random.below(12) };
  }

  #jump(places: number[]): Statement[] {
    const random = this.#random;
    if (places.length === 0 || random.oneIn(2)) {
      const place = this.#places++;
      places.push(place);
      return [{ kind: "place", place }];
    }
    const fuel = 1 + random.below(20);
    return [{ kind: "jump", condition: random.below(16), place: random.pick(places), fuel }];
  }

  #site(): Statement {
    const encodings = [this.#operation("common").bytes];
    const length = (encodings[0] as string).length;
    for (let tries = 0; tries < 40 && encodings.length < 4; tries++) {
      const { bytes, relative } = this.#operation("common");
      if (bytes.length === length && relative === undefined) encodings.push(bytes);
    }
    this.#siteEncodings.push(encodings.length);
    return { kind: "site", site: this.#sites++, encodings };
  }

  #patch(): Statement {
    const random = this.#random;
    const site = random.below(this.#sites);
    const encoding = random.below(this.#siteEncodings[site] as number);
    return { kind: "patch", site, encoding, width: random.pick([1, 2, 4]), alias: random.oneIn(2) };
  }

  #map(): Statement {
    const random = this.#random;
    const page = random.below(LOCALS_PAGE);
    const frame = DATA_FRAMES + 4096 * random.below(DATA_FRAME_COUNT - 6);
    const flags = random.pick([7, 7, 7, 5, 3, 0, 0x67]);
    return { kind: "map", page, frame, flags, by: random.oneIn(3) ? "cr3" : "invlpg" };
  }

  #far(): Statement {
    const random = this.#random;
    const { bits, other } = this.#environment;
    const to = other === undefined || random.oneIn(4) ? "same" : "other";
    const size = to === "other" && other !== undefined ? other.bits : bits;
    const body: Operation[] = [];
    for (let tries = 0; tries < 20 && body.length < 4; tries++) {
      const { bytes, memory, immediate } = pickEncoding(
        size,
        random.pick(["common", "sse"]),
        random,
      );
      if (memory !== undefined) continue;
      const made = bytes.slice();
      if (immediate !== undefined) putInteger(made, immediate.at, immediate.size, random.integer());
      body.push({ bytes: hexBytes(made), loads: [] });
    }
    return { kind: "far", to, body };
  }

  #sweep(): Statement {
    const { bases } = this.#environment;
    return randomSweep(this.#random, () => this.#address(16) - BigInt(bases.ds));
  }

  #operations(count: number): Statement[] {
    this.#left -= count - 1;
    return Array.from({ length: count }, () => {
      let kind: Kind = "common";
      let choice = this.#random.below(100);
      for (const [name, weight] of this.#mix) {
        kind = name;
        choice -= weight;
        if (choice < 0) break;
      }
      return { kind: "op", ...this.#operation(kind) };
    });
  }

  /** A linear address for data: mostly in two pages that are as they should be. */
  #address(bytes: number): bigint {
    const random = this.#random;
    const { data, paging } = this.#environment;
    const inside = (page: number): number => page * 4096 + random.below(4096 - bytes);
    const aligned = (page: number): number => page * 4096 + 16 * random.below(256 - 4);
    const choice = random.below(100);
    if (choice < 40) return BigInt(data + aligned(random.below(2)));
    if (choice < 60) return BigInt(data + inside(random.below(2)));
    if (choice < 68) return BigInt(data + 4096 - random.below(bytes + 1));
    if (choice < 78) return BigInt(data + inside(random.pick([2, 3, 3, 3, 5, 6, 8, 10])));
    if (choice < 82) return BigInt(data + inside(ABSENT_PAGE));
    if (choice < 84 && paging) return BigInt(data + DEVICE_PAGE * 4096 + 8 * random.below(64));
    if (choice < 85 && paging) return BigInt(data + inside(CODE_PAGE));
    if (choice < 90) return BigInt(data + 4096 * random.below(11) - random.below(bytes + 1));
    if (choice < 92) return random.integer();
    return BigInt(data + aligned(random.below(2)));
  }

  #operation(kind: Kind): Operation {
    const random = this.#random;
    const encoding = pickEncoding(this.#environment.bits, kind, random);
    const bytes = encoding.bytes.slice();
    if (encoding.immediate !== undefined) {
      const { at, size } = encoding.immediate;
      putInteger(bytes, at, size, random.integer());
    }
    const operation: Operation = { bytes: "", loads: [] };
    if (encoding.memory !== undefined) this.#pointAt(operation, encoding, bytes);
    operation.bytes = hexBytes(bytes);
    return operation;
  }

  /** Gives the memory operand of an instruction an address. */
  #pointAt(operation: Operation, encoding: Encoding, bytes: Uint8Array): void {
    const random = this.#random;
    const { bases, bits } = this.#environment;
    const memory = encoding.memory as NonNullable<Encoding["memory"]>;
    const target = this.#address(memory.bytes);
    let offset = target - BigInt(bases[memory.segment]);
    if (memory.relative) {
      operation.relative = { at: memory.at, target: Number(BigInt.asIntN(32, offset)) };
      return;
    }
    if (memory.base === undefined && memory.index === undefined) {
      putInteger(bytes, memory.at, memory.size, offset);
      return;
    }
    // Near displacements are more usual than the random ones of the pool.
    let { displacement } = memory;
    if (memory.size > 0 && random.oneIn(2)) {
      displacement = BigInt(random.below(128));
      putInteger(bytes, memory.at, memory.size, displacement);
    }
    offset -= displacement;
    const loads: Load[] = operation.loads;
    if (memory.index !== undefined && memory.base !== undefined) {
      const index = BigInt(random.below(16));
      if (!random.oneIn(4)) {
        offset -= index * BigInt(memory.scale);
        loads.push({ register: memory.index, value: hex(index) });
      }
    }
    // Now and then what is in the register already is the address.
    if (random.oneIn(8)) return;
    const register = memory.base ?? (memory.index as number);
    const scaled = memory.base === undefined ? offset / BigInt(memory.scale) : offset;
    const value = hex(
      BigInt.asUintN(bits === 64 ? memory.width : 32, BigInt.asUintN(memory.width, scaled)),
    );
    if (random.oneIn(4)) {
      loads.push({ register, value, stride: random.pick([1, 2, 4, 8, 16, 24, 64, -8, 256]) });
    } else loads.push({ register, value });
  }

  #string(): Statement {
    const random = this.#random;
    const { bases, bits } = this.#environment;
    const { bytes } = pickEncoding(bits, "string", random);
    const width = bits === 64 ? 64 : 32;
    const pointer = (register: number, base: number): Load => ({
      register,
      value: hex(BigInt.asUintN(width, this.#address(64) - BigInt(base))),
    });
    const count = random.below(random.oneIn(6) ? 6000 : 100);
    const loads = [
      pointer(6, bases.ds),
      pointer(7, bases.es),
      { register: 1, value: hex(BigInt(count)) },
    ];
    return { kind: "string", bytes: hexBytes(bytes), loads, down: random.oneIn(4) };
  }
}

/** The program of a seed; of one mode, if that is given. */
export function generateProgram(seed: number, mode?: Mode): Program {
  const random = new Random(seed, 0x5eed);
  const chosen = mode ?? random.pick(["long", "long", ...MODES] as const);
  const functions = new ProgramGenerator(random, chosen).functions();
  const cpus = random.oneIn(6) ? 2 + random.below(MOST_CPUS - 1) : 1;
  const stops = Array.from(
    { length: random.below(MOST_STOPS) },
    () => 1 + random.below(random.oneIn(2) ? 1500 : END - 1),
  );
  return {
    mode: chosen,
    model: random.oneIn(3) ? "default" : "max",
    data: random.u32(),
    timer: random.oneIn(3) ? 50 + random.below(3000) : 0,
    functions,
    entries: Array.from({ length: cpus }, (_, cpu) => cpu % functions.length),
    stops: [...stops.sort((x, y) => x - y), END],
  };
}
