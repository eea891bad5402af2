// Walks a linked list whose nodes lie in a shuffled order: loads that depend on each other.

const COUNT: u32 = 65536;
const nodes: usize = memory.data(1048576);

@unmanaged
class Node {
  next: Node | null;
  pad: i32;
  value: i64;
}

export function run(): i64 {
  let at: u32 = 0;
  for (let i: u32 = 0; i < COUNT; i++) {
    const following = (at * 5 + 12345) % COUNT;
    const node = changetype<Node>(nodes + ((<usize>at) << 4));
    node.value = <i64>i;
    node.next = i + 1 < COUNT ? changetype<Node>(nodes + ((<usize>following) << 4)) : null;
    at = following;
  }
  let sum: i64 = 0;
  for (let round = 0; round < 10; round++) {
    let node: Node | null = changetype<Node>(nodes);
    while (node) {
      sum += node.value ^ round;
      node = node.next;
    }
  }
  return sum;
}
