// What a benchmark's guest in C has around it: nothing but these. `workload` does so many rounds and returns a value
// that depends on all of its work; it is called once, on a stack of 16 KiB, with SSE2 switched on.

#ifndef GUEST_H
#define GUEST_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef __SIZE_TYPE__ size_t;

/** Free RAM, 96 MiB from here on. */
#define DATA_AREA ((u8 *)0x1000000)

u64 workload(u32 rounds);

/** The generator of Numerical Recipes, 7.1: x' = 1664525 x + 1013904223. */
static inline u32 next_random(u32 *state) { return *state = *state * 1664525u + 1013904223u; }

/** FNV-1a, one step for 64 bits. */
static inline u64 mixed(u64 hash, u64 value) { return (hash ^ value) * 0x100000001b3ull; }

// Compilers call these for copies of structures.
void *memcpy(void *to, const void *from, size_t count);
void *memset(void *to, int value, size_t count);

#endif
