// The loader's side of UEFI against firmware of every kind: media, screens, memory maps, and services that fail.

import { describe, expect, test } from "vitest";
import { elfFile, header1, header2, pattern, withHeader } from "../../core/testing/kernels.ts";
import { HandOff } from "../../core/testing/machine.ts";
import { Exited, GUIDS, Restarted, STATUS, type TestDevice, type TestOutput } from "./firmware.ts";
import { type MachineOptions, TestImage, UefiMachine } from "./machine.ts";

const KERNEL = 0x20_0000;
const LOAD_ERROR = (1n << 63n) | 1n;
const module = pattern(300_000, 3);

const kernel1 = elfFile({
  entry: KERNEL + 0x40,
  segments: [{ vaddr: KERNEL, data: withHeader(header1(3), 3000), memory: 9000 }],
});
const image = new TestImage({
  "boot/boot.conf": Buffer.from("timeout 0\ntitle T\nkernel boot/k words\nmodule boot/m m\n"),
  "boot/k": kernel1,
  "boot/m": module,
});

async function machine(options: Partial<MachineOptions> = {}): Promise<UefiMachine> {
  return UefiMachine.create({ image, devices: [{ data: image.data }], ...options });
}

/** Boots and checks that kernel and module are whole. */
async function boots(options: Partial<MachineOptions> = {}): Promise<UefiMachine> {
  const m = await machine(options);
  const handOff = m.boot();
  expect(m.firmware.left).toBe(true);
  expect(handOff.rax).toBe(0x2bad_b002n);
  expect(m.memory.ram.subarray(KERNEL, KERNEL + 3000)).toEqual(withHeader(header1(3), 3000));
  const information = Number(handOff.rbx);
  const modules = m.view.getUint32(information + 24, true);
  const start = m.view.getUint32(modules, true);
  expect(m.view.getUint32(modules + 4, true) - start).toBe(module.length);
  const loaded = m.memory.ram.subarray(start, start + module.length);
  expect(Buffer.compare(loaded, module)).toBe(0);
  return m;
}

/** What it says before it goes back to the firmware. */
async function fails(options: Partial<MachineOptions>): Promise<string> {
  const m = await machine(options);
  const { line, status } = m.failure();
  expect(status).toBe(LOAD_ERROR);
  expect(m.firmware.left).toBe(false);
  return line;
}

describe("the medium", () => {
  test.each([512, 1024, 2048, 4096, 32_768])("blocks of %i bytes", async (blockSize) => {
    const data = new Uint8Array(Math.ceil(image.data.length / blockSize) * blockSize);
    data.set(image.data);
    await boots({ devices: [{ data, blockSize }] });
  });

  test.each([0, 1, 16, 4096, 65_536])("buffers aligned to %i bytes", async (ioAlign) => {
    await boots({ devices: [{ data: image.data, ioAlign, blockSize: 4096 }] });
  });

  test("is found behind others, whatever is in them", async () => {
    const other = new TestImage({}, new Uint8Array(16).fill(0xff));
    const m = await boots({
      devices: [
        { data: new Uint8Array(512) },
        { data: image.data, present: false },
        { data: other.data },
        { data: new Uint8Array(1 << 20) },
        { data: image.data, blockSize: 0 },
        { data: image.data, refuse: () => STATUS.deviceError },
        { data: image.data, blockSize: 2048 },
      ],
    });
    expect(m.firmware.requests.map((x) => x.length > 3)).toEqual([
      ...[false, false, false, false, false, false, true],
    ]);
  });

  const busiest = (m: UefiMachine): number => {
    const counts = m.firmware.requests.map((x) => x.length);
    return counts.indexOf(Math.max(...counts));
  };

  test("of two with the image, the one that the loader came from counts", async () => {
    const devices = [
      { data: image.data, path: [9] },
      { data: image.data, path: [1] },
    ];
    expect(busiest(await boots({ devices }))).toBe(1);
    expect(busiest(await boots({ devices, loaderPath: [9, 5] }))).toBe(0);
  });

  test("whole devices count before partitions", async () => {
    const devices = [
      { data: image.data, path: [1, 7], logical: true },
      { data: image.data, path: [1] },
    ];
    expect(busiest(await boots({ devices, loaderPath: [1, 7, 3] }))).toBe(1);
  });

  test("a partition that has the image will do", async () => {
    await boots({ devices: [{ data: image.data, logical: true }] });
  });

  test("nowhere", async () => {
    expect(await fails({ devices: [{ data: new Uint8Array(1 << 20) }] })).toBe(
      "error: no disk, stick or CD holds the image that this loader belongs to",
    );
    expect(await fails({ devices: [] })).toContain("no disk, stick or CD");
  });
});

