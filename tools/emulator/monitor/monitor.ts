// The monitor: commands named as QEMU's human monitor names them, found by their first word. What each does is in the
// files of its topic.

import type { RunControl } from "../debug/run-control.ts";
import type { Command, MonitorContext, MonitorHost } from "./command.ts";
import { CommandLine, QemuError } from "./command-line.ts";
import { DEBUG_COMMANDS } from "./debug-commands.ts";
import { INFO_COMMANDS } from "./info-commands.ts";
import { INPUT_COMMANDS } from "./input-commands.ts";
import { MEDIA_COMMANDS } from "./media-commands.ts";
import { MEMORY_COMMANDS } from "./memory-commands.ts";
import { NETWORK_COMMANDS } from "./network-commands.ts";
import { Pointer } from "./pointer.ts";
import { RUN_COMMANDS } from "./run-commands.ts";
import { SCREEN_COMMANDS } from "./screen-commands.ts";
import { MemorySnapshots, SNAPSHOT_COMMANDS } from "./snapshot-commands.ts";
import { VNC_COMMANDS } from "./vnc-commands.ts";

const HELP: Command = {
  names: ["help", "?"],
  parameters: "[cmd]",
  help: "show the help",
  words: () => COMMANDS.flatMap(({ names }) => names),
  run: (context, line) => {
    const wanted = line.word();
    if (wanted === undefined) return COMMANDS.map(helpLine).join("\n");
    const command = commandOf(wanted);
    if (command === undefined) return unknown(wanted);
    if (wanted === "info") return command.run(context, new CommandLine(""));
    return helpLine(command);
  },
};

const COMMANDS: readonly Command[] = [
  HELP,
  ...RUN_COMMANDS,
  ...INFO_COMMANDS,
  ...MEDIA_COMMANDS,
  ...MEMORY_COMMANDS,
  ...INPUT_COMMANDS,
  ...NETWORK_COMMANDS,
  ...SCREEN_COMMANDS,
  ...VNC_COMMANDS,
  ...SNAPSHOT_COMMANDS,
  ...DEBUG_COMMANDS,
].sort((a, b) => ((a.names[0] as string) < (b.names[0] as string) ? -1 : 1));

const commandOf = (name: string): Command | undefined =>
  COMMANDS.find(({ names }) => names.includes(name));

const helpLine = ({ names, parameters, help }: Command): string =>
  `${names.join("|")} ${parameters} -- ${help}`;

const unknown = (name: string): string => `unknown command: '${name}'; help lists those there are`;

/** Lines that are kept. */
const HISTORY = 64;

export class Monitor {
  readonly #context: MonitorContext;
  readonly #history: string[] = [];

  constructor(control: RunControl, host: MonitorHost) {
    this.#context = {
      control,
      host,
      snapshots: host.snapshots ?? new MemorySnapshots(),
      pointer: new Pointer(),
      history: this.#history,
      cpu: 0,
      lastFormat: { kind: "x", size: 4 },
    };
  }

  /** Keeps a line that somebody typed; one that is there already moves to the end. */
  remember(line: string): void {
    const there = this.#history.indexOf(line);
    if (there >= 0) this.#history.splice(there, 1);
    if (line.trim() !== "") this.#history.push(line);
    if (this.#history.length > HISTORY) this.#history.shift();
  }

  /** Runs one line; the answer ends with a newline unless it is empty. Never throws. */
  async execute(text: string): Promise<string> {
    const answer = await this.#answer(text);
    return answer === "" || answer.endsWith("\n") ? answer : `${answer}\n`;
  }

  async #answer(text: string): Promise<string> {
    const line = new CommandLine(text);
    const name = line.name();
    if (name === "") return "";
    const command = commandOf(name);
    if (command === undefined) return unknown(name);
    try {
      return await command.run(this.#context, line);
    } catch (error) {
      const who = error instanceof QemuError ? "Error" : command.names[0];
      return `${who}: ${(error as Error).message}`;
    }
  }

  /** What the last word of a line that is being typed can become, and that word. */
  async complete(text: string): Promise<{ words: string[]; last: string }> {
    const last = /\S*$/.exec(text)?.[0] ?? "";
    const before = text.slice(0, text.length - last.length).trim();
    const command = before === "" ? undefined : commandOf(new CommandLine(before).name());
    const all =
      before === ""
        ? COMMANDS.flatMap(({ names }) => names)
        : ((await command?.words?.(this.#context)) ?? []);
    return { words: all.filter((word) => word.startsWith(last)).sort(), last };
  }
}
