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
export type { BootImageOptions, ImageFile } from "./image.ts";
export { LOADER_FILE_NAMES, type LoaderFiles } from "./loader-files.ts";
export { type BootParameters, readParameters, writeParameters } from "./parameters.ts";
