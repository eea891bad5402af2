// The compiled WASI layer inside the npm package, as text. In the repository there is none; building the package
// writes it.

/** Base64 of wasi.wasm. */
export const WASI_BASE64: string = "";
