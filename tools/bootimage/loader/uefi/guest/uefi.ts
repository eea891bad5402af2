// The import module `uefi` of docs/toolchain.md: calls of the firmware by the Microsoft x64 convention, with as many
// arguments as the name says, and what the entry point got.

export declare function call0(address: u64): u64;
export declare function call1(address: u64, a1: u64): u64;
export declare function call2(address: u64, a1: u64, a2: u64): u64;
export declare function call3(address: u64, a1: u64, a2: u64, a3: u64): u64;
export declare function call4(address: u64, a1: u64, a2: u64, a3: u64, a4: u64): u64;
export declare function call5(address: u64, a1: u64, a2: u64, a3: u64, a4: u64, a5: u64): u64;
/** Handle of this application, and physical address of EFI_SYSTEM_TABLE. */
export declare function image_handle(): u64;
export declare function system_table(): u64;
/** Ends the application with an EFI_STATUS; does not return. */
export declare function exit(status: u64): void;
