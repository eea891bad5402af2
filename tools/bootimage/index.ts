// The boot image's public face.

export {
  type BootConfiguration,
  type BootEntry,
  type BootFile,
  type BootProtocol,
  formatConfiguration,
  parseConfiguration,
  type VideoMode,
} from "./config.ts";
export { BootImageError } from "./error.ts";
export {
  type FileTableEntry,
  readFileTable,
  writeFileTable,
} from "./file-table.ts";
export {
  type BootImage,
  type BootImageOptions,
  type ImageFile,
  type StopSignal,
  writeBootImage,
} from "./image.ts";
export { LOADER_FILE_NAMES, type LoaderFiles } from "./loader-files.ts";
export {
  type BootSystem,
  type FolderOptions,
  makeBootImage,
  makeBootImageOfFolder,
  type SystemFile,
  type SystemsOptions,
} from "./make-image.ts";
export { type BootParameters, readParameters, writeParameters } from "./parameters.ts";
