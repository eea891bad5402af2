// Clusters of tables that have been read, so many of them; the one that has not been asked for longest goes first.

const CACHE_BYTES = 8 << 20;
const MIN_CLUSTERS = 4;

export class ClusterCache<T> {
  readonly #kept = new Map<number, T>();
  readonly limit: number;

  constructor(clusterBytes: number) {
    this.limit = Math.max(MIN_CLUSTERS, Math.floor(CACHE_BYTES / clusterBytes));
  }

  get(key: number): T | undefined {
    const found = this.#kept.get(key);
    if (found !== undefined) {
      this.#kept.delete(key);
      this.#kept.set(key, found);
    }
    return found;
  }

  /** `mayGo` says of the oldest ones whether they can be read again; where none of them can, more are kept. */
  put(key: number, value: T, mayGo: (value: T) => boolean = () => true): void {
    this.#kept.delete(key);
    this.#kept.set(key, value);
    for (const [old, other] of this.#kept) {
      if (this.#kept.size <= this.limit || old === key) return;
      if (mayGo(other)) this.#kept.delete(old);
    }
  }

  get full(): boolean {
    return this.#kept.size >= this.limit;
  }

  values(): Iterable<T> {
    return this.#kept.values();
  }
}
