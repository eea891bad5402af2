// CPU models by QEMU's names, and their features: what CPUID says. A model has no more than the core executes: what a
// processor of its name has besides is left out (QEMU target/i386/cpu.c; Intel SDM vol. 2, CPUID; AMD64 APM vol. 3,
// appendix E).

import { LoadError } from "../load-error.ts";

/** Words of the core's model (guest/processor/model.ts). */
const LEAF1_ECX = 0;
const LEAF1_EDX = 1;
const LEAF7_EBX = 2;
const LEAF7_ECX = 3;
const EXTENDED_ECX = 4;
const EXTENDED_EDX = 5;
const FEATURE_WORDS = 6;
const VENDOR = 6;
const SIGNATURE = 9;
const BRAND = 10;
const BRAND_BYTES = 48;

/** Bit `bit` of word `word`. */
type Feature = readonly [word: number, bit: number];

const bits = (word: number, first: number, names: string): [string, Feature][] =>
  names
    .split(" ")
    .flatMap((name, i): [string, Feature][] => (name === "-" ? [] : [[name, [word, first + i]]]));

/** Features by QEMU's names; `-` where a bit is none of the core's. */
const FEATURES: ReadonlyMap<string, Feature> = new Map([
  ...bits(
    LEAF1_EDX,
    0,
    "fpu vme de pse tsc msr pae mce cx8 apic - sep mtrr pge mca cmov pat pse36 - clflush - - - mmx fxsr sse sse2 ss",
  ),
  ...bits(
    LEAF1_ECX,
    0,
    "sse3 pclmulqdq - monitor - - - - - ssse3 - - fma cx16 - - - pcid - sse4.1 sse4.2 x2apic movbe popcnt tsc-deadline aes xsave - avx f16c rdrand",
  ),
  ...bits(
    LEAF7_EBX,
    0,
    "fsgsbase - - bmi1 - avx2 - smep bmi2 erms invpcid - - - - - - - rdseed adx smap - - clflushopt clwb - - - - sha-ni",
  ),
  ...bits(LEAF7_ECX, 2, "umip pku - - - - - - - - - - - - la57"),
  ...bits(LEAF7_ECX, 31, "pks"),
  ...bits(EXTENDED_ECX, 0, "lahf-lm - - - - abm"),
  ...bits(EXTENDED_EDX, 11, "syscall - - - - - - - - nx"),
  ...bits(EXTENDED_EDX, 26, "pdpe1gb rdtscp - lm"),
]);

/** Other names of QEMU's for them. */
const ALIASES: Readonly<Record<string, string>> = {
  pni: "sse3",
  pclmuldq: "pclmulqdq",
  "sse4-1": "sse4.1",
  sse4_1: "sse4.1",
  "sse4-2": "sse4.2",
  sse4_2: "sse4.2",
  tsc_deadline: "tsc-deadline",
  lahf_lm: "lahf-lm",
  lzcnt: "abm",
  xd: "nx",
  sha_ni: "sha-ni",
};

const BASE =
  "fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2";
const FIRST_LONG = `${BASE} sse3 syscall nx lm`;
const LONG = `${FIRST_LONG} cx16 lahf-lm`;
const NEHALEM = `${LONG} ssse3 sse4.1 sse4.2 popcnt`;
const WESTMERE = `${NEHALEM} aes pclmulqdq`;
const SANDY = `${WESTMERE} x2apic tsc-deadline xsave avx rdtscp`;
const IVY = `${SANDY} f16c rdrand fsgsbase smep erms`;
const HASWELL = `${IVY} pcid fma movbe bmi1 bmi2 avx2 invpcid abm`;
const BROADWELL = `${HASWELL} rdseed adx smap`;
const SKYLAKE = `${BROADWELL} clflushopt clwb pku pdpe1gb`;
const ICELAKE = `${SKYLAKE} umip la57`;
/** The default model: Ivy Bridge with what processors of that name have and QEMU's model leaves out. */
const OWN = `${IVY} ss monitor pcid pdpe1gb`;
const EPYC = `${LONG} ssse3 sse4.1 sse4.2 popcnt monitor rdtscp aes pclmulqdq xsave avx f16c rdrand fsgsbase smep fma movbe bmi1 bmi2 avx2 abm rdseed adx smap clflushopt sha-ni pdpe1gb`;
const MILAN = `${EPYC} clwb umip pku erms invpcid pcid`;

