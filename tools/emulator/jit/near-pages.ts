// How handlers look into the TLB (core/guest/memory/access.ts), recognized in the values that they compute, and the page
// beside it that a region tries first: most accesses by the same register go to the page where the last one went.

import {
  NEAR_BANK_SIZE,
  NEAR_FOUND,
  NEAR_LIMIT,
  NEAR_LINEAR,
  NEAR_PAGE_SIZE,
  NEAR_PAGES,
  NEAR_THERE,
  TLB_ADDEND,
  TLB_CODEMAP,
  TLB_ENTRIES,
  TLB_ENTRY_SIZE,
  TLB_EXEC,
  TLB_HASHED,
  TLB_INDEX_BITS,
  TLB_READ,
  TLB_WRITE,
} from "../core/state.ts";
import type { Code } from "./code.ts";
import {
  binary,
  EXTEND_U,
  I32_ADD,
  I32_AND,
  I32_EQZ,
  I32_NE,
  I32_OR,
  I32_SHR_U,
  I32_XOR,
  I64_ADD,
  I64_AND,
  I64_EQ,
  I64_NE,
  I64_SHR_U,
  I64_SUB,
  unary,
  WRAP,
} from "./fold.ts";
import { alike, bitsOf, computed, emit, I32, I64_LOAD, i32, i64, type Value } from "./value.ts";

/** Near page of accesses without a base register. */
export const NO_REGISTER = 16;
/** That of fetches, of a byte each: it has the page's code map. */
const CODE_PAGE = 17;
const PAGE = 0x1000;
/** Most bytes of an access, for each limit of a page. */
const SIZES = [4, 8, 16] as const;

const I32_LOAD = 0x28;
const I32_STORE = 0x36;
const I64_STORE = 0x37;
const I64_LT_U = 0x54;
const PAGE_MASK = 0xfffffffffffff000n;
/** Linear addresses are hashed from this bit on, which is an entry's size below that of the page number. */
const HASHED_FROM = 9n;
const HASH_MASK = (TLB_ENTRIES - 1) * TLB_ENTRY_SIZE;
const MASK32 = 0xffffffffn;

/** A test whether the TLB has the page of an access. */
export interface PageTest {
  /** Address of the entry, and which of its tags is compared. */
  readonly entry: Value;
  readonly tag: number;
  /** Linear addresses of the first byte, and of the page of the last one. */
  readonly linear: Value;
  readonly lastPage: Value;
  /** Bytes of the access; at most, where the address tells no more. */
  readonly size: number;
  /** The condition is that they differ. */
  readonly differs: boolean;
}

/** The linear address whose TLB entry `address` is in the set `tlb`, if it has that form. */
export function linearOfEntry(address: Value, tlb: Value): Value | undefined {
  if (address.op !== I32_ADD) return undefined;
  const [x, y] = [address.a as Value, address.b as Value];
  const masked = alike(x, tlb) ? y : alike(y, tlb) ? x : undefined;
  if (masked?.op !== I32_AND || masked.b?.n !== HASH_MASK) return undefined;
  const number = hashed(masked.a as Value);
  if (number?.op !== WRAP) return undefined;
  const shifted = number.a as Value;
  if (shifted.op !== I64_SHR_U || shifted.b?.bits !== HASHED_FROM) return undefined;
  return shifted.a;
}

/** The fetch from `linear`, as a look-up of a block tests it. */
export function fetchTest(linear: Value, tlb: Value): PageTest {
  return accessTest(linear, tlb, 1, TLB_EXEC);
}

/** The access to `size` bytes from `linear` on, as a handler tests it. */
export function accessTest(linear: Value, tlb: Value, size: number, tag: number): PageTest {
  const number = unary(WRAP, binary(I64_SHR_U, linear, i64(HASHED_FROM)));
  const above = binary(I32_SHR_U, number, i32(TLB_INDEX_BITS));
  const hash = binary(I32_XOR, number, binary(I32_AND, above, i32(TLB_HASHED)));
  const entry = binary(I32_ADD, tlb, binary(I32_AND, hash, i32(HASH_MASK)));
  const last = binary(I64_ADD, linear, i64(BigInt(size - 1)));
  const lastPage = binary(I64_AND, last, i64(PAGE_MASK));
  return { entry, tag, linear, lastPage, size, differs: true };
}

