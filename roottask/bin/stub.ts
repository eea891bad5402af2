// Functions of hello_native that are written in assembly (asm/vectors.ts).

/** Whether processor and kernel let programs use AVX: 1, or 0. */
export declare function has_avx(): u32;
/** Sum of the products of `count` f64, a multiple of four and not 0, at `a` and at `b`. */
export declare function avx_dot_product(a: usize, b: usize, count: u32): f64;
