// savevm's snapshots as files NAME.vmstate in one folder.

import { readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { SnapshotStore } from "../monitor/command.ts";
import { noSuch } from "../monitor/snapshot-commands.ts";
import { writeWholeFile } from "./whole-file.ts";

const ENDING = ".vmstate";

export class SnapshotFiles implements SnapshotStore {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  #path(name: string): string {
    return join(this.#folder, `${name}${ENDING}`);
  }

  save(name: string, contents: Uint8Array): Promise<void> {
    return writeWholeFile(this.#path(name), contents);
  }

  async load(name: string): Promise<Uint8Array> {
    return this.#found(name, () => readFile(this.#path(name)));
  }

  async remove(name: string): Promise<void> {
    return this.#found(name, () => rm(this.#path(name)));
  }

  async #found<T>(name: string, act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") throw new Error(noSuch(name));
      throw error;
    }
  }

  async list(): Promise<{ name: string; bytes: number; date: Date }[]> {
    const files = (await readdir(this.#folder)).filter((file) => file.endsWith(ENDING)).sort();
    return Promise.all(
      files.map(async (file) => {
        const { size, mtime } = await stat(join(this.#folder, file));
        return { name: file.slice(0, -ENDING.length), bytes: size, date: mtime };
      }),
    );
  }
}
