// The extended state (x87 to AVX-512) of a thread that does not run, as XSAVE stores it: only who has it in registers can
// store it, so a local EC of the roottask's is given it by the kernel and called to do that. Intel SDM vol. 1, ch. 13.

import { ROOT_SEL_PD, SUCCESS } from "../libhedron/abi";
import { call, copyState, createLocalEc, createPt, ptCtrl } from "../libhedron/hypercalls";
import { state_entry } from "../libhedron/symbol";
import { SEL_EVENTS } from "../libhrstd/layout";
import { stateUtcb } from "../libroottask/machine";
import { cpuOf } from "../libroottask/processors";
import { Thread } from "../libroottask/program";
import { processorBlock, STATE_EC, STATE_PT, THREAD_EC } from "../libroottask/selectors";
import { savedBytes, savedComponents } from "./signal_frame";

/** Where the legacy area tells those who read it which components there are (struct _fpx_sw_bytes of Linux). */
const SOFTWARE_COMPONENTS: usize = 464;
const FXSAVE: u64 = 1;

/** Room for all components (signal_frame.ts), aligned as XSAVE wants it. */
const STATE_BYTES: u32 = 4096;
const state = memory.data(4096, 64);

/** Processors that have an EC for it, as a set. */
let prepared: u64 = 0;

/** Bytes of what XSAVE stores, 0 where the processor has FXSAVE alone. */
export function xsaveBytes(): u32 {
  return savedComponents() === 0 ? 0 : savedBytes();
}

/** Beside the address, the portal's id says that state is loaded from there. */
const LOADS: u64 = 2;

/** Creates the EC of `processor`, and the portal into it. Returns the kernel's status. */
function prepare(processor: u32): u64 {
  const bit = (1 as u64) << (processor as u64);
  if ((prepared & bit) !== 0) return SUCCESS;
  const ec = processorBlock(processor) + STATE_EC;
  const portal = processorBlock(processor) + STATE_PT;
  const utcb = stateUtcb(processor) as u64;
  let status = createLocalEc(ec, ROOT_SEL_PD, cpuOf(processor), utcb, 0, SEL_EVENTS);
  if (status === SUCCESS) status = createPt(portal, ROOT_SEL_PD, ec, 0, state_entry());
  if (status === SUCCESS) prepared |= bit;
  return status;
}

/** Lets the EC of `processor` store what it has to `state`, or load it from there. Returns the kernel's status. */
function pass(processor: u32, loads: bool): u64 {
  const portal = processorBlock(processor) + STATE_PT;
  const id = (state as u64) | (savedComponents() === 0 ? FXSAVE : 0) | (loads ? LOADS : 0);
  const status = ptCtrl(portal, id);
  return status === SUCCESS ? call(portal) : status;
}

/**
 * The extended state of `thread`, `xsaveBytes` or those of FXSAVE, until the next call; 0 on a kernel that does not tell
 * it. Called in a handler on `processor`.
 */
export function readState(thread: Thread, processor: u32): usize {
  memory.fill(state, 0, STATE_BYTES);
  let status = prepare(processor);
  const block = processorBlock(processor);
  if (status === SUCCESS) status = copyState(block + STATE_EC, thread.block + THREAD_EC);
  if (status === SUCCESS) status = pass(processor, false);
  if (status !== SUCCESS) return 0;
  const components = savedComponents();
  if (components !== 0) store<u64>(state + SOFTWARE_COMPONENTS, components as u64);
  return state;
}

/**
 * What `readState` has returned, changed, becomes the extended state of `thread`. Called in a handler on `processor`. False
 * on a kernel that does not let it.
 */
export function writeState(thread: Thread, processor: u32): bool {
  const block = processorBlock(processor);
  if (prepare(processor) !== SUCCESS || pass(processor, true) !== SUCCESS) return false;
  return copyState(thread.block + THREAD_EC, block + STATE_EC) === SUCCESS;
}
