// What PD, EC, SC, PT and SM have in common: each is the original node of its own mapping ring, has a
// type, and is counted. One reference stands for the capabilities, one for every pointer held by other
// objects or a CPU. Objects whose last capability is gone, or whose count is 0, are put on a list and
// taken apart before the kernel returns to user space (`reap`), never while somebody works with them.

import { destroyEc, Ec, retireEc } from "./ec";
import { Mdb } from "./mdb";
import { destroyPd, Pd, retirePd } from "./pd";
import { destroyPt, Pt } from "./pt";
import { destroySc, Sc } from "./sc";
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

export function addRef(object: Kobject): void {
  object.refs++;
}

export function dropRef(object: Kobject): void {
  if (--object.refs !== 0) return;
  object.nextDying = unreferenced;
  unreferenced = object;
}

/** The object's original node has been removed: no capability for it exists any more. */
export function capabilitiesGone(object: Kobject): void {
  object.nextDying = revoked;
  revoked = object;
}

/** First on one of the two lists of `reap`, if there is any. For tests, between whose calls both are empty. */
export function firstDying(): Kobject {
  return changetype<usize>(revoked) !== 0 ? revoked : unreferenced;
}

function retire(object: Kobject): void {
  if (object.type === TYPE_PD) retirePd(changetype<Pd>(object));
  else if (object.type === TYPE_EC) retireEc(changetype<Ec>(object));
  else if (object.type === TYPE_SM) retireSm(changetype<Sm>(object));
}

function destroy(object: Kobject): void {
  if (object.type === TYPE_PD) destroyPd(changetype<Pd>(object));
  else if (object.type === TYPE_EC) destroyEc(changetype<Ec>(object));
  else if (object.type === TYPE_SC) destroySc(changetype<Sc>(object));
  else if (object.type === TYPE_PT) destroyPt(changetype<Pt>(object));
  else if (object.type === TYPE_SM) destroySm(changetype<Sm>(object));
  freeObject(changetype<usize>(object));
}

/** Takes apart what has died since the last call. */
export function reap(): void {
  for (;;) {
    const gone = revoked;
    if (changetype<usize>(gone) !== 0) {
      revoked = gone.nextDying;
      retire(gone);
      dropRef(gone);
      continue;
    }
    const dead = unreferenced;
    if (changetype<usize>(dead) === 0) return;
    unreferenced = dead.nextDying;
    destroy(dead);
  }
}
