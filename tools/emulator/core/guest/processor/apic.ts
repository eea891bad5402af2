// Local APIC: registers in xAPIC and x2APIC form, priorities, timer (one-shot, periodic, TSC deadline),
// inter-processor interrupts. Follows Intel SDM vol. 3A, chapter 11. Virtual time: the bus clock is 1 GHz,
// as the TSC is. Leaves out: the performance-counter and thermal sources (their LVT entries store only),
// the arbitration ID.

import {
  DELIVERY_EXTINT,
  DELIVERY_FIXED,
  DELIVERY_INIT,
  DELIVERY_LOWEST,
  DELIVERY_NMI,
  DELIVERY_STARTUP,
} from "../../protocol";
import {
  APIC_LVT,
  APIC_STRIDE,
  APIC_SVR,
  APICS,
  APIC_DFR as DFR,
  APIC_DIVIDE as DIVIDE,
  APIC_ESR as ESR,
  EVENT_INIT,
  EVENT_NMI,
  EVENT_SIPI,
  APIC_EXPIRY as EXPIRY,
  APIC_ICR_HIGH as ICR_HIGH,
  APIC_ICR_LOW as ICR_LOW,
  APIC_ID as ID,
  APIC_INITIAL as INITIAL,
  APIC_BITS_IRR as IRR,
  APIC_BITS_ISR as ISR,
  APIC_LDR as LDR,
  LVT_LINT0,
  LVT_LINT1,
  S_APIC_BASE,
  S_CPU,
  S_CR8,
  S_EVENTS,
  APIC_BITS_TMR as TMR,
  APIC_TPR_LOW as TPR_LOW,
} from "../../state";
import { now, sliceEvent, tscMoment } from "./clock";
import { cpuCount, stateOf } from "./cpus";
import { apic_eoi } from "./env";
import { leaveSoon } from "./fault";

// Per-CPU fields at APICS + cpu * APIC_STRIDE, besides those in state.ts.
const ESR_PENDING: usize = 56;
/** Virtual time at which the current count was loaded. */
const STARTED: usize = 80;
const DEADLINE: usize = 88;
/** Copy of the CPU's IA32_APIC_BASE MSR. */
const BASE: usize = 192;
/** Level of the LINT0 pin. */
const PIN0: usize = 200;
/** Vector of a start-up IPI. */
const SIPI_VECTOR: usize = 204;

// Entries of the local vector table: TIMER THERMAL PERF LINT0 LINT1 ERROR. CMCI is not in MCG_CAP.
const LVT_TIMER: i32 = 0;
const LVT_ERROR: i32 = 5;
const LVT_ENTRIES: i32 = 6;
const MASKED: u32 = 0x10000;
/** Vector, software enable, focus check, EOI-broadcast suppression. */
const SVR_BITS: u32 = 0x13ff;
const DIVIDE_BITS: u32 = 0xb;
const ENABLED: u64 = 0x800;
const X2APIC: u64 = 0x400;

function at(cpu: i32): usize {
  return APICS + <usize>(cpu * APIC_STRIDE);
}

function me(): usize {
  return at(load<i32>(S_CPU));
}

export function resetApic(cpu: i32, keepId: bool): void {
  const a = at(cpu);
  const id = keepId ? load<u32>(a, ID) : <u32>cpu;
  memory.fill(a, 0, BASE);
  store<u32>(a, id, ID);
  store<u32>(a, 0xffffffff, DFR);
  store<u32>(a, 0xff, APIC_SVR);
  for (let i = 0; i < LVT_ENTRIES; i++) store<u32>(a + (i << 2), MASKED, APIC_LVT);
  store<f64>(a, Infinity, EXPIRY);
}

/** Follows a write of IA32_APIC_BASE. */
export function setApicBase(value: u64): void {
  const a = me();
  const old = load<u64>(a, BASE);
  if ((value & ENABLED) == 0 && (old & ENABLED) != 0) resetApic(load<i32>(S_CPU), false);
  // In x2APIC mode the ID is the initial one and cannot be changed.
  if ((value & X2APIC) != 0) store<u32>(a, load<u32>(S_CPU), ID);
  store<u64>(a, value, BASE);
  store<u64>(S_APIC_BASE, value);
}

