// The system as it is built in the repository and shipped in the npm package: which files it has, where, and
// how the emulator is told to boot them.

/** A file of the built system. */
export interface Image {
  /** Name in build/, here and where the package is used. */
  name: string;
  /** Whether it is a program for Linux or the kernel's loader, and has the execute bit. */
  executable: boolean;
  /** In the repository: the file that is shipped, where it is not build/NAME. */
  shipped?: string;
}

/** The archive without programs of compilers that only some hosts have. */
export const SHIPPED_ARCHIVE = "build/package/userland.tar";

/** The archive that starts a shell. */
export const SHELL_ARCHIVE = "shell.tar";

export const IMAGES: readonly Image[] = [
  { name: "kernel.elf32", executable: true },
  { name: "roottask-bin", executable: true },
  { name: "userland.tar", executable: false, shipped: SHIPPED_ARCHIVE },
];

/** The log of a run: what the roottask writes to the debug console. */
export const LOG = "qemu_debugcon.txt";

/** Image of the system for a stick, a disk or a CD, in build/. */
export const BOOT_IMAGE = "legacy_boot_x86.img";
/** In the repository: what the boot image starts. */
export const BOOT_CONFIGURATION = "roottask/boot.conf";
/** Path of a file of the system in the boot image. */
export const bootPath = (name: string): string => `boot/${name}`;

/** The machine, in QEMU's words. */
// biome-ignore format: one option with its value a line
const MACHINE = [
  "-machine", "q35",
  "-m", "2048M",
  "-smp", "2",
  "-debugcon", `file:${LOG}`,
  "-device", "isa-debug-exit,iobase=0xf4,iosize=4",
  "-no-reboot",
  "-display", "none",
];

/** The emulator's command line for the system in `folder`, with this archive; `words` are told the roottask. */
// biome-ignore format: one option with its value a line
export function emulatorArguments(
  folder: string,
  words: readonly string[] = [],
  archive = "userland.tar",
): string[] {
  const roottask = [`${folder}/roottask-bin`, ...words, "roottask"].join(" ");
  return [
    ...MACHINE,
    "-kernel", `${folder}/kernel.elf32`,
    "-initrd", `${roottask},${folder}/${archive} userland`,
  ];
}

/** The same for the boot image in `folder`, as a disk that the firmware starts and that stays as it was built. */
export function imageArguments(folder: string): string[] {
  return [...MACHINE, "-snapshot", "-hda", `${folder}/${BOOT_IMAGE}`];
}

/** Behind those: without a terminal, in virtual time. */
export const BATCH = ["-serial", "stdio"];
/** Behind those: with a shell, whose terminal gets Ctrl-C; Ctrl-A X ends the run. */
export const SHELL = ["-serial", "mon:stdio"];
/** Behind those, where somebody is there: it is today, and idle time is waited out instead of skipped. */
export const REAL_TIME = ["-rtc", "base=utc,clock=host"];
/** Behind those: in real time, with the screen in the browser and the monitor on the terminal. */
export const INTERACTIVE = ["-serial", "mon:stdio", ...REAL_TIME, "-display", "web"];
