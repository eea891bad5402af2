// The VNC server: who may look, and until when.

import type { Command, MonitorContext, VncService } from "./command.ts";
import { type CommandLine, MonitorError } from "./command-line.ts";

/** The VNC server if it asks for a password. Throws an `Error` of one line if not. */
export function lockedVnc({ vnc }: MonitorContext["host"]): VncService {
  if (vnc === undefined || !vnc.asksPassword) {
    throw new MonitorError("there is no VNC server with a password: -vnc :0,password=on is one");
  }
  return vnc;
}

/**
 * A time as QEMU takes it: "now", "never", "+SECONDS" from now, or seconds since 1970. In ms since 1970, Infinity for
 * never. Throws an `Error` of one line.
 */
export function expiryTime(text: string): number {
  if (text === "now") return 0;
  if (text === "never") return Number.POSITIVE_INFINITY;
  const seconds = /^\+?\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(seconds)) {
    throw new MonitorError(`${text}: expected now, never, +SECONDS or seconds since 1970`);
  }
  return text.startsWith("+") ? Date.now() + seconds * 1000 : seconds * 1000;
}

/** The word in front, which says of which server. */
function expectVnc(line: CommandLine): void {
  const protocol = line.required("vnc");
  if (protocol !== "vnc") throw new MonitorError(`invalid parameter value: ${protocol}`);
}

/** What follows `change vnc`. */
export function changePassword(host: MonitorContext["host"], line: CommandLine): void {
  if (line.word() !== "password") throw new MonitorError("expected vnc password and the password");
  const password = line.required("a password");
  line.end();
  lockedVnc(host).setPassword(password);
}

export const VNC_COMMANDS: readonly Command[] = [
  {
    names: ["set_password"],
    parameters: "vnc password [keep]",
    help: "set the password of the VNC server; who is connected stays",
    words: () => ["vnc"],
    run: ({ host }, line) => {
      expectVnc(line);
      const password = line.required("a password");
      const connected = line.word() ?? "keep";
      line.end();
      if (connected !== "keep") {
        throw new MonitorError(`${connected}: clients of VNC can only be kept`);
      }
      lockedVnc(host).setPassword(password);
      return "";
    },
  },
  {
    names: ["expire_password"],
    parameters: "vnc time",
    help: "set when the password of the VNC server expires: now, never, +SECONDS, or seconds since 1970",
    words: () => ["vnc", "now", "never"],
    run: ({ host }, line) => {
      expectVnc(line);
      const when = expiryTime(line.required("now, never, +SECONDS or seconds since 1970"));
      line.end();
      lockedVnc(host).expirePassword(when);
      return "";
    },
  },
];