function x2(a: usize): bool {
  return (load<u64>(a, BASE) & (ENABLED | X2APIC)) == (ENABLED | X2APIC);
}

/** Whether IA32_APIC_BASE turns the local APIC on. */
export function apicEnabled(cpu: i32): bool {
  return (load<u64>(at(cpu), BASE) & ENABLED) != 0;
}

/** Physical page of the register window, or all ones if there is none now. */
export function apicBasePage(): u64 {
  const base = load<u64>(S_APIC_BASE);
  if ((base & (ENABLED | X2APIC)) != ENABLED) return 0xffffffffffffffff;
  return base & 0xfffffffffffff000;
}

// ---- Priorities

function highest(a: usize, field: usize): i32 {
  for (let i = 7; i >= 0; i--) {
    const w = load<u32>(a + field + (i << 2));
    if (w != 0) return i * 32 + 31 - clz<u32>(w);
  }
  return -1;
}

function setBit(a: usize, field: usize, vector: u32): void {
  const p = a + field + ((vector >> 5) << 2);
  store<u32>(p, load<u32>(p) | (1 << (vector & 31)));
}

function clearBit(a: usize, field: usize, vector: u32): void {
  const p = a + field + ((vector >> 5) << 2);
  store<u32>(p, load<u32>(p) & ~(1 << (vector & 31)));
}

function priority(a: usize, tpr: u32): u32 {
  const isr = highest(a, ISR);
  const service: u32 = isr < 0 ? 0 : <u32>isr & 0xf0;
  return (tpr & 0xf0) >= service ? tpr : service;
}

/** Vector that may interrupt a CPU now, or -1. */
export function pendingVector(cpu: i32): i32 {
  const a = at(cpu);
  const v = highest(a, IRR);
  if (v < 0) return -1;
  const tpr = load<u32>(stateOf(cpu, S_CR8)) << 4;
  return (<u32>v & 0xf0) > (priority(a, tpr | load<u32>(a, TPR_LOW)) & 0xf0) ? v : -1;
}

/** Whether an interrupt is pending for a CPU that it takes once IF lets it through. Compiled regions call this. */
export function interruptPending(cpu: i32): bool {
  const a = at(cpu);
  // Most often nothing has been asked for at all.
  const requested = v128.or(v128.load(a, IRR), v128.load(a, IRR + 16));
  if (load<u32>(a, PIN0) == 0 && !v128.any_true(requested)) return false;
  return extIntPending(cpu) || pendingVector(cpu) >= 0;
}

/** Moves a vector from requested to in service. */
export function acceptVector(vector: i32): void {
  const a = me();
  clearBit(a, IRR, <u32>vector);
  setBit(a, ISR, <u32>vector);
}

/** Whether the 8259A pair's INTR reaches this CPU as an ExtINT. */
export function extIntPending(cpu: i32): bool {
  const a = at(cpu);
  if (load<u32>(a, PIN0) == 0) return false;
  if (!apicEnabled(cpu)) return true;
  const lvt = load<u32>(a + (LVT_LINT0 << 2), APIC_LVT);
  return (lvt & MASKED) == 0 && ((lvt >> 8) & 7) == DELIVERY_EXTINT;
}

// ---- Requests

/** Tells a CPU that something is pending. */
export function poke(cpu: i32): void {
  if (cpu == load<i32>(S_CPU)) leaveSoon();
}

function postEvent(cpu: i32, event: u32): void {
  const p = stateOf(cpu, S_EVENTS);
  store<u32>(p, load<u32>(p) | event);
  poke(cpu);
}

