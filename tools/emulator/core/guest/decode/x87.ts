// Decoder of the x87 escape opcodes D8–DF and of WAIT (9B). Follows the opcode tables of Intel SDM vol. 2D,
// A.5. Aliases that the manual reserves but every CPU executes (FCOM2, FXCH4, FSTP8, …) are decoded like
// the instruction they repeat.

import { Op } from "../op/op";
import {
  AUX_KIND,
  AUX_OPERATION,
  AUX_POPS,
  AUX_QUIET,
  AUX_TO_STI,
  arithmeticMemory,
  arithmeticRegister,
  binary,
  changeSign,
  compareFlags,
  compareMemory,
  compareRegister,
  conditionalMove,
  examine,
  exchange,
  extract,
  I16,
  I32,
  I64,
  loadBcd,
  loadConstant,
  loadExtended,
  loadMemory,
  loadRegister,
  M32,
  M64,
  storeBcd,
  storeExtended,
  storeMemory,
  storeNoCheck,
  storeToRegister,
  test,
  unary,
} from "../x87/arithmetic";
import {
  fnclex,
  fninit,
  fnop,
  free,
  fwait,
  ignored,
  loadControl,
  loadEnvironment,
  moveTop,
  restoreState,
  saveState,
  storeControl,
  storeEnvironment,
  storeStatus,
  storeStatusAx,
} from "../x87/control";
import { transcendental1, transcendental2, transcendentalPush } from "../x87/transcendental";
import { decodeModrm, mod, modrmByte, op, opSize, ud, use } from "./cursor";

const POP1: u32 = 1 << AUX_POPS;
const POP2: u32 = 2 << AUX_POPS;

/** Operand kind of the arithmetic and integer load opcodes by their low bits: D8/D9, DA/DB, DC/DD, DE/DF. */
function kindOf(b: u32): u32 {
  const pair = (b >> 1) & 3;
  return pair == 0 ? M32 : pair == 1 ? I32 : pair == 2 ? M64 : I16;
}

/** Completes the record of opcode `b` (9B or D8–DF), ModRM not yet read. */
export function decodeX87(b: u32): void {
  if (b == 0x9b) {
    use(fwait);
    return;
  }
  decodeModrm();
  const field = (modrmByte >> 3) & 7;
  op.size = <u8>opSize;
  op.aux = ((b & 7) << 8) | modrmByte;
  op.sub = <u8>(modrmByte & 7);
  if (mod != 3) decodeMemory(b, field);
  else if ((b & 1) == 0) decodeArithmeticRegister(b, field);
  else if (b == 0xd9) decodeD9(field);
  else decodeRegister(b, field);
}

function set(fn: (op: Op) => usize, aux: u32): void {
  use(fn);
  op.aux |= aux;
}

function decodeMemory(b: u32, field: u32): void {
  const kind = kindOf(b) << AUX_KIND;
  if ((b & 1) == 0) {
    if (field == 2) set(compareMemory, kind);
    else if (field == 3) set(compareMemory, kind | POP1);
    else set(arithmeticMemory, kind | (field << AUX_OPERATION));
    return;
  }
  // D9 and DB, DD, DF differ in the upper half of the table.
  if (field == 0) set(loadMemory, kind);
  else if (field == 1) {
    if (b == 0xd9) ud();
    else set(storeMemory, (b == 0xdd ? I64 << AUX_KIND : kind) | POP1 | AUX_QUIET);
  } else if (field == 2) set(storeMemory, kind);
  else if (field == 3) set(storeMemory, kind | POP1);
  else if (b == 0xd9) {
    if (field == 4) use(loadEnvironment);
    else if (field == 5) use(loadControl);
    else if (field == 6) use(storeEnvironment);
    else use(storeControl);
  } else if (b == 0xdb) {
    if (field == 5) use(loadExtended);
    else if (field == 7) use(storeExtended);
    else ud();
  } else if (b == 0xdd) {
    if (field == 4) use(restoreState);
    else if (field == 6) use(saveState);
    else if (field == 7) use(storeStatus);
    else ud();
  } else if (field == 4) use(loadBcd);
  else if (field == 5) set(loadMemory, I64 << AUX_KIND);
  else if (field == 6) use(storeBcd);
  else set(storeMemory, (I64 << AUX_KIND) | POP1);
}

