// INT 13h against SeaBIOS in QEMU, register by register: every function with arguments that are right and wrong, on
// a hard disk, a floppy, a CD without emulation and one that emulates a floppy.

import { truncateSync } from "node:fs";
import { test } from "vitest";
import { hasQemu } from "../../../testing/host-tools.ts";
import { bytesImage, type ImageSource } from "../../media/image.ts";
import { BIOS_CALLS_SECTORS, BOOT_DRIVE, biosCallsImage } from "../testdata/bios-calls.ts";
import {
  BUFFER,
  call,
  expectSeaBiosAnswers,
  PACKET,
  type Packet,
  packet,
  type Question,
} from "../testdata/bios-questions.ts";
import { bootCd } from "../testdata/boot-cd.ts";

const DISK = 0x13;
const FLOPPY_BYTES = 1474560;

const ask = (what: string, eax: number, more: Partial<Question> = {}): Question =>
  call(what, DISK, eax, { edx: BOOT_DRIVE, ...more });

const SHOWS_PACKET = { at: PACKET, bytes: 24 };

const byPacket = (what: string, eax: number, p: Packet, more: Partial<Question> = {}): Question =>
  ask(what, eax, { fill: packet(p), show: { ...SHOWS_PACKET, bytes: 16 }, ...more });

/** AH=48h with room for `bytes`. */
const parameters = (bytes: number, more: Partial<Question> = {}): Question =>
  ask(`parameters of ${bytes} bytes`, 0x4800, {
    fill: { at: PACKET, bytes: [bytes, 0, ...new Array(78).fill(0xee)] },
    show: { at: PACKET, bytes: 80 },
    ...more,
  });

const byFunction = (functions: readonly number[]): Question[] =>
  functions.map((f) => ask(`function ${f.toString(16)}h`, (f << 8) | 0x55, { ecx: 1 }));

/** A sector of drive DL by cylinder 0, sector 1; drive numbers that have no medium. */
const absent = (drive: number): Question[] =>
  [0x0000, 0x0100, 0x0201, 0x0800, 0x1500, 0x4100].map((eax) =>
    call(`drive ${drive.toString(16)}h, AX=${eax.toString(16)}h`, DISK, eax, {
      ebx: 0x55aa,
      ecx: 1,
      edx: drive,
    }),
  );

const byGeometry: Question[] = [
  ask("reset", 0x0000),
  ask("status", 0x0100),
  ask("a sector", 0x0201, { ecx: 2, show: { at: BUFFER, bytes: 64 } }),
  ask("status of a success", 0x01aa),
  ask("no sector", 0x0200, { ecx: 2 }),
  ask("status of a failure", 0x01aa),
  ask("sector 0", 0x0201),
  ask("129 sectors", 0x0281, { ecx: 1 }),
  ask("sector 63", 0x0201, { ecx: 63 }),
  ask("head 255", 0x0201, { ecx: 1, edx: 0xff00 | BOOT_DRIVE }),
  ask("cylinder 1023", 0x0201, { ecx: 0xffc1 }),
  ask("cylinder 1", 0x0201, { ecx: 0x0101 }),
  ask("across 64 KiB", 0x0202, { ebx: 0xff00, ecx: 1 }),
  ask("write", 0x0301, { ecx: 9 }),
  ask("verify", 0x0401, { ecx: 2 }),
  ask("verify what is not there", 0x0401, { ecx: 0xffff }),
  ask("parameters", 0x0800, { ebx: 0x1234, ecx: 0xbeef, edi: 0x5678 }),
  ask("kind of drive", 0x1500, { ecx: 0x1111 }),
  ask("change line", 0x1600),
  ...byFunction([0x06, 0x07, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x10, 0x11, 0x12, 0x13]),
  ...byFunction([0x14, 0x17, 0x18, 0x19, 0x20, 0x22, 0x40, 0x4a, 0x4c, 0x4d, 0x4f, 0x50, 0xff]),
];

const byBlock: Question[] = [
  ask("extensions", 0x4100, { ebx: 0x55aa, ecx: 0x1111 }),
  byPacket("a block", 0x4200, { count: 1, block: 1 }),
  byPacket("no block", 0x4200, { count: 0, block: 1 }),
  byPacket("at a flat address", 0x4200, { count: 1, block: 1, flat: BigInt(BUFFER) }),
  byPacket("more than a segment", 0x4200, { count: 129, block: 0 }),
  byPacket("write", 0x4300, { count: 1, block: 20 }),
  byPacket("write and verify", 0x4302, { count: 1, block: 20 }),
  byPacket("verify", 0x4400, { count: 1, block: 1 }),
  byPacket("seek", 0x4700, { count: 1, block: 1 }),
  ...[2, 0, 0, 2, 1, 1, 1, 2, 3].map((al) => ask(`lock, AL=${al}`, 0x4500 | al)),
  ask("lock", 0x4500),
  ask("eject what is locked", 0x4600),
  ask("unlock", 0x4501),
  ask("change", 0x4900),
  ...[0, 1, 2, 3, 4, 5, 6, 7].map((al) => ask(`hardware, AL=${al}`, 0x4e00 | al)),
];

