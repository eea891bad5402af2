// Takes the description of a guest program (../wasm/description.ts) from asc's program once it has been compiled.

import {
  type ClassDescription,
  type FunctionDescription,
  type Place,
  type ProgramDescription,
  simpleName,
} from "../wasm/description.ts";

// The parts of asc's program that are read here; its package declares them as numbers of an enumeration.
const ELEMENT_FUNCTION = 5;
const ELEMENT_CLASS = 7;
const NODE_IDENTIFIER = 7;
const NODE_BINARY = 9;
const NODE_UNARY_POSTFIX = 28;
const NODE_UNARY_PREFIX = 29;
const NODE_VARIABLE = 48;

interface Source {
  normalizedPath: string;
  lineAt(offset: number): number;
  columnAt(): number;
}
interface Range {
  start: number;
  end: number;
  source: Source;
}
interface Node {
  kind: number;
  range: Range;
  text?: string;
  left?: Node;
  operand?: Node;
  declarations?: { name: Node }[];
}
interface Named {
  name: string;
  type: { toString(): string } | undefined;
}
interface Element {
  kind: number;
  declaration: Node | undefined;
  localsByIndex?: (Named & { index: number })[];
  signature?: { returnType: { toString(): string }; thisType: unknown; parameterTypes: unknown[] };
  members?: Map<string, { instance?: Named & { memoryOffset: number } }>;
  nextMemoryOffset?: number;
}

/** asc's program, as far as it is read here. */
export interface AscProgram {
  instancesByName: Map<string, Element>;
}

function label(name: string): string {
  return name
    .replace(/[^<>,]*\//g, "")
    .replace(/#/g, ".")
    .replace(/\b(?:get|set):/g, "");
}

function place(source: Source, offset: number): Place {
  return [source.lineAt(offset), source.columnAt()];
}

/** Calls `visit` for every node below `node`. */
function walk(node: object, visit: (node: Node) => void): void {
  for (const [key, value] of Object.entries(node)) {
    if (key === "range" || typeof value !== "object" || value === null) continue;
    if (Array.isArray(value)) walk(value, visit);
    else if (typeof (value as Node).kind === "number" && (value as Node).range) {
      visit(value as Node);
      walk(value, visit);
    }
  }
}

/** The node at which asc's code for a change of a variable stands, and the variable's name. */
function change(node: Node): [Node, string | undefined] | undefined {
  const { kind, declarations } = node;
  if (kind === NODE_VARIABLE && declarations?.length === 1)
    return [node, declarations[0]?.name.text];
  const target =
    kind === NODE_BINARY
      ? node.left
      : kind === NODE_UNARY_POSTFIX || kind === NODE_UNARY_PREFIX
        ? node.operand
        : undefined;
  return target?.kind === NODE_IDENTIFIER ? [node, target.text] : undefined;
}

/** Describes a compiled program. */
export function describeProgram(program: AscProgram): ProgramDescription {
  const functions: FunctionDescription[] = [];
  const classes: ClassDescription[] = [];
  const nodes: Node[] = [];
  for (const [name, element] of program.instancesByName) {
    if (element.kind === ELEMENT_CLASS && element.nextMemoryOffset !== undefined) {
      const members: ClassDescription["members"] = [];
      for (const [member, { instance }] of element.members ?? []) {
        if (!instance?.type || !(instance.memoryOffset >= 0)) continue;
        members.push([member, instance.type.toString(), instance.memoryOffset]);
      }
      classes.push({ name, label: label(name), size: element.nextMemoryOffset, members });
    }
    const { declaration } = element;
    if (element.kind !== ELEMENT_FUNCTION || !declaration || declaration.range.start === 0)
      continue;
    const { source, start, end } = declaration.range;
    const result = element.signature?.returnType.toString() ?? "void";
    const locals = element.localsByIndex ?? [];
    const count =
      (element.signature?.parameterTypes.length ?? 0) + (element.signature?.thisType ? 1 : 0);
    functions.push({
      name,
      label: label(name),
      file: source.normalizedPath,
      start: place(source, start),
      end: place(source, end),
      parameters: locals.slice(0, count).map((l) => [l.name, l.type?.toString() ?? ""]),
      variables: variables(declaration, locals),
      result: result === "void" ? "" : result,
      mentions: {},
    });
    nodes.push(declaration);
  }
  const names = new Set(functions.map((f) => simpleName(f.label)));
  for (const [i, f] of functions.entries()) {
    const { mentions } = f;
    walk(nodes[i] as Node, ({ kind, text, range }) => {
      if (kind !== NODE_IDENTIFIER || text === undefined || !names.has(text)) return;
      const line = range.source.lineAt(range.start);
      const lines = Object.hasOwn(mentions, text) ? (mentions[text] as number[]) : [];
      if (!lines.includes(line)) lines.push(line);
      Object.defineProperty(mentions, text, { value: lines, enumerable: true, configurable: true });
    });
  }
  return { functions, classes };
}

function variables(declaration: Node, locals: readonly Named[]): FunctionDescription["variables"] {
  const types = new Map(locals.map(({ name, type }) => [name, type?.toString() ?? ""]));
  const found: FunctionDescription["variables"] = [];
  walk(declaration, (node) => {
    const changed = change(node);
    const type = changed && types.get(changed[1] ?? "");
    if (!changed || type === undefined) return;
    const { range } = changed[0];
    found.push([...place(range.source, range.start), changed[1] as string, type]);
  });
  return found;
}
