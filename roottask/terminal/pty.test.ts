// Pseudoterminals: random settings and bytes at both ends, the same program on Linux and in the guest.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { busybox } from "../../tools/compare-linux/file-tree.ts";
import { runInGuest } from "../../tools/compare-linux/guest.ts";
import { hasTool } from "../../tools/testing/host-tools.ts";
import { inFolder } from "../testing/archives.ts";
import { makeSystem } from "../testing/boot.ts";
import { compileProgram } from "../testing/c_programs.ts";

const SESSIONS = "40";
const STEPS = "30";
/**
 * Linux moves bytes between the ends by threads of its own, which a loaded machine lets wait: a run that was disturbed is
 * made again with a longer pause (in microseconds) before each look.
 */
const PAUSES = [0, 200, 1_000, 5_000, 20_000];

/** Steps of pty_kept.c. */
const KEPT = [
  "SwGr",
  "SwGIr",
  "SwGBr",
  "SiwGBr",
  "SwIGr",
  "SwIGwr",
  "SwGRr",
  "SwRGwr",
  "SwGOr",
  "SwGIWr",
];

/** The sessions of a transcript: each begins with its seed. */
const sessionsOf = (text: string): string[] => text.split(/^(?= *seed )/m);

/** What this Linux shows, session by session: what equals the guest's in one of a few runs, or what the last run had. */
function onLinux(program: string, guest: string): string {
  const wanted = sessionsOf(guest);
  let shown: string[] = [];
  for (const pause of PAUSES) {
    const { stdout } = spawnSync(program, [SESSIONS, STEPS, String(pause)], { encoding: "latin1" });
    shown = sessionsOf(stdout).map((session, index) =>
      shown[index] === wanted[index] && index in shown ? (shown[index] as string) : session,
    );
    if (shown.join("") === guest) break;
  }
  return shown.join("");
}

describe.skipIf(busybox === undefined || !hasTool("gcc"))("pseudoterminals", () => {
  beforeAll(makeSystem);

  it("read and show what those of Linux do", async () => {
    await inFolder(async (folder) => {
      const program = compileProgram("pty_lines", folder, ["gcc"]);
      const name = `bin/${basename(program)}`;
      const files = [{ name, mode: 0o755, data: readFileSync(join(folder, "pty_lines")) }];
      const command = [name, SESSIONS, STEPS];
      const [outcome] = await runInGuest([{ class: "pty", name: "lines", command, files }]);
      const right = onLinux(program, outcome?.text ?? "");
      expect(outcome).toEqual({ text: right, end: "exit status 0" });
    });
  });

  it("show what was typed while they were stopped with what comes next", async () => {
    await inFolder(async (folder) => {
      const program = compileProgram("pty_kept", folder, ["gcc"]);
      const name = `bin/${basename(program)}`;
      const files = [{ name, mode: 0o755, data: readFileSync(program) }];
      const command = [name, "0", ...KEPT];
      const [outcome] = await runInGuest([{ class: "pty", name: "kept", command, files }]);
      const runs = PAUSES.slice(1).map(
        (pause) => spawnSync(program, [String(pause), ...KEPT], { encoding: "latin1" }).stdout,
      );
      const right = runs.find((text) => text === outcome?.text) ?? runs.at(-1);
      expect(outcome).toEqual({ text: right, end: "exit status 0" });
    });
  });

  it("are hung up by the leader of their session", async () => {
    await inFolder(async (folder) => {
      const program = compileProgram("pty_hangup", folder, ["gcc"]);
      const name = `bin/${basename(program)}`;
      const files = [{ name, mode: 0o755, data: readFileSync(program) }];
      const [outcome] = await runInGuest([
        { class: "pty", name: "hangup", command: [name], files },
      ]);
      const { stdout } = spawnSync(program, { encoding: "latin1" });
      expect(outcome).toEqual({ text: stdout, end: "exit status 0" });
    });
  });
});
