// A pattern in all memory of the kernel's pool that is free: pages and slots of slabs get it when they are freed, and
// have to have it still when they are given out again, and whenever somebody looks. What writes to memory that it has
// given back is found so. The kernel's own sources are compiled with it for the fuzzer; its image knows nothing of it.

import { readFileSync } from "node:fs";

/** Every byte of free memory, but for the links of the lists of free pages and slots. */
const BYTE = 0xdb;

/** In a file of the repository, texts that occur once there and what takes their places. */
interface Patch {
  file: string;
  changes: readonly (readonly [from: string, to: string])[];
  /** Code behind the rest of the file. */
  more?: string;
}

const PATCHES: readonly Patch[] = [
  {
    file: "kernel/page.ts",
    changes: [
      [
        "    freeList = load<u32>(page);\n",
        "    checkPoison(page + 4, PAGE_BYTES - 4);\n    freeList = load<u32>(page);\n",
      ],
      [
        "  store<u32>(page, <u32>freeList);\n",
        "  poison(page, PAGE_BYTES);\n  store<u32>(page, <u32>freeList);\n",
      ],
    ],
    more: `
export function poison(at: usize, bytes: usize): void {
  memory.fill(at, ${BYTE}, bytes);
}

/** Traps where memory that is free has been written to; at and bytes are multiples of 4. */
export function checkPoison(at: usize, bytes: usize): void {
  for (const end = at + bytes; at < end; at += 4) {
    if (load<u32>(at) !== ${(BYTE * 0x0101_0101) >>> 0}) {
      strayAt = at;
      unreachable();
    }
  }
}

let strayAt: usize = 0;

export function stray_at(): usize {
  return strayAt;
}

/** All free pages: those of the list, and those that have never been used, which are zero. */
export function check_free_pages(): void {
  for (let page = freeList; page !== 0; page = load<u32>(page)) {
    checkPoison(page + 4, PAGE_BYTES - 4);
  }
  for (let at = fresh; at < end; at += 8) {
    if (load<u64>(at) !== 0) {
      strayAt = at;
      unreachable();
    }
  }
}
`,
  },
  {
    file: "kernel/slab.ts",
    changes: [
      [
        'import { allocPage, freePage } from "./page";',
        'import { allocPage, checkPoison, freePage, poison } from "./page";',
      ],
      [
        "      store<u32>(start + slot, <u32>page.freeSlots);\n",
        "      poison(start + slot, size);\n      store<u32>(start + slot, <u32>page.freeSlots);\n",
      ],
      [
        "  page.freeSlots = <usize>load<u32>(object);\n",
        "  checkPoison(object + 4, page.slotSize - 4);\n  page.freeSlots = <usize>load<u32>(object);\n",
      ],
      [
        "  store<u32>(object, <u32>page.freeSlots);\n  page.freeSlots = object;\n",
        "  poison(object, page.slotSize);\n  store<u32>(object, <u32>page.freeSlots);\n  page.freeSlots = object;\n",
      ],
    ],
  },
  {
    file: "kernel/testing/inspect.ts",
    changes: [],
    more: 'export { check_free_pages, stray_at } from "../page";\n',
  },
];

/** The text with each of the changes; throws where one does not fit exactly once. */
export function change(
  file: string,
  text: string,
  changes: readonly (readonly [from: string, to: string])[],
): string {
  let changed = text;
  for (const [from, to] of changes) {
    const parts = changed.split(from);
    if (parts.length !== 2) {
      throw new Error(
        `${file} has the text "${from}" ${parts.length - 1} times: adapt the change of it`,
      );
    }
    changed = parts.join(to);
  }
  return changed;
}

/** Sources for the compiler in place of the repository's; those in `sources` have been changed already. */
export function poisoned(sources: Readonly<Record<string, string>>): Record<string, string> {
  const all = { ...sources };
  for (const { file, changes, more = "" } of PATCHES) {
    const text = all[file] ?? readFileSync(new URL(`../../${file}`, import.meta.url), "utf8");
    all[file] = change(file, text, changes) + more;
  }
  return all;
}
