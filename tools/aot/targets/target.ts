// The targets and what each import module means in them (docs/toolchain.md).

import { isVisible, printable } from "../../wasm/names.ts";
import type { IntrinsicCall } from "../ir/build.ts";
import { I64, Op, type Signature, type Type } from "../ir/ir.ts";
import { external, STACK_SYMBOL } from "../x64/symbols.ts";
import { UEFI_FUNCTIONS } from "./uefi.ts";
import {
  hedronIntrinsics,
  type IntrinsicDef,
  linuxIntrinsics,
  type RoutineDef,
  x86Intrinsics,
} from "./x86.ts";

export type TargetName = "kernel" | "native" | "linux" | "uefi";

export interface Target {
  name: TargetName;
  /** Virtual address of linear memory offset 0; undefined when only known at run time. */
  window: bigint | undefined;
  /** `window`: all 4 GiB are memory; `fixed`: the module's initial size; `grows`: up to the module's maximum. */
  memory: "window" | "fixed" | "grows";
  sse: boolean;
  /** Import modules, `stub` and `symbol` aside. */
  modules: Record<string, Record<string, IntrinsicDef | RoutineDef>>;
}

export const TARGETS: Record<TargetName, Target> = {
  kernel: {
    name: "kernel",
    window: 0xffff_fffe_0000_0000n,
    memory: "window",
    sse: false,
    modules: { x86: x86Intrinsics(0xffff_fffe_0000_0000n) },
  },
  native: {
    name: "native",
    window: 0n,
    memory: "window",
    sse: true,
    modules: { x86: x86Intrinsics(0n), hedron: hedronIntrinsics(0n) },
  },
  linux: {
    name: "linux",
    window: undefined,
    memory: "grows",
    sse: true,
    modules: {
      x86: x86Intrinsics(undefined),
      linux: linuxIntrinsics(STACK_SYMBOL),
      hedron: hedronIntrinsics(undefined),
    },
  },
  uefi: {
    name: "uefi",
    window: undefined,
    memory: "fixed",
    sse: true,
    modules: { x86: x86Intrinsics(undefined), uefi: UEFI_FUNCTIONS },
  },
};

export type ImportMeaning =
  | { kind: "intrinsic"; call: IntrinsicCall }
  /** A function called by the System V convention: a stub, or a routine of the compiler's. */
  | { kind: "call"; reference: string };

const LETTERS = ["", "i32", "i64", "f32", "f64", "v128"];

function describe(params: Type[], results: Type[]): string {
  return `(${params.map((t) => LETTERS[t]).join(", ")}) → ${results.map((t) => LETTERS[t]).join(", ") || "nothing"}`;
}

/** The module an import means: the last component of the name it has in the file. */
export function importModule(module: string): string {
  return module.slice(Math.max(module.lastIndexOf("/"), module.lastIndexOf("\\")) + 1);
}

/**
 * What the import `module.name` of the given signature means in `target`.
 * Throws Error with a one-line explanation when the target does not have it.
 */
export function resolveImport(
  target: Target,
  module: string,
  name: string,
  signature: Signature,
): ImportMeaning {
  const last = importModule(module);
  const { params, results } = signature;
  if ((last === "stub" || last === "symbol") && (name === "" || !isVisible(name))) {
    throw new Error(`${last}."${printable(name)}" cannot be the name of a symbol`);
  }
  if (last === "stub") return { kind: "call", reference: external(name) };
  if (last === "symbol") {
    if (params.length !== 0 || results.length !== 1 || results[0] !== I64) {
      throw new Error(
        `symbol.${printable(name)} must be declared as () → i64, not ${describe(params, results)}`,
      );
    }
    return {
      kind: "intrinsic",
      call: {
        emit(b) {
          const v = b.emit(Op.SymbolAddress, I64, []);
          v.aux = external(name);
          return v;
        },
      },
    };
  }
  const functions = Object.hasOwn(target.modules, last) ? target.modules[last] : undefined;
  if (!functions) {
    const known = [...Object.keys(target.modules), "stub", "symbol"].join(", ");
    throw new Error(
      `target ${target.name} has no import module "${printable(last)}"; it has ${known}`,
    );
  }
  const def = Object.hasOwn(functions, name) ? functions[name] : undefined;
  if (!def) throw new Error(`import module "${last}" has no function "${printable(name)}"`);
  const declared = describe(params, results);
  const expected = describe(def.params, def.result === 0 ? [] : [def.result]);
  // usize is i32 in wasm: a pointer may be declared as either unsigned or signed 32 bit.
  if (declared !== expected) {
    throw new Error(`${last}.${name} must be declared as ${expected}, not ${declared}`);
  }
  return "routine" in def
    ? { kind: "call", reference: def.routine }
    : { kind: "intrinsic", call: def };
}
