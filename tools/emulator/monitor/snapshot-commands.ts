// savevm, loadvm and delvm: the whole machine under a name.

import { readSnapshotFile, snapshotFile } from "../snapshot-file.ts";
import type { Command, MonitorContext, SnapshotStore } from "./command.ts";
import { MonitorError } from "./command-line.ts";

/** The name must do for a file everywhere. */
const NAME = /^[\w][\w.+-]{0,99}$/;

/** Snapshots that are gone when the process ends, for where there are no files. */
export class MemorySnapshots implements SnapshotStore {
  readonly #kept = new Map<string, { contents: Uint8Array; date: Date }>();

  async save(name: string, contents: Uint8Array): Promise<void> {
    this.#kept.set(name, { contents, date: new Date() });
  }

  async load(name: string): Promise<Uint8Array> {
    const kept = this.#kept.get(name);
    if (kept === undefined) throw new MonitorError(noSuch(name));
    return kept.contents;
  }

  async remove(name: string): Promise<void> {
    if (!this.#kept.delete(name)) throw new MonitorError(noSuch(name));
  }

  async list(): Promise<{ name: string; bytes: number; date: Date }[]> {
    return [...this.#kept].map(([name, { contents, date }]) => ({
      name,
      bytes: contents.length,
      date,
    }));
  }
}

/** What to say of a name that nothing has. */
export const noSuch = (name: string): string =>
  `there is no snapshot '${name}'; info snapshots lists those there are`;

function checked(name: string): string {
  if (!NAME.test(name)) {
    throw new MonitorError(`'${name}': expected letters, digits and . _ + -, at most 100 of them`);
  }
  return name;
}

const names = async ({ snapshots }: MonitorContext): Promise<string[]> =>
  (await snapshots.list()).map(({ name }) => name);

export const SNAPSHOT_COMMANDS: readonly Command[] = [
  {
    names: ["savevm"],
    parameters: "[tag]",
    help: "save a VM snapshot to the file TAG.vmstate; without a tag the time is one",
    run: async ({ control, snapshots }, line) => {
      const time = new Date().toISOString().replace(/\D/g, "").slice(0, 14);
      const name = checked(line.word() ?? `vm-${time}`);
      line.end();
      await snapshots.save(name, snapshotFile(control.machine.snapshot()));
      return "";
    },
  },
  {
    names: ["loadvm"],
    parameters: "tag",
    help: "restore a VM snapshot from its tag",
    words: names,
    run: async ({ control, snapshots }, line) => {
      const name = checked(line.required("the tag of a snapshot"));
      line.end();
      const snapshot = readSnapshotFile(await snapshots.load(name));
      // Nobody is to see half of it, nor a slice to end in another machine than it began in.
      const ran = !control.paused;
      await control.standstill();
      try {
        control.machine.restore(snapshot);
      } finally {
        if (ran) control.resume();
      }
      return "";
    },
  },
  {
    names: ["delvm"],
    parameters: "tag",
    help: "delete a VM snapshot from its tag",
    words: names,
    run: async ({ snapshots }, line) => {
      const name = checked(line.required("the tag of a snapshot"));
      line.end();
      await snapshots.remove(name);
      return "";
    },
  },
];
