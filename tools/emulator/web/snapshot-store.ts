// Snapshots that stay in the browser: an IndexedDB database of this page's origin.

const DATABASE = "trihedron";
const STORE = "snapshots";

export interface StoredSnapshot {
  name: string;
  /** When it was saved. */
  date: Date;
  bytes: Uint8Array<ArrayBuffer>;
}

/** What a request gives; its reason where it fails. */
function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () =>
      reject(new Error(`this browser keeps nothing: ${request.error?.message}`));
  });
}

export class SnapshotStore {
  readonly #database: IDBDatabase;

  private constructor(database: IDBDatabase) {
    this.#database = database;
  }

  /** Throws `Error` of one line where the browser keeps nothing, as in some private windows. */
  static async open(): Promise<SnapshotStore> {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore(STORE, { keyPath: "name" });
    };
    return new SnapshotStore(await settled(request));
  }

  #store(mode: IDBTransactionMode): IDBObjectStore {
    return this.#database.transaction(STORE, mode).objectStore(STORE);
  }

  /** Keeps a snapshot; one of the same name is replaced. */
  async save(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    await settled(this.#store("readwrite").put({ name, date: new Date(), bytes }));
  }

  async load(name: string): Promise<StoredSnapshot | undefined> {
    return settled(this.#store("readonly").get(name));
  }

  async remove(name: string): Promise<void> {
    await settled(this.#store("readwrite").delete(name));
  }

  /** Names in alphabetical order. */
  async names(): Promise<string[]> {
    return (await settled(this.#store("readonly").getAllKeys())).map(String);
  }
}
