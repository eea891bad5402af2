// Hints about branches come to stand at their branches, however the pieces of a function are put together.

import { expect, test } from "vitest";
import { I32 } from "../../wasm/types.ts";
import { buildModule, emptyModule } from "../../wasm/writer.ts";
import { Code, Imports, OP_BR_IF, OP_IF } from "./code.ts";

test("hints are at branches in the order of the function's code", () => {
  const code = new Code(new Imports());
  const { chunk } = code;
  const outer = code.block();
  code.get(0);
  const first = chunk.bytes.length;
  code.if();
  const side = chunk.insert();
  code.end();
  code.get(0).branchIf(outer);
  code.end();
  code.i32Const(0);
  // What stands in front of others is written last.
  code.chunk = side;
  const inner = code.get(0).block();
  code.get(0).branchIf(inner);
  code.end();
  code.bytes(0x1a);
  chunk.hint(first, true);
  const content = code.content();
  const hinted = content.hints.map(({ at, likely }) => [content.code[at], likely]);
  expect(hinted).toEqual([
    [OP_IF, true],
    [OP_BR_IF, false],
    [OP_BR_IF, false],
  ]);
  const places = content.hints.map(({ at }) => at);
  expect(places).toEqual([...places].sort((a, b) => a - b));

  const module = emptyModule();
  module.types.push({ params: [I32], results: [I32] });
  module.funcs.push({ type: 0, locals: [I32, I32, I32], ...content });
  const bytes = buildModule(module);
  const compiled = new WebAssembly.Module(bytes);
  const [section] = WebAssembly.Module.customSections(compiled, "metadata.code.branch_hint");
  // One function, number 0, three hints: position in the body, which begins with its locals, and one byte.
  const body = 1 + 2 * 3;
  const hints = content.hints.flatMap(({ at, likely }) => [body + at, 1, likely ? 1 : 0]);
  expect([...new Uint8Array(section as ArrayBuffer)]).toEqual([1, 0, 3, ...hints]);
});

test("what is taken back has no hints", () => {
  const code = new Code(new Imports());
  const { chunk } = code;
  const label = code.block();
  const before = chunk.mark();
  code.get(0).branchIf(label);
  chunk.rare = true;
  chunk.rewind(before);
  expect(chunk.rare).toBe(false);
  code.end();
  code.i32Const(0);
  expect(code.content().hints).toEqual([]);
});
