// The command mkbootimage: its arguments, what it says when something is wrong, and how it ends when it is ended.

import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { HANG_MS, hasTool } from "../testing/host-tools.ts";
import { standInMultiboot } from "./fuzz/stand-in.ts";
import { readParameters } from "./parameters.ts";

const COMMAND = fileURLToPath(new URL("../bin/mkbootimage", import.meta.url));

let directory: string;
beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), "mkbootimage-test-")));
  writeFileSync(join(directory, "kernel"), standInMultiboot());
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function run(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [COMMAND, ...args], {
    cwd: directory,
    encoding: "utf8",
    timeout: HANG_MS,
  });
  return { status, stdout, stderr };
}
const says = (line: string) => ({ status: 1, stdout: "", stderr: `mkbootimage: ${line}\n` });
const silent = { status: 0, stdout: "", stderr: "" };

describe("makes an image", () => {
  test("of a kernel and modules, as boot.conf says", () => {
    mkdirSync(join(directory, "a b"));
    writeFileSync(join(directory, "a b/c d"), "quoted");
    writeFileSync(join(directory, "plain"), "plain");
    const args = [
      "--kernel",
      "kernel",
      "--cmdline",
      "x=1 y",
      "--title",
      "A title",
      "--timeout",
      "7",
    ];
    const modules = ["--module", '"a b/c d"  one two', "--module", "plain"];
    const more = ["--protocol", "multiboot1", "--video", "800x600x32", "--volume", "MINE"];
    expect(run(...args, ...modules, ...more, "-o", "out.img")).toEqual(silent);
    const image = readFileSync(join(directory, "out.img"));
    expect(image.toString("latin1", 16 * 2048 + 40, 16 * 2048 + 44)).toBe("MINE");
    expect(image.includes(Buffer.from("quoted"))).toBe(true);
    const lines = [
      "timeout 7",
      "title A title",
      "kernel boot/kernel x=1 y",
      'module "boot/c d" one two',
      "module boot/plain",
      "protocol multiboot1",
      "video 800x600x32",
      "",
    ];
    expect(image.includes(Buffer.from(lines.join("\n")))).toBe(true);
  });

  test("of a folder, with the loader of this checkout", () => {
    mkdirSync(join(directory, "folder"));
    writeFileSync(join(directory, "folder/k"), standInMultiboot());
    writeFileSync(join(directory, "conf"), "title T\nkernel k\n");
    expect(run("--config", "conf", "folder", "-o", "out.img")).toEqual(silent);
    const image = readFileSync(join(directory, "out.img"));
    const { loaderBlock, loaderBytes } = readParameters(image.subarray(0, 512 * 2048));
    expect(loaderBlock).toBe(21);
    expect(loaderBytes).toBeGreaterThan(10_000);
    expect(image.toString("latin1", 512 * 2048 + 54, 512 * 2048 + 59)).toBe("FAT12");
  });
});

describe("says in one line", () => {
  test("what is missing or does not go together", () => {
    expect(run("--kernel", "kernel")).toEqual(
      says("required option '-o, --output <img>' not specified"),
    );
    expect(run("-o", "x")).toEqual(
      says("what is to be started? --kernel FILE or --config FILE DIR says so"),
    );
    expect(run("--config", "c", "-o", "x")).toEqual(
      says("--config needs the folder with the image's files: --config FILE DIR"),
    );
    expect(run("--config", "c", "d", "--cmdline", "x", "-o", "x")).toEqual(
      says("--cmdline does not go with --config: the file says what is started"),
    );
    expect(run("--config", "c", "d", "--module", "x", "-o", "x")).toEqual(
      says("--module does not go with --config: the file says what is started"),
    );
    expect(run("folder", "--kernel", "kernel", "-o", "x")).toEqual(
      says("folder: a folder goes with --config FILE; kernels are given by --kernel"),
    );
    expect(existsSync(join(directory, "x"))).toBe(false);
  });

  test("what a value cannot be", () => {
    const kernel = ["--kernel", "kernel", "-o", "x"];
    expect(run(...kernel, "--module", '"a b').stderr).toMatch(/"FILE" where it has blanks/);
    expect(run(...kernel, "--timeout", "soon").stderr).toMatch(/seconds, 0 to 86400, are needed/);
    expect(run(...kernel, "--video", "large").stderr).toMatch(/a mode such as 1024x768x32/);
    expect(run(...kernel, "--protocol", "chain").stderr).toMatch(/multiboot1, multiboot2, linux/);
    expect(run(...kernel, "--modul", "x").stderr).toMatch(/Did you mean --module/);
  });

  test("what is wrong with a file", () => {
    expect(run("--kernel", "absent", "-o", "x")).toEqual(
      says("absent: cannot be read: no such file or folder"),
    );
    expect(run("--kernel", "kernel", "-o", "absent/x")).toEqual(
      says("absent/x: cannot be written: no such file or folder"),
    );
    writeFileSync(join(directory, "script"), "#!/bin/sh");
    const { stderr } = run("--kernel", "script", "-o", "x");
    expect(stderr).toMatch(/^mkbootimage: script: is no kernel: a script;[^\n]*\n$/);
    expect(readdirSync(directory).sort()).toEqual(["kernel", "script"]);
  });

  const inNamespace = ["-rm", "sh", "-c", "mount -t tmpfs -o size=3m none /mnt"];
  test.skipIf(!hasTool("unshare", inNamespace))("that the disk is full, and leaves nothing", () => {
    const script = join(directory, "full.sh");
    const command = `"${process.execPath}" "${COMMAND}" --kernel "${directory}/kernel" -o /mnt/x.img`;
    writeFileSync(
      script,
      `mount -t tmpfs -o size=3m none /mnt\n${command}\nstatus=$?\nls -A /mnt\nexit $status\n`,
    );
    chmodSync(script, 0o755);
    const { status, stdout, stderr } = spawnSync("unshare", ["-rm", "sh", script], {
      encoding: "utf8",
    });
    expect({ status, stdout, stderr }).toEqual(
      says("/mnt/x.img: cannot be written: no room left on the disk"),
    );
  });
});

describe.skipIf(process.platform === "win32")("ended by a signal", () => {
  for (const [signal, status] of [["SIGINT", 130] as const, ["SIGTERM", 143] as const]) {
    test(`${signal} leaves neither an image nor a part of one`, async () => {
      writeFileSync(join(directory, "huge"), "");
      truncateSync(join(directory, "huge"), 3_000_000_000);
      const args = ["--kernel", "kernel", "--module", "huge", "-o", "out.img"];
      const child = spawn(process.execPath, [COMMAND, ...args], { cwd: directory });
      const ended = new Promise<number | null>((resolve) => child.on("exit", resolve));
      while (!readdirSync(directory).some((name) => name.startsWith(".mkbootimage-"))) {
        expect(child.exitCode).toBe(null);
        await sleep(5);
      }
      child.kill(signal);
      expect(await ended).toBe(status);
      expect(readdirSync(directory).sort()).toEqual(["huge", "kernel"]);
    });
  }
});
