// ECs by deadline: a leftist heap (Knuth, The Art of Computer Programming vol. 3, 5.2.3) through the ECs' own fields,
// so that a timeout takes no memory and cannot fail. The way down is shortest to the right, and so no longer than the
// logarithm of the number of ECs: that bounds insertion and removal, wherever in the heap.

import { Ec } from "./ec";

function none(): Ec {
  return changetype<Ec>(0);
}

function isNone(ec: Ec): bool {
  return changetype<usize>(ec) === 0;
}

/** Number of ECs on the way down to the right, 0 for none. */
function rankOf(ec: Ec): u32 {
  return isNone(ec) ? 0 : ec.timeoutRank;
}

/** Puts the children of `ec` into their order again; whether its rank has changed. */
function restore(ec: Ec): bool {
  const left = ec.timeoutLeft;
  const right = ec.timeoutRight;
  let rank = rankOf(right);
  if (rankOf(left) < rank) {
    ec.timeoutLeft = right;
    ec.timeoutRight = left;
    rank = rankOf(left);
  }
  if (ec.timeoutRank === rank + 1) return false;
  ec.timeoutRank = rank + 1;
  return true;
}

/** The root of the heap made of two, whose parents do not matter; `parent` becomes that of the new one. */
function merge(one: Ec, two: Ec, parent: Ec): Ec {
  let top = none();
  let last = none();
  while (!isNone(one) && !isNone(two)) {
    let first = one;
    if (two.timeoutAt < one.timeoutAt) {
      first = two;
      two = one;
    }
    one = first.timeoutRight;
    first.timeoutParent = last;
    if (isNone(last)) top = first;
    else last.timeoutRight = first;
    last = first;
  }
  const rest = isNone(one) ? two : one;
  if (!isNone(rest)) rest.timeoutParent = last;
  if (isNone(last)) top = rest;
  else last.timeoutRight = rest;
  for (; !isNone(last); last = last.timeoutParent) restore(last);
  if (!isNone(top)) top.timeoutParent = parent;
  return top;
}

/** Adds `ec`, whose deadline is set; the new root. */
export function addDeadline(root: Ec, ec: Ec): Ec {
  ec.timeoutLeft = none();
  ec.timeoutRight = none();
  ec.timeoutRank = 1;
  return merge(root, ec, none());
}

/** Takes out `ec`, which is in the heap; the new root, null for an empty heap. */
export function removeDeadline(root: Ec, ec: Ec): Ec {
  let above = ec.timeoutParent;
  const rest = merge(ec.timeoutLeft, ec.timeoutRight, above);
  if (isNone(above)) return rest;
  if (above.timeoutLeft === ec) above.timeoutLeft = rest;
  else above.timeoutRight = rest;
  while (!isNone(above) && restore(above)) above = above.timeoutParent;
  return root;
}