describe("reading", () => {
  const atBlock = (path: string, skip = 0): number =>
    ((image.blocks[path] as number) + skip) * 2048;
  const bad = (byte: number, status: bigint): TestDevice => ({
    data: image.data,
    refuse: (from, bytes) => (from <= byte && byte < from + bytes ? status : STATUS.success),
  });

  test("an error that goes away is tried again", async () => {
    await boots({
      devices: [
        {
          data: image.data,
          refuse: (_from, _bytes, requests) =>
            requests % 3 === 0 ? STATUS.success : STATUS.deviceError,
        },
      ],
    });
  });

  test("a medium that says it was changed is read on", async () => {
    await boots({
      devices: [
        {
          data: image.data,
          refuse: (_from, _bytes, requests) =>
            requests % 4 === 3 ? STATUS.mediaChanged : STATUS.success,
        },
      ],
    });
  });

  test("firmware that fails with large requests gets small ones", async () => {
    const m = await boots({
      devices: [
        {
          data: image.data,
          refuse: (_from, bytes) => (bytes > 65_536 ? STATUS.deviceError : STATUS.success),
        },
      ],
    });
    const read = m.firmware.requests[0]?.filter(([, bytes]) => bytes === 65_536);
    expect(read?.length).toBeGreaterThan(3);
  });

  test.each([
    ["the file table", 20 * 2048, "boot/files.tab", 20],
    [
      "the configuration",
      atBlock("boot/boot.conf"),
      "boot/boot.conf",
      image.blocks["boot/boot.conf"],
    ],
    ["the kernel", atBlock("boot/k", 1), "boot/k", (image.blocks["boot/k"] as number) + 1],
    ["a module", atBlock("boot/m", 100), "boot/m", (image.blocks["boot/m"] as number) + 100],
  ])("an error in %s is said with its place and the status' name", async (_, byte, path, block) => {
    expect(await fails({ devices: [bad(byte, STATUS.deviceError)] })).toBe(
      `error: ${path}: read error at LBA ${block} (blocks of 2048 bytes), status 0x8000000000000007 (EFI_DEVICE_ERROR)`,
    );
  });

  test("a medium that is taken out", async () => {
    expect(await fails({ devices: [bad(atBlock("boot/m"), STATUS.noMedia)] })).toContain(
      "(EFI_NO_MEDIA)",
    );
  });

  test("a status without a name is a number", async () => {
    const line = await fails({ devices: [bad(atBlock("boot/m"), (1n << 63n) | 0x4242n)] });
    expect(line).toMatch(/status 0x8000000000004242$/);
  });

  test("a medium that ends too early", async () => {
    const data = image.data.slice(0, atBlock("boot/m", 100));
    expect(await fails({ devices: [{ data }] })).toMatch(
      /boot\/m: read error at LBA \d+ .*\(EFI_INVALID_PARAMETER\)$/,
    );
  });

  test("a damaged file", async () => {
    const data = image.data.slice();
    data[atBlock("boot/m", 50)] = (data[atBlock("boot/m", 50)] as number) ^ 1;
    expect(await fails({ devices: [{ data }] })).toMatch(/error: boot\/m: damaged: CRC-32C/);
  });
});

