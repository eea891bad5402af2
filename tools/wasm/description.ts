// What a compiler from source knows about a program and wasm does not keep: where its functions stand in the source, their
// parameters, variables and types, which functions they name, and how its classes lie in memory. Travels in the source
// map, as an extension field (ECMA-426: names that begin with `x_`).

/** Line and column, from 1. */
export type Place = [line: number, column: number];

export interface FunctionDescription {
  /** asc's internal name, which the name section has: `kernel/sc/nextSc`. */
  name: string;
  /** The name as a person writes it: `nextSc`, `Ec.block`. */
  label: string;
  file: string;
  start: Place;
  end: Place;
  parameters: [name: string, type: string][];
  /** Variables, by the place where their declarations, and assignments to them, stand. */
  variables: [line: number, column: number, name: string, type: string][];
  /** "" where there is none. */
  result: string;
  /** Lines on which names of other functions stand, by that name without its class. */
  mentions: Record<string, number[]>;
}

/** An unmanaged class; other types are named by themselves. */
export interface ClassDescription {
  name: string;
  label: string;
  /** Bytes. */
  size: number;
  members: [name: string, type: string, offset: number][];
}

export interface ProgramDescription {
  functions: FunctionDescription[];
  classes: ClassDescription[];
}

/** The field of the source map. */
export const DESCRIPTION_FIELD = "x_trihedron";

/** The last part of a function's name, as its callers write it. */
export function simpleName(labelled: string): string {
  const plain = labelled.replace(/<.*>/, "");
  return plain.slice(plain.lastIndexOf(".") + 1);
}

function isArrayOf(value: unknown, test: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(test);
}

const isTuple =
  (...types: string[]) =>
  (value: unknown): boolean =>
    Array.isArray(value) &&
    value.length === types.length &&
    types.every((type, i) => typeof value[i] === type);

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function isFunction(value: unknown): boolean {
  return (
    isObject(value) &&
    [value.name, value.label, value.file, value.result].every((text) => typeof text === "string") &&
    [value.start, value.end].every(isTuple("number", "number")) &&
    isArrayOf(value.parameters, isTuple("string", "string")) &&
    isArrayOf(value.variables, isTuple("number", "number", "string", "string")) &&
    isObject(value.mentions) &&
    Object.values(value.mentions).every((lines) => isArrayOf(lines, (n) => typeof n === "number"))
  );
}

function isClass(value: unknown): boolean {
  return (
    isObject(value) &&
    [value.name, value.label].every((text) => typeof text === "string") &&
    typeof value.size === "number" &&
    isArrayOf(value.members, isTuple("string", "string", "number"))
  );
}

/** The description in a source map's field, or undefined where it is none: a map may come from anywhere. */
export function readDescription(field: unknown): ProgramDescription | undefined {
  if (!isObject(field)) return undefined;
  const { functions, classes } = field;
  if (!isArrayOf(functions, isFunction) || !isArrayOf(classes, isClass)) return undefined;
  return field as unknown as ProgramDescription;
}
