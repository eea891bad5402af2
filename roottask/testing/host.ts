// What tests give the modules that they instantiate in Node (import module `host`).

/** What is measured. */
export declare function work(): void;
/** Before and after each repetition. */
export declare function before(): void;
export declare function after(): void;
