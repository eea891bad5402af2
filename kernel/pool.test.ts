// The kernel's pool over random memory maps, modules and framebuffers, by both Multiboot protocols: it is in available
// memory, meets nothing that has to stay, is as large as it can be, and user space keeps half of the memory.

import { beforeAll, describe, expect, it } from "vitest";
import { guestModule } from "../tools/asc/guest.ts";
import { KERNEL_END, KERNEL_POOL, KERNEL_START, POOL_MIN } from "./layout.ts";
import { KERNEL_GUEST } from "./options.ts";
import { generator } from "./testing/random.ts";

const MIB = 0x10_0000;
const PAGE = 4096;
const LIMIT = 0xfe00_0000;
const WANTED = KERNEL_END - KERNEL_POOL;

interface Range {
  start: number;
  end: number;
}

interface Layout {
  map: (Range & { type: number })[];
  modules: Range[];
  framebuffer?: { address: number; pitch: number; height: number };
}

interface Exports {
  memory: WebAssembly.Memory;
  setBootInfo(magic: number, address: number): number;
  modulesAreUsable(): number;
  choosePool(): number;
  poolStart(): number;
  poolEnd(): number;
}

const words = (...values: number[]) => [...new Uint8Array(Uint32Array.from(values).buffer)];
const wide = (value: number) => [value % 2 ** 32, Math.floor(value / 2 ** 32)];
const text = (value: string) => [...new TextEncoder().encode(`${value}\0`)];
const pad = (bytes: number[]) => {
  while (bytes.length % 8 !== 0) bytes.push(0);
  return bytes;
};

/** The description, with as many bytes between kind and colours as the protocol has there. */
function framebufferBytes({ framebuffer }: Layout, gap: number): number[] {
  if (!framebuffer) return new Array(28).fill(0);
  const { address, pitch, height } = framebuffer;
  const colors = [16, 8, 8, 8, 0, 8];
  return [
    ...words(...wide(address), pitch, 64, height),
    32,
    1,
    ...new Array(gap).fill(0),
    ...colors,
  ];
}

/** The information as bytes from address 0x9000 on. */
const INFO = 0x9000;

function information1(layout: Layout): number[] {
  const map = layout.map.flatMap(({ start, end, type }) =>
    words(20, ...wide(start), ...wide(end - start), type),
  );
  const [mapAt, modulesAt] = [INFO + 0x200, INFO + 0x1000];
  const modules = layout.modules.flatMap(({ start, end }) => words(start, end, INFO + 0x100, 0));
  const head = new Array(0x200).fill(0);
  const flags = 0x4c | (layout.framebuffer ? 0x1000 : 0);
  head.splice(0, 4, ...words(flags));
  head.splice(16, 12, ...words(INFO + 0x120, layout.modules.length, modulesAt));
  head.splice(44, 8, ...words(map.length, mapAt));
  head.splice(88, 28, ...framebufferBytes(layout, 0));
  head.splice(0x100, 5, ...text("name"));
  head.splice(0x120, 6, ...text("novga"));
  return [...head, ...map, ...new Array(0xe00 - map.length).fill(0), ...modules];
}

function information2(layout: Layout): number[] {
  const tags: [number, number[]][] = [
    [1, text("novga")],
    ...layout.modules.map(({ start, end }): [number, number[]] => [
      3,
      [...words(start, end), ...text("name")],
    ]),
    [
      6,
      words(
        24,
        0,
        ...layout.map.flatMap(({ start, end, type }) => [
          ...wide(start),
          ...wide(end - start),
          type,
          0,
        ]),
      ),
    ],
  ];
  if (layout.framebuffer) tags.push([8, framebufferBytes(layout, 2)]);
  tags.push([0, []]);
  const bytes = tags.flatMap(([type, data]) => pad([...words(type, 8 + data.length), ...data]));
  return [...words(8 + bytes.length, 0), ...bytes];
}

