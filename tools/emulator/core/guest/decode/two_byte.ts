// Opcodes 0F xx that are not in the vector maps. Follows Intel SDM vol. 2D, appendix A.

import { REGS } from "../../state";
import { JCC } from "../integer/branch";
import { CMPXCHG, cmpxchgPair, XADD } from "../integer/exchange";
import {
  bswap,
  cmov,
  MOV_MR,
  MOV_RM,
  MOV_RR,
  MOV_SXM,
  MOV_SXR,
  MOV_ZXM,
  MOV_ZXR,
  movbe,
  movzx8to16,
  nop,
  setcc,
} from "../integer/move";
import { BY_CL, bitCount, bitScan, bitTest, doubleShift, imul } from "../integer/shift";
import { DS, FS, GS, LDTR, SS, TR } from "../memory/segments";
import { cpuModel } from "../processor/model";
import { crc32 } from "../simd/crc32";
import { cpuid } from "../system/cpuid";
import { readDr, writeDr } from "../system/debug_registers";
import { alignmentFlag } from "../system/flag_writes";
import { clflush, invlpg, invpcid, wbinvd } from "../system/invalidate";
import { rdmsr, wrmsr } from "../system/msr";
import { randomNumber } from "../system/random";
import { clts, lmsw, readCr, smsw, writeCr, xcr } from "../system/registers";
import {
  loadFarPointer,
  popSegment,
  pushSegment,
  segmentBase,
  swapgs,
} from "../system/segment_moves";
import {
  larLsl,
  lldt,
  loadTable,
  ltr,
  storeSystemSelector,
  storeTable,
  verify,
} from "../system/tables";
import { monitorMwait, rdpmc, rdtsc } from "../system/waiting";
import { syscall, sysenter, sysexit, sysret } from "../transfer/fast_calls";
import {
  allowLock,
  branchDisplacement,
  decodeModrm,
  decodeRegisters,
  fetch8,
  gpr,
  mod,
  mode,
  modrmByte,
  modrmOf,
  op,
  opSize,
  peek8,
  prefix66,
  prefixRep,
  reg,
  registers,
  relative,
  rex,
  rm,
  setSegmentOf,
  sizeIndex,
  stackSize,
  ud,
  use,
  useEnd,
} from "./cursor";
import { decodeVector } from "./vector";

