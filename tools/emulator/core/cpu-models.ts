// What `-cpu` takes: a model by QEMU's name, and features and other properties that follow it, made to what CPUID says
// (QEMU target/i386/cpu.c; Intel SDM vol. 2, CPUID; AMD64 APM vol. 3, appendix E).

import { LoadError } from "../load-error.ts";
import { NAMED, type Named, namedProcessor, OWN } from "./cpu-model-table.ts";

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
const LEVEL = 22;
const EXTENDED_LEVEL = 23;

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
    "sse3 pclmulqdq - monitor - - - - - ssse3 - - fma cx16 - - - pcid - sse4.1 sse4.2 x2apic movbe popcnt tsc-deadline aes xsave - avx f16c rdrand hypervisor",
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
  "sse4-2": "sse4.2",
  lzcnt: "abm",
  xd: "nx",
};

/** Models whose features are the core's own: as it comes, or all of them; `host` is the latter. */
const BUILT_IN: Readonly<Record<string, 0 | 1>> = { default: 0, max: 1, host: 1 };

/** What -cpu takes: names, and names of features. */
export const CPU_MODEL_NAMES: readonly string[] = [...Object.keys(BUILT_IN), ...NAMED.keys()];
export const CPU_FEATURES: readonly string[] = [...FEATURES.keys()];

/**
 * Features that QEMU knows and no processor here has: asking for one is worth a warning, as it is there.
 */
const ABSENT = new Set(
  (
    "3dnow 3dnowext 3dnowprefetch ace2 ace2-en acpi amd-no-ssb amd-ssbd amd-stibp amx-bf16 amx-int8 amx-tile " +
    "arch-capabilities arch-lbr avic avx-vnni avx512-4fmaps avx512-4vnniw avx512-bf16 avx512-fp16 " +
    "avx512-vp2intersect avx512-vpopcntdq avx512bitalg avx512bw avx512cd avx512dq avx512er avx512f avx512ifma " +
    "avx512pf avx512vbmi avx512vbmi2 avx512vl avx512vnni bus-lock-detect cid cldemote clzero cmp-legacy " +
    "core-capability cr8legacy dca decodeassists ds ds-cpl dtes64 est extapic flushbyasid fma4 fsrm " +
    "full-width-write fxsr-opt gfni hle ia64 ibpb ibrs ibrs-all ibs intel-pt intel-pt-lip lbrv lmce lwp md-clear " +
    "mds-no misalignsse mmxext movdir64b movdiri mpx nodeid-msr npt nrip-save osvw pause-filter pbe pcommit pdcm " +
    "perfctr-core perfctr-nb pfthreshold phe phe-en pmm pmm-en pmu pn pschange-mc-no rdctl-no rdpid rsba rtm " +
    "serialize skinit skip-l1dfl-vmentry smx spec-ctrl split-lock-detect ssb-no ssbd sse4a stibp svm svm-lock " +
    "svme-addr-chk taa-no tbm tce tm tm2 topoext tsc-adjust tsc-scale tsx-ctrl tsx-ldtrk v-vmsave-vmload vaes vgif " +
    "virt-ssbd vmcb-clean vmx vpclmulqdq waitpkg wbnoinvd wdt xcrypt xcrypt-en xfd xgetbv1 xop xsavec xsaveerptr " +
    "xsaves xstore xstore-en xtpr"
  ).split(" "),
);
const ABSENT_KINDS = /^(?:vmx|kvm|sgx)/;

/** Features that every processor here has. */
const ALWAYS = new Set(["arat", "ht", "invtsc", "xsaveopt"]);

/** Properties of QEMU's that say nothing of a guest's concern here, as without KVM there. */
const IGNORED = new Set(
  (
    "check migratable host-cache-info l3-cache legacy-cache kvm kvm-pv-enforce-cpuid tcg-cpuid cpuid-0xb " +
    "fill-mtrr-mask full-cpuid-auto-level vmware-cpuid-freq tsc-frequency ucode-rev host-phys-bits " +
    "min-level min-xlevel"
  ).split(" "),
);
const IGNORED_KINDS = /^(?:hv|x)-/;

/** Width of physical addresses (guest/processor/control_bits.ts). */
const PHYSICAL_BITS = 39;

/** A model as the core takes it: its own one to start from, and words that differ. */
export interface CpuDescription {
  readonly base: 0 | 1;
  readonly words: ReadonlyMap<number, number>;
  /** Features that were asked for and are not there. */
  readonly absent: readonly string[];
}

