// The benchmark must count what it says: the same in two ways here, and in QEMU the same as here. What the counts
// are is no test's business.

import { beforeAll, describe, expect, it } from "vitest";
import { guestModule } from "../../tools/asc/guest.ts";
import { hasQemu } from "../../tools/testing/host-tools.ts";
import { buildKernel } from "../build.ts";
import { KERNEL_GUEST } from "../options.ts";
import { type Listing, listPaths } from "./listing.ts";
import { measure } from "./measure.ts";
import { type PathName, paths } from "./paths.ts";
import { formatListing, formatPaths } from "./table.ts";

const ROUNDS = { few: 16, more: 32, samples: 2 };

describe("the table of paths", () => {
  let kernel: Uint8Array;
  let listings = new Map<PathName, Listing>();

  beforeAll(async () => {
    const { wasm, sourceMap } = await guestModule(KERNEL_GUEST);
    kernel = buildKernel(wasm, sourceMap);
    listings = await listPaths(kernel);
  });

  /** Instructions of a round by stepping through it, the user's included. */
  const stepped = () =>
    new Map([...listings].map(([name, { steps, user }]) => [name, steps.length + user]));

  it("counts by the clock what stepping through a round counts", async () => {
    expect(await measure(kernel, "emu", ROUNDS)).toEqual(stepped());
  });

  it.skipIf(!hasQemu)("counts in QEMU what it counts here", async () => {
    // QEMU 7.2 has no PCIDs, without which a switch of domains takes another turn.
    const inOneDomain = (ticks: ReadonlyMap<PathName, number>) =>
      [...ticks].filter(([name]) => !/domain|foreign/.test(name));
    const ticks = await measure(kernel, "tcg", ROUNDS);
    expect(inOneDomain(ticks)).toEqual(inOneDomain(stepped()));
  });

  it("lists ways in and out of the kernel", () => {
    for (const { name } of paths) {
      const steps = listings.get(name)?.steps ?? [];
      expect(steps[0]).toEqual({ place: "user", text: name === "exception" ? "ud2" : "syscall" });
      expect(steps.at(-1)?.text).toMatch(/^(sysret|iret)/);
      expect(formatListing(name, { steps, user: 4 })).toContain(`${steps.length} instructions`);
    }
  });

  it("lists the same functions for a hypercall of a foreign domain as for any other", () => {
    const functions = (name: PathName) =>
      new Set(listings.get(name)?.steps.map(({ place }) => place.replace(/\+0x[0-9a-f]+$/, "")));
    const others = functions("pt_ctrl");
    const extra = [...functions("pt_ctrl, foreign domain")].filter((name) => !others.has(name));
    expect(extra).toEqual(["syscall_attention", "syscall_hybrid"]);
    expect(functions("call and reply, foreign domain")).not.toContain("on_syscall");
  });

  it("says what is far from the goal", () => {
    const emu = new Map(paths.map(({ name }) => [name, 100]));
    expect(formatPaths({ emu, tcg: undefined }).split("\n")[1]).toMatch(
      /^pt_ctrl +116 +100 +- +0\.86 +81$/,
    );
  });
});
