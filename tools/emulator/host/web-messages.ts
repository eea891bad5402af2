// What the thread of the machine and that of the web server say to each other. Pages have numbers.

import type { FromMachine } from "../remote/messages.ts";
import type { ScreenRows } from "../remote/screen-feed.ts";

/** What the server's thread is started with. */
export interface ServerOptions {
  /** The page's files by their names. */
  files: ReadonlyMap<string, Uint8Array>;
  port: number;
}

/** To the server. */
export type ToServer =
  | { kind: "tell"; page: number; message: FromMachine }
  /** The page has sent what is no message. */
  | { kind: "dismiss"; page: number; reason: string }
  | { kind: "rows"; rows: ScreenRows }
  /** Lets the pages read what there is to say, and ends. */
  | { kind: "close" };

/** From the server. */
export type FromServer =
  | { kind: "listening"; url: string }
  /** It does not listen: why, in a sentence. */
  | { kind: "failed"; reason: string }
  | { kind: "opened"; page: number }
  | { kind: "closed"; page: number }
  /** Not yet checked. */
  | { kind: "received"; page: number; message: unknown }
  /** Whether too much waits to be sent to a page already. */
  | { kind: "behind"; page: number; isBehind: boolean }
  /** Whether anybody wants pictures; nobody has the one before. */
  | { kind: "watched"; isWatched: boolean }
  | { kind: "read"; slot: number }
  | { kind: "over" };
