// The TCP port on which gdb finds the machine.

import { createServer, type Server } from "node:net";
import type { GdbServer } from "../debug/gdb-server.ts";
import { LoadError } from "../load-error.ts";

export interface GdbListener {
  /** The port listened on. */
  port: number;
  /** Stops listening; a debugger that is connected stays. */
  close(): void;
}

/** Listens on 127.0.0.1 (on any free port for 0). Throws `LoadError` if the port is taken. */
export async function listenForGdb(gdb: GdbServer, port: number): Promise<GdbListener> {
  const server: Server = createServer((socket) => {
    const peer = gdb.connect({
      write: (bytes) => socket.write(bytes),
      close: () => socket.destroy(),
    });
    if (peer === undefined) {
      socket.destroy();
      return;
    }
    socket.setNoDelay(true);
    socket.on("data", (data) => peer.receive(data));
    socket.on("close", () => peer.closed());
    socket.on("error", () => peer.closed());
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) =>
      reject(new LoadError(`gdb: cannot listen on port ${port}: ${error.message}`)),
    );
    server.listen(port, "127.0.0.1", resolve);
  });
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : port,
    close: () => server.close(),
  };
}
