// Addresses of what the stubs define (asm/).

export declare function boot_drive(): u64;
export declare function idt(): u64;
export declare function fault_entries(): u64;
export declare function loader_end(): u64;
