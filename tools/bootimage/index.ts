// The boot image's public face.

export { BootImageError } from "./error.ts";
export {
  type FileTableEntry,
  readFileTable,
  writeFileTable,
} from "./file-table.ts";
export type {
  BootConfiguration,
  BootEntry,
  BootFile,
  BootImageOptions,
  BootProtocol,
  ImageFile,
  VideoMode,
} from "./image.ts";
export { LOADER_FILE_NAMES, type LoaderFiles } from "./loader-files.ts";
export { type BootParameters, readParameters, writeParameters } from "./parameters.ts";
