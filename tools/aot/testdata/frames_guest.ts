// A program whose functions have frames of every shape: none, saved registers, slots, stack arguments, calls
// through the table, recursion, bulk memory and instructions that push.

import { ldmxcsr } from "./x86";

type Binary = (a: i32, b: i32) => i32;

let seed: u32 = 1;
const pairs = memory.data(64);

function next(): u32 {
  seed = seed * 1664525 + 1013904223;
  return seed;
}

function add(a: i32, b: i32): i32 {
  return a + b;
}

function multiply(a: i32, b: i32): i32 {
  return a * b;
}

export function fib(n: i32): i32 {
  return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

export function many(a: i32, b: i64, c: f64, d: i32, e: i32, f: i32, g: i32, h: i64, i: i32): i64 {
  const sum = a + b + <i64>c;
  return d > 0 ? many(d - 1, h, c + 1.5, d - 1, a, e, f, sum, g) + e + f + g + h + i : sum;
}

/** More values than there are registers, all alive around a call. */
export function pressure(n: i32): i32 {
  const a = n * 3;
  const b = n ^ 0x55;
  const c = n + 7;
  const d = n - 9;
  const e = n | 0x10;
  const f = n & 0xfff;
  const g = n << 3;
  const h = n * n;
  const x = fib(n & 3);
  return (a * b + c * d + e * f + g * h) ^ x ^ (a + b + c + d) ^ (e + f + g + h);
}

export function apply(f: Binary, a: i32, b: i32): i32 {
  return a > b ? f(a, b) : f(b, a) - 1;
}

export function early(n: i32): i32 {
  if (n < 0) return -1;
  if (n === 0) return fib(3);
  const half = early(n / 2);
  return half > 100 ? half - 100 : half + fib(n & 3);
}

@unmanaged
class Node {
  value: i32;
  weight: u64;
  next: Node | null;
}

/** Depth first; the last one is the first. */
export function visit(node: Node, depth: i32): i32 {
  const next = node.next;
  return next === null ? node.value * depth : visit(next, depth + 1) + <i32>node.weight;
}

function list(): i32 {
  let first: Node | null = null;
  for (let i = 1; i <= 3; i++) {
    const node = changetype<Node>(memory.data(72) + 24 * (i - 1));
    node.value = i * 10;
    node.weight = 7;
    node.next = first;
    first = node;
  }
  return first === null ? 0 : visit(first, 1);
}

export function main(): i32 {
  ldmxcsr(0x1f80);
  memory.fill(pairs, 1, 64);
  memory.copy(pairs + 8, pairs, 40);
  let sum: i64 = load<i32>(pairs, 12) + list();
  for (let i = 0; i < 3; i++) {
    sum += fib(<i32>(next() % 6));
    sum += many(i, 2, 3.5, 3, 4, 5, 6, 7, 8);
    sum += pressure(i) + early(i * 5000 - 4);
    sum += apply(i === 1 ? add : multiply, i, 2);
  }
  return <i32>sum & 0x7f;
}
