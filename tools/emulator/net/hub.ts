// What -net connects: every frame that one member sends goes to all the others.

export class Hub {
  readonly #members: ((frame: Uint8Array) => void)[] = [];

  /** Adds a member, who gets frames by `receive`; what it sends goes to the result. */
  join(receive: (frame: Uint8Array) => void): (frame: Uint8Array) => void {
    this.#members.push(receive);
    return (frame) => {
      for (const member of this.#members) if (member !== receive) member(frame);
    };
  }
}
