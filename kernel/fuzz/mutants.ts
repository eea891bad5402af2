// Faults put into the kernel on purpose, one at a time: what the fuzzer does not find it does not look for.

import { readFileSync } from "node:fs";
import { fuzzKernel, runSeed } from "./campaign.ts";
import { change } from "./poison.ts";

export interface Mutant {
  name: string;
  /** Source file, relative to the repository. */
  file: string;
  /** Text that occurs once there, and what takes its place. */
  from: string;
  to: string;
}

export const MUTANTS: readonly Mutant[] = [
  {
    name: "a delegation gives permissions its source lacks",
    file: "kernel/mdb.ts",
    from: "node.attr = parent.attr & attr;",
    to: "node.attr = attr;",
  },
  {
    name: "a delegation of memory gives rights its source lacks",
    file: "kernel/page_table.ts",
    from: "PTE_USER | (source & wanted & (PTE_W | PTE_WC))",
    to: "PTE_USER | (wanted & PTE_W)",
  },
  {
    name: "UTCBs can be passed on",
    file: "kernel/page_table.ts",
    from: "source & PTE_NODELEG || ",
    to: "",
  },
  {
    name: "other CPUs keep translations of the domain they run",
    file: "kernel/space_mem.ts",
    from: "    cpu.tlbRequest = 1;\n    sendTlbShootdown(cpu);\n",
    to: "",
  },
  {
    name: "a domain that does not run keeps its translations",
    file: "kernel/space_mem.ts",
    from: "pd.staleOn = ~(<u64>0);",
    to: "",
  },
  {
    name: "a new domain takes over the translations of its number",
    file: "kernel/pd.ts",
    from: "pd.staleOn = ~(<u64>0);",
    to: "",
  },
  {
    name: "a range of ports is one too long",
    file: "kernel/space_pio.ts",
    from: "(((<u32>1) << ((<u32>1) << node.order)) - 1)",
    to: "(((<u32>1) << (((<u32>1) << node.order) + 1)) - 1)",
  },
  {
    name: "a CPU takes another domain's ports for the domain's own",
    file: "kernel/space_pio.ts",
    from: "pd.portMapVersion = ++lastVersion;",
    to: "pd.portMapVersion++;",
  },
  {
    name: "a domain that is gone gets capabilities",
    file: "kernel/pd.ts",
    from: "pd.retired = true;",
    to: "",
  },
  {
    name: "half a port map is lost with its domain",
    file: "kernel/pd.ts",
    from: "if (pd.portMap1 !== 0) freePage(pd.portMap1);",
    to: "",
  },
  {
    name: "a table is written to when it has been given back",
    file: "kernel/node_table.ts",
    from: "  freePage(leaf);\n",
    to: "  freePage(leaf);\n  store<u32>(leaf, 0, 2048);\n",
  },
  {
    name: "a freed object is written to",
    file: "kernel/mdb.ts",
    from: "  freeObject(changetype<usize>(node));\n",
    to: "  freeObject(changetype<usize>(node));\n  node.attr = 0;\n",
  },
  {
    name: "any domain may use the machine's registers",
    file: "kernel/syscall_pd.ts",
    from: "  if (!ec.domain.passthrough) return BAD_CAP;\n",
    to: "",
  },
  {
    name: "a domain passes on what it may do to the machine, and lacks",
    file: "kernel/syscall_create.ts",
    from: "parent.passthrough && (flags",
    to: "(flags",
  },
  {
    name: "a thread that nobody can name stays where it waits",
    file: "kernel/lost_thread.ts",
    from: "  if (!isNamed(ec) && !isNeeded(ec)) end(ec);\n",
    to: "",
  },
  {
    name: "revocation stops two levels down",
    file: "kernel/revoke.ts",
    from: "if (r.affected && node.attr & r.rights)",
    to: "if (r.affected && node.depth <= top + 2 && node.attr & r.rights)",
  },
];

/** The repository's file with the fault, by name; throws where the text is not there exactly once. */
export function mutate({ file, from, to, name }: Mutant): Record<string, string> {
  const text = readFileSync(new URL(`../../${file}`, import.meta.url), "utf8");
  return { [file]: change(`"${name}": ${file}`, text, [[from, to]]) };
}

/** Runs a faulty kernel until it fails; the seed and step, or undefined if it does not. */
export async function findMutant(
  mutant: Mutant,
  seeds: number,
  steps: number,
): Promise<{ seed: number; step: number; message: string } | undefined> {
  const kernel = await fuzzKernel(mutate(mutant));
  for (let seed = 1; seed <= seeds; seed++) {
    const run = await runSeed(seed, steps, { cpus: 2, pcid: true, kernel });
    if (run.failure) return { seed, step: run.steps, message: run.failure.message };
  }
  return undefined;
}
