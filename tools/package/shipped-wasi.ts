// What tools/aot/wasi/module.ts is in the repository, for the npm package: the compiled layer is there.

/** The compiled WASI layer. */
export async function wasiModule(): Promise<Uint8Array> {
  const { WASI_BASE64 } = await import("./wasi-bytes.ts");
  return Uint8Array.from(atob(WASI_BASE64), (byte) => byte.charCodeAt(0));
}
