// Stopping, going on, resets and the buttons of the machine.

import { bootOrderOf } from "../platform/firmware/bios-state.ts";
import type { Command } from "./command.ts";
import { MonitorError } from "./command-line.ts";

export const RUN_COMMANDS: readonly Command[] = [
  {
    names: ["quit", "q"],
    parameters: "",
    help: "quit the emulator",
    run: ({ host }, line) => {
      line.end();
      host.quit();
      return "";
    },
  },
  {
    names: ["stop", "s"],
    parameters: "",
    help: "stop emulation",
    run: async ({ control }, line) => {
      line.end();
      await control.standstill();
      return "";
    },
  },
  {
    names: ["cont", "c"],
    parameters: "",
    help: "resume emulation",
    run: ({ control }, line) => {
      line.end();
      control.resume();
      return "";
    },
  },
  {
    names: ["cpu"],
    parameters: "index",
    help: "set the default CPU",
    run: (context, line) => {
      const last = context.control.machine.cpus.length - 1;
      const index = line.number("the number of a CPU", 0, last);
      if (index === undefined) throw new MonitorError(`expected the number of a CPU, 0 to ${last}`);
      line.end();
      context.cpu = index;
      return "";
    },
  },
  {
    names: ["system_reset"],
    parameters: "",
    help: "reset the system",
    run: ({ control }, line) => {
      line.end();
      control.reset();
      return "";
    },
  },
  {
    names: ["system_powerdown"],
    parameters: "",
    help: "send a system power down event: the power button",
    run: ({ control }, line) => {
      line.end();
      control.pressPowerButton();
      return "";
    },
  },
  {
    names: ["system_wakeup"],
    parameters: "",
    help: "wakeup guest from suspend (ACPI S3)",
    run: ({ control }, line) => {
      line.end();
      if (!control.wakeUp()) {
        throw new MonitorError("unable to wake up: guest is not in suspended state");
      }
      return "";
    },
  },
  {
    names: ["boot_set"],
    parameters: "bootdevice",
    help: "define new values for the boot device list, for the next reset: a floppy, c hard disk, d CD, n network",
    run: ({ control }, line) => {
      const letters = line.required("letters of boot devices, such as dc");
      line.end();
      control.machine.setBootOrder(bootOrderOf(letters));
      return `boot device list now set to ${letters}`;
    },
  },
  {
    names: ["nmi"],
    parameters: "",
    help: "inject an NMI on the default CPU",
    run: (context, line) => {
      line.end();
      context.control.raiseNmi(context.cpu);
      return "";
    },
  },
];
