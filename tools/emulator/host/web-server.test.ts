// Who gets the page of `-display web`, and who does not.

import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket } from "ws";
import { serveWeb, type WebServer } from "./web-server.ts";

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const files = new Map([
  ["index.html", text("<title>page</title>")],
  ["page.js", text("script")],
]);

let server: WebServer;
let port: number;
let secret: string;
let opened = 0;

beforeAll(async () => {
  server = await serveWeb(files, 0, {
    onSocket: (socket) => {
      opened++;
      socket.send("hello");
    },
  });
  const url = new URL(server.url);
  port = Number(url.port);
  secret = url.pathname.slice(1, -1);
});
afterAll(() => server.close());

interface Given {
  method?: string;
  host?: string;
  headers?: string[];
}

/** Status and body that a request gets whose path nobody tidies up. */
async function ask(path: string, given: Given = {}): Promise<{ status: number; answer: string }> {
  const socket = connect(port, "127.0.0.1");
  const { method = "GET", host = `127.0.0.1:${port}`, headers = [] } = given;
  const lines = [`${method} ${path} HTTP/1.1`, `Host: ${host}`, ...headers, "Connection: close"];
  socket.end(`${lines.join("\r\n")}\r\n\r\n`);
  let answer = "";
  socket.on("data", (data) => {
    answer += data.toString("latin1");
  });
  await once(socket, "close");
  return { status: Number(answer.split(" ")[1]), answer };
}

test("the address with the secret shows the page and its files", async () => {
  expect(secret).toMatch(/^[0-9a-f]{32}$/);
  expect(await ask(`/${secret}/`)).toMatchObject({ status: 200, answer: /<title>page/ });
  const { status, answer } = await ask(`/${secret}/page.js?x=1`);
  expect(status).toBe(200);
  expect(answer).toMatch(/^Content-Type: text\/javascript/m);
  expect(answer).toMatch(/^Content-Security-Policy: default-src 'none'/m);
  expect(answer).toMatch(/^Referrer-Policy: no-referrer/m);
  expect((await ask(`/${secret}/`, { host: `localhost:${port}` })).status).toBe(200);
  expect((await ask(`/${secret}/`, { method: "HEAD" })).answer).not.toContain("<title>");
});

test.each(["/", "/index.html", "//", "/0/", `/${"0".repeat(32)}/`, `/${"0".repeat(32)}/machine`])(
  "without the secret %s is not found",
  async (path) => {
    expect((await ask(path)).status).toBe(404);
  },
);

test.each([
  "../package.json",
  "..%2f..%2fpackage.json",
  "%2e%2e/package.json",
  "/etc/passwd",
  "..\\package.json",
  "constructor",
  "__proto__",
  "page.js/",
])("there are no files but the page's: %s", async (path) => {
  expect((await ask(`/${secret}/${path}`)).status).toBe(404);
});

test("other names of this host, and other origins, are refused", async () => {
  for (const host of ["evil.example", `evil.example:${port}`, "127.0.0.1", "127.0.0.1:1"]) {
    expect((await ask(`/${secret}/`, { host })).status, host).toBe(403);
  }
  for (const origin of ["http://evil.example", "null", `http://localhost:${port}`]) {
    const headers = [`Origin: ${origin}`];
    expect((await ask(`/${secret}/`, { headers })).status, origin).toBe(403);
  }
});

test("nothing can be sent to the page's files", async () => {
  expect(await ask(`/${secret}/`, { method: "POST" })).toMatchObject({
    status: 405,
    answer: /^Allow: GET, HEAD/m,
  });
});

/** Status with which a WebSocket is refused, 101 for one that is opened. */
async function upgrade(
  path: string,
  options: { origin?: string; headers?: Record<string, string> },
) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, options);
  return new Promise<number>((resolve) => {
    socket.on("open", () => {
      socket.terminate();
      resolve(101);
    });
    socket.on("unexpected-response", (_request, response) => {
      socket.on("error", () => {});
      socket.terminate();
      resolve(response.statusCode ?? 0);
    });
  });
}

test("a WebSocket is for this page alone", async () => {
  const origin = `http://127.0.0.1:${port}`;
  expect(await upgrade(`/${secret}/machine`, { origin: "http://evil.example" })).toBe(403);
  expect(await upgrade(`/${secret}/machine`, {})).toBe(403);
  expect(await upgrade(`/${secret}/page.js`, { origin })).toBe(404);
  expect(await upgrade(`/${"0".repeat(32)}/machine`, { origin })).toBe(404);
  const headers = { Host: "evil.example" };
  expect(await upgrade(`/${secret}/machine`, { origin: "http://evil.example", headers })).toBe(403);
  expect(opened).toBe(0);
  expect(await upgrade(`/${secret}/machine`, { origin })).toBe(101);
  expect(opened).toBe(1);
});

test("a port that is taken is named", async () => {
  await expect(serveWeb(files, port, { onSocket: () => {} })).rejects.toThrow(
    new RegExp(`^-display web: cannot listen on port ${port}: .*EADDRINUSE`),
  );
});
