// Ending a connection from this side.

import type { Socket } from "node:net";

/** Given to a peer to read what was sent, ms. */
export const LINGER_MS = 2000;

/**
 * Ends a connection when its peer has what was sent, or does not read it in time. What it still sends is read, so that
 * its end is an orderly one, and not heard. Asked for again, it changes nothing: `destroySoon` would add a listener for
 * each time, and who asks for each piece of what a peer sends asks often.
 */
export function hangUp(socket: Socket): void {
  if (socket.writableEnded || socket.destroyed) return;
  socket.removeAllListeners("data").resume();
  const late = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once("close", () => clearTimeout(late));
  socket.destroySoon();
}
