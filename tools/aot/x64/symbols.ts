// Names of the symbols the compiler defines beside the module's own functions.

/** Storage of the module's globals, 8 bytes each, in index order. */
export const GLOBALS_SYMBOL = "__aot_globals";
/** Current memory size in pages, u32 (target linux). */
export const PAGES_SYMBOL = "__aot_memory_pages";
/** Function table: 16 bytes per entry, code address then type number. */
export const TABLE_SYMBOL = "__aot_table";

/** Routines for bulk operations; those ending in a dot are followed by a segment number. */
export const HELPER = {
  copy: "__aot_memory_copy",
  fill: "__aot_memory_fill",
  init: "__aot_memory_init.",
  drop: "__aot_data_drop.",
  tableInit: "__aot_table_init.",
  tableCopy: "__aot_table_copy",
  elemDrop: "__aot_elem_drop.",
  grow: "__aot_memory_grow",
} as const;
