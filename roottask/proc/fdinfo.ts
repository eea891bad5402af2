// /proc/PID/fdinfo: what is told of an open file (proc_pid_fdinfo(5)); of its kind, what Linux' show_fdinfo functions tell.

import { fileAt } from "../libroottask/descriptors";
import { Epoll, epollOf, firstInterest, isEpoll, nextInterest } from "../libroottask/epoll";
import { countOf, eventfdNumber, isEventfd } from "../libroottask/eventfd";
import { newestMark, olderMark } from "../libroottask/file_events";
import { instanceOf, isInotify } from "../libroottask/inotify";
import { Instance } from "../libroottask/inotify_queue";
import { OpenFile } from "../libroottask/open_file";
import { Thread } from "../libroottask/program";
import { isTimerfd, timeLeft, timerOf } from "../libroottask/timerfd";
import { Node } from "../libroottask/tree";
import { isProcessFile, processOf } from "../linux/pidfd";
import { isSignalFile, maskOf } from "../linux/signalfd";
import { deviceOf } from "../linux/stat";
import { line, numbers } from "./process";
import { byte, hex, number, octal, padded, signed, text } from "./writer";

const SECOND: u64 = 1_000_000_000;

/** At least one octal digit of `value`. */
function shortOctal(value: u32): void {
  let digits: u32 = 1;
  while (digits < 10 && value >> (digits * 3) !== 0) digits++;
  octal(value, digits);
}

/** Hexadecimal digits of `value` right-aligned in `width` columns. */
function paddedHex(value: u64, width: u32): void {
  let digits: u32 = 1;
  while (digits < 16 && value >> ((digits * 4) as u64) !== 0) digits++;
  for (let i = digits; i < width; i++) byte(32);
  hex(value, digits);
}

/** Inode and device of `node`, the latter as a number of Linux' own. */
function place(node: Node): void {
  text(" ino:");
  paddedHex(node.inode as u64, 1);
  text(" sdev:");
  paddedHex(deviceOf(node) as u64, 1);
}

function processInfo(file: OpenFile): void {
  const process = processOf(file);
  const id: i64 = process === null ? -1 : (process.id as i64);
  text("Pid:\t");
  signed(id);
  text("\nNSpid:");
  if (process !== null) {
    numbers(process.pidNamespace, process.id);
  } else {
    byte(9);
    signed(id);
  }
  byte(10);
}

/** Its watches, the newest first. */
function watchInfo(instance: Instance): void {
  let mark = newestMark(instance);
  while (mark !== null) {
    text("inotify wd:");
    paddedHex(mark.watch as u64, 1);
    place(mark.node);
    text(" mask:");
    paddedHex(mark.mask as u64, 1);
    text(" ignored_mask:0 \n");
    mark = olderMark(mark);
  }
}

function epollInfo(epoll: Epoll): void {
  let entry = firstInterest(epoll);
  while (entry !== null) {
    text("tfd: ");
    padded(entry.fd as u64, 8);
    text(" events: ");
    paddedHex(entry.events as u64, 8);
    text(" data: ");
    paddedHex(entry.data, 16);
    text("  pos:");
    signed(entry.file.position);
    place(entry.file.node);
    byte(10);
    entry = nextInterest(entry);
  }
}

function time(name: string, nanoseconds: u64): void {
  text(name);
  text(": (");
  number(nanoseconds / SECOND);
  text(", ");
  number(nanoseconds % SECOND);
  text(")\n");
}

function timerInfo(file: OpenFile): void {
  const left = timeLeft(file);
  const timer = timerOf(file);
  text("clockid: ");
  number(file.object as u64);
  text("\nticks: ");
  number(timer.ticks);
  text("\nsettime flags: 0");
  shortOctal(timer.flags);
  byte(10);
  time("it_value", left);
  time("it_interval", timer.interval);
}

/** fdinfo of descriptor `fd` of `thread`. */
export function fdinfo(thread: Thread, fd: u32): void {
  const file = fileAt(thread.files, fd as u64);
  if (file === null) return;
  line("pos", file.position as u64);
  text("flags:\t0");
  shortOctal(file.flags);
  const mount = file.mount;
  byte(10);
  line("mnt_id", mount === null ? 0 : (mount.id as u64));
  line("ino", file.node.inode as u64);
  if (isProcessFile(file)) {
    processInfo(file);
  } else if (isInotify(file)) {
    watchInfo(instanceOf(file));
  } else if (isEpoll(file)) {
    epollInfo(epollOf(file));
  } else if (isEventfd(file)) {
    text("eventfd-count: ");
    paddedHex(countOf(file), 16);
    text("\neventfd-id: ");
    number(eventfdNumber(file) as u64);
    byte(10);
  } else if (isTimerfd(file)) {
    timerInfo(file);
  } else if (isSignalFile(file)) {
    text("sigmask:\t");
    hex(maskOf(file), 16);
    byte(10);
  }
}