describe("the end of the services", () => {
  test.each([1, 2, 5])(
    "a map that changes %i times meanwhile is fetched again",
    async (changes) => {
      await boots({ changes });
    },
  );

  test("a map that never settles", async () => {
    const m = await machine({ changes: 1000 });
    // The services may be half gone: only a restart is left.
    expect(() => m.failure()).toThrow(Restarted);
  });

  test("a refusal", async () => {
    const m = await machine({ exit: STATUS.deviceError });
    expect(() => m.failure()).toThrow(Restarted);
  });

  test("maps of firmware with larger descriptors", async () => {
    await boots({ descriptorBytes: 80 });
  });

  test("firmware whose descriptors are too small has no map", async () => {
    expect(await fails({ descriptorBytes: 32 })).toContain("no memory map");
  });

  test("firmware that has no map", async () => {
    expect(await fails({ refused: { 56: STATUS.unsupported } })).toContain("no memory map");
  });
});

describe("memory", () => {
  /** Ranges of the Multiboot 1 map: base, length, type. */
  const mapOf = (m: UefiMachine, information: number): [number, number, number][] => {
    const ranges: [number, number, number][] = [];
    let at = m.view.getUint32(information + 48, true);
    const end = at + m.view.getUint32(information + 44, true);
    for (; at < end; at += m.view.getUint32(at, true) + 4) {
      const [base, length] = [at + 4, at + 12].map((x) => Number(m.view.getBigUint64(x, true)));
      ranges.push([base as number, length as number, m.view.getUint32(at + 20, true)]);
    }
    return ranges;
  };

  test("types become those of E820, neighbours are joined", async () => {
    const at = (index: number): number => 0x1000_0000 + index * 0x10_0000;
    const types = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 99];
    const ranges = types.map((type, i) => ({ base: at(i), pages: 256, type }));
    const special = { base: at(17), pages: 256, type: 7, attribute: 0x4_000f };
    const m = await machine({ ranges: [...ranges, special] });
    const handOff = m.boot();
    const found = mapOf(m, Number(handOff.rbx)).filter(([base]) => base >= at(0));
    const expected: [from: number, to: number, type: number][] = [
      [0, 1, 2],
      [1, 5, 1],
      [5, 7, 2],
      [7, 8, 1],
      [8, 9, 5],
      [9, 10, 3],
      [10, 11, 4],
      [11, 14, 2],
      // Multiboot 1 has no word for persistent memory.
      [14, 15, 2],
      [15, 18, 2],
    ];
    expect(found).toEqual(expected.map(([from, to, type]) => [at(from), at(to) - at(from), type]));
  });

  test("a kernel whose place the firmware uses is moved there when that has ended", async () => {
    const m = await machine({ taken: [[KERNEL, KERNEL + 0x1000]] });
    const handOff = m.boot();
    expect(handOff.moves).toHaveLength(1);
    expect(m.memory.ram.subarray(KERNEL, KERNEL + 3000)).toEqual(withHeader(header1(3), 3000));
  });

  test("memory that the firmware protects is made executable", async () => {
    await boots({ protects: true });
  });

  test("too little", async () => {
    const line = await fails({ taken: [[0x10_0000, 0x3fe_0000]] });
    expect(line).toBe("error: there is no memory to look for the image with");
  });

  test("no pages at all", async () => {
    expect(await fails({ refused: { 40: STATUS.outOfResources } })).toMatch(/^error: /);
  });
});

