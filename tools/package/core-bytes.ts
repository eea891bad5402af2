// The compiled CPU core inside the npm package, as text: it needs no file system, no server and no bundler that
// knows what a .wasm file is. In the repository there is none; building the package writes it.

/** Base64 of emulator-core.wasm. */
export const CORE_BASE64: string = "";
