// The kernel as the tests in Node run it: the same module with the audit of its memory beside it.

export * from "../main";
export { audit, audit_bytes, audit_where, available_pages, pool_end, pool_start } from "./audit";
