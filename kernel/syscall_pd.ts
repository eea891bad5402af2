// The pd_ctrl hypercall: lookup and delegation of capabilities, MSR access of passthrough domains.

import {
  BAD_CAP,
  BAD_FTR,
  BAD_PAR,
  CRD_MEM,
  CRD_NULL,
  MEM_R,
  MEM_W,
  MSR_ACCESS_WRITE,
  PD_CTRL_DELEGATE,
  PD_CTRL_LOOKUP,
  PD_CTRL_MAP_ACCESS_PAGE,
  SUCCESS,
} from "./abi";
import {
  crdAttr,
  crdBase,
  crdKind,
  crdOrder,
  makeCrd,
  transferItem,
  transferredMeta,
  unfinished,
} from "./delegate";
import { Ec, flagsOf, selectorOf, UNFINISHED } from "./ec";
import { Mdb } from "./mdb";
import { readUserMsr, userMsrValue, writeUserMsr } from "./msr";
import { lookupNode } from "./node_table";
import { nodeTable } from "./pd";
import { lookupPd } from "./space_obj";

export function sysPdCtrl(ec: Ec): i32 {
  switch (flagsOf(ec) & 3) {
    case PD_CTRL_LOOKUP:
      return lookup(ec);
    case PD_CTRL_MAP_ACCESS_PAGE:
      return mapAccessPage(ec);
    case PD_CTRL_DELEGATE:
      return delegate(ec);
    default:
      return accessMsr(ec);
  }
}

/** The APIC access page belongs to virtual machines: there is none, for a CRD that is right. */
function mapAccessPage(ec: Ec): i32 {
  const crd = ec.rsi;
  const right = crdKind(crd) === CRD_MEM && crdAttr(crd) === (MEM_R | MEM_W) && crdOrder(crd) === 0;
  return right ? BAD_FTR : BAD_PAR;
}

/** OUT2: the range and permissions of the capability that contains the base of the CRD, or a null CRD. */
function lookup(ec: Ec): i32 {
  const crd = ec.rsi;
  const kind = crdKind(crd);
  ec.rsi = 0;
  if (kind === CRD_NULL || kind === CRD_MEM) return SUCCESS;
  const node: Mdb = lookupNode(nodeTable(ec.domain, kind), crdBase(crd));
  if (changetype<usize>(node) !== 0) {
    ec.rsi = makeCrd(kind, <u64>node.base, node.order, node.attr);
  }
  return SUCCESS;
}

function delegate(ec: Ec): i32 {
  const from = lookupPd(ec.domain, selectorOf(ec), 0);
  const to = lookupPd(ec.domain, ec.rsi, 0);
  if (changetype<usize>(from) === 0 || changetype<usize>(to) === 0) return BAD_CAP;
  const crd = transferItem(to, from, ec.r8, ec.r8, ec.rdx, ec.rax, ec.progress);
  ec.progress = unfinished;
  if (unfinished !== 0) return UNFINISHED;
  ec.rdx = crd;
  ec.rax = transferredMeta;
  return SUCCESS;
}

function accessMsr(ec: Ec): i32 {
  if (!ec.domain.passthrough) return BAD_CAP;
  const msr = <u32>selectorOf(ec);
  if (flagsOf(ec) & MSR_ACCESS_WRITE) return writeUserMsr(msr, ec.rsi) ? SUCCESS : BAD_PAR;
  const done = readUserMsr(msr);
  ec.rsi = userMsrValue;
  return done ? SUCCESS : BAD_PAR;
}