/** What must not be the pool's, as ranges of whole pages. */
function taken({ map, modules, framebuffer }: Layout): Range[] {
  const fb = framebuffer && {
    start: framebuffer.address,
    end: framebuffer.address + framebuffer.pitch * framebuffer.height,
  };
  return [
    { start: 0, end: KERNEL_POOL },
    ...map.filter(({ type }) => type !== 1),
    ...modules,
    ...(fb ? [fb] : []),
  ]
    .filter(({ start, end }) => start < end)
    .map(({ start, end }) => ({
      start: Math.floor(start / PAGE) * PAGE,
      end: Math.ceil(end / PAGE) * PAGE,
    }));
}

/** Free pieces, by marking pages. */
function freePieces(layout: Layout): Range[] {
  const free = new Uint8Array(LIMIT / PAGE);
  for (const { start, end, type } of layout.map) {
    if (type === 1) free.fill(1, Math.ceil(start / PAGE), Math.max(0, Math.floor(end / PAGE)));
  }
  for (const { start, end } of taken(layout)) free.fill(0, start / PAGE, end / PAGE);
  const pieces: Range[] = [];
  for (let page = free.indexOf(1); page >= 0; ) {
    const next = free.indexOf(0, page);
    const end = next < 0 ? free.length : next;
    pieces.push({ start: page * PAGE, end: end * PAGE });
    page = free.indexOf(1, end);
  }
  return pieces;
}

describe("the kernel's pool", () => {
  let module: WebAssembly.Module;

  beforeAll(async () => {
    const { wasm } = await guestModule({ ...KERNEL_GUEST, entry: "kernel/testing/pool_probe.ts" });
    module = new WebAssembly.Module(wasm);
  });

  function choose(layout: Layout, protocol: 1 | 2): { usable: boolean; pool: Range | undefined } {
    const imports: WebAssembly.Imports = {};
    for (const { module: room, name } of WebAssembly.Module.imports(module)) {
      imports[room] = { ...imports[room], [name]: () => 0n };
    }
    const exports = new WebAssembly.Instance(module, imports).exports as unknown as Exports;
    exports.memory.grow(Math.max(0, 128 - exports.memory.buffer.byteLength / 65536));
    const bytes = protocol === 1 ? information1(layout) : information2(layout);
    new Uint8Array(exports.memory.buffer).set(bytes, INFO);
    expect(exports.setBootInfo(protocol === 1 ? 0x2badb002 : 0x36d76289, INFO)).toBe(1);
    const usable = exports.modulesAreUsable() === 1;
    if (exports.choosePool() !== 1) return { usable, pool: undefined };
    return { usable, pool: { start: exports.poolStart() >>> 0, end: exports.poolEnd() >>> 0 } };
  }

  const available = (start: number, end: number) => ({ start, end, type: 1 });
  const reserved = (start: number, end: number) => ({ start, end, type: 2 });
  const low = available(0, 0x9_fc00);

  it.each<[string, Layout, Range | undefined]>([
    [
      "right behind the image where that is free",
      { map: [low, available(MIB, 512 * MIB)], modules: [{ start: 100 * MIB, end: 101 * MIB }] },
      { start: KERNEL_POOL, end: KERNEL_END },
    ],
    [
      "behind modules that are there",
      {
        map: [low, available(MIB, 512 * MIB)],
        modules: [{ start: KERNEL_POOL, end: 40 * MIB + 1 }],
      },
      { start: 40 * MIB + PAGE, end: 40 * MIB + PAGE + WANTED },
    ],
    [
      "not in what firmware has kept, as OVMF at 8 MiB",
      {
        map: [
          low,
          available(MIB, 8 * MIB),
          { start: 8 * MIB, end: 9 * MIB, type: 4 },
          available(9 * MIB, 512 * MIB),
        ],
        modules: [],
      },
      { start: 9 * MIB, end: 9 * MIB + WANTED },
    ],
    [
      "half of the memory on a machine of 64 MiB",
      { map: [low, available(MIB, 64 * MIB)], modules: [{ start: 8 * MIB, end: 10 * MIB }] },
      { start: 10 * MIB, end: 10 * MIB + (55 * MIB) / 2 },
    ],
    [
      "below 4 GiB where most memory is above",
      { map: [low, available(MIB, 32 * MIB), available(2 ** 32, 2 ** 34)], modules: [] },
      { start: KERNEL_POOL, end: KERNEL_POOL + (25 * MIB) / 2 },
    ],
    [
      "not in a reserved part of available memory",
      { map: [low, available(MIB, 512 * MIB), reserved(20 * MIB, 90 * MIB)], modules: [] },
      { start: 90 * MIB, end: 90 * MIB + WANTED },
    ],
    [
      "not in a framebuffer",
      {
        map: [low, available(MIB, 512 * MIB)],
        modules: [],
        framebuffer: { address: 16 * MIB, pitch: 4096, height: 1024 },
      },
      { start: 20 * MIB, end: 20 * MIB + WANTED },
    ],
    [
      "nowhere where there is no memory",
      { map: [low, available(MIB, 9 * MIB)], modules: [] },
      undefined,
    ],
    ["nowhere without a map", { map: [], modules: [] }, undefined],
  ])("is %s", (_name, layout, expected) => {
    for (const protocol of [1, 2] as const) {
      const { usable, pool } = choose(layout, protocol);
      expect(usable).toBe(true);
      expect(pool).toEqual(expected);
    }
  });

  it("keeps to that over random machines", () => {
    const random = generator(20);
    let without = 0;
    for (let round = 0; round < 400; round++) {
      const layout = randomLayout(random);
      const protocol = round % 2 === 0 ? 1 : 2;
      const { usable, pool } = choose(layout, protocol);
      const inImage = layout.modules.some(
        ({ start, end }) => start > end || (start < KERNEL_POOL && end > KERNEL_START),
      );
      expect(usable).toBe(!inImage);
      const pieces = freePieces(layout);
      const free = pieces.reduce((sum, { start, end }) => sum + end - start, 0);
      const largest = Math.max(0, ...pieces.map(({ start, end }) => end - start));
      const bytes = Math.min(largest, WANTED, Math.floor(free / 2 / PAGE) * PAGE);
      const what = `round ${round}: ${JSON.stringify(layout)}`;
      if (!pool) {
        without++;
        expect(bytes, what).toBeLessThan(POOL_MIN);
        continue;
      }
      expect(pool.end - pool.start, what).toBe(bytes);
      expect(
        pieces.some(({ start, end }) => start <= pool.start && pool.end <= end),
        what,
      ).toBe(true);
    }
    expect(without).toBeLessThan(100);
  });
});

