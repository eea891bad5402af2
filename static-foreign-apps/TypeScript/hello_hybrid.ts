// A hybrid program: a Linux program that also uses the kernel's native interface when it runs on Hedron. It
// tells by the environment where it is, prints through Linux system calls in either case, and on Hedron
// makes hypercalls of its own in between: a domain and a semaphore it creates, and calls of the roottask's services.

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
import { decimal } from "../../tools/screen/guest/digits";
import { createDomain, onHedron, printThroughPortal } from "./lib/hedron";
import { argumentCount, exit, STDOUT, writeAll } from "./lib/posix";

const text = memory.data(256);
/** Selectors no service uses. */
const SEMAPHORE: u64 = 200;
const DOMAIN: u64 = 201;

function copy(literal: string): u32 {
  for (let i = 0; i < literal.length; i++) store<u8>(text + i, literal.charCodeAt(i));
  return literal.length as u32;
}

function print(literal: string): void {
  writeAll(STDOUT, text, copy(literal));
}

function printNumber(value: u64): void {
  writeAll(STDOUT, text, decimal(text, value));
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
  good = step("create a domain", createDomain(DOMAIN)) && good;
  const length = copy("  This line goes through the portal of standard error.\n");
  good = step("print by it", printThroughPortal(text, length)) && good;
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
