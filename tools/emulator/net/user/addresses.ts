// IPv4 addresses as numbers of 32 bits.

/** Reads "10.0.2.15"; undefined for anything else. */
export function parseAddress(text: string): number | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((p) => /^\d{1,3}$/.test(p) && Number(p) < 256))
    return undefined;
  return parts.reduce((sum, part) => sum * 256 + Number(part), 0);
}

export const addressText = (address: number): string =>
  [24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff).join(".");

/** Reads "10.0.2.0/24", or with a mask in place of the bits; its first address, and how many there are. */
export function parseNetwork(text: string): { network: number; size: number } | undefined {
  const [first = "", width = "24"] = text.split("/");
  const address = parseAddress(first);
  const mask = parseAddress(width);
  const bits = mask === undefined ? Number(width) : 32 - Math.log2(2 ** 32 - mask);
  if (address === undefined || !Number.isInteger(bits) || bits < 8 || bits > 28) return undefined;
  const size = 2 ** (32 - bits);
  return { network: address - (address % size), size };
}

export const BROADCAST = 0xffff_ffff;
export const LOOPBACK = 0x7f00_0001;

/** Addresses that no other host has: this network, loopback, groups and what is reserved (RFC 6890). */
export const isOutside = (address: number): boolean => {
  const first = address >>> 24;
  return first !== 0 && first !== 127 && first < 224;
};
