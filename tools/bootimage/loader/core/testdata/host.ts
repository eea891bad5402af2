// The firmware of the unit tests: functions of the host.

export declare function read_blocks(block: u32, count: u32, to: u64): u64;
export declare function screen_clear(): void;
export declare function screen_at(x: u32, y: u32): void;
export declare function screen_color(attribute: u32): void;
export declare function screen_put(code: u32): void;
export declare function read_key(): i32;
export declare function milliseconds(): u64;
export declare function read_memory_map(): i32;
/** 0 leaves allocation to the core's own allocator. */
export declare function own_allocator(): i32;
export declare function allocate(bytes: u64, below: u64): u64;
export declare function claim(address: u64, bytes: u64): i32;
export declare function set_video(width: u32, height: u32, depth: u32, out: usize): i32;
export declare function rsdp(): u64;
export declare function smbios(): u64;
export declare function boot_drive(): i32;
export declare function leave(): u64;
export declare function stop(): void;
/** Fills in what kernels are told of UEFI; 0 with BIOS. */
export declare function efi_info(out: usize): i32;
