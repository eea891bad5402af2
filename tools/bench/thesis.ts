// What the thesis measured: ticks on an i7-1165G7 under KVM (QEMU 6.2), mean of 100,000 repetitions. Sources: its figures
// 5.2 to 5.6 and the sections 5.3.1 to 5.3.4.

/** A bar of a figure: the measurement that is the same here, where it was measured, and its ticks. */
export interface Bar {
  name: string;
  system: "Hedron" | "Linux" | "Hedron with hop";
  ticks: number;
}

export const THESIS = "the thesis, i7-1165G7 under KVM";

/** Figure 5.2: system calls alone. Linux' is `set_tid_address`. */
export const systemCalls: readonly Bar[] = [
  { name: "syscall.native", system: "Hedron", ticks: 124 },
  { name: "syscall.hybrid", system: "Hedron", ticks: 125 },
  { name: "call.set_tid_address", system: "Linux", ticks: 159 },
];

/** Figure 5.3: IPC round trips. */
export const ipc: readonly Bar[] = [
  { name: "ipc.raw.same", system: "Hedron", ticks: 791 },
  { name: "ipc.regular.same", system: "Hedron", ticks: 1027 },
  { name: "ipc.raw.cross", system: "Hedron", ticks: 1190 },
  { name: "ipc.regular.cross", system: "Hedron", ticks: 1574 },
];

/** Figure 5.4: foreign system calls. */
export const foreignCalls: readonly Bar[] = [
  { name: "call.set_tid_address", system: "Linux", ticks: 159 },
  { name: "call.set_tid_address", system: "Hedron", ticks: 1628 },
  { name: "hop.set_tid_address", system: "Hedron with hop", ticks: 2470 },
  { name: "call.fstat", system: "Linux", ticks: 377 },
  { name: "call.fstat", system: "Hedron", ticks: 1796 },
  { name: "hop.fstat", system: "Hedron with hop", ticks: 2595 },
  { name: "call.open", system: "Linux", ticks: 5080 },
  { name: "call.open", system: "Hedron", ticks: 5575 },
  { name: "hop.open", system: "Hedron with hop", ticks: 8068 },
];

function transfers(
  direction: "write" | "read",
  size: string,
  pieces: readonly string[],
  hedron: readonly number[],
  linux: readonly number[],
): Bar[] {
  return pieces.flatMap((piece, at): Bar[] => {
    const name = `file.${direction}.${size}.${piece}`;
    return [
      { name, system: "Hedron with hop", ticks: hedron[at] ?? 0 },
      { name, system: "Linux", ticks: linux[at] ?? 0 },
    ];
  });
}

const SMALL = ["16k", "32k", "64k"];
const LARGE = ["16k", "32k", "64k", "128k", "256k"];

/** Figure 5.5: a file of 64 KiB. */
export const smallFile: readonly Bar[] = [
  ...transfers("write", "64k", SMALL, [15_580, 11_490, 8432], [16_504, 14_244, 13_046]),
  ...transfers("read", "64k", SMALL, [16_553, 12_468, 8899], [6931, 5915, 5474]),
];

/** Figure 5.6: a file of 1 MiB. */
export const largeFile: readonly Bar[] = [
  ...transfers(
    "write",
    "1m",
    LARGE,
    [310_000, 242_000, 195_000, 171_000, 158_000],
    [329_000, 306_000, 281_000, 276_000, 270_000],
  ),
  ...transfers(
    "read",
    "1m",
    LARGE,
    [312_000, 244_000, 201_000, 178_000, 166_000],
    [165_000, 158_000, 144_000, 145_000, 136_000],
  ),
];

/** What the thesis measured of `name` on `system`. */
export function thesisTicks(name: string, system: Bar["system"]): number | undefined {
  const all = [...systemCalls, ...ipc, ...foreignCalls, ...smallFile, ...largeFile];
  return all.find((bar) => bar.name === name && bar.system === system)?.ticks;
}