/** Delivers one message to one CPU. */
export function deliverTo(cpu: i32, delivery: u32, vector: u32, level: bool): void {
  const a = at(cpu);
  if (delivery == DELIVERY_FIXED || delivery == DELIVERY_LOWEST) {
    if (!apicEnabled(cpu) || (load<u32>(a, APIC_SVR) & 0x100) == 0) return;
    if (vector < 16) {
      error(a, 0x40);
      return;
    }
    setBit(a, IRR, vector);
    if (level) setBit(a, TMR, vector);
    else clearBit(a, TMR, vector);
    poke(cpu);
  } else if (delivery == DELIVERY_NMI) postEvent(cpu, EVENT_NMI);
  else if (delivery == DELIVERY_INIT) postEvent(cpu, EVENT_INIT);
  else if (delivery == DELIVERY_STARTUP) {
    store<u32>(a, vector, SIPI_VECTOR);
    postEvent(cpu, EVENT_SIPI);
  } else if (delivery == DELIVERY_EXTINT) {
    store<u32>(a, 1, PIN0);
    poke(cpu);
  }
}

function error(a: usize, bits: u32): void {
  store<u32>(a, load<u32>(a, ESR_PENDING) | bits, ESR_PENDING);
  const lvt = load<u32>(a + (LVT_ERROR << 2), APIC_LVT);
  if ((lvt & MASKED) == 0 && (lvt & 0xff) >= 16) setBit(a, IRR, lvt & 0xff);
}

function matches(cpu: i32, destination: u32, logical: bool, wide: bool): bool {
  const a = at(cpu);
  const mode2 = x2(a);
  if (!logical) {
    if (wide ? destination == 0xffffffff : destination == 0xff) return true;
    return load<u32>(a, ID) == destination;
  }
  if (mode2) {
    if (destination == 0xffffffff) return true;
    const ldr = logicalId2(load<u32>(a, ID));
    return ldr >> 16 == destination >> 16 && (ldr & destination & 0xffff) != 0;
  }
  const d = destination & 0xff;
  const ldr = load<u32>(a, LDR) >> 24;
  if (load<u32>(a, DFR) >> 28 == 15) return (ldr & d) != 0;
  return ldr >> 4 == d >> 4 && (ldr & d & 15) != 0;
}

function logicalId2(id: u32): u32 {
  return ((id >> 4) << 16) | (1 << (id & 15));
}

/** Sends a message to all that match; lowest priority picks the least busy. Returns whether anyone took it. */
export function route(
  destination: u32,
  logical: bool,
  delivery: u32,
  vector: u32,
  level: bool,
  wide: bool,
): bool {
  let found = false;
  let best = -1;
  let bestPriority: u32 = 0xffffffff;
  for (let cpu = 0; cpu < cpuCount; cpu++) {
    if (!matches(cpu, destination, logical, wide)) continue;
    found = true;
    if (delivery == DELIVERY_LOWEST) {
      const tpr = load<u32>(stateOf(cpu, S_CR8)) << 4;
      const p = priority(at(cpu), tpr);
      if (p < bestPriority) {
        bestPriority = p;
        best = cpu;
      }
    } else deliverTo(cpu, delivery, vector, level);
  }
  if (best >= 0) deliverTo(best, DELIVERY_LOWEST, vector, level);
  return found;
}

function sendIpi(low: u32, destination: u32, wide: bool): void {
  const self = load<i32>(S_CPU);
  const delivery = (low >> 8) & 7;
  const vector = low & 0xff;
  const shorthand = (low >> 18) & 3;
  // INIT level de-assert is a no-op on processors with an xAPIC.
  if (delivery == DELIVERY_INIT && (low & 0xc000) == 0x8000) return;
  if ((delivery == DELIVERY_FIXED || delivery == DELIVERY_LOWEST) && vector < 16) {
    error(me(), 0x20);
    return;
  }
  if (shorthand == 0) {
    route(destination, (low & 0x800) != 0, delivery, vector, false, wide);
    return;
  }
  for (let cpu = 0; cpu < cpuCount; cpu++) {
    if (shorthand == 1 && cpu != self) continue;
    if (shorthand == 3 && cpu == self) continue;
    deliverTo(cpu, delivery, vector, false);
  }
}

