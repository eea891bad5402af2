// Numbers of the eXtensible Host Controller Interface (revision 1.1): registers (5), TRBs (6.4), contexts (6.2).

/** Ports of USB 2.0, as many as there can be sticks and CDs on USB, and behind them those of USB 3.0, where nothing is. */
export const USB_PORTS = 8;
export const USB3_PORTS = 4;

/** Its device number on bus 0: behind most of what `-device` adds. */
export const XHCI_DEVICE = 0x14;

/** Where the groups of registers begin, and how much the base address register decodes. */
export const OPERATIONAL = 0x40;
export const PORTS = 0x440;
export const RUNTIME = 0x1000;
export const DOORBELLS = 0x2000;
export const REGISTER_BYTES = 0x4000;

/** Operational registers, from OPERATIONAL on. */
export const OP = {
  command: 0x00,
  status: 0x04,
  pageSize: 0x08,
  notifications: 0x14,
  commandRing: 0x18,
  commandRingHigh: 0x1c,
  contexts: 0x30,
  contextsHigh: 0x34,
  configure: 0x38,
} as const;

export const CMD = {
  run: 1,
  reset: 2,
  interrupts: 4,
  save: 0x100,
  restore: 0x200,
  kept: 0xc0d,
} as const;
export const STS = {
  halted: 1,
  hostError: 4,
  event: 8,
  portChange: 0x10,
  restoreError: 0x400,
  controllerError: 0x1000,
} as const;
export const CRCR = { cycle: 1, stop: 2, abort: 4, running: 8 } as const;

/** Registers of the interrupter, from RUNTIME on. */
export const INT = {
  frame: 0x00,
  management: 0x20,
  moderation: 0x24,
  tableSize: 0x28,
  table: 0x30,
  tableHigh: 0x34,
  dequeue: 0x38,
  dequeueHigh: 0x3c,
} as const;
export const IMAN = { pending: 1, enabled: 2 } as const;
export const HANDLER_BUSY = 8;

/** PORTSC (5.4.8). */
export const PORTSC = {
  connected: 1,
  enabled: 2,
  reset: 0x10,
  linkShift: 5,
  link: 0x1e0,
  power: 0x200,
  speedShift: 10,
  speed: 0x3c00,
  linkStrobe: 0x1_0000,
  connectChange: 0x2_0000,
  enableChange: 0x4_0000,
  resetChange: 0x20_0000,
  /** All bits that are cleared by writing ones to them. */
  changes: 0xfe_0000,
  /** Wake enables, which a host may set. */
  wake: 0xe00_0000,
} as const;
export const LINK = { u0: 0, rxDetect: 5, polling: 7 } as const;
export const HIGH_SPEED = 3;

export const TRB_BYTES = 16;
export const TRB = {
  normal: 1,
  setup: 2,
  data: 3,
  status: 4,
  isochronous: 5,
  link: 6,
  eventData: 7,
  noOp: 8,
  enableSlot: 9,
  disableSlot: 10,
  addressDevice: 11,
  configureEndpoint: 12,
  evaluateContext: 13,
  resetEndpoint: 14,
  stopEndpoint: 15,
  setDequeue: 16,
  resetDevice: 17,
  noOpCommand: 23,
  transferEvent: 32,
  commandEvent: 33,
  portEvent: 34,
} as const;
/** Bits of a TRB's last dword. */
export const TRB_CYCLE = 1;
export const TRB_TOGGLE = 2;
export const TRB_SHORT = 4;
export const TRB_CHAIN = 0x10;
export const TRB_IOC = 0x20;
export const TRB_IMMEDIATE = 0x40;
export const TRB_TO_HOST = 0x1_0000;
export const TRB_LENGTH = 0x1_ffff;

/** Completion codes (table 6-90). */
export const CODE = {
  success: 1,
  transaction: 4,
  trb: 5,
  stall: 6,
  noSlots: 9,
  slotNotEnabled: 11,
  endpointNotEnabled: 12,
  short: 13,
  parameter: 17,
  contextState: 19,
  ringStopped: 24,
  stopped: 27,
} as const;

export const CONTEXT_BYTES = 32;
export const SLOT = { default: 1, addressed: 2, configured: 3 } as const;
export const EP = { disabled: 0, running: 1, halted: 2, stopped: 3, error: 4 } as const;
/** Endpoint types: bulk and interrupt endpoints differ from their IN twins by 4; control is both. */
export const EP_TYPE = {
  bulkOut: 2,
  interruptOut: 3,
  control: 4,
  bulkIn: 6,
  interruptIn: 7,
} as const;
