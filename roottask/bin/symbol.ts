// Addresses of functions that bench_native exports: where its threads begin (docs/toolchain.md, import module `symbol`).

export declare function exception_thread(): u64;
export declare function pong_thread(): u64;
export declare function short_thread(): u64;
