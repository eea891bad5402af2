// What the core imports from the platform (wasm module `env`); the contract is tools/emulator/core/interface.ts.

export declare function port_read(cpu: i32, port: i32, size: i32): u32;
export declare function port_write(cpu: i32, port: i32, size: i32, value: u32): void;
export declare function mmio_read(cpu: i32, address: u32, size: i32): u32;
export declare function mmio_write(cpu: i32, address: u32, size: i32, value: u32): void;
export declare function interrupt_acknowledge(cpu: i32): i32;
export declare function apic_eoi(vector: i32): void;
export declare function page_out(host: u32): u32;
export declare function page_in(kept: u32, host: u32): void;
export declare function hot(block: usize): u32;
export declare function code_dropped(frame: u32): void;
export declare function trace(cpu: i32, event: i32, a: u32, b: u32, c: u32): void;
