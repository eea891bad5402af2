// -vnc: VNC clients on a TCP port, as many as like, each with a picture of its own.

import { createServer, type Server } from "node:net";
import { Display } from "../../display.ts";
import { LoadError } from "../../load-error.ts";
import type { Machine } from "../../machine.ts";
import { LookPace, TICK_MS } from "../../remote/look-pace.ts";
import { hangUp } from "../hang-up.ts";
import { RfbSession } from "./rfb-session.ts";

/** Display 0 is this port. */
export const VNC_PORT = 5900;
const MAX_CLIENTS = 16;

export interface VncOptions {
  host: string;
  port: number;
  /** Clients must know the password that `setPassword` gives. */
  password: boolean;
  title: string;
}

export class VncServer {
  readonly #server: Server;
  readonly #sessions = new Set<RfbSession>();
  readonly #timer: NodeJS.Timeout;
  #password = "";

  private constructor(machine: Machine, options: VncOptions) {
    this.#server = createServer((socket) => {
      const display = Display.of(machine);
      if (display === undefined || this.#sessions.size >= MAX_CLIENTS) {
        socket.destroy();
        return;
      }
      socket.setNoDelay(true);
      const password = options.password ? () => this.#password : undefined;
      const session = new RfbSession(
        { title: options.title, display, password },
        {
          write: (bytes) => {
            if (socket.writable) socket.write(bytes);
          },
          close: () => hangUp(socket),
          get unread() {
            return socket.writableLength;
          },
        },
      );
      this.#sessions.add(session);
      socket.on("data", (bytes) => session.receive(bytes));
      socket.on("error", () => socket.destroy());
      socket.on("close", () => {
        this.#sessions.delete(session);
        session.close();
      });
    });
    const pace = new LookPace();
    this.#timer = setInterval(() => {
      pace.tick(() => {
        for (const session of this.#sessions) void session.update();
      });
    }, TICK_MS);
    this.#timer.unref();
  }

  /** Listens. Throws `LoadError` if that cannot be, or the machine has no screen. */
  static async open(machine: Machine, options: VncOptions): Promise<VncServer> {
    if (Display.of(machine) === undefined) {
      throw new LoadError("-vnc: the machine has no display adapter: -vga std is one");
    }
    const vnc = new VncServer(machine, options);
    await new Promise<void>((resolve, reject) => {
      vnc.#server.once("error", (error) =>
        reject(new LoadError(`-vnc: cannot listen on port ${options.port}: ${error.message}`)),
      );
      vnc.#server.listen(options.port, options.host, resolve);
    });
    return vnc;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  /** The password for those who connect from now on; nobody is let in while it is empty. */
  setPassword(password: string): void {
    this.#password = password;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#server.close();
    for (const session of this.#sessions) session.close();
  }
}
