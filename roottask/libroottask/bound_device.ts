// What a socket is bound to an interface for (socket(7), SO_BINDTODEVICE): nothing else is sent or received by it. There is
// lo; an interface that is not there may be meant by its number (SO_BINDTOIFINDEX), and then nothing goes either way.

import { Socket } from "./socket";

/** The number of lo. */
export const LO_INDEX: u32 = 1;

/** `socket` is bound to an interface that is not there. */
export function isElsewhere(socket: Socket): bool {
  return socket.device !== 0 && socket.device !== LO_INDEX;
}
