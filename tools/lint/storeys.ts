// The order of our rooms: a file may import from its own room and from rooms of lower storeys, never from a
// room beside or above. Biome's noImportCycles sees to it that files go round in circles nowhere but in kernel/,
// whose objects know each other: AssemblyScript has no forward declarations.

import { importsOf, type Sources } from "./imports.ts";

export interface Building {
  /** Folder from the repository's root, "" for the whole. */
  root: string;
  /** From the ground up; each the paths, below `root`, of the rooms that share a storey. A room may be one file. */
  storeys: readonly (readonly string[])[];
  /** Files of `root` that belong to no room: entries that everything may know, or that know everything. */
  outside: readonly string[];
}

/** The emulator's CPU core. */
const CORE: Building = {
  root: "tools/emulator/core/guest",
  storeys: [
    ["processor", "softfloat"],
    ["memory"],
    ["op"],
    ["integer", "x87", "simd"],
    ["system"],
    ["transfer"],
    ["decode"],
    ["schedule"],
    ["index.ts"],
  ],
  outside: [],
};

/** The emulator. */
const EMULATOR: Building = {
  root: "tools/emulator",
  storeys: [
    ["load-error.ts", "event-loop.ts"],
    ["core"],
    ["media"],
    ["devices", "jit"],
    ["platform", "net"],
    ["loader", "screen.ts", "serial-line.ts"],
    ["inspect", "snapshot.ts", "picture-file.ts"],
    ["input.ts", "snapshot-file.ts"],
    ["machine-options.ts"],
    ["machine.ts"],
    ["screen-watch.ts", "picture-difference.ts"],
    ["pictures"],
    ["display.ts"],
    ["debug"],
    ["monitor"],
    ["remote"],
    ["recording.ts"],
    ["index.ts"],
    ["web"],
    ["host"],
    ["bench", "cputest"],
    ["snapshot-fuzz"],
    ["tier-fuzz"],
  ],
  outside: [],
};

/** The libraries of guest programs. */
const ROOTTASK: Building = {
  root: "roottask",
  storeys: [
    ["libhedron"],
    ["libhrstd"],
    ["libroottask"],
    ["linux"],
    ["terminal"],
    ["proc"],
    ["mediator", "bin"],
  ],
  // What runs on the host: the build, and the benchmarks of system calls.
  outside: ["asm", "build.ts", "programs.ts", "bench"],
};

/** The boot image. */
const BOOTIMAGE: Building = {
  root: "tools/bootimage",
  storeys: [
    ["error.ts", "crc32.ts", "loader-files.ts"],
    ["parameters.ts", "file-table.ts", "output-file.ts", "partition"],
    ["iso9660", "sources.ts"],
    ["loader/core"],
    ["loader/asm"],
    ["loader/bios", "loader/uefi"],
    ["loader/built.ts"],
    ["config.ts"],
    ["kernel-file.ts"],
    ["check.ts"],
    ["image.ts"],
    ["folder.ts"],
    ["make-image.ts"],
    ["index.ts"],
    ["cli.ts", "fuzz"],
  ],
  outside: [],
};

/** The repository. */
const REPOSITORY: Building = {
  root: "",
  storeys: [
    [
      "tools/loader",
      "tools/lint",
      "tools/cli",
      "tools/cache",
      "tools/elf",
      "tools/wasm",
      "kernel/abi.ts",
    ],
    ["tools/asc", "tools/asm", "tools/pe", "tools/screen"],
    ["tools/aot", "tools/emulator", "tools/syscalls"],
    ["tools/bootimage"],
    ["tools/make", "kernel", "roottask"],
    ["static-foreign-apps", "tools/package", "tools/bench", "tools/compare-linux"],
    ["Makefile.ts"],
  ],
  outside: ["vitest.config.ts"],
};

export const BUILDINGS: readonly Building[] = [CORE, EMULATOR, ROOTTASK, BOOTIMAGE, REPOSITORY];

/** Tests look everywhere. */
const EXEMPT = /\.test\.ts$|(^|\/)(testdata|testing)\//;

const isIn = (path: string, room: string): boolean =>
  room === "" || path === room || path.startsWith(`${room}/`);

interface Place {
  room: string;
  /** From 0 on. */
  storey: number;
}

function placeOf(path: string, building: Building): Place | undefined {
  const inside = building.root === "" ? path : path.slice(building.root.length + 1);
  for (const [storey, rooms] of building.storeys.entries()) {
    const room = rooms.find((name) => isIn(inside, name));
    if (room !== undefined) return { room, storey };
  }
  return undefined;
}

function isOutside(path: string, building: Building): boolean {
  return building.outside.some((name) =>
    isIn(path, building.root === "" ? name : `${building.root}/${name}`),
  );
}

/** One line for each import that goes up or sideways, and for each file that has no storey. */
export function checkStoreys(sources: Sources, building: Building): string[] {
  const complaints: string[] = [];
  const inBuilding = (path: string): boolean =>
    isIn(path, building.root) && !EXEMPT.test(path) && !isOutside(path, building);
  for (const path of sources.keys()) {
    if (!inBuilding(path)) continue;
    const own = placeOf(path, building);
    if (own === undefined) {
      complaints.push(`${path}: belongs to no room; give it a storey in tools/lint/storeys.ts`);
      continue;
    }
    for (const { to, line } of importsOf(path, sources)) {
      if (!sources.has(to) || !inBuilding(to)) continue;
      const other = placeOf(to, building);
      if (other === undefined || other.room === own.room || other.storey < own.storey) continue;
      const where = other.storey === own.storey ? "a room of the same storey" : "a higher storey";
      complaints.push(`${path}:${line}: ${own.room} imports ${to}, ${where}`);
    }
  }
  return complaints;
}