export function decodeTwoByte(): void {
  const b = fetch8();
  if (b >= 0x80 && b < 0x90) {
    relative(branchDisplacement());
    op.sub = <u8>(b & 15);
    useEnd(JCC[b & 15]);
    return;
  }
  if (b >= 0x90 && b < 0xa0) {
    decodeModrm();
    registers(1, 1);
    op.sub = <u8>(b & 15);
    use(setcc);
    return;
  }
  if (b >= 0x40 && b < 0x50) {
    modrmOf(opSize);
    op.sub = <u8>(b & 15);
    use(cmov);
    return;
  }
  if (b >= 0xc8 && b < 0xd0) {
    op.dst = gpr((b & 7) | ((rex & 1) << 3), 8);
    use(bswap);
    return;
  }
  switch (b) {
    case 0x00: {
      modrmOf(opSize);
      const k = (modrmByte >> 3) & 7;
      op.sub = <u8>k;
      if (k == 0) {
        op.sub = <u8>LDTR;
        use(storeSystemSelector);
      } else if (k == 1) {
        op.sub = <u8>TR;
        use(storeSystemSelector);
      } else if (k == 2) useEnd(lldt);
      else if (k == 3) useEnd(ltr);
      else if (k < 6) {
        op.sub = <u8>(k - 2);
        use(verify);
      } else ud();
      return;
    }
    case 0x01:
      decodeGroup7();
      return;
    case 0x02:
    case 0x03:
      modrmOf(opSize);
      op.sub = <u8>(b - 2);
      use(larLsl);
      return;
    case 0x05:
      useEnd(syscall);
      return;
    case 0x06:
      useEnd(clts);
      return;
    case 0x07:
      useEnd(sysret);
      return;
    case 0x08:
    case 0x09:
      use(wbinvd);
      return;
    case 0x0b:
    case 0xff:
    case 0xb9:
      if (b != 0x0b) decodeModrm();
      return ud();
    case 0x0d:
    case 0x18:
    case 0x19:
    case 0x1a:
    case 0x1b:
    case 0x1c:
    case 0x1d:
    case 0x1e:
    case 0x1f:
      modrmOf(opSize);
      use(nop);
      return;
    case 0x20:
    case 0x22:
    case 0x21:
    case 0x23:
      decodeRegisters();
      op.sub = <u8>reg;
      op.src = gpr(rm, 8);
      if (b == 0x20) use(readCr);
      else if (b == 0x22) useEnd(writeCr);
      else if (b == 0x21) use(readDr);
      else useEnd(writeDr);
      return;
    case 0x30:
      useEnd(wrmsr);
      return;
    case 0x31:
      use(rdtsc);
      return;
    case 0x32:
      use(rdmsr);
      return;
    case 0x33:
      use(rdpmc);
      return;
    case 0x34:
      useEnd(sysenter);
      return;
    case 0x35:
      useEnd(sysexit);
      return;
    case 0xa0:
    case 0xa8:
      op.size = <u8>stackSize();
      op.sub = <u8>(b == 0xa0 ? FS : GS);
      use(pushSegment);
      return;
    case 0xa1:
    case 0xa9:
      op.size = <u8>stackSize();
      op.sub = <u8>(b == 0xa1 ? FS : GS);
      useEnd(popSegment);
      return;
    case 0xa2:
      use(cpuid);
      return;
    case 0xa3:
    case 0xab:
    case 0xb3:
    case 0xbb:
      modrmOf(opSize);
      op.aux = 1;
      op.sub = <u8>((b >> 3) & 3);
      allowLock(b != 0xa3);
      use(bitTest);
      return;
    case 0xba: {
      modrmOf(opSize);
      const k = (modrmByte >> 3) & 7;
      if (k < 4) return ud();
      op.imm = <i64>fetch8();
      op.sub = <u8>(k & 3);
      allowLock(k != 4);
      use(bitTest);
      return;
    }
    case 0xa4:
    case 0xac:
      modrmOf(opSize);
      op.sub = b == 0xac ? 1 : 0;
      op.imm = <i64>fetch8();
      use(doubleShift);
      return;
    case 0xa5:
    case 0xad:
      modrmOf(opSize);
      op.sub = (b == 0xad ? 1 : 0) | BY_CL;
      use(doubleShift);
      return;
    case 0xaf:
      modrmOf(opSize);
      op.sub = 0;
      use(imul);
      return;
    case 0xb0:
    case 0xb1: {
      const size = (b & 1) == 0 ? 1 : opSize;
      modrmOf(size);
      allowLock(true);
      use(CMPXCHG[sizeIndex(size)]);
      return;
    }
    case 0xc0:
    case 0xc1: {
      const size = (b & 1) == 0 ? 1 : opSize;
      modrmOf(size);
      allowLock(true);
      use(XADD[sizeIndex(size)]);
      return;
    }
    case 0xb2:
    case 0xb4:
    case 0xb5:
      modrmOf(opSize);
      if (mod == 3) return ud();
      op.sub = <u8>(b == 0xb2 ? SS : b == 0xb4 ? FS : GS);
      useEnd(loadFarPointer);
      return;
    case 0xb6:
    case 0xb7: {
      const from = b == 0xb6 ? 1 : 2;
      decodeModrm();
      registers(opSize, from);
      if (opSize == 2) use(from == 1 ? movzx8to16 : mod == 3 ? MOV_RR[1] : MOV_RM[1]);
      else use(mod == 3 ? MOV_ZXR[from - 1] : MOV_ZXM[from - 1]);
      return;
    }
    case 0xbe:
    case 0xbf: {
      const from = b == 0xbe ? 1 : 2;
      decodeModrm();
      registers(opSize, from);
      const i = (from - 1) * 3 + sizeIndex(opSize) - 1;
      use(mod == 3 ? MOV_SXR[i] : MOV_SXM[i]);
      return;
    }
    case 0xb8:
      if (prefixRep != 0xf3) return ud();
      modrmOf(opSize);
      op.sub = 0;
      use(bitCount);
      return;
    case 0xbc:
    case 0xbd:
      modrmOf(opSize);
      if (prefixRep == 0xf3 && cpuModel != 0) {
        op.sub = b == 0xbc ? 1 : 2;
        use(bitCount);
        return;
      }
      op.sub = b == 0xbc ? 0 : 1;
      use(bitScan);
      return;
    case 0xc3:
      // MOVNTI
      if (prefix66 || prefixRep != 0) return ud();
      modrmOf(opSize);
      if (mod == 3) return ud();
      use(MOV_MR[sizeIndex(opSize)]);
      return;
    case 0xc7:
      decodeGroup9();
      return;
    case 0xae:
      if (decodeGroup15()) return;
      break;
    case 0x38:
    case 0x3a:
      if (decodeThreeByteInteger(b)) return;
      break;
  }
  decodeVector(b);
}

