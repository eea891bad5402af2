// Lines that two texts do not have in common.

/** Lines beyond which a difference is not told. */
const MOST = 40;

/** Lines of `old` that are gone, with "-" in front, and those of `young` that came, with "+", in order. */
export function diff(old: string, young: string): string[] {
  const a = old.trimEnd().split("\n");
  const b = young.trimEnd().split("\n");
  let from = 0;
  while (from < a.length && from < b.length && a[from] === b[from]) from++;
  let behind = 0;
  while (
    behind < Math.min(a.length, b.length) - from &&
    a[a.length - 1 - behind] === b[b.length - 1 - behind]
  ) {
    behind++;
  }
  const gone = a.slice(from, a.length - behind).map((line) => `-${line}`);
  const came = b.slice(from, b.length - behind).map((line) => `+${line}`);
  return [...cut(gone), ...cut(came)];
}

function cut(lines: string[]): string[] {
  return lines.length <= MOST ? lines : [...lines.slice(0, MOST), `… ${lines.length - MOST} more`];
}
