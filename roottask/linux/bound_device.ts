// Sockets that are bound to an interface (socket(7), SO_BINDTODEVICE; sock_setbindtodevice() and sock_getbindtodevice() of
// Linux), and options that name it.

import { Utcb } from "../libhedron/utcb";
import { LO_INDEX } from "../libroottask/bound_device";
import { CAP_NET_RAW, capable } from "../libroottask/credentials";
import { EFAULT, EINVAL, ENODEV, EPERM } from "../libroottask/errno";
import { Program } from "../libroottask/program";
import { Socket } from "../libroottask/socket";
import { copyFrom, copyTo, put32 } from "../libroottask/space";
import { isLoName, LO_NAME, LO_NAME_BYTES, NAME_BYTES } from "./interfaces";

const name = memory.data(NAME_BYTES, 8);

/** Binds `socket` to the interface with that number, 0 for none: 0 or a negative error. */
export function bindToIndex(socket: Socket, index: i32): i64 {
  if (socket.device !== 0 && !capable(CAP_NET_RAW)) return -EPERM;
  if (index < 0) return -EINVAL;
  socket.device = index as u32;
  return 0;
}

/** SO_BINDTODEVICE: `length` bytes of a name are at `at`; an empty one ends it. */
export function bindToDevice(program: Program, socket: Socket, at: u64, length: u32): i64 {
  memory.fill(name, 0, NAME_BYTES);
  if (!copyFrom(program.space, name, at, min<u32>(length, NAME_BYTES - 1))) return -EFAULT;
  if (load<u8>(name) === 0) return bindToIndex(socket, 0);
  return isLoName(name) ? bindToIndex(socket, LO_INDEX) : -ENODEV;
}

/** SO_BINDTODEVICE, where there is room for `room` bytes: the name, nothing for none. */
export function tellDevice(program: Program, socket: Socket, regs: Utcb, room: u32): i64 {
  let bytes: u32 = 0;
  if (socket.device !== 0) {
    if (room < NAME_BYTES) return -EINVAL;
    if (socket.device !== LO_INDEX) return -ENODEV;
    store<u32>(name, LO_NAME);
    bytes = LO_NAME_BYTES;
    if (!copyTo(program.space, regs.r10, name, bytes)) return -EFAULT;
  }
  return put32(program.space, regs.r8, bytes) ? 0 : -EFAULT;
}
