// Parts of a sequence that may be left out.

/** Positions from `from` up to `to`, which is not part of it. */
export interface Chunk {
  from: number;
  to: number;
}

/** `length` positions in chunks of `size`, the last one smaller. */
export function chunks(length: number, size: number): Chunk[] {
  const parts: Chunk[] = [];
  for (let from = 0; from < length; from += size) {
    parts.push({ from, to: Math.min(from + size, length) });
  }
  return parts;
}

/** `indices` without those at the positions of `parts`. */
export function without(indices: readonly number[], parts: readonly Chunk[]): number[] {
  return indices.filter((_, at) => !parts.some(({ from, to }) => at >= from && at < to));
}

/** Ascending numbers as ranges, "0-3,7". */
export function kept(indices: readonly number[]): string {
  const ranges: [number, number][] = [];
  for (const index of indices) {
    const last = ranges.at(-1);
    if (last && last[1] === index - 1) last[1] = index;
    else ranges.push([index, index]);
  }
  return ranges.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(",");
}
