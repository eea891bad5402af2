// Quicksort of 300,000 pseudo-random numbers: data-dependent branches and recursion.

const COUNT: i32 = 300000;
const array: usize = memory.data(1200000);

function at(i: i32): i32 {
  return load<i32>(array + ((<usize>i) << 2));
}

function put(i: i32, value: i32): void {
  store<i32>(array + ((<usize>i) << 2), value);
}

function sort(low: i32, high: i32): void {
  while (low < high) {
    const pivot = at((low + high) >> 1);
    let i = low;
    let j = high;
    while (i <= j) {
      while (at(i) < pivot) i++;
      while (at(j) > pivot) j--;
      if (i <= j) {
        const t = at(i);
        put(i++, at(j));
        put(j--, t);
      }
    }
    if (j - low < high - i) {
      sort(low, j);
      low = i;
    } else {
      sort(i, high);
      high = j;
    }
  }
}

export function run(): i64 {
  let seed: u32 = 12345;
  for (let i = 0; i < COUNT; i++) {
    seed = seed * 1664525 + 1013904223;
    put(i, <i32>seed);
  }
  sort(0, COUNT - 1);
  let sum: i64 = 0;
  for (let i = 0; i < COUNT; i++) sum = sum * 31 + at(i);
  return sum;
}
