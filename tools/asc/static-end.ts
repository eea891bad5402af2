// Where the static data of a compiled guest program ends. asc knows, the wasm does not say: data segments leave zeros
// out, and memory is counted in pages. So a program that is to be put into memory exports it as `staticEnd`.

/** First address behind the module's static data, which its export `staticEnd` tells. Throws Error where there is none. */
export function staticEnd(wasm: Uint8Array): number {
  const nothing = new Proxy({}, { get: () => () => 0 });
  const imports = new Proxy({}, { get: () => nothing });
  const module = new WebAssembly.Module(new Uint8Array(wasm));
  const { exports } = new WebAssembly.Instance(module, imports);
  const { staticEnd } = exports as { staticEnd?: () => number };
  if (!staticEnd) throw new Error("the module does not export staticEnd()");
  return staticEnd() >>> 0;
}
