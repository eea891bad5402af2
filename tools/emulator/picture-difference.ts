// Where two pictures of one size differ, as rectangles: what a display tells of changes, and what travels of them.

export interface Rectangle {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Up to as many lines are compared and reported as one. */
export const BAND_LINES = 16;

/** The smallest part that holds all pixels in which two pictures of one size differ. */
export function difference(
  a: Uint32Array,
  b: Uint32Array,
  width: number,
  height: number,
): Rectangle | undefined {
  let [left, right, top, bottom] = [width, -1, -1, -1];
  for (let y = 0; y < height; y++) {
    const line = y * width;
    let x = 0;
    while (x < width && a[line + x] === b[line + x]) x++;
    if (x === width) continue;
    let end = width - 1;
    while (a[line + end] === b[line + end]) end--;
    if (top < 0) top = y;
    bottom = y;
    left = Math.min(left, x);
    right = Math.max(right, end);
  }
  if (top < 0) return undefined;
  return { x: left, y: top, width: right - left + 1, height: bottom - top + 1 };
}

/** The smallest part that holds two others. */
export function union(a: Rectangle, b: Rectangle): Rectangle {
  const [x, y] = [Math.min(a.x, b.x), Math.min(a.y, b.y)];
  const width = Math.max(a.x + a.width, b.x + b.width) - x;
  const height = Math.max(a.y + a.height, b.y + b.height) - y;
  return { x, y, width, height };
}

/** Adds a part to those above it: to the last one where that touches it and is about as wide. */
export function join(parts: Rectangle[], next: Rectangle): void {
  const last = parts.at(-1);
  if (last !== undefined && last.y + last.height >= next.y) {
    const both = union(last, next);
    const apart = last.width * last.height + next.width * next.height;
    if (both.width * both.height <= 2 * apart) {
      parts[parts.length - 1] = both;
      return;
    }
  }
  parts.push(next);
}
