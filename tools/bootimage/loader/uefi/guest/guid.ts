// GUIDs of the protocols and configuration tables that the loader asks for, 16 bytes each: UEFI 2.10, appendix A.

/** EFI_BLOCK_IO_PROTOCOL, UEFI 2.10 13.9. */
export const BLOCK_IO: usize = memory.data<u32>(
  [0x964e5b21, 0x11d26459, 0xa000398e, 0x3b7269c9],
  8,
);
/** EFI_DEVICE_PATH_PROTOCOL, 10.2. */
export const DEVICE_PATH: usize = memory.data<u32>(
  [0x09576e91, 0x11d26d3f, 0xa000398e, 0x3b7269c9],
  8,
);
/** EFI_LOADED_IMAGE_PROTOCOL, 9.1. */
export const LOADED_IMAGE: usize = memory.data<u32>(
  [0x5b1b31a1, 0x11d29562, 0xa0003f8e, 0x3b7269c9],
  8,
);
/** EFI_GRAPHICS_OUTPUT_PROTOCOL, 12.9. */
export const GRAPHICS_OUTPUT: usize = memory.data<u32>(
  [0x9042a9de, 0x4a3823dc, 0xde7afb96, 0x6a5180d0],
  8,
);
/** EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL, 12.4. */
export const TEXT_OUTPUT: usize = memory.data<u32>(
  [0x387477c2, 0x11d269c7, 0xa000398e, 0x3b7269c9],
  8,
);
/** EFI_MEMORY_ATTRIBUTE_PROTOCOL, 37.7. */
export const MEMORY_ATTRIBUTE: usize = memory.data<u32>(
  [0xf4560cf6, 0x4b4a40ec, 0x1dbf92a1, 0x89b1d057],
  8,
);
/** EFI_ACPI_20_TABLE_GUID and ACPI_TABLE_GUID (ACPI 1.0), 4.6.1. */
export const ACPI_20: usize = memory.data<u32>([0x8868e871, 0x11d3e4f1, 0x800022bc, 0x81883cc7], 8);
export const ACPI_10: usize = memory.data<u32>([0xeb9d2d30, 0x11d32d88, 0x9000169a, 0x4dc13f27], 8);
/** SMBIOS_TABLE_GUID (32-bit entry point) and SMBIOS3_TABLE_GUID (64-bit), 4.6.1. */
export const SMBIOS: usize = memory.data<u32>([0xeb9d2d31, 0x11d32d88, 0x9000169a, 0x4dc13f27], 8);
export const SMBIOS_3: usize = memory.data<u32>(
  [0xf2fd1544, 0x4a2c9794, 0xbbe52e99, 0x94e320cf],
  8,
);
