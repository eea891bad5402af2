// What is behind a network card: something that takes the guest's frames and has some for it. Backends know neither the
// machine nor the host; who connects them to both is in host/network/.

export interface NetworkBackend {
  /** The guest has sent a frame. */
  send(frame: Uint8Array): void;
  /** Takes frames for the guest. */
  onFrame: (frame: Uint8Array) => void;
  /** Virtual time has come to `now`, ns: called often, for what waits for its time. */
  poll(now: number): void;
  /** Leaves nothing behind. */
  close(): void;
}
