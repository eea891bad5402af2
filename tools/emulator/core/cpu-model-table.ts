// The processors that `-cpu` knows by QEMU's names, each with the features that the core executes: what a processor of its
// name has besides is left out. Names, signatures and features are those that QEMU 7.2 tells (`-cpu help`,
// query-cpu-model-expansion).

const I486 = "fpu vme pse";
const PENTIUM = `${I486} de tsc msr mce cx8 mmx`;
const PENTIUM2 = `${PENTIUM} pae sep mtrr pge mca cmov pat pse36 fxsr`;
const PENTIUM3 = `${PENTIUM2} sse`;
const BASE = `${PENTIUM3} apic clflush sse2`;
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
const DENVERTON = `${WESTMERE} monitor x2apic movbe tsc-deadline xsave rdrand fsgsbase smep erms rdseed smap clflushopt sha-ni pdpe1gb rdtscp`;
const KNIGHTS = `${IVY} ss fma movbe bmi1 avx2 bmi2 rdseed adx abm pdpe1gb`;
const OPTERON3 = `${LONG} monitor popcnt abm rdtscp`;
const OPTERON4 = `${WESTMERE} xsave avx abm pdpe1gb rdtscp`;
const DHYANA = `${NEHALEM} monitor rdtscp xsave avx f16c rdrand fsgsbase smep fma movbe bmi1 bmi2 avx2 abm rdseed adx smap clflushopt pdpe1gb`;
const EPYC = `${DHYANA} aes pclmulqdq sha-ni`;
const MILAN = `${EPYC} clwb umip pku erms invpcid pcid`;

/** The default model: Ivy Bridge with what processors of that name have and QEMU's model leaves out. */
export const OWN = `${IVY} ss monitor pcid pdpe1gb`;

/** A processor: what CPUID says of it. */
export interface Named {
  /** 12 characters. */
  readonly vendor: string;
  readonly family: number;
  readonly model: number;
  readonly stepping: number;
  /** The last basic leaf; the core has none behind 0Dh. */
  readonly level: number;
  /** The last extended leaf, 0 where there are none. */
  readonly extendedLevel: number;
  /** Names of `FEATURES`, with blanks between them. */
  readonly features: string;
  readonly brand: string;
}

type Signature = readonly [family: number, model: number, stepping: number];

const maker =
  (vendor: string) =>
  (
    [family, model, stepping]: Signature,
    features: string,
    brand: string,
    level = 0xd,
    extendedLevel = 0x80000008,
  ): Named => ({ vendor, family, model, stepping, level, extendedLevel, features, brand });

const intel = maker("GenuineIntel");
const amd = maker("AuthenticAMD");
const hygon = maker("HygonGenuine");
const VIRTUAL = "QEMU Virtual CPU version 2.5+";
const T7700 = "Intel(R) Core(TM)2 Duo CPU     T7700  @ 2.40GHz";
const T2600 = "Genuine Intel(R) CPU           T2600  @ 2.16GHz";
const N270 = "Intel(R) Atom(TM) CPU N270   @ 1.60GHz";

