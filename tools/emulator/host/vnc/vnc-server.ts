// -vnc: VNC clients on a TCP port, as many as like, each with a picture of its own.

import { createServer, type Server } from "node:net";
import { Display } from "../../display.ts";
import { LoadError } from "../../load-error.ts";
import type { Machine } from "../../machine.ts";
import type { VncAddress, VncService } from "../../monitor/command.ts";
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

const familyOf = (name: string | undefined): VncAddress["family"] =>
  name === "IPv6" ? "ipv6" : "ipv4";

export class VncServer implements VncService {
  readonly #server: Server;
  /** Those who are connected, and from where. */
  readonly #sessions = new Map<RfbSession, VncAddress>();
  readonly asksPassword: boolean;
  readonly #timer: NodeJS.Timeout;
  #password = "";
  /** From then on nobody is let in, ms since 1970. */
  #expires = Number.POSITIVE_INFINITY;

  private constructor(machine: Machine, options: VncOptions) {
    this.asksPassword = options.password;
    this.#server = createServer((socket) => {
      const display = Display.of(machine);
      if (display === undefined || this.#sessions.size >= MAX_CLIENTS) {
        socket.destroy();
        return;
      }
      socket.setNoDelay(true);
      const password = options.password ? () => this.#validPassword() : undefined;
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
      this.#sessions.set(session, {
        host: socket.remoteAddress ?? "",
        port: socket.remotePort ?? 0,
        family: familyOf(socket.remoteFamily),
      });
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
        for (const session of this.#sessions.keys()) void session.update();
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

  get address(): VncAddress {
    const address = this.#server.address();
    if (typeof address !== "object" || address === null) {
      return { host: "", port: 0, family: "ipv4" };
    }
    return { host: address.address, port: address.port, family: familyOf(address.family) };
  }

  get port(): number {
    return this.address.port;
  }

  get clients(): readonly VncAddress[] {
    return [...this.#sessions.values()];
  }

  #validPassword(): string {
    return Date.now() < this.#expires ? this.#password : "";
  }

  /** The password for those who connect from now on; nobody is let in while it is empty. */
  setPassword(password: string): void {
    this.#password = password;
  }

  /** Nobody is let in from then on (ms since 1970), whatever the password. */
  expirePassword(when: number): void {
    this.#expires = when;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#server.close();
    for (const session of this.#sessions.keys()) session.close();
  }
}