describe("tables", () => {
  const kernel2 = elfFile({
    entry: KERNEL + 0x40,
    segments: [{ vaddr: KERNEL, data: withHeader(header2(), 3000), memory: 9000 }],
  });
  const image2 = new TestImage({
    "boot/boot.conf": Buffer.from("timeout 0\ntitle T\nkernel boot/k\n"),
    "boot/k": kernel2,
  });

  /** Types of the Multiboot 2 tags. */
  const tagsOf = (m: UefiMachine, at: number): Map<number, number> => {
    const tags = new Map<number, number>();
    for (let tag = at + 8; m.view.getUint32(tag, true) !== 0; ) {
      tags.set(m.view.getUint32(tag, true), tag);
      tag += (m.view.getUint32(tag + 4, true) + 7) & ~7;
    }
    return tags;
  };

  test("the system table, the image handle and the final map are told", async () => {
    const m = await machine({ image: image2, devices: [{ data: image2.data }] });
    const handOff = m.boot();
    const tags = tagsOf(m, Number(handOff.rbx));
    const table = tags.get(12) as number;
    expect(m.view.getBigUint64(table + 8, true)).toBe(m.firmware.systemTable);
    expect(m.view.getBigUint64((tags.get(20) as number) + 8, true)).toBe(0x7001n);
    const map = tags.get(17) as number;
    expect(m.view.getUint32(map + 8, true)).toBe(48);
    // The first descriptor is the model's own tables.
    expect(m.view.getUint32(map + 16, true)).toBe(4);
    expect(m.view.getBigUint64(map + 16 + 24, true)).toBe(256n);
  });

  test.each([
    ["20", [GUIDS.acpi10, GUIDS.acpi20], 15],
    ["10", [GUIDS.acpi10], 14],
  ])("ACPI's from the table of version %s", async (_, guids, tag) => {
    const rsdp = 0x800n;
    const m = await machine({
      image: image2,
      devices: [{ data: image2.data }],
      tables: guids.map((guid) => [guid, guid === GUIDS.acpi20 || guids.length === 1 ? rsdp : 1n]),
    });
    const bytes = new Uint8Array(36);
    bytes.set(Buffer.from("RSD PTR "));
    bytes[15] = guids.length > 1 ? 2 : 0;
    bytes[20] = 36;
    const sum = (length: number): number => bytes.subarray(0, length).reduce((a, b) => a + b, 0);
    bytes[8] = -sum(20) & 0xff;
    bytes[32] = -sum(36) & 0xff;
    m.memory.ram.set(bytes, Number(rsdp));
    const handOff = m.boot();
    expect(tagsOf(m, Number(handOff.rbx)).has(tag)).toBe(true);
  });
});

describe("graphics", () => {
  const configured = (video: string): TestImage =>
    new TestImage({
      "boot/boot.conf": Buffer.from(`timeout 0\ntitle T\nkernel boot/k\nvideo ${video}\n`),
      "boot/k": kernel1,
    });

  /** Address, pitch, width, height, depth, type and colours of the framebuffer that the kernel is told. */
  async function screen(video: string, outputs: TestOutput[]) {
    const own = configured(video);
    const m = await machine({ image: own, devices: [{ data: own.data }], outputs });
    const at = Number(m.boot().rbx);
    if ((m.view.getUint32(at, true) & 0x1000) === 0)
      return { told: undefined, set: m.firmware.modesSet };
    const told = [
      Number(m.view.getBigUint64(at + 88, true)),
      ...[96, 100, 104].map((x) => m.view.getUint32(at + x, true)),
      ...[108, 109, 112, 113, 114, 115, 116, 117].map((x) => m.memory.ram[at + x]),
    ];
    return { told, set: m.firmware.modesSet };
  }

  const modes = [
    { width: 640, height: 480, format: 1 },
    { width: 1024, height: 768, format: 1, pixelsPerLine: 1056 },
    { width: 1920, height: 1080, format: 0 },
  ];

  test("the mode that was wished for", async () => {
    const { told, set } = await screen("1024x768x32", [{ modes }]);
    expect(set).toEqual([[0, 1]]);
    expect(told).toEqual([0xc000_0000, 1056 * 4, 1024, 768, 32, 1, 16, 8, 8, 8, 0, 8]);
  });

  test("the nearest one, and red first", async () => {
    const { told } = await screen("1600x1200x32", [{ modes }]);
    expect(told).toEqual([0xc000_0000, 1920 * 4, 1920, 1080, 32, 1, 0, 8, 8, 8, 16, 8]);
  });

  test("colours by masks", async () => {
    const masked = { width: 800, height: 600, format: 2, masks: [0xf800, 0x7e0, 0x1f, 0] };
    const { told } = await screen("800x600", [{ modes: [masked] }]);
    expect(told?.slice(1)).toEqual([1600, 800, 600, 16, 1, 11, 5, 5, 6, 0, 5]);
  });

  test("outputs that only the firmware draws on are passed over", async () => {
    const only = { modes: [{ width: 1024, height: 768, format: 3 }] };
    const { set } = await screen("1024x768", [only, { modes }]);
    expect(set).toEqual([[1, 1]]);
    expect((await screen("1024x768", [only])).told).toBeUndefined();
  });

  test("an output that claims modes without end, or says nothing of them", async () => {
    const { told } = await screen("1024x768x32", [{ modes, count: 0xffff_ffff }]);
    expect(told?.slice(2, 4)).toEqual([1024, 768]);
    expect((await screen("1024x768", [{ modes, empty: true }])).told).toBeUndefined();
  });

  test("a machine without graphics", async () => {
    expect((await screen("1024x768", [])).told).toBeUndefined();
  });

  test("a mode that cannot be set", async () => {
    const { told } = await screen("1024x768", [{ modes, setMode: STATUS.deviceError }]);
    expect(told).toBeUndefined();
  });
});

