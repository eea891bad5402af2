// Sixteen pixels, four vectors, without the fourth byte of each, which is three vectors, and back;
// the fourth bytes of what comes back are anything.

export class Sixteen {
  /** Sets what is no colour. */
  @inline static opaque(pixels: v128): v128 {
    return v128.or(pixels, i32x4.splat(0xff00_0000));
  }

  @inline static first(a: v128, b: v128): v128 {
    return i8x16.shuffle(a, b, 0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 16, 17, 18, 20);
  }

  @inline static second(b: v128, c: v128): v128 {
    return i8x16.shuffle(b, c, 5, 6, 8, 9, 10, 12, 13, 14, 16, 17, 18, 20, 21, 22, 24, 25);
  }

  @inline static third(c: v128, d: v128): v128 {
    return i8x16.shuffle(c, d, 10, 12, 13, 14, 16, 17, 18, 20, 21, 22, 24, 25, 26, 28, 29, 30);
  }

  @inline static pixels0(x: v128): v128 {
    return i8x16.shuffle(x, x, 0, 1, 2, 0, 3, 4, 5, 0, 6, 7, 8, 0, 9, 10, 11, 0);
  }

  @inline static pixels1(x: v128, y: v128): v128 {
    return i8x16.shuffle(x, y, 12, 13, 14, 0, 15, 16, 17, 0, 18, 19, 20, 0, 21, 22, 23, 0);
  }

  @inline static pixels2(y: v128, z: v128): v128 {
    return i8x16.shuffle(y, z, 8, 9, 10, 0, 11, 12, 13, 0, 14, 15, 16, 0, 17, 18, 19, 0);
  }

  @inline static pixels3(z: v128): v128 {
    return i8x16.shuffle(z, z, 4, 5, 6, 0, 7, 8, 9, 0, 10, 11, 12, 0, 13, 14, 15, 0);
  }
}
