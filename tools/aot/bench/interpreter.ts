// A bytecode interpreter running a loop of arithmetic: a dense switch over a small program.

const code: usize = memory.data(64);
const registers: usize = memory.data(64);

function emit(at: usize, op: u8, x: u8, y: u8, z: u8): void {
  store<u8>(code + at * 4, op, 0);
  store<u8>(code + at * 4, x, 1);
  store<u8>(code + at * 4, y, 2);
  store<u8>(code + at * 4, z, 3);
}

function reg(i: u32): i64 {
  return load<i64>(registers + ((<usize>i) << 3));
}

function set(i: u32, value: i64): void {
  store<i64>(registers + ((<usize>i) << 3), value);
}

function interpret(): i64 {
  let pc: usize = 0;
  while (true) {
    const p = code + (pc << 2);
    const op = <u32>load<u8>(p);
    const x = <u32>load<u8>(p, 1);
    const y = <u32>load<u8>(p, 2);
    const z = <u32>load<u8>(p, 3);
    pc++;
    switch (op) {
      case 0:
        return reg(x);
      case 1:
        set(x, reg(y) + reg(z));
        break;
      case 2:
        set(x, reg(y) - reg(z));
        break;
      case 3:
        set(x, reg(y) * reg(z));
        break;
      case 4:
        set(x, reg(y) ^ reg(z));
        break;
      case 5:
        set(x, reg(y) << (<i64>z));
        break;
      case 6:
        set(x, <i64>y);
        break;
      case 7:
        if (reg(x) != 0) pc = y;
        break;
      case 8:
        set(x, reg(y) >> <i64>z);
        break;
      default:
        unreachable();
    }
  }
}

export function run(): i64 {
  emit(0, 6, 0, 1, 0);
  emit(1, 6, 1, 200, 0);
  emit(2, 5, 1, 1, 13);
  emit(3, 6, 2, 3, 0);
  emit(4, 6, 3, 1, 0);
  emit(5, 3, 2, 2, 2);
  emit(6, 1, 2, 2, 1);
  emit(7, 8, 4, 2, 7);
  emit(8, 4, 2, 2, 4);
  emit(9, 2, 1, 1, 3);
  emit(10, 7, 1, 5, 0);
  emit(11, 0, 2, 0, 0);
  return interpret();
}
