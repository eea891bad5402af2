// A device's end of a line of bytes that leads out of the machine: a serial port, a port of a virtio console.

export interface CharacterPort {
  /** The guest has sent a byte. */
  onTransmit: (byte: number) => void;
  /** Bytes come from outside; they wait until the guest takes them. */
  receive(bytes: Iterable<number>): void;
  /** Bytes that have come and that the guest has not taken. */
  readonly pending: number;
  /** Bytes could wake an idle guest. */
  readonly listens: boolean;
}
