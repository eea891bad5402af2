// Images in files, from Machine and as a process: what is written where, who else may have the file, and what is said of
// files that are none.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ah, al, ax, bx, byte, cx, dx } from "../../asm/index.ts";
import { HANG_MS, hasQemu, QEMU } from "../../testing/host-tools.ts";
import { RunControl } from "../debug/run-control.ts";
import { bytesImage } from "../media/image.ts";
import { checkImage, contentsOf, hasQemuImg, qemuImg } from "../media/testdata/qemu-img.ts";
import { Monitor } from "../monitor/monitor.ts";
import { bootSector } from "../platform/testdata/boot-sector.ts";
import { builtCore } from "./core.ts";
import { closeImage, openImage } from "./image-file.ts";
import { Machine } from "./machine.ts";

const emu = fileURLToPath(new URL("../../bin/emu", import.meta.url));
const directory = mkdtempSync(join(tmpdir(), "emu-images-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
beforeAll(async () => {
  await builtCore();
});

const path = (name: string): string => join(directory, name);

/** Writes itself, with 77h at byte 507, to the second sector, prints the BIOS's status, and powers off or stays. */
const writer = (stays = false): Uint8Array =>
  bootSector((a) => {
    a.mov(byte(0x7c00 + 507), 0x77);
    a.mov(ax, 0x0301).mov(bx, 0x7c00).mov(cx, 2).mov(dx, 0x80).int(0x13);
    a.mov(al, ah).add(al, 0x30).mov(dx, 0x3f8).out(dx, al);
    if (stays) {
      a.label("stay");
      a.sti().hlt().jmp("stay");
    }
  });

function image(name: string, contents: Uint8Array = writer()): string {
  writeFileSync(path(name), contents);
  return path(name);
}

const WRITTEN = 512 + 507;
test.each([
  [
    "fat:rw:folder",
    "disk fat:rw:folder: folders are no images here; mkfs.fat and mcopy make one of it",
  ],
  ["nbd:localhost:10809", "disk nbd:localhost:10809: images are files"],
  ["https://localhost/x.iso", "disk https://localhost/x.iso: images are files; fetch it first"],
])("%s is refused with what to do instead", (name, message) => {
  expect(() => openImage(name)).toThrow(message);
});

test("file:PATH is a path", () => {
  const file = path("named.img");
  writeFileSync(file, new Uint8Array(4096));
  const image = openImage(`file:${file}`);
  expect([image.name, image.size]).toEqual([file, 4096]);
  closeImage(image);
});

const isChanged = (file: string): boolean => readFileSync(file)[WRITTEN] === 0x77;

const run = (...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [emu, ...args], {
    encoding: "utf8",
    input: "",
    timeout: HANG_MS,
  });
  return { status, out: stdout, err: stderr };
};

describe("what a guest writes", () => {
  test.each<[string, (file: string) => string[], boolean, string]>([
    ["-hda", (f) => ["-hda", f], true, "0"],
    ["-drive", (f) => ["-drive", `file=${f},format=raw,cache=none`], true, "0"],
    ["-snapshot", (f) => ["-snapshot", "-hda", f], false, "0"],
    ["snapshot=on", (f) => ["-drive", `file=${f},snapshot=on`], false, "0"],
    ["snapshot=off", (f) => ["-snapshot", "-drive", `file=${f},snapshot=off`], true, "0"],
    ["readonly=on", (f) => ["-drive", `file=${f},readonly=on`], false, "3"],
    [
      "-blockdev",
      (f) => [
        ...["-blockdev", `driver=file,node-name=f,filename=${f}`],
        ...["-blockdev", "raw,node-name=d,file=f", "-device", "ide-hd,drive=d,bus=ide.1"],
      ],
      true,
      "0",
    ],
    [
      "-blockdev in JSON, read-only",
      (f) => [
        "-blockdev",
        JSON.stringify({
          driver: "raw",
          "node-name": "d",
          "read-only": true,
          file: { driver: "file", filename: f },
        }),
        ...["-device", "usb-storage,drive=d"],
      ],
      false,
      "3",
    ],
  ])("is where %s says", (name, options, changes, status) => {
    const file = image(`written-${name.replace(/\W/g, "")}.img`);
    expect(run(...options(file))).toEqual({ status: 0, out: status, err: "" });
    expect(isChanged(file)).toBe(changes);
  });

  test.skipIf(!hasQemu || !hasQemuImg)("is what QEMU leaves behind", () => {
    for (const format of ["raw", "qcow2"]) {
      for (const more of ["", ",snapshot=on", ",cache=none"]) {
        const [theirs, ours] = ["theirs", "ours"].map((name) => {
          const raw = image(`${name}.img`);
          if (format === "raw") return raw;
          qemuImg("convert", "-O", "qcow2", raw, path(name));
          return path(name);
        }) as [string, string];
        const drive = (file: string) => ["-drive", `file=${file},format=${format}${more}`];
        const { stdout } = spawnSync(
          QEMU,
          [
            ...[
              "-accel",
              "tcg",
              "-machine",
              "q35",
              "-display",
              "none",
              "-no-reboot",
              "-nic",
              "none",
            ],
            ...["-serial", "stdio", "-monitor", "none", ...drive(theirs)],
          ],
          { encoding: "utf8", input: "", timeout: HANG_MS },
        );
        expect(run(...drive(ours))).toEqual({ status: 0, out: stdout, err: "" });
        const [left, right] = [theirs, ours].map((file) =>
          format === "raw" ? readFileSync(file) : contentsOf(file),
        ) as [Uint8Array, Uint8Array];
        expect(Buffer.compare(right, left), format + more).toBe(0);
      }
    }
  });

  test.skipIf(!hasQemuImg)("is in a qcow2 image after power-off and after SIGTERM", async () => {
    for (const stays of [false, true]) {
      const raw = image(`source-${stays}.img`, writer(stays));
      const file = path(`image-${stays}.qcow2`);
      qemuImg("convert", "-c", "-O", "qcow2", raw, file);
      const child = spawn(process.execPath, [emu, "-hda", file], {
        stdio: ["pipe", "pipe", "pipe"],
      });
      const ended = once(child, "exit");
      await once(child.stdout, "data");
      if (stays) child.kill("SIGTERM");
      expect((await ended)[0]).toBe(stays ? 143 : 0);
      expect(checkImage(file)).toEqual({ leaks: 0, errors: 0 });
      expect(contentsOf(file)[WRITTEN]).toBe(0x77);
    }
  });

  test.skipIf(!hasQemuImg)("goes over backing files, which stay as they are", () => {
    mkdirSync(path("below"), { recursive: true });
    const base = image("below/base.img");
    const before = readFileSync(base);
    qemuImg("create", "-q", "-f", "qcow2", "-b", "below/base.img", "-F", "raw", path("middle"));
    qemuImg("create", "-q", "-f", "qcow2", "-b", "middle", "-F", "qcow2", path("top"));
    expect(run("-drive", `file=${path("top")},format=qcow2`)).toEqual({
      status: 0,
      out: "0",
      err: "",
    });
    expect(contentsOf(path("top"))[WRITTEN]).toBe(0x77);
    expect(contentsOf(path("middle"))[WRITTEN]).toBe(before[WRITTEN]);
    expect(readFileSync(base)).toEqual(before);
  });

  test.skipIf(!hasQemuImg)("leaves a qcow2 image without errors after SIGKILL", async () => {
    const raw = image("source-killed.img", writer(true));
    const file = path("killed.qcow2");
    qemuImg("convert", "-c", "-O", "qcow2", "-o", "cluster_size=512", raw, file);
    const child = spawn(process.execPath, [emu, "-hda", file], { stdio: ["pipe", "pipe", "pipe"] });
    const ended = once(child, "exit");
    await once(child.stdout, "data");
    child.kill("SIGKILL");
    await ended;
    expect(checkImage(file).errors).toBe(0);
    expect([0, 0x77]).toContain(contentsOf(file)[WRITTEN]);
    closeImage(openImage(file, { writable: true }));
  });

  test("that the host cannot take is an error to the guest, and a line", async () => {
    const errors: string[] = [];
    const machine = await Machine.create({
      disks: [
        {
          kind: "disk",
          image: {
            ...bytesImage("full", writer()),
            write: () => {
              throw new Error("no space left");
            },
          },
          persistent: true,
        },
      ],
      memory: "16M",
      onHostError: (what) => errors.push(what),
    });
    expect(machine.runSync()).toEqual({ kind: "power-off" });
    expect(machine.serialOutput).not.toBe("0");
    expect(errors).toEqual(["disk full: cannot write it: no space left"]);
  });

  test("by INT 13h waits where the host is full, until the machine goes on", async () => {
    const bytes = writer();
    let isFull = true;
    const image = {
      ...bytesImage("full", bytes),
      write: (offset: number, data: Uint8Array) => {
        if (isFull) throw Object.assign(new Error("no space left"), { code: "ENOSPC" });
        bytes.set(data, offset);
      },
    };
    const machine = await Machine.create({
      disks: [{ kind: "disk", image, persistent: true, onWriteFailure: "enospc" }],
      memory: "16M",
    });
    const before = bytes.slice();
    expect(machine.runSync()).toEqual({ kind: "io-error" });
    expect(machine.serialOutput).toBe("");
    isFull = false;
    expect(machine.runSync()).toEqual({ kind: "power-off" });
    expect(machine.serialOutput).toBe("0");
    expect(Buffer.compare(bytes, before)).not.toBe(0);
  });

  test("cannot be recorded into images, and a replay changes none", () => {
    const file = image("recorded.img");
    const recording = path("recording");
    const refused = run("-hda", file, "-record", recording);
    expect(refused.status).toBe(2);
    expect(refused.err).toMatch(/^emu: -record: the run would change .*-snapshot keeps apart.*\n$/);
    expect(run("-snapshot", "-hda", file, "-record", recording).status).toBe(0);
    const replayed = run("-hda", file, "-replay", recording);
    expect([replayed.status, replayed.out]).toEqual([0, "0"]);
    expect(isChanged(file)).toBe(false);
  });
});

describe("an image", () => {
  test("is one writer's or several readers'", () => {
    const file = image("shared.img");
    symlinkSync(file, path("link.img"));
    const reader = openImage(file);
    const other = openImage(path("link.img"));
    expect(() => openImage(file, { writable: true })).toThrow(/Failed to get "write" lock/);
    closeImage(reader);
    expect(() => openImage(file, { writable: true })).toThrow(/Failed to get "write" lock/);
    closeImage(other);
    const writer = openImage(file, { writable: true });
    expect(() => openImage(path("link.img"))).toThrow(/Failed to get shared "write" lock/);
    closeImage(writer);
    closeImage(openImage(file));
  });

  test("cannot be two drives of a machine that is written", () => {
    const file = image("twice.img");
    const { status, err } = run("-hda", file, "-hdb", file);
    expect([status, err]).toEqual([
      1,
      `emu: disk ${file}: Failed to get "write" lock: is another process using the image, or another drive?\n`,
    ]);
    expect(run("-snapshot", "-hda", file, "-hdb", file).status).toBe(0);
  });

  test("is free again after SIGKILL, and not before", async () => {
    const file = image("killed.img", writer(true));
    const child = spawn(process.execPath, [emu, "-hda", file], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    await once(child.stdout, "data");
    expect(run("-hda", file).err).toContain('Failed to get "write" lock');
    expect(run("-snapshot", "-hda", file).err).toContain('Failed to get shared "write" lock');
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
    expect(isChanged(file)).toBe(true);
    closeImage(openImage(file, { writable: true }));
  });

  test.skipIf(process.platform !== "linux")(
    "is free after a process that nobody waits for",
    async () => {
      const file = image("unreaped.img", writer(true));
      // The shell becomes a program that never waits for its children.
      const command = '"$0" "$1" -hda "$2" & echo "$!."; exec sleep 600';
      const parent = spawn("sh", ["-c", command, process.execPath, emu, file]);
      try {
        let out = "";
        for await (const chunk of parent.stdout) {
          out += chunk;
          if (/\.\s*\S/.test(out)) break;
        }
        const pid = Number(out.split(".")[0]);
        expect(() => openImage(file)).toThrow(/Failed to get shared "write" lock/);
        process.kill(pid, "SIGKILL");
        const state = (): string =>
          readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1] ?? "";
        while (!state().startsWith("Z")) await setTimeout(10);
        closeImage(openImage(file, { writable: true }));
      } finally {
        parent.kill("SIGKILL");
      }
    },
  );

  test.skipIf(!hasQemu || process.platform !== "linux")("is not taken from QEMU", async () => {
    const file = image("qemu.img");
    const args = ["-display", "none", "-nodefaults", "-S", "-drive", `file=${file},format=raw`];
    const qemu = spawn(QEMU, args, { stdio: "ignore" });
    const ended = once(qemu, "exit");
    try {
      let refused = "";
      const limit = Date.now() + 60_000;
      while (refused === "" && Date.now() < limit) {
        try {
          closeImage(openImage(file, { writable: true }));
          await setTimeout(100);
        } catch (error) {
          refused = (error as Error).message;
        }
      }
      expect(refused).toContain('Failed to get "write" lock');
      expect(() => openImage(file)).toThrow('Failed to get shared "write" lock');
    } finally {
      qemu.kill("SIGKILL");
      await ended;
    }
    closeImage(openImage(file, { writable: true }));
  });

  test("may end within a sector, which then is filled up", async () => {
    const file = image("odd.img", writer().subarray(0, 700));
    const machine = await Machine.create({
      disks: [{ kind: "disk", image: file, persistent: true }],
      memory: "16M",
    });
    expect(machine.runSync()).toEqual({ kind: "power-off" });
    expect(machine.serialOutput).toBe("0");
    machine.close();
    const now = readFileSync(file);
    expect([now.length, now[WRITTEN]]).toEqual([1024, 0x77]);
  });

  test.skipIf(process.platform === "win32")("is a file, and one that may be used", () => {
    mkdirSync(path("folder"));
    image("empty", new Uint8Array());
    spawnSync("mkfifo", [path("fifo")]);
    const protectedFile = image("protected.img");
    chmodSync(protectedFile, 0o444);
    expect(() => openImage(path("folder"))).toThrow("it is a directory");
    expect(() => openImage(path("fifo"))).toThrow("it is a FIFO, not a file");
    expect(() => openImage("/dev/null", { writable: true })).toThrow("it is a device, not a file");
    expect(() => openImage(path("empty"))).toThrow("the file is empty");
    expect(() => openImage(path("absent"))).toThrow("there is no such file");
    closeImage(openImage(protectedFile));
    // Root may write everything.
    if (process.getuid?.() !== 0) {
      expect(() => openImage(protectedFile, { writable: true })).toThrow(
        /it may not be written; readonly=on .* snapshot=on/,
      );
    }
  });

  test("that becomes shorter or is deleted gives errors, not other contents", () => {
    const file = image("shrinks.img");
    const opened = openImage(file, { writable: true });
    truncateSync(file, 1024);
    expect(opened.read(0, 512).length).toBe(512);
    expect(() => opened.read(1024, 512)).toThrow("the file has become shorter");
    rmSync(file);
    expect(() => opened.flush?.()).toThrow("the file has been deleted");
    expect(() => closeImage(opened)).toThrow("the file has been deleted");
  });

  test.skipIf(!hasQemuImg)("has backing files that are there, and not itself among them", () => {
    const create = (name: string, backing: string, format = "qcow2"): void => {
      const options = ["-u", "-F", format, "-b", backing, path(name), "1M"];
      qemuImg("create", "-q", "-f", "qcow2", ...options);
    };
    create("a", "b");
    create("b", "a");
    expect(() => openImage(path("a"))).toThrow("it is among its own backing files");
    expect(() => openImage(path("a"), { writable: true })).toThrow("among its own backing files");
    create("c", "absent");
    expect(() => openImage(path("c"))).toThrow(/absent: there is no such file/);
    create("d", "nbd://localhost/x", "raw");
    expect(() => openImage(path("d"))).toThrow("is not a file's path");
    create("e", "absent", "vmdk");
    expect(() => openImage(path("e"))).toThrow("there is no reader for vmdk images");
    // None of these is taken any more.
    for (const name of ["a", "b", "c", "d", "e"]) {
      closeImage(openImage(path(name), { writable: true, format: "raw" }));
    }
  });

  test.skipIf(!hasQemuImg)(
    "is told of by the monitor, which keeps no snapshots of it",
    async () => {
      const base = image("told.img");
      qemuImg("create", "-q", "-f", "qcow2", "-b", base, "-F", "raw", path("told.qcow2"));
      const machine = await Machine.create({
        disks: [{ kind: "disk", image: path("told.qcow2"), persistent: true, index: 3 }],
        memory: "16M",
      });
      const snapshots = {
        save: async () => {},
        load: async () => new Uint8Array(),
        remove: async () => {},
        list: async () => [],
      };
      const host = { snapshots, quit: () => {}, version: "0" } as never;
      const monitor = new Monitor(new RunControl(machine, true), host);
      expect((await monitor.execute("info block")).trim()).toBe(
        [
          `ide3-hd0 (#disk0): ${path("told.qcow2")} (qcow2)`,
          "    Attached to:      ide.3, 1048576 bytes, written to the image",
          "    Cache mode:       writeback",
          `    Backing file:     ${base} (chain depth: 1)`,
        ].join("\n"),
      );
      expect((await monitor.execute("savevm x")).trim()).toBe(
        `savevm: disk ${path("told.qcow2")} writes to its image, which a snapshot cannot hold: start with -snapshot`,
      );
      machine.close();
    },
  );
});