/** What a hash is of; of short addresses, as 16-bit code has them, there is nothing to be hashed. */
function hashed(hash: Value): Value | undefined {
  if (hash.op !== I32_XOR) return hash.width <= TLB_INDEX_BITS ? hash : undefined;
  const [p, q] = [hash.a as Value, hash.b as Value];
  return isHashedWith(q, p) ? p : isHashedWith(p, q) ? q : undefined;
}

function isHashedWith(hashed: Value, value: Value): boolean {
  const shifted = hashed.a as Value;
  if (hashed.op !== I32_AND || hashed.b?.n !== TLB_HASHED) return false;
  return shifted.op === I32_SHR_U && shifted.b?.n === TLB_INDEX_BITS && alike(shifted.a, value);
}

/**
 * The test that a condition is, where it compares the tag of an entry with the page of an access's last byte, for
 * equality or not.
 */
export function pageTest(condition: Value, tlb: Value): PageTest | undefined {
  if (condition.op !== I64_EQ && condition.op !== I64_NE) return undefined;
  const [x, y] = [condition.a as Value, condition.b as Value];
  const tag = x.op === I64_LOAD ? x : y;
  const lastPage = tag === x ? y : x;
  if (tag.op !== I64_LOAD || lastPage.op !== I64_AND) return undefined;
  const entry = tag.a as Value;
  const linear = linearOfEntry(entry, tlb);
  const size = linear && sizeOf(lastPage, linear);
  if (linear === undefined || size === undefined) return undefined;
  return { entry, tag: tag.n, linear, lastPage, size, differs: condition.op === I64_NE };
}

/** Bytes from `linear` to one of those, at most 16, whose page is `page`; undefined if it is not. */
function sizeOf(page: Value, linear: Value): number | undefined {
  const mask = page.b?.isConst ? bitsOf(page.b) : 0n;
  const last = page.a as Value;
  // The masks of page and of 32-bit addresses have become one.
  if (mask === (PAGE_MASK & MASK32)) return alike(last, unmasked(linear)) ? 1 : undefined;
  if (mask !== PAGE_MASK) return undefined;
  const from = displaced(linear);
  const to = displaced(last);
  const length = to.by - from.by;
  return alike(from.base, to.base) && length >= 0n && length <= 15n
    ? Number(length) + 1
    : undefined;
}

/** What the mask of 32-bit addresses is applied to; undefined without one. */
function unmasked(value: Value): Value | undefined {
  if (value.op === I64_AND && value.b?.isConst && bitsOf(value.b) === MASK32) return value.a;
  if (value.op === EXTEND_U && value.a?.op === WRAP) return value.a.a;
  return undefined;
}

/** A value as another one and what is added to it. */
function displaced(value: Value): { base: Value; by: bigint } {
  if (value.op === I64_ADD && value.b?.isConst) return { base: value.a as Value, by: value.b.bits };
  return { base: value, by: 0n };
}

/** What an address is relative to: without displacement and the mask of 32-bit addresses. */
export function baseOf(linear: Value): Value {
  const { base } = displaced(unmasked(linear) ?? linear);
  return base === linear ? base : baseOf(base);
}

/** Address of the near pages for a CPL. */
export function nearBank(cpl: number): number {
  return NEAR_PAGES + (cpl === 3 ? NEAR_BANK_SIZE : 0);
}

/**
 * Emits the test and opens a construct, whose end is where the page is not there; before that, inside of it, an access finds
 * its host address in the local that is returned, a fetch the page's code map. With a near page that is tried first;
 * without one the TLB alone is, which is slower and a third of the code. `bank` is the address of the near pages.
 */
export function emitPageTest(
  code: Code,
  test: PageTest,
  near: number | undefined,
  bank: number,
): number {
  const found = code.temporary(I32);
  const first = computed(code, test.linear);
  const slow = code.block();
  if (near !== undefined) emitNearTest(code, test, first, found, slow, near, bank);
  else {
    const entry = computed(code, test.entry);
    emitDiffers(code, entry, test.tag, test.lastPage);
    code.branchIf(slow);
    emitNoted(code, test, entry);
    if (test.tag !== TLB_EXEC) addAddress(code, first);
    code.set(found);
  }
  return found;
}

