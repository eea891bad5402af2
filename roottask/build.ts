// Builds the roottask and the programs of userland.tar that are written in TypeScript: compiled wasm and
// stubs linked to ELF executables. Which programs there are stands in programs.ts.

import { compile, linkLinux } from "../tools/aot/index.ts";
import { guestModule } from "../tools/asc/guest.ts";
import { staticEnd } from "../tools/asc/static-end.ts";
import { linkElf, type ObjectFile } from "../tools/elf/index.ts";
import { fontObject } from "../tools/screen/object.ts";
import { NATIVE_LAYOUT, type ProgramLayout, ROOTTASK_LAYOUT } from "./asm/layout.ts";
import { measuringStubs } from "./asm/measuring.ts";
import { nativeStubs, roottaskStubs } from "./asm/roottask.ts";
import { signalStubs } from "./asm/signals.ts";
import { vectorStubs } from "./asm/vectors.ts";
import { mediatorObject } from "./mediator/image.ts";
import { vdsoObject } from "./mediator/vdso_image.ts";
import { roottask } from "./programs.ts";

export { apps, type GuestProgram, roottask, userland } from "./programs.ts";

/** Zero bytes up to the end of the static data, which wasm leaves out. */
function staticFill(layout: ProgramLayout, end: number): ObjectFile {
  return {
    name: "static data",
    sections: [
      {
        name: ".static.end",
        writable: true,
        executable: false,
        align: 1,
        data: new Uint8Array(0),
        memSize: 16,
        address: BigInt(Math.max(end, layout.data)),
      },
    ],
    symbols: [],
    relocations: [],
  };
}

function link(
  wasm: Uint8Array,
  map: string | undefined,
  name: string,
  layout: ProgramLayout,
  stubs: (hasStart: boolean) => ObjectFile,
  libraries: readonly ObjectFile[] = [],
): Uint8Array {
  const compiled = compile(wasm, { target: "native", name, sourceMap: map });
  const hasStart = compiled.symbols.some((symbol) => symbol.name === "__wasm_start");
  return linkElf({
    objects: [stubs(hasStart), compiled, ...libraries, staticFill(layout, staticEnd(wasm))],
    segments: [
      {
        name: "text",
        flags: "rx",
        vaddr: BigInt(layout.text),
        sections: [".text", ".text.*", ".rodata", ".rodata.*"],
      },
      { name: "data", flags: "rw", sections: [".data", ".data.*", ".bss", ".bss.*"] },
      {
        name: "static",
        flags: "rw",
        vaddr: BigInt(layout.data),
        sections: [".wasm.data", ".wasm.data.*", ".static.end"],
      },
    ],
    entry: "_start",
    class: 64,
    padSegments: true,
  });
}

/** A compiled guest program. */
interface Part {
  wasm: Uint8Array;
  sourceMap?: string;
}

/** What the roottask gives to Linux programs (programs.ts). */
export interface RoottaskParts {
  mediator: Part;
  vdso: Part;
}

/** The roottask's ELF file: file and memory size of its segments are equal, as the kernel demands. */
export function buildRoottask(
  wasm: Uint8Array,
  map: string | undefined,
  { mediator, vdso }: RoottaskParts,
): Uint8Array {
  return link(wasm, map, "roottask", ROOTTASK_LAYOUT, roottaskStubs, [
    fontObject(),
    measuringStubs(),
    signalStubs(),
    mediatorObject(mediator.wasm, mediator.sourceMap),
    vdsoObject(vdso.wasm, vdso.sourceMap),
  ]);
}

/** The roottask from its sources, as tests and tools have it that do not go by the make. */
export async function compileRoottask(): Promise<Uint8Array> {
  const { parts, entry, args } = roottask;
  if (parts === undefined) throw new Error("the roottask has no parts");
  const [main, mediator, vdso] = await Promise.all(
    [{ entry, args }, parts.mediator, parts.vdso].map((guest) =>
      guestModule({ entry: guest?.entry ?? "", args: guest?.args }),
    ),
  );
  if (!main || !mediator || !vdso) throw new Error("the roottask's parts are not there");
  return buildRoottask(main.wasm, main.sourceMap, { mediator, vdso });
}

/** A program for the native interface. */
export function buildNativeApp(wasm: Uint8Array, map?: string): Uint8Array {
  return link(wasm, map, "app", NATIVE_LAYOUT, nativeStubs);
}

/** A native program that measures and calculates with vectors. */
export function buildNativeVectorApp(wasm: Uint8Array, map?: string): Uint8Array {
  return link(wasm, map, "app", NATIVE_LAYOUT, nativeStubs, [measuringStubs(), vectorStubs()]);
}

/** A native program that measures. */
export function buildNativeBenchmark(wasm: Uint8Array, map?: string): Uint8Array {
  return link(wasm, map, "app", NATIVE_LAYOUT, nativeStubs, [measuringStubs()]);
}

/** A static program for Linux: its start-up code and system calls come from the compiler. */
export function buildLinuxApp(wasm: Uint8Array, map?: string): Uint8Array {
  return linkLinux(compile(wasm, { target: "linux", name: "app", sourceMap: map }));
}

/** A static program for Linux that measures. */
export function buildLinuxBenchmark(wasm: Uint8Array, map?: string): Uint8Array {
  const compiled = compile(wasm, { target: "linux", name: "app", sourceMap: map });
  return linkLinux(compiled, measuringStubs());
}
