// Snapshots that stay in the browser: an IndexedDB database of this page's origin (Indexed Database API 3.0).

const DATABASE = "trihedron";
const STORE = "snapshots";

export interface StoredSnapshot {
  name: string;
  /** When it was saved. */
  date: Date;
  bytes: Uint8Array<ArrayBuffer>;
}

/** What a person can do about a failure, where it is known. */
const ADVICE: Readonly<Record<string, string>> = {
  QuotaExceededError:
    "it has no room for this snapshot: delete others, or save it to a file instead",
  TypeError: "it has no database for pages: save to a file instead",
  SecurityError: "pages may not store anything here: save to a file instead",
};

const refusal = (error: Error | null): Error =>
  new Error(`This browser keeps nothing: ${ADVICE[error?.name ?? ""] ?? error?.message}`);

export class SnapshotStore {
  readonly #database: IDBDatabase;

  private constructor(database: IDBDatabase) {
    this.#database = database;
  }

  /** Throws `Error` of one line where the browser keeps nothing, as in some private windows. */
  static async open(): Promise<SnapshotStore> {
    let request: IDBOpenDBRequest;
    try {
      request = indexedDB.open(DATABASE, 1);
    } catch (error) {
      throw refusal(error as Error);
    }
    request.onupgradeneeded = () => {
      request.result.createObjectStore(STORE, { keyPath: "name" });
    };
    const database = await new Promise<IDBDatabase>((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(refusal(request.error));
    });
    return new SnapshotStore(database);
  }

  /** What `act` gives, when all of it is there to stay: a lack of room shows at the end only. */
  #transact<T>(
    mode: IDBTransactionMode,
    act: (store: IDBObjectStore) => IDBRequest<T>,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const transaction = this.#database.transaction(STORE, mode);
      let request: IDBRequest<T>;
      try {
        request = act(transaction.objectStore(STORE));
      } catch (error) {
        reject(refusal(error as Error));
        return;
      }
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => reject(refusal(transaction.error ?? request.error));
    });
  }

  /** Keeps a snapshot; one of the same name is replaced. */
  async save(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    await this.#transact("readwrite", (store) => store.put({ name, date: new Date(), bytes }));
  }

  async load(name: string): Promise<StoredSnapshot | undefined> {
    return this.#transact("readonly", (store) => store.get(name));
  }

  async remove(name: string): Promise<void> {
    await this.#transact("readwrite", (store) => store.delete(name));
  }

  /** Names in alphabetical order. */
  async names(): Promise<string[]> {
    return (await this.#transact("readonly", (store) => store.getAllKeys())).map(String);
  }
}
