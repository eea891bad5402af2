// Addresses of symbols in the linked image.

/** The font: tools/screen/object.ts says what is there. */
export declare function screen_font(): u64;
