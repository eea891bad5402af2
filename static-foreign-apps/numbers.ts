// The numbers of the kernel's interface and of the services for programs in C and Rust: the part of hedron.h and
// hedron.rs between two marks is written from kernel/abi.ts and roottask/libhrstd/layout.ts, comments included, by
// `make hedron_header`. Only what these two files consist of is understood: comments, and constants that are numbers.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { MakeError } from "../tools/make/task.ts";

/** Where the numbers come from. */
const SOURCES = ["kernel/abi.ts", "roottask/libhrstd/layout.ts"];
/** What concerns the roottask alone: how it numbers its services. */
const LEFT_OUT = /^SERVICES?(_|$)/;

interface Language {
  file: string;
  begin: string;
  end: string;
  /** A comment of its own lines, a heading, a constant whose value is an expression of numbers and names. */
  comment(lines: string[]): string[];
  constant(name: string, value: string): string;
}

/** Names in an expression; hexadecimal digits are none. */
const NAME = /\b[A-Z][A-Z0-9_]*\b/g;

export const HEADERS: readonly Language[] = [
  {
    file: "static-foreign-apps/C/hedron.h",
    begin: "/* ---- numbers: written by `make hedron_header` ---- */",
    end: "/* ---- end of the numbers ---- */",
    comment: (lines) =>
      lines.length === 1
        ? [`/* ${lines[0]} */`]
        : ["/*", ...lines.map((line) => ` * ${line}`), " */"],
    constant: (name, value) => {
      const expression = value.replace(NAME, "HEDRON_$&");
      const text = /^\w+$/.test(expression) ? expression : `(${expression})`;
      return `#define HEDRON_${name} ${text}`;
    },
  },
  {
    file: "static-foreign-apps/Rust/hedron.rs",
    begin: "// ---- numbers: written by `make hedron_header` ----",
    end: "// ---- end of the numbers ----",
    comment: (lines) => lines.map((line) => `// ${line}`),
    constant: (name, value) =>
      `pub const ${name}: ${value.startsWith("-") ? "i64" : "u64"} = ${value};`,
  },
];

/** Turns one source into lines of `language`. Throws `MakeError` for a line it does not understand. */
function translate(path: string, text: string, language: Language): string[] {
  const output: string[] = [];
  let comment: string[] | undefined;
  // What stands before the first empty line says what the file is, not what the numbers are.
  const lines = text.split("\n");
  const start = lines.indexOf("") + 1;
  for (const [index, line] of lines.entries()) {
    if (index < start) continue;
    const section = /^\/\/ --- (.*) ---$/.exec(line)?.[1];
    const single = /^\/\*\* (.*) \*\/$/.exec(line)?.[1];
    const [, name, value] = /^export const (\w+)(?:: \w+)? = (.*);$/.exec(line) ?? [];
    if (section !== undefined) output.push(...language.comment([section]));
    else if (single !== undefined) output.push(...language.comment([single]));
    else if (line === "/**") comment = [];
    else if (line === " */") {
      output.push(...language.comment(comment ?? []));
      comment = undefined;
    } else if (comment) comment.push(line.replace(/^ \* ?/, ""));
    else if (name !== undefined && value !== undefined) {
      if (LEFT_OUT.test(name) || value.startsWith('"')) continue;
      output.push(language.constant(name, value.replace(/(?<=[0-9a-f])_(?=[0-9a-f])/g, "")));
    } else if (line === "") output.push("");
    else throw new MakeError(`${path}:${index + 1}: neither a comment nor a constant: ${line}`);
  }
  return output;
}

/** The header with the numbers as they are now. Throws `MakeError`. */
export function withNumbers(root: string, language: Language, text: string): string {
  const begin = text.indexOf(`${language.begin}\n`);
  const end = text.indexOf(language.end);
  if (begin < 0 || end < begin) {
    throw new MakeError(`${language.file}: the lines that mark its numbers are missing`);
  }
  const lines = SOURCES.flatMap((path) =>
    translate(path, readFileSync(join(root, path), "utf8"), language),
  );
  const head = text.slice(0, begin + language.begin.length + 1);
  const numbers = lines
    .join("\n")
    .replace(/\n{3,}/g, "\n\n")
    .trim();
  return `${head}\n${numbers}\n\n${text.slice(end)}`;
}

/** Writes the numbers into the headers; tells which files have changed. */
export function writeHeaders(root: string): string[] {
  return HEADERS.filter((language) => {
    const path = join(root, language.file);
    const text = readFileSync(path, "utf8");
    const updated = withNumbers(root, language, text);
    if (updated !== text) writeFileSync(path, updated);
    return updated !== text;
  }).map(({ file }) => file);
}