describe("the console", () => {
  test("a machine without one boots", async () => {
    await boots({ console: false });
  });

  const node = (type: number, subtype: number, ...data: number[]): number[] => [
    ...[type, subtype, data.length + 4, 0],
    ...data,
  ];
  const acpi = (uid: number): number[] => node(2, 1, 0xd0, 0x41, 0x01, 0x05, uid, 0, 0, 0);
  const uart = node(3, 14, ...new Array<number>(15).fill(0));
  const end = node(0x7f, 0xff);
  const path = (...nodes: number[][]): Uint8Array => Uint8Array.from(nodes.flat());

  test.each([
    ["no terminal", [], true],
    ["a terminal at COM1", [path(acpi(0), uart, end)], false],
    ["one at COM2", [path(acpi(1), uart, end)], true],
    ["one that is damaged", [path([2, 1, 0, 0])], true],
  ])("with %s it is seen whose COM1 is", async (_, terminals, own) => {
    const m = await machine({ terminals });
    let written = 0;
    m.out = () => {
      written++;
    };
    m.boot();
    // Once the services have ended the line is the loader's in any case, but nothing is printed then.
    expect(written > 50).toBe(own);
  });

  test("keys have their names", async () => {
    const menu = new TestImage({
      "boot/boot.conf": Buffer.from(
        "title A\nkernel boot/no\ntitle B\nkernel boot/k\ntitle C\nkernel boot/no\n",
      ),
      "boot/k": kernel1,
    });
    // Down, down, up, Enter.
    const m = await machine({
      image: menu,
      devices: [{ data: menu.data }],
      keys: [-2, -2, -1, 13],
    });
    expect(m.boot().entry).toBe(KERNEL + 0x40);
  });
});

test("whichever call the firmware refuses, a kernel starts, or one line says why not", async () => {
  const small = new TestImage({
    "boot/boot.conf": Buffer.from("timeout 0\ntitle T\nkernel boot/k\nvideo 640x480\n"),
    "boot/k": kernel1,
  });
  const options: MachineOptions = {
    ram: 16,
    image: small,
    devices: [{ data: new Uint8Array(1 << 16) }, { data: small.data, blockSize: 2048 }],
    outputs: [{ modes: [{ width: 640, height: 480, format: 1 }] }],
    tables: [[GUIDS.acpi20, 0x800n]],
    keys: new Array<number>(50).fill(13),
  };
  const whole = await UefiMachine.create(options);
  whole.boot();
  expect(whole.firmware.calls).toBeGreaterThan(80);
  const ends = { kernel: 0, line: 0, restart: 0 };
  const statuses = [STATUS.deviceError, STATUS.invalidParameter, STATUS.bufferTooSmall] as const;
  for (let call = 0; call < whole.firmware.calls; call++) {
    const refusedCall = [call, statuses[call % 3] as bigint] as const;
    const m = await UefiMachine.create({ ...options, refusedCall });
    let end: unknown;
    try {
      m.run();
    } catch (error) {
      end = error;
    }
    const errors = m.firmware.screen.match(/error: /g)?.length ?? 0;
    if (end instanceof HandOff) {
      ends.kernel++;
      expect(errors).toBe(0);
    } else if (end instanceof Exited) {
      ends.line++;
      expect(errors).toBe(1);
    } else {
      expect(end, `call ${call}`).toBeInstanceOf(Restarted);
      ends.restart++;
    }
  }
  // Most refusals cost a character or an attempt, some the boot.
  expect(ends.kernel).toBeGreaterThan(ends.line);
  expect(ends.line).toBeGreaterThan(5);
});
