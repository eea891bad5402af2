// Code of the roottask's that Linux programs run at the beginning and the end of a signal handler: extended state (x87,
// SSE, AVX, AVX-512) is in registers that only the thread itself can reach. It lies in a page of its own that all
// programs share (libhrstd/mediator_layout.ts, SIGNAL_PAGE) and works at any address. Intel SDM vol. 1, ch. 13.

import { Assembler, eax, edx, mem, r10, r11, rax, rcx, rdx, rip } from "../../tools/asm/index.ts";
import type { ObjectFile } from "../../tools/elf/index.ts";

/** Bytes of a state in the standard format that has neither AVX nor what came later. */
const STATE_BYTES = 576;
/** Where FXSAVE has FCW and MXCSR, and their values after a start. */
const FCW = 0;
const FCW_INITIAL = 0x37f;
const MXCSR = 24;
const MXCSR_INITIAL = 0x1f80;

/** No component is in use: XRSTOR makes all of them what they are after a start. */
function initialState(): Uint8Array {
  const state = Buffer.alloc(STATE_BYTES);
  state.writeUInt16LE(FCW_INITIAL, FCW);
  state.writeUInt32LE(MXCSR_INITIAL, MXCSR);
  return state;
}

export function signalStubs(): ObjectFile {
  const a = new Assembler({ bits: 64, name: "signal stubs" });
  a.align(64).label("signal_code", { global: true });

  // Saves the state at RCX, the components of EAX (0: by FXSAVE), and enters the handler at R11 with a new one. RDI, RSI
  // and RDX are the handler's arguments.
  a.label("signal_enter", { global: true });
  a.mov(r10, rdx).xor(edx, edx).test(eax, eax).jz("enter_fxsave");
  a.xsave64(mem(rcx)).xrstor64(rip("signal_initial")).jmp("entered");
  a.label("enter_fxsave");
  a.fxsave64(mem(rcx)).fxrstor64(rip("signal_initial"));
  a.label("entered");
  a.mov(rdx, r10).xor(eax, eax).jmp(r11);

  // Components of R11 get what they are after a start, then those of EAX what is at RCX; 0 for both: by FXRSTOR.
  a.align(16).label("signal_leave", { global: true });
  a.xor(edx, edx).test(r11, r11).jz("leave_fxrstor");
  a.mov(r10, rax).mov(rax, r11).xrstor64(rip("signal_initial")).mov(rax, r10);
  a.test(eax, eax).jz("leave_fxrstor");
  a.xrstor64(mem(rcx)).jmp("signal_left");
  a.label("leave_fxrstor");
  a.fxrstor64(mem(rcx));
  // All other registers are the roottask's to load: it takes this exception for the end of the handler.
  a.label("signal_left", { global: true });
  a.ud2();

  a.align(64).label("signal_initial", { global: true });
  a.db(initialState());
  a.label("signal_code_end", { global: true });
  return a.object();
}