function endOfInterrupt(a: usize): void {
  const v = highest(a, ISR);
  if (v < 0) return;
  clearBit(a, ISR, <u32>v);
  const p = a + TMR + ((v >> 5) << 2);
  if ((load<u32>(p) & (1 << (v & 31))) != 0 && (load<u32>(a, APIC_SVR) & 0x1000) == 0) apic_eoi(v);
  leaveSoon();
}

// ---- Timer

function divisor(a: usize): f64 {
  const d = load<u32>(a, DIVIDE);
  const code = (d & 3) | ((d >> 1) & 4);
  return code == 7 ? 1 : <f64>(2 << code);
}

function timerMode(a: usize): u32 {
  return (load<u32>(a + (LVT_TIMER << 2), APIC_LVT) >> 17) & 3;
}

function startTimer(a: usize): void {
  const initial = load<u32>(a, INITIAL);
  const t = now();
  store<f64>(a, t, STARTED);
  store<f64>(a, initial == 0 ? Infinity : t + <f64>initial * divisor(a), EXPIRY);
  sliceEvent(load<f64>(a, EXPIRY));
}

function currentCount(a: usize): u32 {
  if (timerMode(a) == 2) return 0;
  const expiry = load<f64>(a, EXPIRY);
  const t = now();
  if (expiry == Infinity || t >= expiry) return 0;
  return <u32>Math.ceil((expiry - t) / divisor(a));
}

/** When this CPU's timer fires next, ns. */
export function timerExpiry(cpu: i32): f64 {
  return load<f64>(at(cpu), EXPIRY);
}

/** Fires the timer of `cpu` if its moment has come. */
export function checkTimer(cpu: i32, t: f64): void {
  const a = at(cpu);
  const expiry = load<f64>(a, EXPIRY);
  if (expiry > t) return;
  const lvt = load<u32>(a + (LVT_TIMER << 2), APIC_LVT);
  const mode = (lvt >> 17) & 3;
  if (mode == 1 && load<u32>(a, INITIAL) != 0) {
    const period = <f64>load<u32>(a, INITIAL) * divisor(a);
    let next = expiry + period;
    if (next <= t) next = t + period - ((t - expiry) % period);
    store<f64>(a, next, EXPIRY);
  } else {
    store<f64>(a, Infinity, EXPIRY);
    store<u64>(a, 0, DEADLINE);
  }
  if ((lvt & MASKED) == 0) {
    if ((lvt & 0xff) >= 16) {
      setBit(a, IRR, lvt & 0xff);
      clearBit(a, TMR, lvt & 0xff);
      poke(cpu);
    } else error(a, 0x40);
  }
}

/** IA32_TSC_DEADLINE. `tsc` is the CPU's TSC now. */
export function setDeadline(value: u64, tsc: u64): void {
  const a = me();
  if (timerMode(a) != 2) return;
  store<u64>(a, value, DEADLINE);
  if (value == 0) store<f64>(a, Infinity, EXPIRY);
  else {
    const t = now();
    store<f64>(a, value <= tsc ? t : tscMoment(value), EXPIRY);
    sliceEvent(load<f64>(a, EXPIRY));
  }
}

export function deadline(): u64 {
  return load<u64>(me(), DEADLINE);
}

// ---- Registers

/** Reads the register at window offset `offset` (32 bits, aligned down to 16 bytes). */
export function apicRead(offset: u32): u32 {
  const a = me();
  if ((offset & 15) >= 4) return 0;
  return readRegister(a, offset >> 4, false);
}