type Vendor = "GenuineIntel" | "AuthenticAMD";

interface Named {
  vendor: Vendor;
  family: number;
  model: number;
  stepping: number;
  features: string;
  brand: string;
}

const intel = (model: number, stepping: number, features: string, brand: string): Named => ({
  vendor: "GenuineIntel",
  family: 6,
  model,
  stepping,
  features,
  brand,
});

const amd = (
  model: number,
  stepping: number,
  features: string,
  brand: string,
  family = 23,
): Named => ({
  vendor: "AuthenticAMD",
  family,
  model,
  stepping,
  features,
  brand,
});

const NAMED: ReadonlyMap<string, Named> = new Map([
  ["qemu64", { ...amd(107, 1, LONG, "", 15), brand: "QEMU Virtual CPU version 2.5+" }],
  [
    "kvm64",
    { ...intel(6, 1, `${FIRST_LONG} cx16`, ""), family: 15, brand: "Common KVM processor" },
  ],
  [
    "core2duo",
    intel(15, 11, `${LONG} ssse3 monitor ss`, "Intel(R) Core(TM)2 Duo CPU     T7700  @ 2.40GHz"),
  ],
  [
    "Conroe",
    intel(15, 3, `${FIRST_LONG} lahf-lm ssse3`, "Intel Celeron_4x0 (Conroe/Merom Class Core 2)"),
  ],
  ["Penryn", intel(23, 3, `${LONG} ssse3 sse4.1`, "Intel Core 2 Duo P9xxx (Penryn Class Core 2)")],
  ["Nehalem", intel(26, 3, NEHALEM, "Intel Core i7 9xx (Nehalem Class Core i7)")],
  ["Westmere", intel(44, 1, WESTMERE, "Westmere E56xx/L56xx/X56xx (Nehalem-C)")],
  ["SandyBridge", intel(42, 1, SANDY, "Intel Xeon E312xx (Sandy Bridge)")],
  ["IvyBridge", intel(58, 9, IVY, "Intel Xeon E3-12xx v2 (Ivy Bridge)")],
  ["Haswell", intel(60, 4, HASWELL, "Intel Core Processor (Haswell)")],
  ["Broadwell", intel(61, 2, BROADWELL, "Intel Core Processor (Broadwell)")],
  ["Skylake-Client", intel(94, 3, BROADWELL, "Intel Core Processor (Skylake)")],
  ["Skylake-Server", intel(85, 4, SKYLAKE, "Intel Xeon Processor (Skylake)")],
  ["Icelake-Server", intel(134, 0, ICELAKE, "Intel Xeon Processor (Icelake)")],
  ["EPYC", amd(1, 2, EPYC, "AMD EPYC Processor")],
  ["EPYC-Rome", amd(49, 0, `${EPYC} clwb umip`, "AMD EPYC-Rome Processor")],
  ["EPYC-Milan", amd(1, 1, MILAN, "AMD EPYC-Milan Processor", 25)],
]);

/** Models whose features are the core's own: as it comes, or all of them; `host` is the latter. */
const BUILT_IN: Readonly<Record<string, 0 | 1>> = { default: 0, max: 1, host: 1 };

/** What -cpu takes: names, and names of features. */
export const CPU_MODEL_NAMES: readonly string[] = [...Object.keys(BUILT_IN), ...NAMED.keys()];
export const CPU_FEATURES: readonly string[] = [...FEATURES.keys()];

/** Properties of QEMU's that say nothing of a guest's concern here. */
const IGNORED = new Set(["check", "enforce", "migratable", "host-cache-info", "l3-cache", "kvm"]);

/** A model as the core takes it: its own one to start from, and words that differ. */
export interface CpuDescription {
  readonly base: 0 | 1;
  readonly words: ReadonlyMap<number, number>;
}

/** What leaf 1 says in EAX where the model has no word of its own (guest/system/cpuid.ts). */
const OWN_SIGNATURE = 0x306a9;

/** Leaf 1 of CPUID: family, model and stepping (EAX), and features (EDX). */
export function processorId({ base, words }: CpuDescription): {
  signature: number;
  features: number;
} {
  return {
    signature: words.get(SIGNATURE) ?? OWN_SIGNATURE,
    features: words.get(LEAF1_EDX) ?? (builtInFeatures(base)[LEAF1_EDX] as number),
  };
}

