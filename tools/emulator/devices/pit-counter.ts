// One counter of an 8254 as a function of time (Intel 8254 datasheet, "Mode definitions"): what its
// counting element and its OUT pin are some CLK pulses after a count was loaded. Loading takes one
// pulse after the write or the trigger.

/** Input clock, Hz: 14.31818 MHz / 12. */
const PIT_HZ = 1193182;
const NS = 1_000_000_000;

export interface Counter {
  /** Mode bits of the control word as written: 6 and 7 are other names of modes 2 and 3. */
  control: number;
  bcd: boolean;
  /** Reload value, 1–65536. */
  count: number;
  /** Virtual time of the write or trigger that started counting, ns; meaningless until `started`. */
  loaded: number;
  /** A count was written since the control word. */
  armed: boolean;
  /** Counting goes on, or would but for the gate. */
  started: boolean;
  gate: boolean;
  /** Pulses counted when the gate, a control word or half a count stopped counting. */
  frozen: number;
}

/** 0–5. */
export const modeOf = (c: Counter): number => (c.control > 5 ? c.control - 4 : c.control);

/** Modes that start with a rising gate and do not care for its level. */
export const isTriggered = (c: Counter): boolean => modeOf(c) === 1 || modeOf(c) === 5;

/** CLK pulses in `ns`, none in times that have not begun. */
const pulsesIn = (ns: number): number => Math.max(0, Math.floor((ns * PIT_HZ) / NS));

/** The shortest time, ns, in which there are `pulses`. */
export function timeOf(pulses: number): number {
  let ns = Math.ceil((pulses * NS) / PIT_HZ);
  while (pulsesIn(ns) < pulses) ns++;
  return ns;
}

/** Pulses counted at `now` since the count was loaded; -1 before it is. */
export function counted(c: Counter, now: number): number {
  if (!c.started || (!c.gate && !isTriggered(c))) return c.frozen;
  return pulsesIn(now - c.loaded) - 1;
}

/** When `counted` becomes `pulses`, ns. */
export const timeWhen = (c: Counter, pulses: number): number => c.loaded + timeOf(pulses + 1);

/** Level of OUT after `n` counted pulses. */
export function output(c: Counter, n: number): boolean {
  const mode = modeOf(c);
  if (!c.started) return mode !== 0;
  switch (mode) {
    case 0:
      return n >= c.count;
    case 1:
      // The one-shot begins with the pulse after the trigger.
      return n < 0 || n >= c.count;
    case 2:
      return !c.gate || n < 0 || n % c.count !== c.count - 1;
    case 3:
      return !c.gate || n < 0 || n % c.count < highPulses(c);
    default:
      return n !== c.count;
  }
}

/** Square waves are high half the time, of an odd count one pulse more. */
const highPulses = (c: Counter): number => (c.count + 1) >> 1;

/** What the counting element reads after `n` counted pulses: 16 bits, or four decimal digits. */
export function value(c: Counter, n: number): number {
  const counts = c.bcd ? 10000 : 0x10000;
  const passed = Math.max(0, n);
  let left: number;
  if (modeOf(c) === 3) {
    // Decremented by two, once through for each half; an odd count without its lowest bit.
    const within = passed % c.count;
    const half = highPulses(c);
    left = (c.count & ~1) - 2 * (within < half ? within : within - half);
  } else {
    left = c.count - (modeOf(c) === 2 ? passed % c.count : passed);
  }
  const wrapped = ((left % counts) + counts) % counts;
  return c.bcd ? toBcd(wrapped) : wrapped;
}

/** The number of counted pulses, above `n`, at which OUT changes next, or Infinity. */
export function nextChange(c: Counter, n: number): number {
  const never = Number.POSITIVE_INFINITY;
  if (!c.started) return never;
  switch (modeOf(c)) {
    case 0:
      return n < c.count ? c.count : never;
    case 1:
      return n < 0 ? 0 : n < c.count ? c.count : never;
    case 2: {
      const passed = Math.max(0, n);
      const base = passed - (passed % c.count);
      return n - base < c.count - 1 ? base + c.count - 1 : base + c.count;
    }
    case 3: {
      const passed = Math.max(0, n);
      const base = passed - (passed % c.count);
      const half = highPulses(c);
      return n - base < half && half < c.count ? base + half : base + c.count;
    }
    default:
      return n < c.count ? c.count : n === c.count ? c.count + 1 : never;
  }
}

/** How many rising edges of OUT there are up to `n` counted pulses. */
export function risingEdges(c: Counter, n: number): number {
  if (!c.started) return 0;
  switch (modeOf(c)) {
    case 0:
    case 1:
      return n >= c.count ? 1 : 0;
    case 2:
    case 3:
      return Math.max(0, Math.floor(n / c.count));
    default:
      return n > c.count ? 1 : 0;
  }
}

const toBcd = (n: number): number =>
  ((Math.floor(n / 1000) % 10) << 12) |
  ((Math.floor(n / 100) % 10) << 8) |
  ((Math.floor(n / 10) % 10) << 4) |
  (n % 10);
const fromBcd = (n: number): number =>
  (n >> 12) * 1000 + ((n >> 8) & 15) * 100 + ((n >> 4) & 15) * 10 + (n & 15);

/** The count that 16 written bits mean: 0 is the largest, 65536 or 10000. */
export function writtenCount(c: Counter, raw: number): number {
  const count = c.bcd ? fromBcd(raw) : raw;
  return count === 0 ? (c.bcd ? 10000 : 0x10000) : count;
}
