// The decoded module: what the reader hands to the validator and the IR builder.
// Follows the WebAssembly core specification, "Structure". Function bodies stay bytes; everything
// else is decoded.

/** Value types by their binary code (core specification, 5.3.1). */
export const I32 = 0x7f;
export const I64 = 0x7e;
export const F32 = 0x7d;
export const F64 = 0x7c;
export const V128 = 0x7b;
export const FUNCREF = 0x70;
export const EXTERNREF = 0x6f;
export type RefType = 0x70 | 0x6f;
export type ValType = 0x7f | 0x7e | 0x7d | 0x7c | 0x7b | RefType;

export function isRef(type: number): type is RefType {
  return type === FUNCREF || type === EXTERNREF;
}

export interface FuncType {
  params: ValType[];
  results: ValType[];
}

export interface Limits {
  min: number;
  /** Undefined when the module states no maximum. */
  max: number | undefined;
}

export interface TableType extends Limits {
  type: RefType;
}

export interface GlobalType {
  type: ValType;
  mutable: boolean;
}

export interface Import {
  module: string;
  name: string;
  /** Byte offset of the entry, for messages. */
  offset: number;
}

export interface FuncImport extends Import {
  typeIndex: number;
}

/** A constant expression: a value (null has the bits 0), a function, or an imported, immutable global. */
export type ConstExpr =
  | { kind: "const"; type: ValType; bits: bigint }
  | { kind: "func"; type: ValType; index: number }
  | { kind: "global"; type: ValType; index: number };

export interface GlobalDef extends GlobalType {
  init: ConstExpr;
}

export interface Export {
  name: string;
  kind: "func" | "table" | "memory" | "global";
  index: number;
}

export interface ElementSegment {
  mode: "active" | "passive" | "declarative";
  /** The table of an active segment. */
  table: number;
  type: RefType;
  offset: ConstExpr | undefined;
  /** Function index, -1 for a null entry, -2 - n for the value of global n. */
  funcs: Int32Array;
}

export interface DataSegment {
  mode: "active" | "passive";
  offset: ConstExpr | undefined;
  bytes: Uint8Array;
}

export interface LocalRun {
  count: number;
  type: ValType;
}

export interface FuncBody {
  typeIndex: number;
  /** Locals behind the parameters, as the file has them: runs of one type. */
  locals: LocalRun[];
  /** First byte of the instruction sequence, in the file. */
  start: number;
  /** One past the final `end`, in the file. */
  end: number;
}

export interface Module {
  bytes: Uint8Array;
  types: FuncType[];
  funcImports: FuncImport[];
  globalImports: (Import & GlobalType)[];
  memoryImport: Import | undefined;
  tableImports: Import[];
  /** Bodies; function index = `funcImports.length` + position. */
  funcs: FuncBody[];
  /** All tables, imported ones first. */
  tables: TableType[];
  memory: Limits | undefined;
  globals: GlobalDef[];
  exports: Export[];
  start: number | undefined;
  elements: ElementSegment[];
  data: DataSegment[];
  dataCount: number | undefined;
  /** Functions that `ref.func` may name in bodies: those that occur outside of them. */
  declaredFuncs: Set<number>;
  /** Function names of the name section, by function index. */
  funcNames: Map<number, string>;
  globalNames: Map<number, string>;
  /** Value of the custom section `sourceMappingURL`. */
  sourceMapUrl: string | undefined;
}

/** Type of a function by its index in the joint space of imports and definitions. */
export function funcTypeOf(module: Module, index: number): FuncType {
  const imported = module.funcImports.length;
  const typeIndex =
    index < imported
      ? (module.funcImports[index] as FuncImport).typeIndex
      : (module.funcs[index - imported] as FuncBody).typeIndex;
  return module.types[typeIndex] as FuncType;
}

/** Types of all locals of a function, parameters first. */
export function localTypes(module: Module, body: FuncBody): ValType[] {
  const types = (module.types[body.typeIndex] as FuncType).params.slice();
  for (const { count, type } of body.locals) for (let i = 0; i < count; i++) types.push(type);
  return types;
}

/** Type of a global by its index in the joint space of imports and definitions. */
export function globalTypeOf(module: Module, index: number): GlobalType | undefined {
  const imported = module.globalImports.length;
  return index < imported ? module.globalImports[index] : module.globals[index - imported];
}
