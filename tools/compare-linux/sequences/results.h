// Between sequence.c and results.c: where a sequence stands, and where its results go.
#pragma once
#include "sequence.h"

/** Results go into `hash`, and to the output as well where they are to be seen. */
void begin_results(uint64_t *hash, int verbose);
/** What is drawn next is that of call number `index`. */
void position(uint64_t seed, int index);
/** Signals that came, and the line's end. */
void end_call(void);
