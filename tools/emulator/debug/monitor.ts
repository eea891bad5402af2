// The monitor's commands, named as QEMU's human monitor names them. Each returns text; what ends or
// continues the run is done through the run control.

import { GENERAL_NAMES } from "../platform/cpu-access.ts";
import type { RunControl } from "./run-control.ts";

interface Command {
  names: string[];
  parameters: string;
  help: string;
  run(monitor: Monitor, args: string[]): string | Promise<string>;
}

const FORMAT = /^\/(\d*)([xduoci]?)([bhwg]?)$/;
const UNIT = { b: 1, h: 2, w: 4, g: 8 } as const;

export class Monitor {
  readonly control: RunControl;
  /** Ends the process. */
  readonly quit: () => void;
  #cpu = 0;
  #snapshots = new Map<string, ReturnType<RunControl["machine"]["snapshot"]>>();

  constructor(control: RunControl, quit: () => void) {
    this.control = control;
    this.quit = quit;
  }

  get cpu(): number {
    return this.#cpu;
  }

  /** Runs one line; the answer ends with a newline unless it is empty. Never throws. */
  async execute(line: string): Promise<string> {
    try {
      return await this.#execute(line);
    } catch (error) {
      return `${(error as Error).message}\n`;
    }
  }

  async #execute(line: string): Promise<string> {
    const [name, ...args] = line.trim().split(/\s+/);
    if (name === undefined || name === "") return "";
    // "x/8i ADDRESS" carries its format in the name.
    const slash = name.indexOf("/");
    const word = slash > 0 ? name.slice(0, slash) : name;
    const given = slash > 0 ? [name.slice(slash), ...args] : args;
    const command = COMMANDS.find((c) => c.names.includes(word));
    if (command === undefined) {
      return `unknown command ${word}; help lists them\n`;
    }
    const out = await command.run(this, given);
    return out === "" || out.endsWith("\n") ? out : `${out}\n`;
  }

  selectCpu(n: number): boolean {
    if (this.control.machine.cpus[n] === undefined) return false;
    this.#cpu = n;
    return true;
  }

  /** A number, or a register as $rip. Undefined if it is neither. */
  address(text: string | undefined): bigint | undefined {
    if (text === undefined) return undefined;
    const cpu = this.control.machine.cpus[this.#cpu];
    const register = GENERAL_NAMES.find((n) => text === `$${n}`);
    if (cpu !== undefined && register !== undefined) return cpu.general(register);
    if (cpu !== undefined && (text === "$rip" || text === "$pc")) return cpu.linearRip;
    if (/^(0x[0-9a-f]+|\d+)$/i.test(text)) return BigInt(text);
    return this.control.machine.symbols()?.address(text);
  }

  async info(what: string | undefined): Promise<string> {
    const { machine } = this.control;
    switch (what) {
      case "registers": {
        const { registerLines } = await import("../inspect/report.ts");
        const cpu = machine.cpus[this.#cpu];
        return cpu === undefined ? "" : [`CPU#${this.#cpu}`, ...registerLines(cpu)].join("\n");
      }
      case "cpus":
        return machine.cpus
          .map(
            (c) =>
              `${c.cpu === this.#cpu ? "*" : " "} CPU #${c.cpu}: pc=0x${c.linearRip.toString(16)} ${["", "(halted)", "(waiting for SIPI)", "(shut down)"][c.activity] ?? ""}`,
          )
          .join("\n");
      case "status":
        return `VM status: ${machine.asleep ? "suspended" : this.control.paused ? "paused" : "running"}`;
      case "pic": {
        const { chips } = machine.board.pic.state;
        const hex = (n: number): string => n.toString(16).padStart(2, "0");
        return [...chips]
          .map(
            (c, i) =>
              `pic${i}: irr=${hex(c.irr)} imr=${hex(c.imr)} isr=${hex(c.isr)} base=${hex(c.base)} elcr=${hex(c.elcr)}`,
          )
          .join("\n");
      }
      case "ioapic": {
        const { low, high } = machine.board.ioapic.state;
        return low
          .map(
            (l, i) =>
              `pin ${String(i).padEnd(2)} 0x${((high[i] as number) >>> 0).toString(16).padStart(8, "0")}${(l >>> 0).toString(16).padStart(8, "0")}${l & 0x10000 ? " masked" : ""}`,
          )
          .join("\n");
      }
      case "pci":
        return [...machine.board.pci.functions()]
          .map(
            (f) =>
              `Bus 0, device ${f.devfn >> 3}, function ${f.devfn & 7}: ${f.name} ${f.get16(0).toString(16).padStart(4, "0")}:${f.get16(2).toString(16).padStart(4, "0")}`,
          )
          .join("\n");
      case "qtree":
        return machine.board.describe().join("\n");
      case "breakpoints":
        return this.control
          .breakpoints()
          .map((a) => `0x${a.toString(16)}`)
          .join("\n");
      case "snapshots":
        return [...this.#snapshots.keys()].join("\n");
      case "time":
        return `virtual time ${(machine.core.time() / 1e9).toFixed(9)} s, ${machine.core.instructions()} instructions`;
      default:
        return "info breakpoints, cpus, ioapic, pci, pic, qtree, registers, snapshots, status or time";
    }
  }

  async examine(args: string[], physical: boolean): Promise<string> {
    const format = args[0]?.startsWith("/") ? FORMAT.exec(args[0]) : FORMAT.exec("/");
    const where = this.address(args[0]?.startsWith("/") ? args[1] : args[0]);
    if (format === null || where === undefined)
      return "expected x /COUNTFORMATSIZE ADDRESS, such as x /8i $rip";
    const { machine } = this.control;
    const count = Math.min(Number(format[1] || "1"), 1024);
    const read = (at: bigint, n: number): Uint8Array =>
      physical ? machine.readPhysical(Number(at), n) : machine.readLinear(at, n, this.#cpu);
    if (format[2] === "i") {
      const disassemble = await machine.options.disassembler?.();
      if (disassemble === undefined) return "there is no disassembler here";
      const bits = machine.cpus[this.#cpu]?.codeBits ?? 64;
      const symbols = machine.symbols();
      const lines = disassemble(
        read(where, count * 15),
        where,
        bits,
        count,
        (target) => symbols?.describe(target) ?? "",
      );
      return lines.map((l) => `0x${l.address.toString(16)}: ${l.text}`).join("\n");
    }
    const size = UNIT[(format[3] || "w") as keyof typeof UNIT];
    const bytes = read(where, count * size);
    if (bytes.length < count * size) return `cannot read memory at 0x${where.toString(16)}`;
    const rows: string[] = [];
    const perRow = 16 / size;
    for (let i = 0; i < count; i += perRow) {
      const cells: string[] = [];
      for (let k = i; k < Math.min(count, i + perRow); k++) {
        const value = bytes
          .subarray(k * size, (k + 1) * size)
          .reduceRight((v, b) => (v << 8n) | BigInt(b), 0n);
        cells.push(
          format[2] === "d" || format[2] === "u"
            ? value.toString()
            : `0x${value.toString(16).padStart(size * 2, "0")}`,
        );
      }
      rows.push(
        `0x${(where + BigInt(i * size)).toString(16).padStart(physical ? 8 : 16, "0")}: ${cells.join(" ")}`,
      );
    }
    return rows.join("\n");
  }

  saveSnapshot(name: string): string {
    this.#snapshots.set(name, this.control.machine.snapshot());
    return `saved ${name}`;
  }

  loadSnapshot(name: string): string {
    const snapshot = this.#snapshots.get(name);
    if (snapshot === undefined) return `there is no snapshot ${name}`;
    this.control.machine.restore(snapshot);
    return `restored ${name}`;
  }
}

const COMMANDS: readonly Command[] = [
  {
    names: ["help", "?"],
    parameters: "",
    help: "list the commands",
    run: () =>
      COMMANDS.map((c) => `${`${c.names.join("|")} ${c.parameters}`.padEnd(28)} ${c.help}`).join(
        "\n",
      ),
  },
  {
    names: ["quit", "q"],
    parameters: "",
    help: "end the emulator",
    run: (m) => {
      m.quit();
      return "";
    },
  },
  {
    names: ["info"],
    parameters: "WHAT",
    help: "registers, cpus, status, pic, ioapic, pci, qtree, breakpoints, snapshots, time",
    run: (m, [what]) => m.info(what),
  },
  {
    names: ["cpu"],
    parameters: "N",
    help: "select the CPU that info and x look at",
    run: (m, [n]) => (m.selectCpu(Number(n)) ? "" : `there is no CPU ${n}`),
  },
  {
    names: ["stop", "s"],
    parameters: "",
    help: "stop the machine",
    run: (m) => {
      m.control.pause();
      return "";
    },
  },
  {
    names: ["cont", "c"],
    parameters: "",
    help: "let the machine run",
    run: (m) => {
      m.control.resume();
      return "";
    },
  },
  {
    names: ["x"],
    parameters: "/FORMAT ADDRESS",
    help: "memory at a linear address; formats x d u i, sizes b h w g",
    run: (m, args) => m.examine(args, false),
  },
  {
    names: ["xp"],
    parameters: "/FORMAT ADDRESS",
    help: "memory at a physical address",
    run: (m, args) => m.examine(args, true),
  },
  {
    names: ["system_reset"],
    parameters: "",
    help: "reset the machine",
    run: (m) => {
      m.control.machine.powerOn();
      return "";
    },
  },
  {
    names: ["system_powerdown"],
    parameters: "",
    help: "press the power button",
    run: (m) => {
      m.control.machine.board.pm.pressPowerButton();
      return "";
    },
  },
  {
    names: ["system_wakeup"],
    parameters: "",
    help: "wake the machine up from suspend (ACPI S3)",
    run: (m) => (m.control.wakeUp() ? "" : "the machine does not sleep"),
  },
  {
    names: ["nmi"],
    parameters: "",
    help: "an NMI for the selected CPU",
    run: (m) => {
      m.control.machine.core.raise_nmi(m.cpu);
      return "";
    },
  },
  {
    names: ["savevm"],
    parameters: "NAME",
    help: "take a snapshot, kept in memory",
    run: (m, [name]) => m.saveSnapshot(name ?? "snapshot"),
  },
  {
    names: ["loadvm"],
    parameters: "NAME",
    help: "go back to a snapshot",
    run: (m, [name]) => m.loadSnapshot(name ?? "snapshot"),
  },
];
