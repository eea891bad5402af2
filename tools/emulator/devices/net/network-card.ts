// A network card as the world outside the machine sees it: a socket that frames of Ethernet go into and come out of,
// from the destination's address to the last byte of the payload, without preamble and frame check sequence (IEEE 802.3, 3).

/** Bytes of a MAC address. */
export const MAC_BYTES = 6;
/** Destination, source, type. */
export const HEADER_BYTES = 14;
/** The shortest frame, without its frame check sequence; shorter ones are padded. */
export const MIN_FRAME = 60;
/** Frame check sequence. */
export const FCS_BYTES = 4;
/** Cards of one machine at most: as many as there are events for. */
export const MAX_CARDS = 8;

/** Kinds of cards, as QEMU names them. */
export const NETWORK_CARD_MODELS = ["e1000", "e1000e", "virtio-net-pci"] as const;
export type NetworkCardModel = (typeof NETWORK_CARD_MODELS)[number];
/** Those with an expansion ROM. */
export const MODELS_WITH_ROM: readonly NetworkCardModel[] = ["e1000", "e1000e"];

export interface NetworkCard {
  /** Number of the card, from 0 on. */
  readonly index: number;
  readonly model: NetworkCardModel;
  /** The address that it comes out of a reset with. */
  readonly mac: Uint8Array;
  /** Takes every frame that the guest sends. The bytes are the receiver's. */
  onFrame: (frame: Uint8Array) => void;
  /** A frame has arrived. */
  receive(frame: Uint8Array): void;
  /** Its cable is put in or pulled out, where it was not so before. */
  setCable(isIn: boolean): void;
}

/** Whether a device of the board is a card. */
export const isNetworkCard = <D extends object>(device: D): device is D & NetworkCard =>
  "onFrame" in device && "receive" in device;

/** 52:54:00:12:34:56, the first address that QEMU gives; the next card has the next one. */
export const FIRST_MAC = 0x5254_0012_3456;

/** Options of every card: which one it is, and its address. */
export const CARD_OPTIONS = {
  index: { default: 0, minimum: 0, maximum: MAX_CARDS - 1 },
  mac: { default: FIRST_MAC, minimum: 1, maximum: 2 ** 48 - 1 },
} as const;

/** An address as text: 52:54:00:12:34:56. */
export const addressOf = (mac: Uint8Array): string =>
  Array.from(mac, (byte) => byte.toString(16).padStart(2, "0")).join(":");

/** The six bytes of an address that is given as a number of 48 bits. */
export const macBytes = (mac: number): Uint8Array =>
  Uint8Array.from({ length: MAC_BYTES }, (_, i) => Math.floor(mac / 2 ** (8 * (5 - i))) & 0xff);