function decodeGroup7(): void {
  decodeModrm();
  const k = (modrmByte >> 3) & 7;
  op.dst = gpr(reg, 8);
  if (mod == 3) op.src = gpr(rm, 8);
  if (mod != 3) {
    if (k == 0 || k == 1) {
      op.sub = <u8>k;
      use(storeTable);
    } else if (k == 2 || k == 3) {
      op.sub = <u8>(k - 2);
      useEnd(loadTable);
    } else if (k == 4) use(smsw);
    else if (k == 6) useEnd(lmsw);
    else if (k == 7) useEnd(invlpg);
    else ud();
    return;
  }
  if (k == 4) {
    use(smsw);
    return;
  }
  if (k == 6) {
    useEnd(lmsw);
    return;
  }
  switch (modrmByte) {
    case 0xc8:
    case 0xc9:
      op.sub = <u8>(modrmByte & 1);
      op.base = <u16>REGS;
      op.disp = 0;
      setSegmentOf(DS);
      use(monitorMwait);
      return;
    case 0xca:
    case 0xcb:
      if (cpuModel == 0) return ud();
      op.sub = <u8>(modrmByte & 1);
      use(alignmentFlag);
      return;
    case 0xd0:
    case 0xd1:
      op.sub = <u8>(modrmByte & 1);
      useEnd(xcr);
      return;
    case 0xf8:
      if (mode != 2) return ud();
      use(swapgs);
      return;
    case 0xf9:
      op.sub = 1;
      use(rdtsc);
      return;
    default:
      return ud();
  }
}

function decodeGroup9(): void {
  decodeModrm();
  const k = (modrmByte >> 3) & 7;
  if (mod != 3) {
    if (k != 1) return ud(); // VMX is not there
    op.size = opSize == 8 ? 8 : 4;
    allowLock(true);
    use(cmpxchgPair);
    return;
  }
  if (k == 6 || (k == 7 && cpuModel != 0)) {
    op.src = gpr(rm, opSize);
    op.size = <u8>opSize;
    use(randomNumber);
    return;
  }
  ud();
}

/** FS and GS base instructions and fences; false for the FPU and SSE state instructions. */
function decodeGroup15(): bool {
  const byte = peek8(0);
  const k = (byte >> 3) & 7;
  if (byte < 0xc0 && k != 7) return false;
  decodeModrm();
  if (mod != 3) {
    // CLFLUSH
    if (prefixRep != 0) ud();
    else use(clflush);
    return true;
  }
  if (prefixRep == 0xf3) {
    if (mode != 2 || k > 3) {
      ud();
      return true;
    }
    op.src = gpr(rm, opSize);
    op.size = opSize == 8 ? 8 : 4;
    op.sub = <u8>((k & 1) != 0 ? GS : FS) | (k >= 2 ? 8 : 0);
    use(segmentBase);
    return true;
  }
  if (prefixRep != 0 || prefix66 || k < 5) {
    ud();
    return true;
  }
  use(nop);
  return true;
}

/** MOVBE, CRC32, INVPCID; false for the vector maps (nothing has been consumed then). */
function decodeThreeByteInteger(map: u32): bool {
  if (map != 0x38) return false;
  const b = peek8(0);
  if (b == 0xf0 || b == 0xf1) {
    if (prefixRep == 0xf2) {
      fetch8();
      const size = b == 0xf0 ? 1 : opSize;
      decodeModrm();
      registers(opSize == 8 ? 8 : 4, size);
      op.size = <u8>size;
      use(crc32);
      return true;
    }
    if (prefixRep == 0) {
      fetch8();
      modrmOf(opSize);
      if (mod == 3 || cpuModel == 0) {
        ud();
        return true;
      }
      op.sub = b == 0xf0 ? 0 : 1;
      use(movbe);
      return true;
    }
  }
  if (b == 0x82 && prefix66 && prefixRep == 0) {
    fetch8();
    modrmOf(opSize);
    if (mod == 3 || cpuModel == 0) {
      ud();
      return true;
    }
    useEnd(invpcid);
    return true;
  }
  return false;
}
