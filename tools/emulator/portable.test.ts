// The library as a browser gets it: bundled for one, and run with nothing around it but what browsers and
// workers have too.

import { fileURLToPath } from "node:url";
import { createContext, runInContext } from "node:vm";
import { rolldown } from "rolldown";
import { expect, test } from "vitest";
import { guestModule } from "../asc/guest.ts";
import { CORE_GUEST } from "./core/options.ts";
import { guest, print } from "./platform/testdata/guest.ts";

const entry = fileURLToPath(new URL("index.ts", import.meta.url));

/** Globals of the web platform that the library uses; the language's own are in every context. */
const WEB = {
  MessageChannel,
  TextDecoder,
  TextEncoder,
  performance,
  setTimeout,
  structuredClone,
};

/** The bundle as a script that defines `emulator`. */
async function bundle(): Promise<string> {
  const build = await rolldown({
    input: entry,
    platform: "browser",
    external: [],
    onLog: (_level, log) => {
      throw new Error(log.message);
    },
  });
  const { output } = await build.generate({
    format: "iife",
    name: "emulator",
    codeSplitting: false,
  });
  await build.close();
  expect(output.length).toBe(1);
  return output[0].code;
}

test("a browser's bundle boots kernels and disks without anything of Node", async () => {
  const kernel = guest((a) => print(a, "hello", "hello, page\n"));
  // MOV AX,0E41h; INT 10h; MOV AL,21h; OUT F4h,AL: an "A" on the screen, then status 0x43.
  const disk = new Uint8Array(512);
  disk.set([0xb8, 0x41, 0x0e, 0xcd, 0x10, 0xb0, 0x21, 0xe6, 0xf4]);
  disk.set([0x55, 0xaa], 510);
  const context = createContext({
    ...WEB,
    given: { core: (await guestModule(CORE_GUEST)).wasm, kernel, disk },
  });
  runInContext(await bundle(), context);
  const result = await runInContext(
    `(async () => {
      const { Machine } = emulator;
      const core = new Uint8Array(given.core);
      const seen = [];
      const a = await Machine.create({
        core, kernel: new Uint8Array(given.kernel), memory: "16M", onSerial: (byte) => seen.push(byte),
      });
      const saved = a.snapshot();
      const first = { stop: await a.run(), serial: a.serialOutput, seen: String.fromCharCode(...seen) };
      const clone = await a.clone();
      clone.restore(saved);
      const again = clone.stateHash() !== a.stateHash() && (await clone.run(), clone.stateHash() === a.stateHash());
      const b = await Machine.create({
        core, memory: "16M", debugExit: { iobase: 0xf4, iosize: 4 },
        disks: [{ kind: "disk", image: new Uint8Array(given.disk) }],
      });
      const stop = await b.run();
      const refused = await Machine.create({ core, kernel: new Uint8Array(4) }).catch((e) => e.name);
      const damaged = await Machine.create({ core: core.slice(0, 1000) }).catch((e) => e.message);
      const report = await b.report();
      return JSON.stringify({ first, again, stop, screen: b.screenText()[0], refused, damaged, report });
    })()`,
    context,
  );
  const { report, damaged, ...rest } = JSON.parse(result as string);
  expect(rest).toEqual({
    first: { stop: { kind: "power-off" }, serial: "hello, page\n", seen: "hello, page\n" },
    again: true,
    stop: { kind: "debug-exit", status: 0x43 },
    screen: "A",
    refused: "LoadError",
  });
  expect(damaged).toMatch(/^the CPU core: 1000 bytes that are damaged or cut off \(.*\)$/);
  expect(report).toMatch(/^=> 7c09: [0-9a-f]+$/m);
});
