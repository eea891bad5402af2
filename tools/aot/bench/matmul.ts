// Product of two 192 × 192 matrices of f64, in the textbook order.

const N: i32 = 192;
const a: usize = memory.data(294912);
const b: usize = memory.data(294912);
const c: usize = memory.data(294912);

function index(row: i32, column: i32): usize {
  return (<usize>(row * N + column)) << 3;
}

export function run(): i64 {
  for (let i = 0; i < N; i++) {
    for (let j = 0; j < N; j++) {
      store<f64>(a + index(i, j), <f64>(i - j) * 0.5);
      store<f64>(b + index(i, j), <f64>(i + j) * 0.25);
    }
  }
  for (let i = 0; i < N; i++) {
    for (let j = 0; j < N; j++) {
      let sum = 0.0;
      for (let k = 0; k < N; k++) sum += load<f64>(a + index(i, k)) * load<f64>(b + index(k, j));
      store<f64>(c + index(i, j), sum);
    }
  }
  let trace = 0.0;
  for (let i = 0; i < N; i++) trace += load<f64>(c + index(i, i));
  return reinterpret<i64>(trace);
}
