// The machine of a page, in a worker of the tab.

import { fetchCore } from "../core/load.ts";
import { RunControl } from "../debug/run-control.ts";
import { LoadError } from "../load-error.ts";
import { Machine, type Stop } from "../machine.ts";
import { Monitor } from "../monitor/monitor.ts";
import { LookPace, TICK_MS } from "../remote/look-pace.ts";
import { MessageError } from "../remote/messages.ts";
import { ScreenFeed } from "../remote/screen-feed.ts";
import { Viewer } from "../remote/viewer.ts";
import type { BootOptions } from "./boot-options.ts";
import type { FromWorker, ToWorker } from "./tab-connection.ts";

/** The files that come with the page. */
const CORE = "emulator-core.wasm";
const ICED = "iced_x86_bg.wasm";

const WAITING = {
  idle: "every CPU halts until there is input",
  suspended: "the machine sleeps (ACPI S3)",
} as const;

function reasonOf(stop: Stop): string {
  switch (stop.kind) {
    case "power-off":
      return "the guest has switched the machine off";
    case "debug-exit":
      return `the guest has ended the run with ${stop.status}`;
    case "triple-fault":
      return "triple fault";
    case "dead":
      return "every CPU halts with interrupts off";
    case "unbootable":
      return stop.started
        ? "what was started gave up, and there is nothing else to boot"
        : "nothing boots: expected a boot sector (55 AA at byte 510) or El Torito";
    case "unimplemented":
      return `CPU ${stop.cpu} met an instruction that is not implemented`;
    default:
      return "the run is over";
  }
}

/** What this file needs of the worker's scope. */
interface Scope {
  onmessage: ((event: MessageEvent<unknown>) => void) | null;
  postMessage(message: FromWorker, transfer?: Transferable[]): void;
}
const scope = self as unknown as Scope;

function post(message: FromWorker): void {
  const bytes = "bytes" in message ? message.bytes?.buffer : undefined;
  const memory = message.kind === "rows" ? message.rows.memory : bytes;
  scope.postMessage(message, memory === undefined ? [] : [memory as ArrayBuffer]);
}

async function bytesOf(name: string): Promise<Uint8Array> {
  const response = await fetch(new URL(name, import.meta.url));
  if (!response.ok) throw new LoadError(`${name}: the server answers ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

async function disassembler() {
  // The package looks for its module under this name when it is first loaded (bundle.ts).
  Object.assign(globalThis, { icedModule: await bytesOf(ICED) });
  return (await import("../inspect/iced.ts")).loadDisassembler();
}

/** It comes while the page still fetches what is to boot; what is wrong with it is said when it is used. */
const core = fetchCore(new URL(CORE, import.meta.url));
core.catch(() => undefined);

async function machineOf(options: BootOptions, onSerial: (byte: number) => void): Promise<Machine> {
  const { kernel, modules, disks, title: _, ...rest } = options;
  return Machine.create({
    ...rest,
    core: await core,
    kernel: kernel?.bytes,
    kernelName: kernel?.name,
    modules: modules.map(({ bytes, ...module }) => ({ ...module, file: bytes })),
    disks: disks.map(({ bytes, kind }) => ({ kind, image: bytes })),
    debugExit: { iobase: 0xf4, iosize: 4 },
    reboot: true,
    disassembler,
    onSerial: (byte, port) => {
      if (port === 0) onSerial(byte);
    },
  });
}

/** `early` is what the page says while the machine is being built. */
async function start(options: BootOptions, early: readonly ToWorker[]): Promise<void> {
  const holder: { viewer?: Viewer } = {};
  const machine = await machineOf(options, (byte) => holder.viewer?.serial(byte));
  const control = new RunControl(machine, options.paused);
  const monitor = new Monitor(control, { quit() {} });
  let isOff = false;
  const viewer = new Viewer(
    {
      control,
      title:
        options.title ?? options.kernel?.name ?? options.disks.map(({ name }) => name).join(", "),
      execute: (line) => monitor.execute(line),
      revive: () => {
        isOff = false;
        control.revive();
      },
    },
    post,
  );
  holder.viewer = viewer;
  const feed = ScreenFeed.of(machine, (rows) => post({ kind: "rows", rows }), false);
  feed?.look();
  let isSeen = true;
  const hear = (message: ToWorker): void => {
    if (message.kind === "seen") {
      isSeen = message.isSeen;
      return;
    }
    if (message.kind === "read") {
      feed?.giveBack(message.slot, message.memory);
      return;
    }
    try {
      viewer.receive(message);
    } catch (error) {
      if (!(error instanceof MessageError)) throw error;
      post({ kind: "failed", text: error.message });
    }
  };
  for (const message of early) hear(message);
  scope.onmessage = ({ data }) => hear(data as ToWorker);
  const [pace, screenPace] = [new LookPace(), new LookPace()];
  setInterval(() => {
    pace.tick(() => viewer.look());
    // What changes while nobody sees it is found when somebody does.
    if (isSeen && feed?.isReady) screenPace.tick(() => feed.look());
  }, TICK_MS);
  for (;;) {
    const stop = await control.run();
    const waits = stop.kind === "idle" || stop.kind === "suspended";
    isOff = !waits;
    // Who hears that it stands still has its last picture.
    await feed?.ready();
    feed?.look();
    viewer.standstill(
      waits
        ? { state: "waiting", reason: WAITING[stop.kind] }
        : { state: "off", reason: reasonOf(stop) },
    );
    do await control.poked();
    while (isOff);
    viewer.standstill(undefined);
  }
}

/** What has gone wrong, for whoever sits before the page. */
function sentence(error: unknown, { memory }: BootOptions): string {
  if (error instanceof LoadError) return error.message;
  if (error instanceof RangeError) {
    return `This browser has no room for a machine with ${memory} of RAM: try ?memory=128M.`;
  }
  return `The machine cannot be built: ${(error as Error).message}`;
}

scope.onmessage = ({ data }) => {
  const options = data as BootOptions;
  const early: ToWorker[] = [];
  scope.onmessage = (event) => early.push(event.data as ToWorker);
  start(options, early).catch((error: unknown) => {
    post({ kind: "failed", text: sentence(error, options) });
  });
};