/** What SeaBIOS leaves open for AHCI, and the extension and path that EDD 3.0 has. */
const longParameters = [30, 66, 74].map((bytes) =>
  parameters(bytes, { ignored: ["memory"], because: "SeaBIOS gives 26 bytes for AHCI" }),
);

test.skipIf(!hasQemu)("a hard disk answers as SeaBIOS's", async () => {
  const questions: Question[] = [
    ...byGeometry,
    ask("128 sectors", 0x0280, { ecx: 1 }),
    ask("format", 0x0501, { ecx: 1 }),
    ...byBlock,
    byPacket("beyond the end", 0x4200, { count: 1, block: 0x100000 }),
    byPacket("far beyond the end", 0x4200, { count: 1, block: 0x1_0000_0001n }),
    byPacket("a seek beyond the end", 0x4700, { count: 1, block: 0x100000 }),
    byPacket(
      "across the end",
      0x4200,
      { count: 4, block: 2046 },
      {
        ours: { eax: 0x0400 },
        because: "sector not found; SeaBIOS says bad track whatever a controller reports",
      },
    ),
    byPacket(
      "a packet that is too short",
      0x4200,
      { count: 1, block: 1, size: 15 },
      {
        ours: { eax: 0x0100, carry: true },
        because: "EDD 3.0, 4.2: size 16 or more; SeaBIOS does not look",
      },
    ),
    ask("extensions without the check", 0x4100, {
      ebx: 0x1234,
      ours: { eax: 0x0100, ebx: 0x1234, ecx: 0, carry: true },
      because: "EDD 3.0, 4.1: BX is 55AAh; SeaBIOS does not look",
    }),
    parameters(16),
    parameters(26),
    ...longParameters,
    ...absent(0x85),
    ...absent(0x00),
    ...absent(0xe1),
    ask("emulation", 0x4b01, { show: { at: PACKET, bytes: 19 } }),
  ];
  const image = biosCallsImage(questions);
  await expectSeaBiosAnswers(questions, image, (file) => ["-drive", `file=${file},format=raw`], {
    disks: [{ kind: "disk", image }],
  });
});

test.skipIf(!hasQemu).each([
  ["540 MB", 1_054_720],
  ["1 GB", 2_097_152],
  ["4 GB", 8_388_608],
  ["9 GB", 18_874_368],
])("a disk of %s has SeaBIOS's geometry", async (_size, sectors) => {
  const questions = [
    ask("parameters", 0x0800),
    ask("kind of drive", 0x1500),
    parameters(26),
    ask("the last cylinder but one", 0x0201, { ecx: 0xfec1, edx: 0x0f00 | BOOT_DRIVE }),
  ];
  const image = biosCallsImage(questions);
  const drive = (file: string) => {
    truncateSync(file, sectors * 512);
    return ["-drive", `file=${file},format=raw`];
  };
  const reader: ImageSource = {
    ...bytesImage("disk", image),
    size: sectors * 512,
  };
  await expectSeaBiosAnswers(questions, image, drive, {
    disks: [{ kind: "disk", image: reader }],
  });
});

test.skipIf(!hasQemu)("a floppy answers as SeaBIOS's", async () => {
  const table = { edi: 0xefc7 };
  const questions: Question[] = [
    ...byGeometry.map((q) =>
      q.what === "parameters"
        ? { ...q, ours: table, because: "the parameter table is where the PC/AT has it" }
        : q,
    ),
    ask("format", 0x0501, { ecx: 1 }),
    ...byBlock,
    parameters(26),
    ...absent(0x01),
    ...absent(0x80),
  ];
  const image = biosCallsImage(questions, FLOPPY_BYTES);
  const drive = (file: string) => ["-drive", `if=floppy,file=${file},format=raw`];
  await expectSeaBiosAnswers(questions, image, drive, { disks: [{ kind: "floppy", image }] });
});

