// Mandelbrot set in f64: a float loop with a data-dependent end.

export function run(): i64 {
  let total: i64 = 0;
  for (let y = 0; y < 160; y++) {
    for (let x = 0; x < 160; x++) {
      const cr = <f64>x * (3.0 / 160.0) - 2.0;
      const ci = <f64>y * (2.0 / 160.0) - 1.0;
      let zr = 0.0;
      let zi = 0.0;
      let n = 0;
      while (n < 200 && zr * zr + zi * zi < 4.0) {
        const t = zr * zr - zi * zi + cr;
        zi = 2.0 * zr * zi + ci;
        zr = t;
        n++;
      }
      total += n;
    }
  }
  return total;
}
