// Machine instructions of the UEFI side beyond those of the core: the wasm module `x86` of docs/toolchain.md.

export declare function rdtsc(): u64;
export declare function cli(): void;
