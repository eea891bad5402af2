// Modules that other compilers made, as npm has them: what a program does with them in V8 is recorded
// and done again by the compiled module, import by import, result by result, and memory byte by byte.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { describe, expect, test } from "vitest";
import { canRunNative } from "../fuzz/harness.ts";
import { replay } from "./program.ts";
import { type Recording, record } from "./record.ts";

const load = createRequire(import.meta.url);

/** Some text that compresses and hashes like text does. */
const text = Array.from({ length: 3000 }, (_, i) => `line ${(i * 7919) % 1000} of the text\n`).join(
  "",
);

describe.skipIf(!canRunNative)("recorded programs run compiled (needs x86-64 Linux)", () => {
  const check = (recordings: Recording[], registers = 16): void => {
    for (const recording of recordings) expect(replay(recording, { registers })).toBeUndefined();
  };

  test("sql.js: SQLite by emscripten, called back by system calls and loading from memory", async () => {
    const recordings = await record(async () => {
      const { Database } = await load("sql.js")();
      const db = new Database();
      db.run("create table t(id integer primary key, name text, x real)");
      for (let i = 0; i < 12; i++) {
        db.run("insert into t(name, x) values(?, ?)", [`name ${(i * 5) % 12}`, i * 1.25]);
      }
      const query =
        "select a.name, sum(b.x), avg(b.x), group_concat(printf('%05.2f', b.x)) from t a " +
        "join t b on b.id <= a.id where a.name like '%1%' group by a.name order by a.name desc";
      expect(db.exec(query)[0].values.length).toBe(3);
      expect(() => db.exec("select missing from t")).toThrow("no such column");
      db.close();
    });
    expect(recordings[0]?.instances[0]?.module.funcs.length).toBeGreaterThan(1900);
    expect(recordings[0]?.importCalls).toBeGreaterThan(100);
    check(recordings);
  });

  test("brotli-wasm: Rust by wasm-bindgen, compressing and decompressing", async () => {
    const recordings = await record(() => {
      const brotli = load("brotli-wasm");
      const bytes = new TextEncoder().encode(text);
      const packed = brotli.compress(bytes, { quality: 7 });
      expect(packed.length).toBeLessThan(bytes.length / 4);
      expect(new TextDecoder().decode(brotli.decompress(packed))).toBe(text);
      expect(() => brotli.decompress(bytes)).toThrow();
    });
    check(recordings);
  });

  test("source-map: Rust, parsing mappings and answering by callbacks", async () => {
    const recordings = await record(async () => {
      const { SourceMapConsumer } = load("source-map");
      const mappings = Array.from({ length: 200 }, () => "AAAA,CAAC,IAAI;AACD,SAAS").join(";");
      const map = { version: 3, sources: ["a.js"], names: [], mappings };
      const consumer = await new SourceMapConsumer(map);
      let count = 0;
      consumer.eachMapping(() => count++);
      expect(count).toBe(1000);
      expect(consumer.originalPositionFor({ line: 3, column: 4 }).source).toBe("a.js");
      expect(consumer.generatedPositionFor({ source: "a.js", line: 2, column: 0 }).line).toBe(1);
      consumer.destroy();
    });
    check(recordings);
  });

  test("xxhash-wasm: written by hand in the text format", async () => {
    const recordings = await record(async () => {
      const { h32, h64, create64 } = await load("xxhash-wasm")();
      expect(h32("hello")).toBe(0xfb0077f9);
      h64(text);
      create64(7n).update("some").update(new TextEncoder().encode(text)).digest();
    });
    check(recordings);
    check(recordings, 5);
  });

  test("hash-wasm: clang -O3, argon2 among two dozen hashes", async () => {
    const salt = new Uint8Array(16).fill(7);
    const recordings = await record(async () => {
      const h = load("hash-wasm");
      const simple =
        "adler32 blake2b blake2s blake3 crc32 crc64 keccak md4 md5 ripemd160 sha1 sha224 sha256 " +
        "sha3 sha384 sha512 sm3 whirlpool xxhash32 xxhash64 xxhash3 xxhash128";
      for (const name of simple.split(" ")) {
        await h[name]("abc");
        await h[name](text.slice(0, 2000));
      }
      expect(await h.md5("abc")).toBe("900150983cd24fb0d6963f7d28e17f72");
      const password = { password: "secret", salt, hashLength: 32 };
      for (const name of ["argon2i", "argon2d", "argon2id"]) {
        await h[name]({ ...password, parallelism: 2, iterations: 2, memorySize: 32 });
      }
      await h.scrypt({ ...password, costFactor: 16, blockSize: 8, parallelism: 1 });
      await h.bcrypt({ password: "secret", salt, costFactor: 4 });
    });
    expect(recordings.length).toBeGreaterThan(25);
    check(recordings);
    check(recordings, 6);
  });

  test("web-tree-sitter: a main module, and grammars it loads into its memory and table", async () => {
    const grammar = (name: string): Uint8Array =>
      readFileSync(load.resolve(`@vscode/tree-sitter-wasm/wasm/tree-sitter-${name}.wasm`));
    const recordings = await record(async () => {
      const { Language, Parser, Query } = load("web-tree-sitter");
      await Parser.init();
      const parser = new Parser();
      parser.setLanguage(await Language.load(grammar("regex")));
      expect(parser.parse("a|[b-d]{2,3}").rootNode.hasError).toBe(false);
      const language = await Language.load(grammar("javascript"));
      parser.setLanguage(language);
      // A regular expression, a template and a missing semicolon need the external scanner.
      const source = `function f(a, b = 1.5) {
  const s = \`\${a}/é\${b}\`
  return /x+[y/]/g.test(s) ? a : [b]
}
class C extends D { get x() { return this.#y ?? <p q='1'>text</p>; } }
`;
      const tree = parser.parse(source);
      expect(tree.rootNode.hasError).toBe(false);
      const query = new Query(language, "(identifier) @name (return_statement (_) @value)");
      expect(query.captures(tree.rootNode).length).toBe(15);
      expect(() => new Query(language, "(no_such_node) @x")).toThrow("no_such_node");
      const cursor = tree.walk();
      const types: string[] = [];
      for (let more = true; more; more = cursor.gotoFirstChild()) types.push(cursor.nodeType);
      expect(types.slice(0, 2)).toEqual(["program", "function_declaration"]);
      // Part of the text is taken away and the rest of the tree used again.
      const [start, end] = [source.indexOf("class"), source.indexOf("extends")];
      tree.edit({
        ...{ startIndex: start, oldEndIndex: end, newEndIndex: start },
        ...{ startPosition: { row: 4, column: 0 }, oldEndPosition: { row: 4, column: 8 } },
        newEndPosition: { row: 4, column: 0 },
      });
      const edited = parser.parse(source.slice(0, start) + source.slice(end), tree);
      expect(edited.rootNode.hasError).toBe(true);
      expect(edited.getChangedRanges(tree).length).toBeGreaterThan(0);
      expect(edited.rootNode.toString()).toContain("ERROR");
      for (const made of [query, cursor, edited, tree, parser]) made.delete();
    });
    expect(recordings.map(({ instances }) => instances.length)).toEqual([3]);
    check(recordings);
  });
});
