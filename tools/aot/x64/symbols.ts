// How code refers to what is elsewhere. The compiler's own places (functions by number, routines,
// data) and symbols of other objects are two namespaces: `external` names alone have its prefix, so
// that no name from a module ever means something of the compiler's.

/** Storage of the module's globals, 8 bytes each, in index order. */
export const GLOBALS_SYMBOL = "__aot_globals";
/** Current memory size in pages, u32 (target linux). */
export const PAGES_SYMBOL = "__aot_memory_pages";
/** The first table of functions: 16 bytes per entry, code address, type number, function number. */
export const TABLE_SYMBOL = "__aot_table";
/** Table entries of the functions that are references, by function number; number 0 is null. */
export const FUNCTIONS_SYMBOL = "__aot_functions";
/** Current size of a table that grows, u32; followed by the table's number. */
export const TABLE_SIZE_SYMBOL = "__aot_table_size.";
/** Float literals and masks of sign operations. */
export const POOL_SYMBOL = "__aot_constants";
/** Code offsets of br_table, 4 bytes each, relative to the start of their table. */
export const JUMP_TABLE_SYMBOL = "__aot_jump_tables";
/** What the program says where the CPU lacks instructions (target linux). */
export const CPU_SYMBOL = "__aot_wrong_cpu";
/** RSP at process entry (target linux). */
export const STACK_SYMBOL = "__aot_entry_stack";

/** Symbol of a table by its number. */
export function tableSymbol(table: number): string {
  return table === 0 ? TABLE_SYMBOL : `${TABLE_SYMBOL}.${table}`;
}

/** Routines for bulk operations; `helperName` adds the numbers of segments and tables. */
export const HELPER = {
  copy: "__aot_memory_copy",
  fill: "__aot_memory_fill",
  init: "__aot_memory_init.",
  drop: "__aot_data_drop.",
  tableInit: "__aot_table_init.",
  tableCopy: "__aot_table_copy.",
  tableFill: "__aot_table_fill.",
  tableGrow: "__aot_table_grow.",
  elemDrop: "__aot_elem_drop.",
  grow: "__aot_memory_grow",
} as const;

/** The routine of kind `helper` for the given segment and tables. */
export function helperName(helper: string, ...numbers: number[]): string {
  return helper + numbers.join(".");
}

/** The numbers in the name of a routine. */
export function helperNumbers(name: string): number[] {
  return name.split(".").slice(1).map(Number);
}

/** Data of passive segments: bytes, and the current size (0 once dropped), u32. */
export const SEGMENT = {
  data: "__aot_data.",
  dataSize: "__aot_data_size.",
  elements: "__aot_elements.",
  elementsSize: "__aot_elements_size.",
  /** Content of an active data segment until it is copied (target linux). */
  initial: "__aot_segment.",
} as const;

const EXTERNAL = "external ";
const FUNCTION = "function ";

/** Reference to the global symbol `name` of the program, wherever it is defined. */
export function external(name: string): string {
  return EXTERNAL + name;
}

/** Name of the global symbol that `reference` means, or undefined where it is the compiler's. */
export function externalName(reference: string): string | undefined {
  return reference.startsWith(EXTERNAL) ? reference.slice(EXTERNAL.length) : undefined;
}

/** Reference to the compiled function in `slot`. */
export function functionReference(slot: number): string {
  return FUNCTION + slot;
}

/** Slot that `reference` means, or -1. */
export function functionSlot(reference: string): number {
  return reference.startsWith(FUNCTION) ? Number(reference.slice(FUNCTION.length)) : -1;
}