/** Whether a tag of an entry is that of another page. */
export function emitDiffers(code: Code, entry: Value, tag: number, page: Value): void {
  emit(code, entry);
  code.bytes(I64_LOAD, 3).u32(tag);
  emit(code, page);
  code.bytes(I64_NE);
}

/** What an entry has besides its tags: a code map, or what is added to a linear address for the host's. */
function emitNoted(code: Code, { tag }: PageTest, entry: Value): void {
  emit(code, entry);
  code.bytes(I32_LOAD, 2).u32(tag === TLB_EXEC ? TLB_CODEMAP : TLB_ADDEND);
}

function addAddress(code: Code, address: Value): void {
  emit(code, address);
  code.bytes(WRAP, I32_ADD);
}

/** Finds what belongs to the address `first` by the near page, or by the TLB, whose page is the near one then. */
function emitNearTest(
  code: Code,
  test: PageTest,
  first: Value,
  found: number,
  slow: number,
  near: number,
  bank: number,
): void {
  const { entry, tag, lastPage, size } = test;
  const fetches = tag === TLB_EXEC;
  const page = fetches ? CODE_PAGE : near;
  const at = bank + page * NEAR_PAGE_SIZE;
  const known = code.temporary(I32);
  const noted = (load: number, field: number): void => {
    code
      .i32Const(0)
      .bytes(load, 2)
      .u32(at + field);
  };
  const findKnown = (): void => {
    code.get(known);
    if (!fetches) addAddress(code, first);
    code.set(found);
  };
  const fast = code.block();
  noted(I32_LOAD, NEAR_FOUND);
  code.set(known);
  emit(code, first);
  noted(I64_LOAD, NEAR_LINEAR);
  code.bytes(I64_SUB);
  noted(I64_LOAD, limitFor(size));
  code.bytes(I64_LT_U);
  code.if();
  findKnown();
  code.branch(fast).end();
  // What is computed here is not known behind the construct.
  const parent = code.chunk;
  code.chunk = parent.insert();
  const entryAt = computed(code, entry);
  const pageAt = computed(code, lastPage);
  emitDiffers(code, entryAt, tag, pageAt);
  code.branchIf(slow);
  // Where RAM is mapped in one piece, the addend is that of the last page: a branch that is predicted does not wait for it.
  const differs = code.temporary(I32);
  emitNoted(code, test, entryAt);
  code.tee(differs).get(known).bytes(I32_NE).if();
  code.get(differs).set(known);
  code.end();
  findKnown();
  // Pages that can be written can be read.
  if (tag === TLB_READ) {
    emitDiffers(code, entryAt, TLB_WRITE, pageAt);
    code.branchIf(fast);
  }
  code.i32Const(0);
  emit(code, pageAt);
  code.bytes(I64_STORE, 3).u32(at + NEAR_LINEAR);
  code.i32Const(0).get(known);
  code.bytes(I32_STORE, 2).u32(at + NEAR_FOUND);
  // Most often another page was near before, with the same limits.
  code
    .i32Const(0)
    .bytes(I32_LOAD, 2)
    .u32(bank + NEAR_THERE)
    .i32Const(1 << page);
  code.bytes(I32_AND, I32_EQZ);
  code.chunk.hint(code.chunk.bytes.length, false);
  code.if();
  for (const most of fetches ? [1] : SIZES) {
    code.i32Const(0).i64Const(BigInt(PAGE - most + 1));
    code.bytes(I64_STORE, 3).u32(at + limitFor(most));
  }
  code
    .i32Const(0)
    .i32Const(0)
    .bytes(I32_LOAD, 2)
    .u32(bank + NEAR_THERE);
  code
    .i32Const(1 << page)
    .bytes(I32_OR, I32_STORE, 2)
    .u32(bank + NEAR_THERE);
  code.end();
  code.chunk = parent;
  code.end();
}

/** Where a near page says below which offset `size` bytes can be accessed. */
function limitFor(size: number): number {
  return NEAR_LIMIT + 8 * SIZES.findIndex((most) => size <= most);
}
