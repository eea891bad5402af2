// A campaign: programs of successive seeds on a pair of machines, what failed, made small.

import { TooLong } from "./assemble.ts";
import { generateProgram } from "./generate.ts";
import type { MachinePair } from "./machine-pair.ts";
import type { Mode, Program } from "./program.ts";
import { shrink } from "./shrink.ts";

export interface CampaignOptions {
  count: number;
  /** Seed of the first program. */
  seed: number;
  mode?: Mode;
  /** Programs that one pair of machines runs, one after the other. */
  perPair?: number;
  /** Failures after which the campaign ends. */
  most?: number;
  onFailure?: (failure: Failure) => void;
  onProgress?: (programs: number) => void;
}

export interface Failure {
  seed: number;
  difference: string;
  /** As small as it could be made; the seed's own if only programs before it let it fail. */
  program: Program;
  /** It fails on machines that have run nothing. */
  alone: boolean;
}

export interface CampaignResult {
  programs: number;
  instructions: number;
  /** Instructions that ran compiled on the doubted machine. */
  compiled: number;
  /** What ended the programs, with their numbers. */
  ends: Map<string, number>;
  failures: Failure[];
}

/** What a program does on fresh machines: a difference, or nothing. */
async function alone(pair: MachinePair, program: Program): Promise<string | undefined> {
  pair.refresh();
  return (await outcomeOf(pair, program))?.difference;
}

async function outcomeOf(pair: MachinePair, program: Program) {
  try {
    return await pair.run(program);
  } catch (error) {
    if (error instanceof TooLong) return undefined;
    throw error;
  }
}

async function examine(
  pair: MachinePair,
  seed: number,
  program: Program,
  difference: string,
): Promise<Failure> {
  const again = await alone(pair, program);
  if (again === undefined) return { seed, difference, program, alone: false };
  // Machines that go on are fast; what then fails only behind other programs is made small on fresh ones.
  const fails = async (p: Program) => (await outcomeOf(pair, p))?.difference !== undefined;
  let small = await shrink(program, fails);
  let found = await alone(pair, small);
  if (found === undefined) {
    small = await shrink(program, async (p) => (await alone(pair, p)) !== undefined);
    found = await alone(pair, small);
  }
  return { seed, difference: found ?? again, program: small, alone: true };
}

export async function runCampaign(
  pair: MachinePair,
  options: CampaignOptions,
): Promise<CampaignResult> {
  const { count, seed: first, mode, perPair = 500, most = 10 } = options;
  const result: CampaignResult = {
    programs: 0,
    instructions: 0,
    compiled: 0,
    ends: new Map(),
    failures: [],
  };
  for (let seed = first; seed < first + count && result.failures.length < most; seed++) {
    if ((seed - first) % perPair === 0) pair.refresh();
    const program = generateProgram(seed, mode);
    const outcome = await outcomeOf(pair, program);
    if (outcome === undefined) continue;
    result.programs++;
    result.instructions += outcome.instructions;
    result.compiled += outcome.compiled;
    result.ends.set(outcome.end, (result.ends.get(outcome.end) ?? 0) + 1);
    if (outcome.difference !== undefined) {
      const failure = await examine(pair, seed, program, outcome.difference);
      result.failures.push(failure);
      options.onFailure?.(failure);
      pair.refresh();
    }
    options.onProgress?.(result.programs);
  }
  return result;
}
