// The compiler's one kind of complaint.

/** Why a module cannot be compiled; `message` is one complete line. */
export class CompileError extends Error {
  override name = "CompileError";
}