// biome-ignore format: a row a processor
export const NAMED: ReadonlyMap<string, Named> = new Map([
  ["486", intel([4, 8, 0], I486, "", 1, 0)],
  ["pentium", intel([5, 4, 3], `${PENTIUM} apic`, "", 1, 0)],
  ["pentium2", intel([6, 5, 2], `${PENTIUM2} apic`, "", 2, 0)],
  ["pentium3", intel([6, 7, 3], `${PENTIUM3} apic`, "", 3, 0)],
  ["athlon", amd([6, 2, 3], `${PENTIUM3} apic sse2`, VIRTUAL, 2)],
  ["coreduo", intel([6, 14, 8], `${PENTIUM3} apic clflush sse2 ss sse3 monitor nx`.replace(" pse36", ""), T2600, 10)],
  ["n270", intel([6, 28, 2], `${PENTIUM3} apic clflush sse2 ss sse3 monitor ssse3 movbe lahf-lm nx`.replace(" pse36", ""), N270, 10)],
  ["qemu32", intel([6, 6, 3], "fpu vme de pse tsc msr pae mce cx8 apic sep pge cmov pat mmx fxsr sse sse2 sse3", VIRTUAL, 4, 0x80000004)],
  ["kvm32", intel([15, 6, 1], `${BASE} sse3`, "Common 32-bit KVM processor", 5)],
  ["qemu64", amd([15, 107, 1], LONG, VIRTUAL)],
  ["kvm64", intel([15, 6, 1], `${FIRST_LONG} cx16`, "Common KVM processor")],
  ["core2duo", intel([6, 15, 11], `${LONG} ssse3 monitor ss`, T7700, 10)],
  ["Conroe", intel([6, 15, 3], `${FIRST_LONG} lahf-lm ssse3`, "Intel Celeron_4x0 (Conroe/Merom Class Core 2)", 10)],
  ["Penryn", intel([6, 23, 3], `${LONG} ssse3 sse4.1`, "Intel Core 2 Duo P9xxx (Penryn Class Core 2)", 10)],
  ["Nehalem", intel([6, 26, 3], NEHALEM, "Intel Core i7 9xx (Nehalem Class Core i7)", 11)],
  ["Westmere", intel([6, 44, 1], WESTMERE, "Westmere E56xx/L56xx/X56xx (Nehalem-C)", 11)],
  ["SandyBridge", intel([6, 42, 1], SANDY, "Intel Xeon E312xx (Sandy Bridge)")],
  ["IvyBridge", intel([6, 58, 9], IVY, "Intel Xeon E3-12xx v2 (Ivy Bridge)")],
  ["Haswell", intel([6, 60, 4], HASWELL, "Intel Core Processor (Haswell)")],
  ["Broadwell", intel([6, 61, 2], BROADWELL, "Intel Core Processor (Broadwell)")],
  ["Skylake-Client", intel([6, 94, 3], BROADWELL, "Intel Core Processor (Skylake)")],
  ["Skylake-Server", intel([6, 85, 4], SKYLAKE, "Intel Xeon Processor (Skylake)")],
  ["Cascadelake-Server", intel([6, 85, 6], SKYLAKE, "Intel Xeon Processor (Cascadelake)")],
  ["Cooperlake", intel([6, 85, 10], SKYLAKE, "Intel Xeon Processor (Cooperlake)")],
  ["Icelake-Server", intel([6, 134, 0], ICELAKE, "Intel Xeon Processor (Icelake)")],
  ["Denverton", intel([6, 95, 1], DENVERTON, "Intel Atom Processor (Denverton)")],
  ["Snowridge", intel([6, 134, 1], `${DENVERTON} clwb umip`, "Intel Atom Processor (SnowRidge)")],
  ["KnightsMill", intel([6, 133, 0], KNIGHTS, "Intel Xeon Phi Processor (Knights Mill)")],
  ["phenom", amd([16, 2, 3], `${OPTERON3} pdpe1gb`, "AMD Phenom(tm) 9550 Quad-Core Processor", 5)],
  ["Opteron_G1", amd([15, 6, 1], FIRST_LONG, "AMD Opteron 240 (Gen 1 Class Opteron)", 5)],
  ["Opteron_G2", amd([15, 6, 1], LONG, "AMD Opteron 22xx (Gen 2 Class Opteron)", 5)],
  ["Opteron_G3", amd([16, 2, 3], OPTERON3, "AMD Opteron 23xx (Gen 3 Class Opteron)", 5)],
  ["Opteron_G4", amd([21, 1, 2], OPTERON4, "AMD Opteron 62xx class CPU")],
  ["Opteron_G5", amd([21, 2, 0], `${OPTERON4} f16c fma`, "AMD Opteron 63xx class CPU")],
  ["Dhyana", hygon([24, 0, 1], DHYANA, "Hygon Dhyana Processor")],
  ["EPYC", amd([23, 1, 2], EPYC, "AMD EPYC Processor")],
  ["EPYC-Rome", amd([23, 49, 0], `${EPYC} clwb umip`, "AMD EPYC-Rome Processor")],
  ["EPYC-Milan", amd([25, 1, 1], MILAN, "AMD EPYC-Milan Processor")],
]);

/** Endings of names that QEMU gives to later versions of a processor, which differ by what no core here has. */
const VERSIONS: readonly [names: string, endings: string][] = [
  ["Nehalem Westmere SandyBridge IvyBridge", "IBRS"],
  ["Haswell Broadwell", "noTSX IBRS noTSX-IBRS"],
  ["Skylake-Client Skylake-Server", "IBRS noTSX-IBRS"],
  ["Cascadelake-Server Icelake-Server", "noTSX"],
  ["EPYC", "IBPB"],
];

const BY_VERSION: ReadonlyMap<string, string> = new Map(
  VERSIONS.flatMap(([names, endings]) =>
    names
      .split(" ")
      .flatMap((name) =>
        endings.split(" ").map((ending): [string, string] => [`${name}-${ending}`, name]),
      ),
  ),
);

/** The processor of `name`, which may end with a version of QEMU's (`-v2`, `-noTSX`, `-IBRS`). */
export function namedProcessor(name: string): Named | undefined {
  const plain = BY_VERSION.get(name) ?? name.replace(/-v\d+$/, "");
  return NAMED.get(plain);
}
