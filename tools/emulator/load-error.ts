// The one error about what a machine is given: files, sizes, the compiled core. The message is one line that
// names the file and the place, says what was expected, and what to do where that is known.

export class LoadError extends Error {
  override name = "LoadError";
}