type Identity = Pick<Named, "family" | "model" | "stepping">;

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
function signatureOf({ family, model, stepping }: Identity): number {
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

/** Family, model and stepping of a signature. */
function identityOf(signature: number): Identity {
  return {
    family: ((signature >> 8) & 15) + ((signature >> 20) & 0xff),
    model: ((signature >> 4) & 15) | ((signature >> 12) & 0xf0),
    stepping: signature & 15,
  };
}

/** Properties of a processor that are numbers, with the largest that they take. */
const NUMBERS: Readonly<Record<string, number>> = {
  family: 15 + 255,
  model: 255,
  stepping: 15,
  level: 0xffff_ffff,
  xlevel: 0xffff_ffff,
  "phys-bits": 64,
};

/** A model while its properties are read. */
class Description {
  readonly words = new Map<number, number>();
  readonly changes: [Feature, boolean][] = [];
  readonly absent: string[] = [];
  isEnforced = false;

  text(name: string, value: string, first: number, bytes: number): void {
    if (!/^[\x20-\x7e]*$/.test(value)) {
      throw new LoadError(`CPU model: ${name}=${value}: expected ASCII characters`);
    }
    for (const [at, word] of textWords(value, first, bytes)) this.words.set(at, word);
  }

  take(property: string): void {
    const [, sign = "", key = "", value] = /^([+-]?)([^=]*)(?:=(.*))?$/.exec(property) ?? [];
    const name = key.replaceAll("_", "-");
    if (name === "vendor" && value !== undefined) {
      if (value.length !== 12) {
        throw new LoadError(`CPU model: vendor=${value}: expected 12 characters`);
      }
      this.text(name, value, VENDOR, 12);
    } else if (name === "model-id" && value !== undefined) {
      this.text(name, value, BRAND, BRAND_BYTES);
    } else if (Object.hasOwn(NUMBERS, name) && value !== undefined) {
      this.#number(name, value);
    } else {
      this.#feature(name, key, sign !== "-" && isOn(name, value));
    }
  }

  #number(name: string, text: string): void {
    const value = /^(?:\d+|0x[\da-f]+)$/i.test(text) ? Number(text) : Number.NaN;
    if (!(value <= (NUMBERS[name] as number))) {
      throw new LoadError(`CPU model: ${name}=${text}: expected 0 to ${NUMBERS[name]}`);
    }
    if (name === "level") this.words.set(LEVEL, Math.min(value, 0xd));
    else if (name === "xlevel") this.words.set(EXTENDED_LEVEL, Math.min(value, 0x80000008));
    else if (name !== "phys-bits") {
      const old = identityOf(this.words.get(SIGNATURE) ?? OWN_SIGNATURE);
      this.words.set(SIGNATURE, signatureOf({ ...old, [name]: value }));
    } else if (value !== 0 && value !== PHYSICAL_BITS) {
      throw new LoadError(
        `CPU model: phys-bits=${text}: addresses have ${PHYSICAL_BITS} bits here`,
      );
    }
  }

  #feature(name: string, key: string, on: boolean): void {
    const feature = FEATURES.get(Object.hasOwn(ALIASES, name) ? (ALIASES[name] as string) : name);
    if (feature !== undefined) this.changes.push([feature, on]);
    else if (name === "enforce") this.isEnforced = on;
    else if (IGNORED.has(name) || IGNORED_KINDS.test(name) || ALWAYS.has(name)) return;
    else if (ABSENT.has(name) || ABSENT_KINDS.test(name)) {
      // What is not there can be turned off.
      if (on) this.absent.push(key);
    } else {
      throw new LoadError(`CPU feature ${key}: there are ${CPU_FEATURES.join(", ")}; and vendor=`);
    }
  }
}

/** Whether a feature is turned on by what follows its name. */
function isOn(name: string, value: string | undefined): boolean {
  // host-cache-info=true and the like are QEMU's, too.
  if (value === undefined || /^(?:on|yes|true|y)$/.test(value)) return true;
  if (/^(?:off|no|false|n)$/.test(value)) return false;
  // Properties without effect may have any value.
  if (IGNORED.has(name) || IGNORED_KINDS.test(name)) return true;
  throw new LoadError(`CPU feature ${name}=${value}: expected on or off`);
}

/**
 * The model of `-cpu NAME,+feature,-feature,feature=on,vendor=…,family=…`. Throws `LoadError` for what there is not; features
 * that QEMU has and this machine does not are an error with `enforce`, otherwise they are told in `absent`.
 */
export function cpuDescription(text: string): CpuDescription {
  const [name = "", ...properties] = text.split(",");
  const named = namedProcessor(name);
  const builtIn = Object.hasOwn(BUILT_IN, name) ? BUILT_IN[name] : undefined;
  if (named === undefined && builtIn === undefined) {
    throw new LoadError(`CPU model ${name}: the models are ${CPU_MODEL_NAMES.join(", ")}`);
  }
  const description = new Description();
  const { words, changes, absent } = description;
  let features: number[] | undefined;
  if (named !== undefined) {
    features = featureWords(`${named.features} hypervisor`);
    words.set(SIGNATURE, signatureOf(named));
    words.set(LEVEL, named.level);
    words.set(EXTENDED_LEVEL, named.extendedLevel);
    description.text("vendor", named.vendor, VENDOR, 12);
    description.text("model-id", named.brand, BRAND, BRAND_BYTES);
  }
  for (const property of properties) description.take(property);
  if (description.isEnforced && absent.length > 0) {
    throw new LoadError(`CPU model ${text}: there is no ${absent.join(", ")} here`);
  }
  return {
    base: builtIn ?? 1,
    words: withFeatures(words, features, builtIn ?? 1, changes),
    absent,
  };
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

/** All that a built-in model has. */
function builtInFeatures(base: 0 | 1): number[] {
  return base === 0
    ? featureWords(`${OWN} hypervisor`)
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
