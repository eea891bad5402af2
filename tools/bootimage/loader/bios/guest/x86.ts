// A machine instruction that only this loader needs (docs/toolchain.md, module x86).

export declare function hlt(): void;
