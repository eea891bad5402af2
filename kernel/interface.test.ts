// What the hypercalls answer at the boundaries of their arguments (testing/interface_probe.ts): on QEMU, with one,
// two and four CPUs, as the reference kernel did on one and two, but for the differences that are meant.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { guestModule } from "../tools/asc/guest.ts";
import { hasQemu } from "../tools/testing/host-tools.ts";
import { buildKernel } from "./build.ts";
import { KERNEL_GUEST } from "./options.ts";
import { DIFFERENCES, expectedHere } from "./testing/differences.ts";
import { buildInterfaceProbe } from "./testing/interface_probe.ts";
import { bootOnQemu, kernelOptions } from "./testing/qemu.ts";
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

describe.skipIf(!hasQemu)("the interface on QEMU", () => {
  let folder = "";

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "trihedron-interface-"));
    const { wasm, sourceMap } = await guestModule(KERNEL_GUEST);
    writeFileSync(join(folder, "kernel"), buildKernel(wasm, sourceMap));
    writeFileSync(join(folder, "probe"), buildInterfaceProbe());
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const isProbes = (line: string) => !line.startsWith("[kernel]");

  // The probe uses two CPUs: what it sees on four is what it sees on two.
  it.each([
    [1, 1],
    [2, 2],
    [4, 2],
  ])("answers on %i CPUs as the reference does", async (cpus, recording) => {
    const module = { file: join(folder, "probe"), args: "probe" };
    const options = [
      ...kernelOptions(join(folder, "kernel"), module),
      ...INTERFACE_MACHINE,
      ...["-smp", `${cpus}`],
    ];
    const text = await bootOnQemu(options, INTERFACE_END);
    expect(text.split("\n").filter(isProbes)).toEqual(expectedHere(recorded(recording)));
  });
});
