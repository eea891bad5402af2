// What every device looks like to the machine. All that a guest can observe lives in `state`, a
// plain structured-cloneable object, so that a snapshot is a copy and restoring is an assignment.

export interface Device {
  /** Unique in the machine; key of the device's state in a snapshot. */
  readonly name: string;
  state: object;
  /** Power-on or hardware reset. */
  reset(): void;
  /** Called after `state` has been replaced by a snapshot's: recompute what is derived from it. */
  restored?(): void;
}

/** Device that answers on I/O ports. `port` is absolute, `size` one of the sizes it registered for. */
export interface PortHandler {
  read(port: number, size: number): number;
  write(port: number, value: number, size: number): void;
}

/** Device that answers on memory addresses. `offset` is relative to the region's start. */
export interface MmioHandler {
  read(offset: number, size: number): number;
  write(offset: number, value: number, size: number): void;
}

/** What the platform remarks about a guest's doing. */
export interface GuestLog {
  /** The guest used something real hardware would have and this machine lacks: always told. */
  unimplemented(what: string): void;
  /** The guest touched a port that no device decodes, as probing does: QEMU's `-d unimp`. */
  absent(what: string): void;
  /** The guest did what no hardware answers sensibly: QEMU's `-d guest_errors`. */
  guestError(what: string): void;
}
