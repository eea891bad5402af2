// The archive reader against archives made by tar-stream and GNU tar, and against broken ones.

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { Machine } from "../testing/machine.ts";
import { sampleProgram, tarOf } from "../testing/samples.ts";

const TRUNCATED = 1;
const NOT_TAR = 2;
const CHECKSUM = 3;
const TYPE = 5;
const PATH = 6;
const BUFFER = 0x40_2000n;

let machine: Machine;

beforeEach(async () => {
  machine = await Machine.create();
});

/** Contents of a file of the archive as a program reads them. */
function contents(path: string): string {
  machine.poke(1, BUFFER, Buffer.from(`${path}\0`));
  const fd = machine.call(1, 2, BUFFER, 0, 0);
  if (fd < 0n) return `error ${fd}`;
  const length = machine.call(1, 0, fd, BUFFER, 0x8000);
  machine.call(1, 3, fd);
  return length < 0n ? `error ${length}` : machine.peek(1, BUFFER, Number(length)).toString();
}

async function withProgram(files: Parameters<typeof tarOf>[0]): Promise<Uint8Array> {
  return tarOf([{ name: "bin/sample", mode: 0o755, data: sampleProgram() }, ...files]);
}

describe("readTar", () => {
  it("gives programs the files of an archive", async () => {
    const long = `${"directory/".repeat(12)}file`;
    const tar = await withProgram([
      { name: "etc", type: "directory", mode: 0o700 },
      { name: "etc/motd", data: "welcome\n" },
      { name: "etc/link", type: "symlink", linkname: "motd" },
      { name: "etc/hard", type: "link", linkname: "etc/motd" },
      { name: "empty", data: "" },
      { name: long, data: "deep" },
      { name: `${"n".repeat(200)}`, data: "long name" },
    ]);
    expect(machine.unpack(tar)).toBe(0);
    expect(machine.launch("linux bin/sample")).toBe(0);
    expect(contents("/etc/motd")).toBe("welcome\n");
    expect(contents("etc/../etc/./link")).toBe("welcome\n");
    expect(contents("etc/hard")).toBe("welcome\n");
    expect(contents("empty")).toBe("");
    expect(contents(long)).toBe("deep");
    expect(contents("n".repeat(200))).toBe("long name");
    expect(contents("etc")).toBe("error -21");
    expect(contents("missing")).toBe("error -2");
    expect(contents("etc/motd/x")).toBe("error -20");
  });

  it("refuses a truncated archive and says where", async () => {
    const tar = await withProgram([{ name: "file", data: "x".repeat(2000) }]);
    const header = Buffer.from(tar).indexOf("file\0");
    expect(machine.unpack(tar.slice(0, header + 512 + 700))).toBe(TRUNCATED);
    expect(machine.exports.errorOffset()).toBe(header);
    expect(machine.unpack(tar.slice(0, 300))).toBe(TRUNCATED);
    expect(machine.unpack(new Uint8Array(0))).toBe(TRUNCATED);
  });

  it("refuses what is not a tar archive", () => {
    expect(machine.unpack(Buffer.alloc(2048, "garbage"))).toBe(NOT_TAR);
  });

  it("refuses a changed header", async () => {
    const tar = await tarOf([{ name: "file", data: "x" }]);
    tar[1] = 0x41;
    expect(machine.unpack(tar)).toBe(CHECKSUM);
  });

  it("refuses paths that leave the archive", async () => {
    expect(machine.unpack(await tarOf([{ name: "a/../../b", data: "x" }]))).toBe(PATH);
  });

  it("survives every size field and type", async () => {
    const tar = await tarOf([{ name: "file", data: "x".repeat(600) }]);
    for (let byte = 0; byte < 256; byte++) {
      const broken = tar.slice();
      broken[156] = byte;
      fixChecksum(broken);
      expect([0, TRUNCATED, TYPE, PATH, 4, 8, 9]).toContain(machine.unpack(broken));
      const size = tar.slice();
      size.fill(byte, 124, 136);
      fixChecksum(size);
      expect([0, TRUNCATED, NOT_TAR, CHECKSUM, TYPE, 4]).toContain(machine.unpack(size));
    }
  });

  it.skipIf(!hasGnuTar())("reads what GNU tar writes in its three formats", async () => {
    const folder = mkdtempSync(join(tmpdir(), "roottask-tar-"));
    const name = `${"long-directory-name/".repeat(8)}f`;
    mkdirSync(join(folder, "in/bin"), { recursive: true });
    mkdirSync(join(folder, "in", name, ".."), { recursive: true });
    writeFileSync(join(folder, "in/bin/sample"), sampleProgram());
    writeFileSync(join(folder, "in", name), "content");
    symlinkSync("bin/../other", join(folder, "in/link"));
    writeFileSync(join(folder, "in/other"), "target");
    for (const format of ["gnu", "pax", "ustar"]) {
      const output = join(folder, `${format}.tar`);
      execFileSync("tar", [`--format=${format}`, "-C", join(folder, "in"), "-cf", output, "."]);
      machine = await Machine.create();
      expect(machine.unpack(readFileSync(output)), format).toBe(0);
      expect(machine.launch("linux bin/sample")).toBe(0);
      expect(contents(name), format).toBe("content");
      expect(contents("link"), format).toBe("target");
    }
    rmSync(folder, { recursive: true });
  });
});

function fixChecksum(tar: Uint8Array): void {
  tar.fill(32, 148, 156);
  const sum = tar.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  tar.set(Buffer.from(`${sum.toString(8).padStart(6, "0")}\0 `), 148);
}

function hasGnuTar(): boolean {
  try {
    return execFileSync("tar", ["--version"], { encoding: "utf8" }).includes("GNU tar");
  } catch {
    return false;
  }
}
