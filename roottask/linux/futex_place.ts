// Where threads that wait for a futex are found in the queue of waiting threads.

import { MEM_W } from "../libhedron/abi";
import { areaAt, SPACE_END, Space } from "../libroottask/areas";
import { EFAULT, EINVAL } from "../libroottask/errno";
import { get32 } from "../libroottask/space";

/** Channel and key of the futex that `findFutex` has found last. */
export let futexChannel: usize = 0;
export let futexKey: u64 = 0;

/**
 * Finds what the futex at `address` of `space` is known by: the space and the address, or in memory that is shared with
 * other spaces the file behind it and the place there, unless the caller says that only its own threads use it.
 */
export function findFutex(space: Space, address: u64, own: bool): void {
  futexChannel = changetype<usize>(space);
  futexKey = address;
  const area = areaAt(space, address);
  if (own || area === null || area.shared === 0) return;
  futexChannel = changetype<usize>(area.node);
  futexKey = area.offset + (address - area.start);
}

/**
 * A futex can be at `address`: of the caller's own threads anywhere, otherwise where there is memory of a file that can be
 * read, or other memory that can be written to.
 */
function canBeFutex(space: Space, address: u64, own: bool): bool {
  if (address >= SPACE_END) return false;
  if (own) return true;
  const area = areaAt(space, address);
  if (area !== null && area.node === null && (area.rights & MEM_W) === 0) return false;
  return get32(space, address);
}

/** Why no futex can be at `address`: -EINVAL where it is no multiple of 4, else -EFAULT as `canBeFutex` says; or 0. */
export function checkFutex(space: Space, address: u64, own: bool): i64 {
  if ((address & 3) !== 0) return -EINVAL;
  return canBeFutex(space, address, own) ? 0 : -EFAULT;
}

/** The channel of those who wait for a futex of `channel` as a lock with priority inheritance: FUTEX_WAKE does not reach it. */
export function lockChannelOf(channel: usize): usize {
  return channel + 1;
}

/** That of the futex that was found last. */
export function lockChannel(): usize {
  return lockChannelOf(futexChannel);
}