function readRegister(a: usize, index: u32, wide: bool): u32 {
  switch (index) {
    case 0x02:
      return wide ? load<u32>(a, ID) : load<u32>(a, ID) << 24;
    case 0x03:
      return 0x01000014 | ((<u32>LVT_ENTRIES - 1) << 16); // version 0x14, EOI-broadcast suppression
    case 0x08:
      return (load<u32>(S_CR8) << 4) | load<u32>(a, TPR_LOW);
    case 0x0a:
      return priority(a, (load<u32>(S_CR8) << 4) | load<u32>(a, TPR_LOW));
    case 0x0d:
      return wide ? logicalId2(load<u32>(a, ID)) : load<u32>(a, LDR);
    case 0x0e:
      return load<u32>(a, DFR);
    case 0x0f:
      return load<u32>(a, APIC_SVR);
    case 0x28:
      return load<u32>(a, ESR);
    case 0x30:
      return load<u32>(a, ICR_LOW);
    case 0x31:
      return load<u32>(a, ICR_HIGH);
    case 0x38:
      return load<u32>(a, INITIAL);
    case 0x39:
      return currentCount(a);
    case 0x3e:
      return load<u32>(a, DIVIDE);
  }
  if (index >= 0x10 && index <= 0x17) return load<u32>(a + ISR + ((index - 0x10) << 2));
  if (index >= 0x18 && index <= 0x1f) return load<u32>(a + TMR + ((index - 0x18) << 2));
  if (index >= 0x20 && index <= 0x27) return load<u32>(a + IRR + ((index - 0x20) << 2));
  if (index >= 0x32 && index <= 0x37) return load<u32>(a + ((index - 0x32) << 2), APIC_LVT);
  return 0;
}

export function apicWrite(offset: u32, value: u32): void {
  if ((offset & 15) != 0) return;
  const a = me();
  const index = offset >> 4;
  if (index == 0x02) {
    store<u32>(a, value >> 24, ID);
    return;
  }
  if (index == 0x0d) {
    store<u32>(a, value & 0xff000000, LDR);
    return;
  }
  if (index == 0x0e) {
    store<u32>(a, value | 0x0fffffff, DFR);
    return;
  }
  if (index == 0x31) {
    store<u32>(a, value & 0xff000000, ICR_HIGH);
    return;
  }
  if (index == 0x30) {
    store<u32>(a, value & 0xccfff & ~0x1000, ICR_LOW);
    sendIpi(value, load<u32>(a, ICR_HIGH) >> 24, false);
    return;
  }
  writeRegister(a, index, value);
}

function writeRegister(a: usize, index: u32, value: u32): void {
  switch (index) {
    case 0x08:
      store<u32>(S_CR8, (value >> 4) & 15);
      store<u32>(a, value & 15, TPR_LOW);
      leaveSoon();
      return;
    case 0x0b:
      endOfInterrupt(a);
      return;
    case 0x0f:
      store<u32>(a, value & SVR_BITS, APIC_SVR);
      if ((value & 0x100) == 0) {
        for (let i = 0; i < LVT_ENTRIES; i++) {
          const p = a + (i << 2);
          store<u32>(p, load<u32>(p, APIC_LVT) | MASKED, APIC_LVT);
        }
      }
      return;
    case 0x28:
      store<u32>(a, load<u32>(a, ESR_PENDING), ESR);
      store<u32>(a, 0, ESR_PENDING);
      return;
    case 0x38:
      if (timerMode(a) == 2) return;
      store<u32>(a, value, INITIAL);
      startTimer(a);
      return;
    case 0x3e: {
      const before = currentCount(a);
      store<u32>(a, value & DIVIDE_BITS, DIVIDE);
      if (before != 0) {
        const t = now();
        store<f64>(a, t + <f64>before * divisor(a), EXPIRY);
        sliceEvent(load<f64>(a, EXPIRY));
      }
      return;
    }
  }
  if (index >= 0x32 && index <= 0x37) {
    const i = <i32>(index - 0x32);
    if (i == LVT_TIMER && (((value >> 17) & 3) == 2) != (timerMode(a) == 2)) {
      // Changing between the count and the TSC deadline disarms the timer.
      store<f64>(a, Infinity, EXPIRY);
      store<u64>(a, 0, DEADLINE);
      store<u32>(a, 0, INITIAL);
    }
    writeLvt(a, i, value & lvtBits(i));
  }
}

