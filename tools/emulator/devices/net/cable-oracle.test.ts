// Cables that are pulled out and put in by the monitor's set_link, as drivers see it, here and on QEMU; and what is said of
// networks.

import { spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { hasQemu, QEMU } from "../../../testing/host-tools.ts";
import { RunControl } from "../../debug/run-control.ts";
import { machineOptions } from "../../host/cli-machine.ts";
import { parseArguments } from "../../host/cli-options.ts";
import { Machine } from "../../host/machine.ts";
import { Monitor } from "../../monitor/monitor.ts";
import type { Access } from "../../platform/testdata/bus-guest.ts";
import { here, onQemu, type Story } from "../../platform/testdata/monitored-guest.ts";
import { E1000 } from "./e1000.ts";
import { cardRig, frame, receiver } from "./testdata/card-rig.ts";
import { at, bringUp, IO_BASE, load, pciWrite, phy, SLOT, store } from "./testdata/nic-script.ts";

const CTRL = at(0x00);
const RESET = 0x0400_0000;
const LINK_CHANGE = 4;
const UP = 2;

/** Link in STATUS and in the PHY, and whether a change is told. */
const link = (): Access[] => [
  load(at(0x08), UP),
  ...phy(1),
  ...phy(5),
  load(at(0xc0), LINK_CHANGE),
  load(at(0xc0), LINK_CHANGE),
];

const story = (name: string): Story => ({
  machine: "q35",
  parts: [
    [...bringUp(), ...link()],
    [
      ...link(),
      // Without a cable nothing is negotiated, and a reset brings none.
      ...phy(0, 0x1340),
      store(CTRL, RESET),
      ...link(),
    ],
    // A negotiation takes its time.
    [...link(), ...phy(0, 0x0140)],
    [...link()],
    [...link()],
  ],
  lines: [
    [`set_link ${name} off`],
    [`set_link ${name} on`],
    [`set_link ${name} off`],
    [`set_link ${name} on`, `set_link ${name} on`],
  ],
});

describe("a cable that is pulled out and put in", () => {
  for (const model of ["e1000", "e1000e"] as const) {
    test.skipIf(!hasQemu)(`${model}`, async () => {
      const told = story(`${model}.0`);
      const wanted = await onQemu(told, ["-nic", "none", "-device", `${model},addr=${SLOT}`]);
      expect(wanted.at(-1)).not.toMatch(/nothing/);
      expect(await here(told, { networkCards: [{ model, slot: SLOT }] })).toEqual(wanted);
    });
  }

  test.skipIf(!hasQemu)("virtio-net-pci", async () => {
    const state: Access[] = [
      ["in", IO_BASE + 0x14 + 6, 2],
      // QEMU 7.2 tells of a queue, too.
      ["in", IO_BASE + 0x13, 1, 2],
      ["in", IO_BASE + 0x13, 1, 2],
    ];
    const reset: Access = ["out", IO_BASE + 0x12, 0];
    const ready: Access = ["out", IO_BASE + 0x12, 7];
    const told: Story = {
      machine: "q35",
      parts: [
        [...pciWrite(SLOT, 0, 0x10, IO_BASE), ...pciWrite(SLOT, 0, 4, 7, 2), ...state],
        [...state, ready],
        state,
        [...state, reset, ...state],
      ],
      lines: [
        ["set_link card off"],
        ["set_link card on"],
        ["set_link card off", "set_link card off"],
      ],
    };
    const device = `virtio-net-pci,id=card,addr=${SLOT},vectors=0`;
    const wanted = await onQemu(told, ["-nic", "none", "-device", device]);
    expect(wanted.at(-1)).not.toMatch(/nothing/);
    const card = { model: "virtio-net-pci" as const, id: "card", slot: SLOT };
    expect(await here(told, { networkCards: [{ ...card, properties: { vectors: 0 } }] })).toEqual(
      wanted,
    );
  });

  test("is negotiated about when it is in again", () => {
    const r = cardRig("e1000", E1000);
    r.card.setCable(false);
    r.card.setCable(true);
    r.advance(400_000_000);
    expect(r.read(0x08) & UP).toBe(0);
    r.advance(200_000_000);
    expect(r.read(0x08) & UP).toBe(UP);
    expect(r.read(0xc0) & LINK_CHANGE).toBe(LINK_CHANGE);
  });

  test("has no frames come or go", () => {
    const r = cardRig("e1000", E1000);
    receiver(r);
    r.card.setCable(false);
    r.card.receive(frame(100));
    expect(r.card.state.receive.fifo).toEqual([]);
    r.card.reset();
    expect(r.read(0x08) & UP).toBe(0);
  });
});

const NETWORKS = [
  ...["-netdev", "user,id=n0,restrict=on,net=10.1.0.0/16"],
  ...["-device", "e1000,id=c0,netdev=n0,mac=52:54:00:ab:cd:ef"],
  ...["-device", "e1000e", "-nic", "user,model=virtio,id=n1", "-device", "e1000e"],
  ...["-net", "nic,model=e1000", "-net", "user"],
];

test.skipIf(!hasQemu)("networks are told of as by QEMU", async () => {
  const lines = ["info network", "set_link c1 off", "set_link n1 off", "set_link c0 on"];
  const { stdout } = spawnSync(
    QEMU,
    ["-S", "-display", "none", "-machine", "q35", "-nodefaults", "-qmp", "stdio", ...NETWORKS],
    {
      encoding: "utf8",
      timeout: 20_000,
      input: [
        { execute: "qmp_capabilities" },
        ...lines.map((line) => ({
          execute: "human-monitor-command",
          arguments: { "command-line": line },
        })),
        { execute: "quit" },
      ]
        .map((request) => JSON.stringify(request))
        .join("\n"),
    },
  );
  const wanted = stdout
    .split("\n")
    .flatMap((line) => (line.trim() === "" ? [] : (JSON.parse(line) as { return?: unknown })))
    .flatMap((message) => (typeof message.return === "string" ? message.return : []))
    .map((text) => text.replaceAll("\r", ""));
  const options = machineOptions(parseArguments(["-m", "16M", "-cdrom", "x", ...NETWORKS]));
  const machine = await Machine.create({ ...options, disks: [] });
  const monitor = new Monitor(new RunControl(machine, true), { quit() {} });
  // Names that nobody has given, and the order in which cards get addresses.
  const sorted = (text: string): string[] =>
    text
      .replace(/#net\d+/g, "#net0")
      .replace(/52:54:00:12:34:../g, "…")
      .split("\n")
      .sort();
  for (const [i, line] of lines.entries()) {
    expect({ line, text: sorted(await monitor.execute(line)) }).toEqual({
      line,
      text: sorted(wanted[i] ?? "nothing"),
    });
  }
});
