// Written by rom-source.ts; do not edit.

/** The code, as hexadecimal digits. */
export const ROM_CODE =
  "fa31c08ed88ec08ed0bc0070b0ffe6b5fbcd19b0fee6b5fbf4ebfc50b009e6b5720258cf58fbf4ebf250b010" +
  "e6b5720258cf58fbf4ebf250b011e6b5720258cf58fbf4ebf250b012e6b5720258cf58fbf4ebf250b013e6b5" +
  "720258cf58fbf4ebf250b014e6b5720258cf58fbf4ebf250b015e6b5720258cf58fbf4ebf250b016e6b57202" +
  "58cf58fbf4ebf250b017e6b5720258cf58fbf4ebf250b01ae6b5720258cf58fbf4ebf2b018eb04b019eb00fa" +
  "31c98ed1bc00709c0e5150e6b50f8252ff58cf501e52b840008ed866ff066c0066813e6c00b0001800720e66" +
  "c7066c0000000000c606700001cd1cb020e6205a1f58cf50b00ce670e471a8207405cd4aeb0150b020e6a0e6" +
  "2058cf50b020e62058cf";

/** Offsets of the entry points in segment 0xF000. */
export const ROM_LABELS: Readonly<Record<string, number>> = {
  power_on: 0xe000,
  int_9: 0xe01b,
  int_10: 0xe029,
  int_11: 0xe037,
  int_12: 0xe045,
  int_13: 0xe053,
  int_14: 0xe061,
  int_15: 0xe06f,
  int_16: 0xe07d,
  int_17: 0xe08b,
  int_1a: 0xe099,
  int_18: 0xe0a7,
  int_19: 0xe0ab,
  int_8: 0xe0c3,
  idle: 0xe0f2,
  int_70: 0xe0f3,
  slave_irq: 0xe102,
  master_irq: 0xe10b,
};
