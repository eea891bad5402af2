// Instructions for the guest programs here.

export declare function ldmxcsr(value: i32): void;
