// The compiled core as it comes, bytes or a module, and fresh instances of it.

import { LoadError } from "../load-error.ts";
import type { CoreExports, CoreImports, StoreImports, TierImports } from "./interface.ts";

/** The CPU core, compiled from core/guest: a WebAssembly module or its bytes. */
export type CoreSource = WebAssembly.Module | Uint8Array | ArrayBuffer;

/** Bytes that have been compiled; the same ones are not compiled for each machine. */
const compiled = new WeakMap<object, Promise<WebAssembly.Module>>();
/** What the modules compiled here were made of. */
const origins = new WeakMap<WebAssembly.Module, Uint8Array>();

/** A core without a compiled tier: blocks do not count there. */
const NO_TIER: TierImports = { hot: () => 0, code_dropped: () => {} };

/** Nothing is kept for a core that has no RAM above 4 GiB. */
const NO_STORE: StoreImports = { page_out: () => 0, page_in: () => {} };

const firstLine = (error: unknown): string => String(error).split("\n")[0] as string;

/** Compiles the core. `name` is for messages. Throws `LoadError` if the bytes are no module of WebAssembly. */
export async function compileCore(
  bytes: Uint8Array | ArrayBuffer,
  name = "the CPU core",
): Promise<WebAssembly.Module> {
  try {
    const module = await WebAssembly.compile(bytes as BufferSource);
    origins.set(module, bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes));
    return module;
  } catch (error) {
    throw new LoadError(
      `${name}: ${bytes.byteLength} bytes that are damaged or cut off (${firstLine(error)})`,
    );
  }
}

/**
 * Compiles a core while it arrives, where the server says that it is WebAssembly; engines keep what they compile of such a
 * file beside it. Throws `LoadError` where there is none.
 */
export async function fetchCore(address: URL): Promise<WebAssembly.Module> {
  const name = address.pathname.replace(/^.*\//, "");
  const response = await fetch(address).catch((error: Error) => {
    throw new LoadError(`${name}: ${error.message}`);
  });
  if (!response.ok) throw new LoadError(`${name}: the server answers ${response.status}`);
  const type = response.headers.get("Content-Type") ?? "";
  if (!/^application\/wasm\s*(;|$)/i.test(type)) {
    return compileCore(await response.arrayBuffer(), name);
  }
  const copy = response.clone();
  const module = WebAssembly.compileStreaming(response).catch((error: unknown) => {
    throw new LoadError(`${name}: it is damaged or cut off (${firstLine(error)})`);
  });
  const [compiled, bytes] = await Promise.all([module, copy.arrayBuffer()]);
  origins.set(compiled, new Uint8Array(bytes));
  return compiled;
}

function moduleOf(source: CoreSource): Promise<WebAssembly.Module> | WebAssembly.Module {
  if (source instanceof WebAssembly.Module) return source;
  let module = compiled.get(source);
  if (module === undefined) {
    module = compileCore(source);
    compiled.set(source, module);
  }
  return module;
}

/** The bytes of a core, if they are known: a module that was compiled elsewhere does not give them away. */
export function coreBytes(source: CoreSource): Uint8Array | undefined {
  if (source instanceof WebAssembly.Module) return origins.get(source);
  return source instanceof Uint8Array ? source : new Uint8Array(source);
}

/**
 * A fresh instance of the core, which asks `tier` for regions and has `store` keep pages. Call `create` on it before anything else. Throws `LoadError` if the module is
 * damaged or another program.
 */
export async function instantiateCore(
  source: CoreSource,
  imports: CoreImports,
  tier: TierImports = NO_TIER,
  store: StoreImports = NO_STORE,
): Promise<CoreExports> {
  if (typeof source !== "object" || source === null) {
    throw new LoadError("the CPU core: expected emulator-core.wasm as bytes or WebAssembly.Module");
  }
  const module = await moduleOf(source);
  let instance: WebAssembly.Instance;
  try {
    instance = await WebAssembly.instantiate(module, {
      env: { ...imports, ...tier, ...store } as unknown as WebAssembly.ModuleImports,
    });
  } catch (error) {
    if (error instanceof WebAssembly.LinkError) {
      throw new LoadError(`the CPU core: it is of another version (${firstLine(error)})`);
    }
    if (!(error instanceof RangeError)) throw error;
    throw new LoadError(
      `the CPU core: this process may not have the address space for it (${firstLine(error)})`,
    );
  }
  if (typeof instance.exports.create !== "function") {
    throw new LoadError("the CPU core: it is a WebAssembly module of something else");
  }
  return instance.exports as unknown as CoreExports;
}
