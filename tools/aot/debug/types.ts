// Types of the source language as debuggers show them. A class is an address in linear memory: a parameter or variable
// of its type is shown as a pointer, whose value the location computes; a member keeps the 32-bit offset it holds.

import type { DebugType } from "../../elf/index.ts";
import type { ClassDescription } from "../../wasm/description.ts";

type Base = Extract<DebugType, { kind: "base" }>;

const BASES = new Map<string, [number, Base["encoding"]]>([
  ["bool", [1, "boolean"]],
  ["i8", [1, "signed"]],
  ["u8", [1, "unsigned"]],
  ["i16", [2, "signed"]],
  ["u16", [2, "unsigned"]],
  ["i32", [4, "signed"]],
  ["u32", [4, "unsigned"]],
  ["isize", [4, "signed"]],
  ["usize", [4, "unsigned"]],
  ["i64", [8, "signed"]],
  ["u64", [8, "unsigned"]],
  ["f32", [4, "float"]],
  ["f64", [8, "float"]],
]);
/** What everything else is in wasm: references are offsets in linear memory. */
const OTHER = "u32";

/** Collects the types of a unit. */
export class DebugTypes {
  readonly list: DebugType[] = [];
  private readonly known = new Map<string, number>();
  private readonly classes: Map<string, ClassDescription>;
  private readonly windowAtZero: boolean;

  /** `windowAtZero`: an offset in linear memory is an address. */
  constructor(classes: readonly ClassDescription[], windowAtZero: boolean) {
    this.classes = new Map(classes.map((each) => [each.name, each]));
    this.windowAtZero = windowAtZero;
  }

  private class(type: string): ClassDescription | undefined {
    return this.classes.get(type.replace(/ \| null$/, ""));
  }

  isClass(type: string): boolean {
    return this.class(type) !== undefined;
  }

  private add(key: string, type: DebugType): number {
    const index = this.list.push(type) - 1;
    this.known.set(key, index);
    return index;
  }

  /** Index of the type of a result, which is an offset wherever it is one in memory. */
  result(type: string): number {
    return this.member(type);
  }

  /** Index of the type of a variable. */
  of(type: string): number {
    const found = this.class(type);
    return found ? this.pointer(found, this.windowAtZero ? 4 : 8) : this.base(type);
  }

  private base(type: string): number {
    const [size, encoding] = BASES.get(type) ?? (BASES.get(OTHER) as [number, Base["encoding"]]);
    const name = BASES.has(type) ? type : OTHER;
    return this.known.get(name) ?? this.add(name, { kind: "base", name, size, encoding });
  }

  private pointer(type: ClassDescription, size: 4 | 8): number {
    const key = `pointer ${type.name}`;
    return this.known.get(key) ?? this.add(key, { kind: "pointer", size, to: this.struct(type) });
  }

  /** Members may lead back to it: it is listed before they are. */
  private struct(type: ClassDescription): number {
    const key = `struct ${type.name}`;
    const known = this.known.get(key);
    if (known !== undefined) return known;
    const struct: Extract<DebugType, { kind: "struct" }> = {
      kind: "struct",
      name: type.label,
      size: type.size,
      members: [],
    };
    const index = this.add(key, struct);
    this.add(`typedef ${type.name}`, { kind: "typedef", name: type.label, to: index });
    for (const [name, member, offset] of type.members) {
      struct.members.push({ name, type: this.member(member), offset });
    }
    return index;
  }

  private member(type: string): number {
    const found = this.class(type);
    if (!found) return this.base(type);
    if (this.windowAtZero) return this.pointer(found, 4);
    const key = `offset ${found.name}`;
    const name = `${found.label}_offset`;
    return this.known.get(key) ?? this.add(key, { kind: "typedef", name, to: this.base(OTHER) });
  }
}
