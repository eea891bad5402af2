// What a command of QMP is, what it works with, and the checks of its arguments.

import type { RunControl } from "../debug/run-control.ts";
import type { MonitorHost } from "./command.ts";
import type { Monitor } from "./monitor.ts";
import type { Pointer } from "./pointer.ts";

export type Arguments = Readonly<Record<string, unknown>>;

/** What a command works with. */
export interface QmpContext {
  readonly control: RunControl;
  readonly monitor: Monitor;
  readonly host: MonitorHost;
  readonly pointer: Pointer;
}

/** A refusal, with QMP's class of errors. One line. */
export class QmpError extends Error {
  override name = "QmpError";
  readonly kind: "GenericError" | "CommandNotFound";

  constructor(message: string, kind: QmpError["kind"] = "GenericError") {
    super(message);
    this.kind = kind;
  }
}

type TypeName = "string" | "integer" | "boolean" | "array" | "object";

export const isOf: Readonly<Record<TypeName, (value: unknown) => boolean>> = {
  string: (value) => typeof value === "string",
  integer: (value) => Number.isSafeInteger(value),
  boolean: (value) => typeof value === "boolean",
  array: (value) => Array.isArray(value),
  object: (value) => typeof value === "object" && value !== null && !Array.isArray(value),
};

interface Parameter {
  type: TypeName;
  optional?: true;
}

export interface QmpCommand {
  name: string;
  parameters?: Readonly<Record<string, Parameter>>;
  run(context: QmpContext, given: Arguments): unknown;
}

/** Checks the members of an object; `where` is in front of their names. */
export function checkMembers(
  given: Arguments,
  parameters: Readonly<Record<string, Parameter>>,
  where = "",
): void {
  for (const [name, { type, optional }] of Object.entries(parameters)) {
    const value = given[name];
    if (value === undefined) {
      if (optional) continue;
      throw new QmpError(`Parameter '${where}${name}' is missing`);
    }
    if (!isOf[type](value)) {
      throw new QmpError(`Invalid parameter type for '${where}${name}', expected: ${type}`);
    }
  }
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(parameters, name)) {
      throw new QmpError(`Parameter '${where}${name}' is unexpected`);
    }
  }
}

/** A value of an enumeration. */
export function oneOf(name: string, value: unknown, known: readonly string[]): string {
  if (!known.includes(value as string)) {
    throw new QmpError(`Parameter '${name}' does not accept value '${value}'`);
  }
  return value as string;
}
