// Balanced trees whose nodes are the records themselves: Adelson-Velsky and Landis' (Knuth, The Art of Computer
// Programming vol. 3, 6.2.3). A tree is a word with the address of its root. Who has a tree knows its order, and looks for
// places in it; what is here keeps it at most 1.44 times as high as it has to be.

/** What a record begins with, or has at some offset, that is in a tree; `low` leads to those in front of it. */
@unmanaged
export class Link {
  parent: Link | null;
  low: Link | null;
  high: Link | null;
  /** Of the tree below it: 1 without any. */
  height: u32;
}

/** Brings up to date what `link` says about all below it, from what its children say. */
export type Sum = (link: Link) => void;

/** Nothing is said. */
export function noSum(_link: Link): void {}

function heightOf(link: Link | null): u32 {
  return link === null ? 0 : link.height;
}

function refresh(link: Link, sum: Sum): void {
  link.height = max<u32>(heightOf(link.low), heightOf(link.high)) + 1;
  if (sum !== noSum) sum(link);
}

/** Lets what is above `old` have `link` there. */
function replace(tree: usize, old: Link, link: Link | null): void {
  const parent = old.parent;
  if (link !== null) link.parent = parent;
  if (parent === null) store<usize>(tree, changetype<usize>(link));
  else if (parent.low === old) parent.low = link;
  else parent.high = link;
}

/** `link` and its parent change places. */
function lift(tree: usize, link: Link, sum: Sum): void {
  const parent = link.parent as Link;
  replace(tree, parent, link);
  if (parent.low === link) {
    const inner = link.high;
    parent.low = inner;
    if (inner !== null) inner.parent = parent;
    link.high = parent;
  } else {
    const inner = link.low;
    parent.high = inner;
    if (inner !== null) inner.parent = parent;
    link.low = parent;
  }
  parent.parent = link;
  refresh(parent, sum);
  refresh(link, sum);
}

/** Makes the heights below `link` differ by 1 at most, which differ by 2 at most: what is on top then. */
function balance(tree: usize, link: Link, sum: Sum): Link {
  const low = link.low;
  const high = link.high;
  if (low !== null && low.height > heightOf(high) + 1) {
    const inner = low.high;
    if (inner === null || inner.height <= heightOf(low.low)) {
      lift(tree, low, sum);
      return low;
    }
    lift(tree, inner, sum);
    lift(tree, inner, sum);
    return inner;
  }
  if (high !== null && high.height > heightOf(low) + 1) {
    const inner = high.low;
    if (inner === null || inner.height <= heightOf(high.high)) {
      lift(tree, high, sum);
      return high;
    }
    lift(tree, inner, sum);
    lift(tree, inner, sum);
    return inner;
  }
  refresh(link, sum);
  return link;
}

/** Something below `link`, or what it says of itself, has changed. */
export function settle(tree: usize, link: Link, sum: Sum): void {
  let at: Link | null = link;
  while (at !== null) {
    const before = at.height;
    const top = balance(tree, at, sum);
    if (top.height === before && sum === noSum) return;
    at = top.parent;
  }
}

/**
 * Puts `link` below `parent`, which has nothing at that side (null: into an empty tree). The one behind it is above it, so
 * that is brought up to date with all that are.
 */
export function plant(tree: usize, parent: Link | null, low: bool, link: Link, sum: Sum): void {
  link.parent = parent;
  link.low = null;
  link.high = null;
  link.height = 0;
  if (parent === null) store<usize>(tree, changetype<usize>(link));
  else if (low) parent.low = link;
  else parent.high = link;
  settle(tree, link, sum);
}

/** Takes `link` out of its tree; what says something of all below it, the one behind it included, is brought up to date. */
export function uproot(tree: usize, link: Link, sum: Sum): void {
  const low = link.low;
  const high = link.high;
  let changed = link.parent;
  if (low === null || high === null) {
    const only = low === null ? high : low;
    replace(tree, link, only);
    if (only !== null && sum !== noSum) changed = only;
  } else {
    let next = high;
    for (let inner = next.low; inner !== null; inner = next.low) next = inner;
    changed = next;
    if (next !== high) {
      changed = next.parent;
      replace(tree, next, next.high);
      next.high = high;
      high.parent = next;
    }
    next.low = low;
    low.parent = next;
    next.height = link.height;
    replace(tree, link, next);
  }
  if (changed !== null) settle(tree, changed, sum);
}

export function rootOf(tree: usize): Link | null {
  return changetype<Link | null>(load<usize>(tree));
}

/** The first of the tree, or null. */
export function firstIn(tree: usize): Link | null {
  let at = rootOf(tree);
  while (at !== null) {
    const low: Link | null = at.low;
    if (low === null) return at;
    at = low;
  }
  return null;
}

/** The last of the tree, or null. */
export function lastIn(tree: usize): Link | null {
  let at = rootOf(tree);
  while (at !== null) {
    const high: Link | null = at.high;
    if (high === null) return at;
    at = high;
  }
  return null;
}

/** The one in front of `link`, or null. */
export function previousIn(link: Link): Link | null {
  let at = link.low;
  if (at !== null) {
    for (let high = at.high; high !== null; high = at.high) at = high;
    return at;
  }
  let above = link;
  let parent = link.parent;
  while (parent !== null && parent.low === above) {
    above = parent;
    parent = above.parent;
  }
  return parent;
}

/** The one behind `link`, or null. */
export function nextIn(link: Link): Link | null {
  let at = link.high;
  if (at !== null) {
    for (let low = at.low; low !== null; low = at.low) at = low;
    return at;
  }
  let below = link;
  let parent = link.parent;
  while (parent !== null && parent.high === below) {
    below = parent;
    parent = below.parent;
  }
  return parent;
}
