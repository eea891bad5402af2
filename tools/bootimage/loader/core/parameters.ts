// The boot parameters, which the maker of an image writes into the loader's binary: tools/bootimage/parameters.ts has
// their layout. What stands there before that is no zeros, which a compiler might leave out of the binary.

export const IMAGE_ID_BYTES: i32 = 16;

/** "TRIHBOOT", then what is to be filled in. */
const parameters: usize = memory.data<u8>([
  0x54, 0x52, 0x49, 0x48, 0x42, 0x4f, 0x4f, 0x54, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
]);

/** 16 bytes that are in the image's primary volume descriptor too, from byte 883 on. */
export function imageId(): usize {
  return parameters + 8;
}

/** First block, bytes and CRC-32C of the file table. */
export function tableBlock(): u32 {
  return load<u32>(parameters + 24);
}

export function tableBytes(): u32 {
  return load<u32>(parameters + 28);
}

export function tableCrc(): u32 {
  return load<u32>(parameters + 32);
}

/** First block and bytes of the loader itself. */
export function loaderBlock(): u32 {
  return load<u32>(parameters + 36);
}

export function loaderBytes(): u32 {
  return load<u32>(parameters + 40);
}
