// Dialogues at a terminal: a program is started, and what is typed next waits for what it has shown. On Linux the terminal is a
// pseudoterminal that Python opens, in the guest the serial line of the emulator.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { archiveOf } from "../../tools/compare-linux/file-tree.ts";
import { Machine } from "../../tools/emulator/host/machine.ts";

const built = (file: string) =>
  readFileSync(fileURLToPath(new URL(`../../build/${file}`, import.meta.url)));

/** What is typed, once the text has been shown since the last step. */
export type Step = readonly [shown: string, typed: string];

export interface Dialogue {
  command: readonly string[];
  environment?: Readonly<Record<string, string>>;
  steps: readonly Step[];
}

/** Runs the command in a terminal, types, and prints all that was shown; the caller's words are one JSON text. */
const ON_LINUX = `
import json, os, pty, select, sys
words = json.loads(sys.argv[1])
pid, terminal = pty.fork()
if pid == 0:
    os.chdir("/")
    os.execve(words["command"][0], words["command"], words["environment"])
shown, at = b"", 0
def look():
    global shown
    if not select.select([terminal], [], [], 20)[0]:
        raise SystemExit("nothing more is shown: %r" % shown)
    try:
        more = os.read(terminal, 4096)
    except OSError:
        more = b""
    shown += more
    return len(more) > 0
for expected, typed in words["steps"]:
    while shown.find(expected.encode("latin1"), at) < 0:
        if not look():
            raise SystemExit("it has ended: %r" % shown)
    at = shown.find(expected.encode("latin1"), at) + len(expected)
    os.write(terminal, typed.encode("latin1"))
while look():
    pass
os.waitpid(pid, 0)
sys.stdout.buffer.write(shown)
`;

/** What is shown on this Linux, in Latin-1 characters. */
export function onLinux({ command, environment = {}, steps }: Dialogue): string {
  const [program = "", ...rest] = command;
  const words = { command: [`/${program}`, ...rest], environment, steps };
  const { status, stdout, stderr } = spawnSync("python3", ["-c", ON_LINUX, JSON.stringify(words)], {
    encoding: "latin1",
  });
  if (status !== 0) throw new Error(`on Linux: ${stderr}`);
  return stdout;
}

/** Virtual nanoseconds between looks at the line, and how long something that is to be shown is waited for. */
const LOOK = 1e6;
const PATIENCE = 5e9;

/** What the roottask says of a program that a signal ends, on a line of its own. */
const KILLED = /(?:(?<!\r)\n)?\[roottask\] killed [^\n]*\n/g;

/** What is shown in the guest from the start of the program to its end. */
export async function inGuest({ command, environment = {}, steps }: Dialogue): Promise<string> {
  const lines = [
    ...Object.entries(environment).map(([name, value]) => `env "${name}=${value}"`),
    `terminal linux ${command.map((word) => `"${word}"`).join(" ")}`,
  ];
  const machine = await Machine.create({
    kernel: built("kernel.elf32"),
    memory: "512M",
    cpu: "max",
    modules: [
      { file: built("roottask-bin"), commandLine: "novga roottask" },
      { file: await archiveOf([], `${lines.join("\n")}\n`), commandLine: "userland" },
    ],
  });
  const line = machine.serialLines[0];
  if (line === undefined) throw new Error("the machine has no serial line");
  const begin = /\[roottask\] start 1: .*\n/;
  let at = 0;
  const seek = (expected: string | RegExp): void => {
    const until = machine.core.time() + PATIENCE;
    for (let over = ""; ; ) {
      const text = line.output;
      const found =
        typeof expected === "string" ? text.indexOf(expected, at) : text.slice(at).search(expected);
      if (found >= 0) {
        const length =
          typeof expected === "string" ? expected.length : (expected.exec(text)?.[0].length ?? 0);
        at = found + length;
        return;
      }
      if (over !== "" || machine.core.time() > until) {
        throw new Error(`in the guest: nothing more is shown (${over}): ${text}`);
      }
      const stop = machine.runSync({ nanoseconds: LOOK });
      if (stop.kind !== "limit") over = stop.kind;
    }
  };
  seek(begin);
  const first = at;
  for (const [expected, typed] of steps) {
    seek(expected);
    machine.input({ kind: "serial", port: 0, bytes: Buffer.from(typed, "latin1") });
  }
  seek("[roottask] end 1");
  return line.output.slice(first, at - "[roottask] end 1".length).replace(KILLED, "");
}
