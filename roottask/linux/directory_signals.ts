// F_NOTIFY of fcntl(2): who has a directory open is sent signals of what happens in it (fs/notify/dnotify/dnotify.c of
// Linux 6.1). Signal and owner are those that F_SETSIG and F_SETOWN say; what is asked for goes when a descriptor of the
// open file is closed.

import { ENOMEM, ENOTDIR } from "../libroottask/errno";
import {
  addFileMark,
  fileMark,
  forgetFileMark,
  hasRoomForMark,
  IN_ACCESS,
  IN_ATTRIB,
  IN_CREATE,
  IN_DELETE,
  IN_MODIFY,
  IN_MOVED_FROM,
  IN_MOVED_TO,
  IN_ONESHOT,
  IN_RENAME,
  Mark,
  setTellFile,
} from "../libroottask/file_events";
import { OpenFile } from "../libroottask/open_file";
import { Thread } from "../libroottask/program";
import { KIND_DIRECTORY } from "../libroottask/tree";
import { ownIfNobody, tellMessage } from "./file_signals";

/** What can be asked for, include/uapi/linux/fcntl.h. */
const DN_ACCESS: u32 = 1;
const DN_MODIFY: u32 = 2;
const DN_CREATE: u32 = 4;
const DN_DELETE: u32 = 8;
const DN_RENAME: u32 = 0x10;
const DN_ATTRIB: u32 = 0x20;
const DN_MULTISHOT: u32 = 0x8000_0000;

/** The mask of a mark for what is asked for (convert_arg()); bits that mean nothing are never told of. */
function maskOf(wanted: u32): u32 {
  let mask: u32 = (wanted & DN_MULTISHOT) !== 0 ? 0 : IN_ONESHOT;
  if ((wanted & DN_ACCESS) !== 0) mask |= IN_ACCESS;
  if ((wanted & DN_MODIFY) !== 0) mask |= IN_MODIFY;
  if ((wanted & DN_CREATE) !== 0) mask |= IN_CREATE | IN_MOVED_TO;
  if ((wanted & DN_DELETE) !== 0) mask |= IN_DELETE | IN_MOVED_FROM;
  if ((wanted & DN_RENAME) !== 0) mask |= IN_RENAME;
  if ((wanted & DN_ATTRIB) !== 0) mask |= IN_ATTRIB;
  return mask;
}

/** Adds `mask` to what a mark is for: it stays where one of both was to stay. */
function extend(mark: Mark, mask: u32): void {
  const once = mark.mask & mask & IN_ONESHOT;
  mark.mask = ((mark.mask | mask) & ~IN_ONESHOT) | once;
}

/** F_NOTIFY by descriptor `fd`, with DN_… bits: 0, -ENOTDIR or -ENOMEM. */
export function notifyOfDirectory(thread: Thread, file: OpenFile, fd: u32, wanted: u32): i64 {
  const node = file.node;
  const table = thread.program.files;
  const own = changetype<usize>(file);
  if ((wanted & ~DN_MULTISHOT) === 0) {
    forgetFileMark(node, table, own);
    return 0;
  }
  if (node.kind !== KIND_DIRECTORY) return -ENOTDIR;
  if (!ownIfNobody(thread, file)) return -ENOMEM;
  const mask = maskOf(wanted);
  const present = fileMark(node, table, own);
  if (present !== null) {
    extend(present, mask);
    present.fd = fd;
    return 0;
  }
  const made = hasRoomForMark() ? addFileMark(node, table, own, mask) : null;
  if (made === null) return -ENOMEM;
  made.fd = fd;
  return 0;
}

function told(mark: Mark): void {
  tellMessage(changetype<OpenFile>(mark.file), mark.fd);
}

/** Must be called before directories are opened by programs. */
export function initDirectorySignals(): void {
  setTellFile(told);
}
