// A hybrid program: a Linux program that also uses the kernel's native interface when it runs on Hedron. It
// tells by the environment where it is, prints through Linux system calls in either case, and on Hedron
// makes hypercalls of its own in between: a semaphore it creates, and an echo call to the roottask.

import {
  ARG1_FLAGS_SHIFT,
  ARG1_SELECTOR_SHIFT,
  HC_CALL,
  HC_CREATE_SM,
  HC_SM_CTRL,
  SM_CTRL_DOWN,
} from "../../roottask/libhedron/abi";
import { hybridCall } from "../../roottask/libhrstd/hybrid";
import { SEL_ECHO, SEL_PD } from "../../roottask/libhrstd/layout";
import { onHedron } from "./lib/hedron";
import { argumentCount, exit, STDOUT, writeAll } from "./lib/posix";

const text = memory.data(256);
/** A selector no service uses. */
const SEMAPHORE: u64 = 200;

function print(literal: string): void {
  for (let i = 0; i < literal.length; i++) store<u8>(text + i, literal.charCodeAt(i));
  writeAll(STDOUT, text, literal.length);
}

function printNumber(value: u64): void {
  let at: u32 = 20;
  let rest = value;
  do {
    at--;
    store<u8>(text + at, 48 + ((rest % 10) as u8));
    rest /= 10;
  } while (rest !== 0);
  writeAll(STDOUT, text + at, 20 - at);
}

function step(what: string, status: u64): bool {
  print("  ");
  print(what);
  print(": status ");
  printNumber(status & 0xff);
  print("\n");
  return (status & 0xff) === 0;
}

/** Hypercalls, each between two Linux system calls. */
function nativePart(): bool {
  print("this kernel is Hedron, so it takes hypercalls too:\n");
  const create = HC_CREATE_SM | (SEMAPHORE << ARG1_SELECTOR_SHIFT);
  let good = step("create a semaphore", hybridCall(create, SEL_PD, 1, 0, 0));
  const control = HC_SM_CTRL | (SEMAPHORE << ARG1_SELECTOR_SHIFT);
  good =
    step("take it", hybridCall(control | (SM_CTRL_DOWN << ARG1_FLAGS_SHIFT), 0, 0, 0, 0)) && good;
  good = step("give it back", hybridCall(control, 0, 0, 0, 0)) && good;
  good =
    step(
      "call the echo service",
      hybridCall(HC_CALL | (SEL_ECHO << ARG1_SELECTOR_SHIFT), 0, 0, 0, 0),
    ) && good;
  return good;
}

export function main(): i32 {
  print("Hello from a hybrid program, with ");
  printNumber(argumentCount() as u64);
  print(" arguments\n");
  const hedron = onHedron();
  const good = hedron ? nativePart() : true;
  print(good ? "done\n" : "failed\n");
  exit(good ? 0 : 1);
  return 0;
}
