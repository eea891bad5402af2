// The log of guest events, and gdb's stub.

import { LOG_ITEMS, type LogItem } from "../debug/log.ts";
import type { Command } from "./command.ts";
import { MonitorError } from "./command-line.ts";

const GDB_PORT = 1234;

/** What each item shows. */
const ITEM_HELP: Readonly<Record<LogItem, string>> = {
  int: "interrupts and exceptions",
  exec: "each block of code when it runs (lots of logs; nothing is compiled meanwhile)",
  in_asm: "each block of code when it is decoded",
  cpu_reset: "resets of CPUs",
  guest_errors: "what a guest does that no hardware answers sensibly",
  unimp: "ports that no device decodes",
};

function itemList(): string {
  const rows = [["none", "log nothing"], ...LOG_ITEMS.map((item) => [item, ITEM_HELP[item]])];
  return [
    "Log items (comma separated):",
    ...rows.map(([item, help]) => `${item?.padEnd(15)} ${help}`),
  ].join("\n");
}

export const DEBUG_COMMANDS: readonly Command[] = [
  {
    names: ["log"],
    parameters: "item1[,...]",
    help: "activate logging of the specified items",
    words: () => ["none", ...LOG_ITEMS],
    run: async ({ host }, line) => {
      const text = line.required(`items: none or ${LOG_ITEMS.join(",")}`);
      line.end();
      const items = text === "none" ? [] : text.split(",");
      if (!items.every((item) => (LOG_ITEMS as readonly string[]).includes(item))) {
        return itemList();
      }
      if (host.log === undefined) throw new MonitorError("there is no log here");
      await host.log.setItems(items as LogItem[]);
      return "";
    },
  },
  {
    names: ["logfile"],
    parameters: "filename",
    help: "output logs to 'filename'",
    run: async ({ host }, line) => {
      const path = line.required("the name of a file");
      line.end();
      if (host.log === undefined) throw new MonitorError("there is no log here");
      await host.log.setFile(path);
      return "";
    },
  },
  {
    names: ["gdbserver"],
    parameters: "[device]",
    help: `start gdbserver on given device (default 'tcp::${GDB_PORT}'), stop with 'none'`,
    words: () => [`tcp::${GDB_PORT}`, "none"],
    run: async ({ host }, line) => {
      const device = line.word() ?? `tcp::${GDB_PORT}`;
      line.end();
      if (host.gdbServer === undefined) throw new MonitorError("gdb cannot connect here");
      if (device === "none") return host.gdbServer(undefined);
      const port = Number(
        /^tcp:(?:127\.0\.0\.1|localhost)?:(\d+)$/.exec(device)?.[1] ?? Number.NaN,
      );
      if (!(port >= 1 && port <= 65535)) {
        throw new MonitorError(`${device}: expected tcp::PORT, or none`);
      }
      return host.gdbServer(port);
    },
  },
];
