// What becomes of a request that the host cannot perform, in the words of QEMU's -drive rerror= and werror=.

/** The guest is told; it goes on as if nothing were wrong; the machine stops, and the request is made again when it goes on. */
export type FailureAction = "report" | "ignore" | "stop";
/** What is to be done with failed writes: "enospc" stops where the host has no space left and reports all else. */
export type WriteFailureAction = FailureAction | "enospc";

export const READ_ACTIONS: readonly FailureAction[] = ["report", "ignore", "stop"];
export const WRITE_ACTIONS: readonly WriteFailureAction[] = [...READ_ACTIONS, "enospc"];

/** A request that the host has not performed. */
export interface DiskFailure {
  /** One line, for who looks at the host. */
  text: string;
  operation: "read" | "write" | "flush";
  /** What has been done about it. */
  action: FailureAction;
  noSpace: boolean;
  /** The host's words. */
  reason: string;
  /** The last one was another: a guest that tries again hears of it each time, whoever looks at the host once. */
  isNew: boolean;
}

/** Whether the host has no room for what is to be written. */
export const isNoSpace = (error: unknown): boolean =>
  (error as { code?: unknown }).code === "ENOSPC";

/** What is to be done about an error. */
export function actionFor(wanted: WriteFailureAction, error: unknown): FailureAction {
  if (wanted !== "enospc") return wanted;
  return isNoSpace(error) ? "stop" : "report";
}

/** Writes, flushes and reads that wait for the machine to go on, in the order in which they were made. */
export type HeldRequest =
  | { operation: "write"; first: number; bytes: Uint8Array }
  | { operation: "flush" }
  /** The device makes the request again. */
  | { operation: "read"; again: () => void };
