// The machine for Node: kernel, modules and disks may be paths, and the compiled core is there.

import { Machine as PortableMachine } from "../machine.ts";
import type {
  NetworkCardOptions as PortableCard,
  DiskOptions as PortableDisk,
  FlashOptions as PortableFlash,
  ModuleOptions as PortableModule,
  MachineOptions as PortableOptions,
} from "../machine-options.ts";
import type { ImageSource } from "../media/image.ts";
import { accelOfEnvironment } from "./accel.ts";
import { builtCore } from "./core.ts";
import { prepareForRegions } from "./engine.ts";
import { readInput, readModules } from "./files.ts";
import { closeImage, openImage } from "./image-file.ts";

export interface ModuleOptions extends Omit<PortableModule, "file"> {
  /** Path, or contents. */
  file: string | Uint8Array;
}

/** A disk image: path, contents, or a reader of them. The file of a persistent disk is opened for reading and writing. */
export interface DiskOptions extends Omit<PortableDisk, "image"> {
  image?: string | PortableDisk["image"];
}

/** A chip of flash: path, contents, or a reader of them. */
export interface FlashOptions extends Omit<PortableFlash, "image"> {
  image: string | PortableFlash["image"];
}

/** A network card, whose expansion ROM may be a path, too. */
export interface NetworkCardOptions extends Omit<PortableCard, "rom"> {
  rom?: string | Uint8Array;
}

export interface MachineOptions
  extends Omit<
    PortableOptions,
    | "core"
    | "kernel"
    | "modules"
    | "disks"
    | "bios"
    | "flash"
    | "vgaRom"
    | "optionRoms"
    | "networkCards"
  > {
  /** The compiled CPU core; the one of this installation by default. */
  core?: PortableOptions["core"];
  /** Kernel: path, or contents. Its path is its name unless `kernelName` says otherwise. */
  kernel?: string | Uint8Array;
  /** Firmware in place of our BIOS: path, or contents. */
  bios?: string | Uint8Array;
  /** The same in chips of flash: paths, contents, or readers of them. */
  flash?: readonly FlashOptions[];
  /** The display adapter's expansion ROM: path, or contents. */
  vgaRom?: string | Uint8Array;
  /** More expansion ROMs: paths, or contents. */
  optionRoms?: readonly { name: string; data: string | Uint8Array; bootIndex?: number }[];
  networkCards?: readonly NetworkCardOptions[];
  /** Boot modules, or the value of -initrd: "FILE ARGS,FILE ARGS". */
  modules?: readonly ModuleOptions[] | string;
  /** Disk images, which the BIOS boots from where there is no kernel. Images are not changed unless a disk is persistent. */
  disks?: readonly DiskOptions[];
}

function moduleOf(module: ModuleOptions): PortableModule {
  if (typeof module.file !== "string") return { ...module, file: module.file };
  const { name, data } = readInput(module.file, "module");
  return { ...module, name: module.name ?? name, file: data };
}

function modulesOf(modules: MachineOptions["modules"]): PortableModule[] {
  if (typeof modules !== "string") return (modules ?? []).map(moduleOf);
  return readModules(modules).map(({ file, commandLine }) => ({
    file: file.data,
    name: file.name,
    commandLine,
  }));
}

function contentsOf(file: string | Uint8Array | undefined, what: string): Uint8Array | undefined {
  return typeof file === "string" ? readInput(file, what).data : file;
}

/** Opens a disk's image where it is a path; it is one of `opened` then. */
function withImage({ image, ...disk }: DiskOptions, opened: ImageSource[]): PortableDisk {
  if (image === undefined) return disk;
  if (typeof image !== "string") return { ...disk, image };
  const writable = disk.kind !== "cdrom" && !disk.readOnly && disk.persistent === true;
  const file = openImage(image, { writable, format: disk.format });
  opened.push(file);
  return { ...disk, image: file };
}

/** The same of a chip of flash. */
function withContents({ image, ...chip }: FlashOptions, opened: ImageSource[]): PortableFlash {
  if (typeof image !== "string") return { ...chip, image };
  const writable = !chip.readOnly && chip.persistent === true;
  const file = openImage(image, { writable, format: "raw" });
  opened.push(file);
  return { ...chip, image: file };
}

/** Reads the files that options name. Throws `LoadError` with the system's reason. */
async function readFiles(options: MachineOptions, opened: ImageSource[]): Promise<PortableOptions> {
  const { core, kernel, modules, disks, bios, flash, vgaRom, networkCards, ...others } = options;
  const { optionRoms, ...rest } = others;
  const file = typeof kernel === "string" ? readInput(kernel, "kernel") : undefined;
  return {
    disassembler: async () => (await import("../inspect/iced.ts")).loadDisassembler(),
    openMedium: ({ path, format }, writable) => {
      const file = openImage(path, { writable, ...(format === undefined ? {} : { format }) });
      opened.push(file);
      return file;
    },
    closeMedium: (image) => {
      const at = opened.indexOf(image);
      if (at < 0) return;
      opened.splice(at, 1);
      closeImage(image);
    },
    ...rest,
    accel: rest.accel ?? accelOfEnvironment(),
    kernel: file?.data ?? (kernel as Uint8Array | undefined),
    kernelName: rest.kernelName ?? file?.name,
    bios: contentsOf(bios, "firmware"),
    flash: flash?.map((chip) => withContents(chip, opened)),
    biosName: typeof bios === "string" ? bios : undefined,
    vgaRom: contentsOf(vgaRom, "expansion ROM"),
    optionRoms: optionRoms?.map(({ data, ...rom }) => ({
      ...rom,
      data: contentsOf(data, "expansion ROM") as Uint8Array,
    })),
    networkCards: networkCards?.map(({ rom, ...card }) =>
      rom === undefined ? card : { ...card, rom: contentsOf(rom, "expansion ROM") },
    ),
    modules: kernel === undefined ? [] : modulesOf(modules),
    disks: (disks ?? []).map((disk) => withImage(disk, opened)),
    core: core ?? (await builtCore()),
  };
}

/** See the portable machine; `create` also takes paths and needs no core. */
export class Machine extends PortableMachine {
  /** Images that were named by their paths. */
  #images: ImageSource[] = [];

  /** Builds a machine and boots it up to the kernel's first instruction. Throws `LoadError`. */
  static override async create(options: MachineOptions = {}): Promise<Machine> {
    prepareForRegions();
    const images: ImageSource[] = [];
    try {
      // biome-ignore lint/complexity/noThisInStatic: the machine is to be one of this class
      const machine = (await super.create(await readFiles(options, images))) as Machine;
      machine.#images = images;
      return machine;
    } catch (error) {
      for (const image of images) closeImage(image);
      throw error;
    }
  }

  /**
   * Closes the images that options named by path, after which others may have them; the machine is over. At the end of
   * the process this happens by itself. Throws `Error` where the host cannot write what there was to be written.
   */
  close(): void {
    for (const image of this.#images.splice(0)) closeImage(image);
  }
}
