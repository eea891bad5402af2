// What the hypercalls answer at the boundaries of their arguments (testing/interface_probe.ts): in the emulator and on
// QEMU, with one, two and four CPUs, as the reference kernel did on QEMU with one and two, but for the differences that
// are meant.

import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { guestModule } from "../tools/asc/guest.ts";
import { Machine } from "../tools/emulator/host/machine.ts";
import { buildKernel } from "./build.ts";
import { KERNEL_GUEST } from "./options.ts";
import { DIFFERENCES, expectedHere } from "./testing/differences.ts";
import { buildInterfaceProbe } from "./testing/interface_probe.ts";
import { bootImages, onQemu } from "./testing/qemu.ts";
import { INTERFACE_END, INTERFACE_MACHINE, recordingOf } from "./testing/record.ts";

const recorded = (cpus: number): string[] => readFileSync(recordingOf(cpus), "latin1").split("\n");

describe("the recordings of the reference", () => {
  it("have every line that this kernel means to answer otherwise, once", () => {
    for (const { reference, here } of DIFFERENCES) {
      const counts = [1, 2].map(
        (cpus) => recorded(cpus).filter((line) => line === reference).length,
      );
      expect([reference, Math.max(...counts)]).toEqual([reference, 1]);
      expect(here).not.toBe(reference);
    }
  });
});

describe("docs/kernel-interface.md", () => {
  const page = readFileSync(new URL("../docs/kernel-interface.md", import.meta.url), "utf8");
  const STATUSES = [
    ..."SUCCESS TIMEOUT ABORT BAD_HYP BAD_CAP BAD_PAR BAD_FTR BAD_CPU BAD_DEV".split(" "),
  ];
  const HYPERCALLS = [
    ...["call", "create_pd", "create_ec", "create_sc", "create_pt", "create_sm", "revoke"],
    ...["pd_ctrl lookup", "pd_ctrl access page", "pd_ctrl delegate", "pd_ctrl MSR read"],
    ...["pd_ctrl MSR write", "ec_ctrl", "sc_ctrl", "pt_ctrl", "sm_ctrl up", "sm_ctrl down"],
    ...[
      "assign_pci",
      "assign_gsi",
      "machine_ctrl suspend",
      "machine_ctrl microcode",
      "machine_ctrl",
    ],
    "unknown hypercall",
  ];
  /**
   * Statuses that other probes show: the first one (probe.expected.txt) has handlers that are busy and that die, and
   * one puts the machine to sleep (suspend.*.expected.txt).
   */
  const ELSEWHERE = ["call TIMEOUT", "call ABORT", "machine_ctrl suspend SUCCESS"];

  /** Hypercall and status of the lines of a probe; of `call` the lowest 8 bits count. */
  const seen = (lines: readonly string[]) =>
    new Set(
      lines.flatMap((line) => {
        const hypercall = HYPERCALLS.find((name) => line.startsWith(name));
        const status = /: status ([0-9a-f]+)/.exec(line)?.[1];
        if (!hypercall || !status) return [];
        return `${hypercall} ${STATUSES[Number.parseInt(status, 16) & 0xff]}`;
      }),
    );
  const rows = [...page.matchAll(/^\| `([^`]+)` \| (\w+) \| .* \| ([^|]*) \|$/gm)].map(
    ([, hypercall, status, reference = ""]) => ({ pair: `${hypercall} ${status}`, reference }),
  );
  const pairs = (kind: string) =>
    rows.filter(({ reference }) => reference.startsWith(kind)).map(({ pair }) => pair);
  const lines = [1, 2].flatMap(recorded);

  it("has every status that both kernels answered as equal", () => {
    const here = seen(expectedHere(lines));
    const both = [...seen(lines)].filter((pair) => here.has(pair));
    expect(pairs("equal").sort()).toEqual([...both, ...ELSEWHERE].sort());
  });

  it("has every status that one of them alone answered as that one's", () => {
    const [reference, here] = [seen(lines), seen(expectedHere(lines))];
    expect(pairs("reference alone")).toEqual([...reference].filter((pair) => !here.has(pair)));
    for (const pair of here) if (!reference.has(pair)) expect(pairs("here alone")).toContain(pair);
  });

  it("names the reasons of all differences", () => {
    for (const { why } of DIFFERENCES) expect(page).toContain(`- ${why}\n`);
  });
});

describe("the interface", () => {
  let kernel: Uint8Array;

  beforeAll(async () => {
    const { wasm, sourceMap } = await guestModule(KERNEL_GUEST);
    kernel = buildKernel(wasm, sourceMap);
  });

  const ofProbe = (output: string) =>
    output
      .replaceAll("\r\n", "\n")
      .split("\n")
      .filter((line) => !line.startsWith("[kernel]"));

  // The probe uses two CPUs: what it sees on four is what it sees on two.
  const CPUS = [
    [1, 1],
    [2, 2],
    [4, 2],
  ] as const;

  it.each(CPUS)("is answered on %i CPUs as by the reference", async (cpus, recording) => {
    const module = { file: buildInterfaceProbe(), name: "probe" };
    const machine = await Machine.create({
      kernel,
      memory: "256M",
      cpu: "max",
      cpus,
      modules: [module],
    });
    machine.runSync({ until: INTERFACE_END, nanoseconds: 60e9 });
    expect(ofProbe(machine.serialOutput)).toEqual(expectedHere(recorded(recording)));
  });

  it.skipIf(!onQemu).each(CPUS)("is so on QEMU, %i CPUs", async (cpus, recording) => {
    const options = [...INTERFACE_MACHINE, "-smp", `${cpus}`];
    const text = await bootImages(
      { kernel, roottask: buildInterfaceProbe(), options },
      INTERFACE_END,
    );
    expect(ofProbe(text)).toEqual(expectedHere(recorded(recording)));
  });
});
