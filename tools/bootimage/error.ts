// The failure that every part of the boot image's tools throws.

/** What is wrong with an input of the image, in one line that says where and what to do: shown without a trace. */
export class BootImageError extends Error {
  override name = "BootImageError";
}