/** Available memory without overlaps; everything else may overlap anything. */
function randomLayout(random: (limit: number) => number): Layout {
  const byte = (limit: number) =>
    random(limit / PAGE) * PAGE + (random(3) === 0 ? random(PAGE) : 0);
  const range = (limit: number, most: number): Range => {
    const start = byte(limit);
    return { start, end: Math.min(start + byte(most), 2 ** 32 - 1) };
  };
  const map: Layout["map"] = [lowMemory()];
  let at = MIB;
  for (let i = random(5) + 1; i > 0; i--) {
    const end = at + byte([16 * MIB, 64 * MIB, 300 * MIB, 2048 * MIB][random(4)] as number);
    map.push({ start: at, end, type: 1 });
    at = end + byte(random(2) === 0 ? PAGE * 4 : 64 * MIB);
  }
  const span = random(2) === 0 ? 128 * MIB : 2048 * MIB;
  for (let i = random(4); i > 0; i--) map.push({ ...range(span, 32 * MIB), type: 2 + random(4) });
  const modules = Array.from({ length: random(5) }, () => range(span, 48 * MIB));
  const framebuffer =
    random(3) === 0
      ? { address: byte(span) + 1, pitch: 256 + random(8192), height: 16 + random(2000) }
      : undefined;
  return { map, modules, framebuffer };
}

const lowMemory = () => ({ start: 0, end: 0x9_fc00, type: 1 });
