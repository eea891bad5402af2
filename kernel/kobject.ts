// What PD, EC, SC, PT and SM have in common: each is the original node of its own mapping ring, has a
// type, and is counted. One reference stands for the capabilities, one for every pointer held by other
// objects or a CPU. Objects whose last capability is gone, or whose count is 0, are put on a list and
// taken apart by `reap`, never while somebody works with them. That goes on in pieces: a bit on every way
// through the main loop, and all of it before a revocation returns to its caller (run.ts, syscall.ts).

import { destroyEc, Ec, retireEc } from "./ec";
import { forgetEc, judgeForgotten } from "./lost_thread";
import { Mdb } from "./mdb";
import { freeDetachedTables } from "./page_table";
import { destroyPd, Pd, retirePd } from "./pd";
import { pieceIsOver, spend } from "./piece";
import { destroyPt, Pt } from "./pt";
import { isRevocationOrphaned, proceedRevocation } from "./revoke";
import { abandonSc, destroySc, Sc } from "./sc";
import { freeObject } from "./slab";
import { destroySm, retireSm, Sm } from "./sm";

export const TYPE_PD: u32 = 0;
export const TYPE_EC: u32 = 1;
export const TYPE_SC: u32 = 2;
export const TYPE_PT: u32 = 3;
export const TYPE_SM: u32 = 4;

@unmanaged
export class Kobject extends Mdb {
  type: u32;
  refs: u32;
  /** Next on the list of objects whose capabilities are gone, or whose count is 0. */
  nextDying: Kobject;
}

let revoked: Kobject = changetype<Kobject>(0);
let unreferenced: Kobject = changetype<Kobject>(0);
/** The object taken off `revoked` whose retirement has begun. */
let retiring: Kobject = changetype<Kobject>(0);

export function addRef(object: Kobject): void {
  object.refs++;
}

export function dropRef(object: Kobject): void {
  if (--object.refs !== 0) return;
  object.nextDying = unreferenced;
  unreferenced = object;
  pending = true;
}

/** The object's original node has been removed: no capability for it exists any more. */
export function capabilitiesGone(object: Kobject): void {
  object.nextDying = revoked;
  revoked = object;
  pending = true;
}

/** First of a list of what `reap` has to do, 0 to 2; linked by `nextDying` but for list 0. For tests. */
export function firstDying(list: u32): Kobject {
  return list === 0 ? retiring : list === 1 ? revoked : unreferenced;
}

/** Takes away what an object was to others, until the piece is over; true if that is done. */
function retire(object: Kobject): bool {
  if (object.type === TYPE_PD) return retirePd(changetype<Pd>(object));
  if (object.type === TYPE_SM) return retireSm(changetype<Sm>(object));
  if (object.type === TYPE_EC) retireEc(changetype<Ec>(object));
  return true;
}

function destroy(object: Kobject): void {
  if (object.type === TYPE_PD) destroyPd(changetype<Pd>(object));
  else if (object.type === TYPE_EC) destroyEc(changetype<Ec>(object));
  else if (object.type === TYPE_SC) destroySc(changetype<Sc>(object));
  else if (object.type === TYPE_PT) destroyPt(changetype<Pt>(object));
  else if (object.type === TYPE_SM) destroySm(changetype<Sm>(object));
  freeObject(changetype<usize>(object));
}

/** Units of work (piece.ts) of an object's end. */
const END_COST: u32 = 400;

/** Whether anything waits for `reap`. */
let pending: bool = false;

/** There is something for `reap` to do. */
export function askToReap(): void {
  pending = true;
}

/** Whether `reap` has nothing to do. */
export function isNothingDying(): bool {
  return !pending;
}

/** Takes apart what has died, until the piece is over or `limit` objects are; true if nothing is left. */
export function reap(limit: u32): bool {
  for (; limit !== 0 && !pieceIsOver(); limit--) {
    spend(END_COST);
    if (changetype<usize>(retiring) === 0) {
      retiring = revoked;
      if (changetype<usize>(retiring) !== 0) revoked = retiring.nextDying;
    }
    const gone = retiring;
    if (changetype<usize>(gone) !== 0) {
      if (!retire(gone)) return false;
      retiring = changetype<Kobject>(0);
      dropRef(gone);
      if (gone.type === TYPE_EC) forgetEc(changetype<Ec>(gone));
      else if (gone.type === TYPE_SC) abandonSc(changetype<Sc>(gone));
      continue;
    }
    if (judgeForgotten()) continue;
    const dead = unreferenced;
    if (changetype<usize>(dead) === 0) {
      if (isRevocationOrphaned() && !proceedRevocation()) return false;
      if (!freeDetachedTables()) return false;
      // The revocation may have made more of it.
      const rest = changetype<usize>(revoked) | changetype<usize>(unreferenced);
      if (rest !== 0) continue;
      pending = false;
      return true;
    }
    unreferenced = dead.nextDying;
    destroy(dead);
  }
  return !pending;
}