/** Family, model and stepping as leaf 1 has them: families from 15 on and models from 16 on in two parts. */
function signatureOf({ family, model, stepping }: Named): number {
  const extended = Math.max(0, family - 15);
  return (
    (extended << 20) |
    ((model >> 4) << 16) |
    (Math.min(family, 15) << 8) |
    ((model & 15) << 4) |
    stepping
  );
}

/** Four characters a word. */
function textWords(text: string, first: number, bytes: number): [number, number][] {
  const padded = new Uint8Array(bytes);
  padded.set(new TextEncoder().encode(text).subarray(0, bytes));
  const view = new DataView(padded.buffer);
  return Array.from({ length: bytes / 4 }, (_, i) => [first + i, view.getUint32(4 * i, true)]);
}

/** The model of `-cpu NAME,+feature,-feature,feature=on,vendor=…`. Throws `LoadError` for what there is not. */
export function cpuDescription(text: string): CpuDescription {
  const [name = "", ...properties] = text.split(",");
  const named = NAMED.get(name.replace(/-v\d+$/, ""));
  const builtIn = Object.hasOwn(BUILT_IN, name) ? BUILT_IN[name] : undefined;
  if (named === undefined && builtIn === undefined) {
    throw new LoadError(`CPU model ${name}: the models are ${CPU_MODEL_NAMES.join(", ")}`);
  }
  const words = new Map<number, number>();
  let features: number[] | undefined;
  if (named !== undefined) {
    features = featureWords(named.features);
    words.set(SIGNATURE, signatureOf(named));
    for (const [at, word] of textWords(named.vendor, VENDOR, 12)) words.set(at, word);
    for (const [at, word] of textWords(named.brand, BRAND, BRAND_BYTES)) words.set(at, word);
  }
  const changes: [Feature, boolean][] = [];
  for (const property of properties) {
    const vendor = /^vendor=(.*)$/.exec(property)?.[1];
    if (vendor !== undefined) {
      if (!/^[\x20-\x7e]{12}$/.test(vendor)) {
        throw new LoadError(`CPU model: vendor=${vendor}: expected 12 characters`);
      }
      for (const [at, word] of textWords(vendor, VENDOR, 12)) words.set(at, word);
    } else {
      const change = featureChange(property);
      if (change !== undefined) changes.push(change);
    }
  }
  return { base: builtIn ?? 1, words: withFeatures(words, features, builtIn ?? 1, changes) };
}

function featureWords(names: string): number[] {
  const words = new Array<number>(FEATURE_WORDS).fill(0);
  for (const name of names.split(" ")) set(words, FEATURES.get(name) as Feature, true);
  return words;
}

function set(words: number[], [word, bit]: Feature, on: boolean): void {
  const mask = (1 << bit) >>> 0;
  const old = words[word] as number;
  words[word] = (on ? old | mask : old & ~mask) >>> 0;
}

/** `+name`, `-name`, `name=on`, `name=off`, `name`; undefined for what makes no difference. */
function featureChange(property: string): [Feature, boolean] | undefined {
  const [, sign = "", given = "", value] = /^([+-]?)([^=]*)(?:=(.*))?$/.exec(property) ?? [];
  if (IGNORED.has(given)) return undefined;
  const feature = FEATURES.get(Object.hasOwn(ALIASES, given) ? (ALIASES[given] as string) : given);
  if (feature === undefined) {
    // What is not there can be turned off.
    if (sign === "-" || value === "off") return undefined;
    throw new LoadError(`CPU feature ${given}: there are ${CPU_FEATURES.join(", ")}; and vendor=`);
  }
  if (value !== undefined && value !== "on" && value !== "off") {
    throw new LoadError(`CPU feature ${given}=${value}: expected on or off`);
  }
  return [feature, sign !== "-" && value !== "off"];
}

/** All that a built-in model has. */
function builtInFeatures(base: 0 | 1): number[] {
  return base === 0
    ? featureWords(OWN)
    : [...FEATURES.values()].reduce((words, feature) => {
        set(words, feature, true);
        return words;
      }, new Array<number>(FEATURE_WORDS).fill(0));
}

function withFeatures(
  words: Map<number, number>,
  named: number[] | undefined,
  base: 0 | 1,
  changes: readonly [Feature, boolean][],
): ReadonlyMap<number, number> {
  if (named === undefined && changes.length === 0) return words;
  const features = named ?? builtInFeatures(base);
  for (const [feature, on] of changes) set(features, feature, on);
  features.forEach((word, i) => {
    words.set(i, word);
  });
  return words;
}