test.skipIf(!hasQemu)("a CD without emulation answers as SeaBIOS's", async () => {
  const questions: Question[] = [
    ...byGeometry,
    ...byBlock,
    byPacket("a CD's block", 0x4200, { count: 1, block: 17 }, { show: { at: BUFFER, bytes: 48 } }),
    byPacket("a segment", 0x4200, { count: 32, block: 0 }),
    byPacket("more than a segment of 2048", 0x4200, { count: 33, block: 0 }),
    parameters(26),
    ...longParameters,
    ask("emulation", 0x4b01, {
      show: { at: PACKET, bytes: 3 },
    }),
    ...absent(0x00),
    ...absent(0x80),
  ];
  const image = bootCd(biosCallsImage(questions), 0, BIOS_CALLS_SECTORS);
  await expectSeaBiosAnswers(questions, image, (file) => ["-cdrom", file], {
    disks: [{ kind: "cdrom", image }],
  });
});

test.skipIf(!hasQemu)("a floppy that a CD emulates answers as SeaBIOS's", async () => {
  const questions: Question[] = [
    ...byGeometry.map((q) =>
      q.what === "parameters"
        ? { ...q, ours: { edi: 0xefc7 }, because: "the parameter table is where the PC/AT has it" }
        : q,
    ),
    ask("format", 0x0501, { ecx: 1 }),
    ask("the emulation", 0x4b01, { show: { at: PACKET, bytes: 3 } }),
    ...absent(0x80),
    ask("the end of emulation", 0x4b00),
    ask("a sector of what is no more", 0x0201, { ecx: 1 }),
  ];
  const image = bootCd(biosCallsImage(questions, FLOPPY_BYTES), 2, 1);
  await expectSeaBiosAnswers(questions, image, (file) => ["-cdrom", file], {
    disks: [{ kind: "cdrom", image }],
  });
});

/** A sector that the host can neither read nor write. */
const BAD = 200;
/** The same by cylinder, head and sector, of which tracks have 63. */
const BAD_PLACE = { ecx: 12, edx: 0x0380 };

test.skipIf(!hasQemu)("what the host cannot do is told, and by which sector", async () => {
  const because = "the status says what; SeaBIOS's is bad track for all, and verifies nothing";
  const unread = { eax: 0x1000 };
  const unwritten = { eax: 0xcc00 };
  const questions: Question[] = [
    byPacket("a bad sector", 0x4200, { count: 1, block: BAD }, { ours: unread, because }),
    byPacket(
      "across it",
      0x4200,
      { count: 4, block: BAD - 2 },
      { ours: { ...unread, memory: "1000020000000020c600000000000000" }, because },
    ),
    byPacket("up to it", 0x4200, { count: 2, block: BAD - 2 }),
    byPacket("write", 0x4300, { count: 1, block: BAD }, { ours: unwritten, because }),
    byPacket(
      "write across it",
      0x4300,
      { count: 4, block: BAD - 2 },
      { ours: { ...unwritten, memory: "1000020000000020c600000000000000" }, because },
    ),
    byPacket(
      "verify",
      0x4400,
      { count: 1, block: BAD },
      { ours: { ...unread, carry: true, memory: "1000000000000020c800000000000000" }, because },
    ),
    ask("by geometry", 0x0201, { ...BAD_PLACE, ours: unread, because }),
    ask("across it", 0x0204, {
      ...BAD_PLACE,
      ecx: BAD_PLACE.ecx - 2,
      ours: { eax: 0x1002 },
      because,
    }),
    ask("write by geometry", 0x0301, { ...BAD_PLACE, ours: unwritten, because }),
    ask("status", 0x0100, { ours: unwritten, because }),
    ask("verify by geometry", 0x0401, {
      ...BAD_PLACE,
      ours: { ...unread, carry: true },
      because,
    }),
    ask("another sector", 0x0201, { ...BAD_PLACE, ecx: BAD_PLACE.ecx + 1 }),
  ];
  const image = biosCallsImage(questions);
  const errors = ["read", "write"].flatMap((type, i) =>
    ["event=none", `iotype=${type}`, "errno=5", `sector=${BAD}`].map(
      (setting) => `file.inject-error.${i}.${setting}`,
    ),
  );
  const drive = (file: string): string[] => [
    "-drive",
    [
      "driver=raw",
      "rerror=report",
      "werror=report",
      "file.driver=blkdebug",
      ...errors,
      `file.image.filename=${file}`,
    ].join(","),
  ];
  const failing = (offset: number, length: number): void => {
    if (offset < (BAD + 1) * 512 && offset + length > BAD * 512) throw new Error("EIO");
  };
  const source = bytesImage("disk", image);
  const reader: ImageSource = {
    ...source,
    read: (offset, length) => {
      failing(offset, length);
      return source.read(offset, length);
    },
    write: (offset, bytes) => failing(offset, bytes.length),
  };
  await expectSeaBiosAnswers(questions, image, drive, {
    disks: [{ kind: "disk", image: reader, persistent: true }],
  });
});
