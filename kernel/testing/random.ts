// Reproducible random numbers for tests.

/** xorshift32 (Marsaglia, Xorshift RNGs, 2003): numbers from 0 up to a limit, the same for the same seed. */
export function generator(seed: number): (limit: number) => number {
  let state = seed | 1;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}
