// Pages that hold nothing but zeros.

const PAGE: u32 = 0x1000;

/** Whether the 4 KiB at a host address are all zero. */
export function isZero(host: usize): bool {
  for (const end = host + PAGE; host < end; host += 64) {
    let bits = v128.or(v128.load(host), v128.load(host, 16));
    bits = v128.or(bits, v128.or(v128.load(host, 32), v128.load(host, 48)));
    if (v128.any_true(bits)) return false;
  }
  return true;
}

/** The first page from host address `start` on that is not all zero, or `end`. */
export function used_page(start: u32, end: u32): u32 {
  let page = start;
  while (page < end && isZero(page)) page += PAGE;
  return page;
}
