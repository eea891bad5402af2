// Numbers on the command lines of campaigns.

import { InvalidArgumentError } from "commander";

export function natural(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) {
    throw new InvalidArgumentError("expected a whole number");
  }
  return value;
}

export function positive(text: string): number {
  const value = natural(text);
  if (value === 0) throw new InvalidArgumentError("expected a number from 1 on");
  return value;
}