/** Bits of an entry of the local vector table that can be written. */
function lvtBits(i: i32): u32 {
  if (i == LVT_TIMER) return 0x700ff;
  if (i == LVT_LINT0 || i == LVT_LINT1) return 0x1a7ff;
  return i == LVT_ERROR ? 0x100ff : 0x107ff;
}

function writeLvt(a: usize, i: i32, value: u32): void {
  if ((load<u32>(a, APIC_SVR) & 0x100) == 0) value |= MASKED;
  store<u32>(a + (i << 2), value, APIC_LVT);
  leaveSoon();
}

/** x2APIC MSR 0x800 + index. Returns false for #GP. */
export function apicReadMsr(index: u32): bool {
  const a = me();
  if (!x2(a)) return false;
  if (index == 0x30) {
    msrValue = <u64>load<u32>(a, ICR_LOW) | ((<u64>load<u32>(a, ICR_HIGH)) << 32);
    return true;
  }
  const ok =
    index == 2 ||
    index == 3 ||
    index == 8 ||
    index == 10 ||
    index == 13 ||
    index == 15 ||
    (index >= 0x10 && index <= 0x28) ||
    (index >= 0x32 && index <= 0x39) ||
    index == 0x3e;
  if (!ok) return false;
  msrValue = <u64>readRegister(a, index, true);
  return true;
}

/** Result of apicReadMsr. */
export let msrValue: u64 = 0;

export function apicWriteMsr(index: u32, value: u64): bool {
  const a = me();
  if (!x2(a)) return false;
  if (index == 0x30) {
    if ((value & 0xfff32000) != 0) return false;
    store<u32>(a, <u32>value, ICR_LOW);
    store<u32>(a, <u32>(value >> 32), ICR_HIGH);
    sendIpi(<u32>value, <u32>(value >> 32), true);
    return true;
  }
  if (value >> 32 != 0) return false;
  if (index == 0x3f) {
    if (value > 0xff) return false;
    deliverTo(load<i32>(S_CPU), DELIVERY_FIXED, <u32>value, false);
    return true;
  }
  let bits: u32;
  if (index == 0x08) bits = 0xff;
  else if (index == 0x0b || index == 0x28) bits = 0;
  else if (index == 0x0f) bits = SVR_BITS;
  // The delivery status and remote IRR are read-only and do not count as reserved.
  else if (index >= 0x32 && index <= 0x37) bits = lvtBits(<i32>(index - 0x32)) | 0x5000;
  else if (index == 0x38) bits = 0xffffffff;
  else if (index == 0x3e) bits = DIVIDE_BITS;
  else return false;
  if ((<u32>value & ~bits) != 0) return false;
  writeRegister(a, index, <u32>value);
  return true;
}

/** Level of the LINT0 pin (INTR of the 8259A pair on CPU 0). */
export function setLint0(cpu: i32, level: u32): void {
  store<u32>(at(cpu), level, PIN0);
  if (level != 0) {
    const a = at(cpu);
    const lvt = load<u32>(a + (LVT_LINT0 << 2), APIC_LVT);
    if (apicEnabled(cpu) && (lvt & MASKED) == 0 && ((lvt >> 8) & 7) == DELIVERY_FIXED)
      deliverTo(cpu, DELIVERY_FIXED, lvt & 0xff, false);
    poke(cpu);
  }
}

/** Pulse on LINT1, where firmware connects NMI. */
export function pulseNmi(cpu: i32): void {
  const a = at(cpu);
  if (!apicEnabled(cpu)) {
    postEvent(cpu, EVENT_NMI);
    return;
  }
  const lvt = load<u32>(a + (LVT_LINT1 << 2), APIC_LVT);
  if ((lvt & MASKED) == 0) deliverTo(cpu, (lvt >> 8) & 7, lvt & 0xff, false);
}

export function sipiVector(cpu: i32): u32 {
  return load<u32>(at(cpu), SIPI_VECTOR);
}
