// A static host as there are many on the web, for tests and measurements of pages: files by their names, compressed, with
// entity tags, and with no other headers than those that are asked for.

import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";

const ADDRESS = "127.0.0.1";
const PAGE = "index.html";
/** How long browsers may keep what they have, s: what GitHub's pages say. */
const MAX_AGE = 600;

/** Media types by the endings of names; what has none here is nobody's. */
export const TYPES: Readonly<Record<string, string>> = {
  css: "text/css",
  html: "text/html",
  js: "text/javascript",
  json: "application/json",
  wasm: "application/wasm",
};

/** What makes a page cross-origin isolated (HTML, 7.1.4: "Cross-origin opener policies"; Fetch, 3.7). */
export const ISOLATING = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
} as const;

export interface StaticHost {
  /** Address of the page. */
  readonly url: string;
  /** Bytes of bodies that have been sent, by the name of the file. */
  readonly sent: Map<string, number>;
  close(): Promise<void>;
}

interface Packed {
  body: Buffer;
  tag: string;
}

/** Serves `files`, each with `headers` beside its own, as what `types` says. */
export async function serveStatic(
  files: ReadonlyMap<string, Uint8Array>,
  headers: Readonly<Record<string, string>> = {},
  types = TYPES,
): Promise<StaticHost> {
  const packed = new WeakMap<Uint8Array, Packed>();
  const sent = new Map<string, number>();
  const packedOf = (name: string): Packed | undefined => {
    const bytes = files.get(name);
    if (bytes === undefined) return undefined;
    let found = packed.get(bytes);
    if (found === undefined) {
      const tag = `"${createHash("sha256").update(bytes).digest("hex")}"`;
      found = { body: gzipSync(bytes), tag };
      packed.set(bytes, found);
    }
    return found;
  };
  const answer = ({ url = "", headers: asked }: IncomingMessage, response: ServerResponse) => {
    const name = url.slice(1).replace(/\?.*$/, "") || PAGE;
    const file = packedOf(name);
    if (file === undefined) {
      response.writeHead(404).end();
      return;
    }
    const common = { ...headers, ETag: file.tag, "Cache-Control": `max-age=${MAX_AGE}` };
    if (asked["if-none-match"] === file.tag) {
      response.writeHead(304, common).end();
      return;
    }
    sent.set(name, (sent.get(name) ?? 0) + file.body.length);
    response.writeHead(200, {
      ...common,
      "Content-Encoding": "gzip",
      "Content-Length": file.body.length,
      "Content-Type": types[name.slice(name.lastIndexOf(".") + 1)] ?? "application/octet-stream",
    });
    response.end(file.body);
  };
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, ADDRESS, resolve));
  return {
    url: `http://${ADDRESS}:${(server.address() as AddressInfo).port}/`,
    sent,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