/** D8, DC, DE arithmetic with registers; DA FCMOVcc. */
function decodeArithmeticRegister(b: u32, field: u32): void {
  if (b == 0xda) {
    if (field < 4) set(conditionalMove, field << AUX_OPERATION);
    else if (modrmByte == 0xe9) set(compareRegister, POP2 | AUX_QUIET);
    else ud();
    return;
  }
  const pop = b == 0xde ? POP1 : 0;
  if (field == 2) set(compareRegister, pop);
  else if (field == 3) {
    if (b != 0xde) set(compareRegister, POP1);
    else if (modrmByte == 0xd9) set(compareRegister, POP2);
    else ud();
  } else {
    const to = b == 0xd8 ? 0 : AUX_TO_STI;
    set(arithmeticRegister, to | pop | (field << AUX_OPERATION));
  }
}

/** D9 C0–FF. */
function decodeD9(field: u32): void {
  const low = modrmByte & 7;
  if (field == 0) use(loadRegister);
  else if (field == 1) use(exchange);
  else if (field == 2) {
    if (low == 0) use(fnop);
    else ud();
  } else if (field == 3) use(storeNoCheck);
  else if (field == 4) {
    if (low < 2) set(changeSign, low << AUX_OPERATION);
    else if (low == 4) use(test);
    else if (low == 5) use(examine);
    else ud();
  } else if (field == 5) {
    if (low == 7) ud();
    else use(loadConstant);
  } else decodeFunctions(modrmByte & 15);
}

/** D9 F0–FF: for the transcendental handlers `sub` says which. */
function decodeFunctions(low: u32): void {
  switch (low) {
    case 0:
    case 14:
    case 15:
      use(transcendental1);
      op.sub = low == 0 ? 0 : <u8>(low - 13);
      break;
    case 1:
    case 9:
    case 3:
      use(transcendental2);
      op.sub = low == 1 ? 0 : low == 9 ? 1 : 2;
      break;
    case 2:
    case 11:
      use(transcendentalPush);
      op.sub = low == 2 ? 0 : 1;
      break;
    case 4:
      use(extract);
      break;
    case 5:
      set(binary, 2 << AUX_OPERATION);
      break;
    case 8:
      set(binary, 1 << AUX_OPERATION);
      break;
    case 13:
      use(binary);
      break;
    case 6:
    case 7:
      use(moveTop);
      op.sub = low == 6 ? 7 : 1;
      break;
    case 10:
      use(unary);
      break;
    default:
      set(unary, 1 << AUX_OPERATION);
  }
}

/** DB, DD, DF with registers. */
function decodeRegister(b: u32, field: u32): void {
  const low = modrmByte & 7;
  if (b == 0xdb) {
    if (field < 4) set(conditionalMove, (field << AUX_OPERATION) | AUX_QUIET);
    else if (field == 4) {
      if (low == 2) use(fnclex);
      else if (low == 3) use(fninit);
      else if (low < 5) use(ignored);
      else ud();
    } else if (field == 5) set(compareFlags, AUX_QUIET);
    else if (field == 6) use(compareFlags);
    else ud();
  } else if (b == 0xdd) {
    if (field == 0) use(free);
    else if (field == 1) use(exchange);
    else if (field == 2) use(storeToRegister);
    else if (field == 3) set(storeToRegister, POP1);
    else if (field == 4) set(compareRegister, AUX_QUIET);
    else if (field == 5) set(compareRegister, AUX_QUIET | POP1);
    else ud();
  } else if (field == 0) set(free, POP1);
  else if (field == 1) use(exchange);
  else if (field < 4) set(storeToRegister, POP1);
  else if (field == 4) {
    if (low == 0) use(storeStatusAx);
    else ud();
  } else if (field == 5) set(compareFlags, AUX_QUIET | POP1);
  else if (field == 6) set(compareFlags, POP1);
  else ud();
}
