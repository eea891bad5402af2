// "info WHAT": every subject with the function that answers; the longer answers are in the files of their topic.

import type { Command, MonitorContext, VncAddress } from "./command.ts";
import { type CommandLine, MonitorError } from "./command-line.ts";
import { cpuList, localApicState, registers } from "./info-cpus.ts";
import {
  blockDevices,
  interruptControllers,
  interruptCounts,
  pciFunctions,
} from "./info-devices.ts";
import { addressSpaces, mappedRanges, translations } from "./info-memory.ts";
import { MOUSE } from "./input-commands.ts";
import { networkLines } from "./network-commands.ts";

interface Subject {
  name: string;
  parameters?: string;
  help: string;
  answer(context: MonitorContext, line: CommandLine): string | Promise<string>;
}

/** "2026-01-31 12:34:56", in UTC. */
const dateText = (date: Date): string => date.toISOString().replace("T", " ").slice(0, 19);

async function snapshotList({ snapshots }: MonitorContext): Promise<string> {
  const list = await snapshots.list();
  if (list.length === 0) return "There is no snapshot available.";
  const rows = list.map(({ name, bytes, date }, i) =>
    [`${i + 1}`.padEnd(9), name.padEnd(20), `${bytes}`.padStart(12), ` ${dateText(date)}`].join(
      " ",
    ),
  );
  return [`ID        TAG                  ${"VM SIZE".padStart(12)}  DATE`, ...rows].join("\n");
}

const placeOf = ({ host, port, family }: VncAddress): string =>
  `${family === "ipv6" ? `[${host}]` : host}:${port} (${family})`;

function vncServer({ host: { vnc } }: MonitorContext): string {
  if (vnc === undefined) return "Server: disabled";
  const auth = vnc.asksPassword ? "vnc" : "none";
  const place = (kind: string, address: VncAddress): string =>
    `  ${kind}: ${placeOf(address)}\n    Auth: ${auth} (Sub: none)`;
  return [
    "default:",
    place("Server", vnc.address),
    ...vnc.clients.map((client) => `  Client: ${placeOf(client)}`),
  ].join("\n");
}

const SUBJECTS: readonly Subject[] = [
  {
    name: "block",
    help: "show info of all block devices",
    answer: (context) => blockDevices(context),
  },
  {
    name: "breakpoints",
    help: "show the breakpoints that gdb has set",
    answer: ({ control }) =>
      control
        .breakpoints()
        .map((address) => `0x${address.toString(16)}`)
        .join("\n"),
  },
  { name: "cpus", help: "show infos for each CPU", answer: (context) => cpuList(context) },
  {
    name: "history",
    help: "show the command line history",
    answer: ({ history }) => history.map((line, i) => `${i}: '${line}'`).join("\n"),
  },
  {
    name: "irq",
    help: "show the interrupts statistics",
    answer: ({ control }) => interruptCounts(control.machine.board),
  },
  { name: "kvm", help: "show KVM information", answer: () => "kvm support: not compiled" },
  {
    name: "lapic",
    parameters: "[apic-id]",
    help: "show local apic state (default is that of the current CPU)",
    answer: ({ control, cpu }, line) => {
      const { cpus } = control.machine;
      const id = line.number("an APIC ID", 0, cpus.length - 1) ?? cpu;
      return localApicState(control.machine, id);
    },
  },
  {
    name: "mem",
    help: "show the active virtual memory mappings",
    answer: ({ control, cpu }) => mappedRanges(control.machine, cpu),
  },
  {
    name: "memory_size_summary",
    help: "show the amount of the guest's memory",
    answer: ({ control }) => `base memory: ${control.machine.ram.size}\nplugged memory: 0`,
  },
  {
    name: "mice",
    help: "show which guest mouse is receiving events",
    answer: ({ control }) => `* Mouse #${MOUSE}: ${control.machine.board.mouse.name}`,
  },
  {
    name: "mtree",
    help: "show memory tree",
    answer: ({ control }) => addressSpaces(control.machine.board, control.machine.ram),
  },
  { name: "name", help: "show the current VM name", answer: ({ host }) => host.name ?? "" },
  {
    name: "network",
    help: "show the network state",
    answer: ({ control }) => networkLines(control.machine).join("\n"),
  },
  {
    name: "pci",
    help: "show PCI info",
    answer: ({ control }) => pciFunctions(control.machine.board.pci),
  },
  {
    name: "pic",
    help: "show PIC state",
    answer: ({ control }) => interruptControllers(control.machine.board),
  },
  {
    name: "qtree",
    help: "show the devices and what each occupies",
    answer: ({ control }) => control.machine.board.describe().join("\n"),
  },
  {
    name: "registers",
    parameters: "[-a|vcpu]",
    help: "show the cpu registers (-a: of all CPUs; vcpu: of that one)",
    answer: (context, line) => {
      const { cpus } = context.control.machine;
      if (line.option("-a")) return registers(cpus);
      const wanted = line.number("the number of a CPU", 0, cpus.length - 1) ?? context.cpu;
      return registers(cpus.filter(({ cpu }) => cpu === wanted));
    },
  },
  { name: "snapshots", help: "show the currently saved VM snapshots", answer: snapshotList },
  {
    name: "status",
    help: "show the current VM status (running|paused)",
    answer: ({ control }) => {
      const { asleep } = control.machine;
      if (control.failed) return "VM status: paused (io-error)";
      return `VM status: ${control.paused ? "paused" : asleep ? "paused (suspended)" : "running"}`;
    },
  },
  {
    name: "time",
    help: "show the virtual time and the instructions executed",
    answer: ({ control: { machine } }) =>
      `virtual time ${(machine.core.time() / 1e9).toFixed(9)} s, ${machine.core.instructions()} instructions`,
  },
  {
    name: "tlb",
    help: "show virtual to physical memory mappings",
    answer: ({ control, cpu }) => translations(control.machine, cpu),
  },
  {
    name: "version",
    help: "show the version of the emulator",
    answer: ({ host }) => `${host.version ?? "unknown"} (trihedron)`,
  },
  { name: "vnc", help: "show the VNC server status", answer: vncServer },
];

const list = (): string =>
  SUBJECTS.map(({ name, parameters, help }) =>
    ["info", name, ...(parameters === undefined ? [] : [parameters]), "--", help].join(" "),
  ).join("\n");

export const INFO_COMMANDS: readonly Command[] = [
  {
    names: ["info"],
    parameters: "[subcommand]",
    help: "show various information about the system state",
    words: () => SUBJECTS.map(({ name }) => name),
    run: async (context, line) => {
      const name = line.word();
      if (name === undefined) return list();
      const subject = SUBJECTS.find((s) => s.name === name);
      if (subject === undefined) {
        throw new MonitorError(
          `unknown command: 'info ${name}'; expected ${SUBJECTS.map((s) => s.name).join(", ")}`,
        );
      }
      const answer = await subject.answer(context, line);
      line.end();
      return answer;
    },
  },
];
