// What programs may set in /proc/sys: limits of objects of System V, of message queues of POSIX, descriptors, pipes and
// watches, process ids, and the names of host and domain (proc_sys_kernel(5), proc_sys_fs(5), mq_overview(7)). Those of System
// V and of message queues, and the names, are of the caller's namespace.

import { maxMapCount } from "../libroottask/areas";
import { CAP_CHECKPOINT_RESTORE, CAP_SYS_ADMIN, capable } from "../libroottask/credentials";
import { FILES_MAX, filesMost, ROOM_LEAST } from "../libroottask/descriptors";
import { EINVAL, EPERM, ERANGE } from "../libroottask/errno";
import { maxUserWatches } from "../libroottask/file_events";
import { maxUserInstances } from "../libroottask/inotify";
import { maxQueuedEvents } from "../libroottask/inotify_queue";
import { lastNumber } from "../libroottask/pid_numbers";
import { pipeMaxSize, pipeUserHard, pipeUserSoft } from "../libroottask/pipe_users";
import { Program, pidMax } from "../libroottask/program";
import { copyLiteral } from "../libroottask/text";
import { Node } from "../libroottask/tree";
import { requestCount, requestMax } from "../linux/aio/contexts";
import { ownCorePattern, PATTERN_BYTES } from "../linux/core_name";
import { NAME_FIELD, ownHostNames } from "../linux/host_names";
import { echoGroups, initEchoes } from "../linux/icmp_sockets";
import { ipcSpaceHere, PLACES } from "../linux/ipc/objects";
import { HARD_MSG_MAX, HARD_MSGSIZE_MAX } from "../linux/ipc/posix_queue_calls";
import { IpcSpace, IpcTable } from "../linux/ipc/records";
import { KeyStore, storeOf } from "../linux/keys/records";
import { fixed } from "./entries";
import { addSetting, initSettings, LONG, NAME, Place, SIGNED, UNSIGNED, Written } from "./settings";

const WRITABLE: u32 = 0o644;
const READABLE: u32 = 0o444;
/** Texts of uname(2), and numbers that stay as they are. */
const type = memory.data(16);
const release = memory.data(16);
const version = memory.data(16);
const threads = memory.data(4);
const taint = memory.data(8);
const TEXT_BYTES: u32 = 16;
const THREADS: u32 = 1023;
const INT_MAX: u64 = i32.MAX_VALUE as u64;
const INT_MIN: u64 = i32.MIN_VALUE as i64 as u64;
const ANY: u64 = u64.MAX_VALUE;
/** Ids below are kept back; and how many there may be on 64 bits (include/linux/threads.h). */
const PID_LEAST: u64 = 301;
const PID_MOST: u64 = 4_194_304;
const PAGE: u32 = 4096;
/** GID_T_MAX of Linux. */
const GROUP_MOST: u64 = 0xffff_fffe;
/** Largest power of two that a pipe's size may be. */
const PIPE_MOST: u32 = 1 << 31;

function hostName(program: Program): usize {
  return ownHostNames(program);
}

function domainName(program: Program): usize {
  const names = ownHostNames(program);
  return names === 0 ? 0 : names + NAME_FIELD;
}

/** The field at `offset` of the caller's objects; 0 when memory is out. */
function field(offset: usize): usize {
  const space = ipcSpaceHere();
  return space === null ? 0 : changetype<usize>(space) + offset;
}

function shmmax(_program: Program): usize {
  return field(offsetof<IpcSpace>("shmmax"));
}

function shmall(_program: Program): usize {
  return field(offsetof<IpcSpace>("shmall"));
}

function shmmni(_program: Program): usize {
  return field(offsetof<IpcSpace>("shmmni"));
}

function msgmax(_program: Program): usize {
  return field(offsetof<IpcSpace>("msgmax"));
}

function msgmnb(_program: Program): usize {
  return field(offsetof<IpcSpace>("msgmnb"));
}

function msgmni(_program: Program): usize {
  return field(offsetof<IpcSpace>("msgmni"));
}

function sem(_program: Program): usize {
  return field(offsetof<IpcSpace>("semmsl"));
}

/** Sets of semaphores have places; the rest of what was written counts all the same, as on Linux. */
function semWritten(place: usize, before: usize): i64 {
  const sets = place + (offsetof<IpcSpace>("semmni") - offsetof<IpcSpace>("semmsl"));
  if (load<u32>(sets) <= PLACES) return 0;
  store<u32>(sets, load<u32>(before + (sets - place)));
  return -ERANGE;
}

function wanted(table: IpcTable): usize {
  return changetype<usize>(table) + offsetof<IpcTable>("wanted");
}

function nextSegment(_program: Program): usize {
  const space = ipcSpaceHere();
  return space === null ? 0 : wanted(space.segments);
}

function nextSet(_program: Program): usize {
  const space = ipcSpaceHere();
  return space === null ? 0 : wanted(space.sets);
}

function nextQueue(_program: Program): usize {
  const space = ipcSpaceHere();
  return space === null ? 0 : wanted(space.queues);
}

function queuesMax(_program: Program): usize {
  return field(offsetof<IpcSpace>("queuesMax"));
}

function msgMax(_program: Program): usize {
  return field(offsetof<IpcSpace>("msgMax"));
}

function msgsizeMax(_program: Program): usize {
  return field(offsetof<IpcSpace>("msgsizeMax"));
}

function msgDefault(_program: Program): usize {
  return field(offsetof<IpcSpace>("msgDefault"));
}

function msgsizeDefault(_program: Program): usize {
  return field(offsetof<IpcSpace>("msgsizeDefault"));
}

function ofPids(_program: Program): usize {
  return pidMax();
}

function mayRestore(): bool {
  return capable(CAP_CHECKPOINT_RESTORE) || capable(CAP_SYS_ADMIN);
}

function lastPidWritten(place: usize, before: usize): i64 {
  const allowed = mayRestore();
  const known = load<u32>(place) <= load<u32>(pidMax());
  if (!allowed || !known) store<u32>(place, load<u32>(before));
  if (!allowed) return -EPERM;
  return known ? 0 : -EINVAL;
}

/** The next object of a kind gets an id of the caller's choice. */
function nextWritten(place: usize, before: usize): i64 {
  if (mayRestore()) return 0;
  store<u32>(place, load<u32>(before));
  return -EPERM;
}

function ofCoreIds(program: Program): usize {
  const pattern = ownCorePattern(program);
  return pattern === 0 ? 0 : pattern + PATTERN_BYTES;
}

/** No program is given a core dump. */
function corePatternWritten(place: usize, before: usize): i64 {
  if (load<u8>(place) !== 124) return 0;
  memory.copy(place, before, PATTERN_BYTES);
  return -EINVAL;
}

/** Adds what core dumps are called. */
function addCoreSettings(kernel: Node): void {
  const most = PATTERN_BYTES;
  const written = corePatternWritten;
  addChecked(kernel, "core_pattern", WRITABLE, NAME, most, 0, 0, ownCorePattern, written);
  addSetting(kernel, "core_uses_pid", WRITABLE, SIGNED, 1, INT_MIN, INT_MAX, ofCoreIds);
}

function ofPipes(_program: Program): usize {
  return pipeMaxSize();
}

/** Rounds up to what a pipe can have: a power of two of pages. */
function pipesWritten(place: usize, before: usize): i64 {
  const wanted = load<u32>(place);
  if (wanted > PIPE_MOST) {
    store<u32>(place, load<u32>(before));
    return -EINVAL;
  }
  let size: u32 = PAGE;
  while (size < wanted) size <<= 1;
  store<u32>(place, size);
  return 0;
}

function ofPipeSoft(_program: Program): usize {
  return pipeUserSoft();
}

function ofPipeHard(_program: Program): usize {
  return pipeUserHard();
}

function ofFiles(_program: Program): usize {
  return filesMost();
}

function ofEvents(_program: Program): usize {
  return maxQueuedEvents();
}

function ofInstances(_program: Program): usize {
  return maxUserInstances();
}

function ofWatches(_program: Program): usize {
  return maxUserWatches();
}

function ofRequests(_program: Program): usize {
  return requestCount();
}

function ofRequestsMax(_program: Program): usize {
  return requestMax();
}

/** A number of 32 bits that is not negative, up to `most`. */
function addCount(directory: Node, literal: string, least: u64, most: u64, place: Place): void {
  addSetting(directory, literal, WRITABLE, SIGNED, 1, least, most, place);
}

function addLong(directory: Node, literal: string, most: u64, place: Place): void {
  addSetting(directory, literal, WRITABLE, LONG, 1, 0, most, place);
}

/** A setting that `written` has a say in. */
function addChecked(
  directory: Node,
  literal: string,
  mode: u32,
  kind: u32,
  count: u32,
  least: u64,
  most: u64,
  place: Place,
  written: Written,
): void {
  const setting = addSetting(directory, literal, mode, kind, count, least, most, place);
  if (setting !== null) setting.written = written;
}

function ofType(_program: Program): usize {
  return type;
}

function ofRelease(_program: Program): usize {
  return release;
}

function ofVersion(_program: Program): usize {
  return version;
}

function ofThreads(_program: Program): usize {
  return threads;
}

function ofTaint(_program: Program): usize {
  return taint;
}

/** What nobody writes to. */
function addKernelFacts(kernel: Node): void {
  copyLiteral(type, "Linux");
  copyLiteral(release, "6.1.0");
  copyLiteral(version, "#1 Trihedron");
  store<u32>(threads, THREADS);
  addSetting(kernel, "ostype", READABLE, NAME, TEXT_BYTES, 0, 0, ofType);
  addSetting(kernel, "osrelease", READABLE, NAME, TEXT_BYTES, 0, 0, ofRelease);
  addSetting(kernel, "version", READABLE, NAME, TEXT_BYTES, 0, 0, ofVersion);
  addSetting(kernel, "threads-max", READABLE, SIGNED, 1, 0, 0, ofThreads);
  addSetting(kernel, "tainted", READABLE, LONG, 1, 0, 0, ofTaint);
}

function addKernelSettings(kernel: Node): void {
  addSetting(kernel, "hostname", WRITABLE, NAME, NAME_FIELD, 0, 0, hostName);
  addSetting(kernel, "domainname", WRITABLE, NAME, NAME_FIELD, 0, 0, domainName);
  addCount(kernel, "pid_max", PID_LEAST, PID_MOST, ofPids);
  addChecked(kernel, "ns_last_pid", WRITABLE, SIGNED, 1, 0, INT_MAX, lastNumber, lastPidWritten);
  addLong(kernel, "shmmax", ANY, shmmax);
  addLong(kernel, "shmall", ANY, shmall);
  addCount(kernel, "shmmni", 0, PLACES, shmmni);
  addCount(kernel, "msgmax", 0, INT_MAX, msgmax);
  addCount(kernel, "msgmnb", 0, INT_MAX, msgmnb);
  addCount(kernel, "msgmni", 0, PLACES, msgmni);
  addChecked(kernel, "sem", WRITABLE, SIGNED, 4, INT_MIN, INT_MAX, sem, semWritten);
  addChecked(kernel, "shm_next_id", WRITABLE, SIGNED, 1, 0, INT_MAX, nextSegment, nextWritten);
  addChecked(kernel, "sem_next_id", WRITABLE, SIGNED, 1, 0, INT_MAX, nextSet, nextWritten);
  addChecked(kernel, "msg_next_id", WRITABLE, SIGNED, 1, 0, INT_MAX, nextQueue, nextWritten);
}

function addFileSettings(files: Node): void {
  addCount(files, "nr_open", ROOM_LEAST, FILES_MAX, ofFiles);
  addChecked(
    files,
    "pipe-max-size",
    WRITABLE,
    UNSIGNED,
    1,
    0,
    u32.MAX_VALUE,
    ofPipes,
    pipesWritten,
  );
  addLong(files, "pipe-user-pages-soft", ANY, ofPipeSoft);
  addLong(files, "pipe-user-pages-hard", ANY, ofPipeHard);
  addSetting(files, "aio-nr", READABLE, LONG, 1, 0, 0, ofRequests);
  addLong(files, "aio-max-nr", ANY, ofRequestsMax);
  const queues = fixed(files, "mqueue");
  addCount(queues, "queues_max", INT_MIN, INT_MAX, queuesMax);
  addCount(queues, "msg_max", 1, HARD_MSG_MAX, msgMax);
  addCount(queues, "msg_default", 1, HARD_MSG_MAX, msgDefault);
  addCount(queues, "msgsize_max", 128, HARD_MSGSIZE_MAX, msgsizeMax);
  addCount(queues, "msgsize_default", 128, HARD_MSGSIZE_MAX, msgsizeDefault);
  const watching = fixed(files, "inotify");
  addCount(watching, "max_queued_events", 0, INT_MAX, ofEvents);
  addLong(watching, "max_user_instances", INT_MAX, ofInstances);
  addLong(watching, "max_user_watches", INT_MAX, ofWatches);
}

/** The limit at `offset` of the keys of `program`; 0 when memory is out. */
function keyLimit(program: Program, offset: usize): usize {
  const store = storeOf(program);
  return store === null ? 0 : changetype<usize>(store) + offset;
}

function maxKeys(program: Program): usize {
  return keyLimit(program, offsetof<KeyStore>("maxKeys"));
}

function maxKeyBytes(program: Program): usize {
  return keyLimit(program, offsetof<KeyStore>("maxBytes"));
}

function rootMaxKeys(program: Program): usize {
  return keyLimit(program, offsetof<KeyStore>("rootMaxKeys"));
}

function rootMaxKeyBytes(program: Program): usize {
  return keyLimit(program, offsetof<KeyStore>("rootMaxBytes"));
}

/** Adds /proc/sys/kernel/keys (keyrings(7)). */
function addKeySettings(kernel: Node): void {
  const keys = fixed(kernel, "keys");
  addCount(keys, "maxkeys", 1, INT_MAX, maxKeys);
  addCount(keys, "maxbytes", 1, INT_MAX, maxKeyBytes);
  addCount(keys, "root_maxkeys", 1, INT_MAX, rootMaxKeys);
  addCount(keys, "root_maxbytes", 1, INT_MAX, rootMaxKeyBytes);
}

function ofAreas(_program: Program): usize {
  return maxMapCount();
}

function ofEchoGroups(_program: Program): usize {
  return echoGroups;
}

/** The last group is none before the first: nobody's are meant (ipv4_ping_group_range() of Linux). */
function echoGroupsWritten(place: usize, _before: usize): i64 {
  if (load<u32>(place) > load<u32>(place + 4)) initEchoes();
  return 0;
}

/** Adds the files to /proc/sys/net. */
export function addNetSettings(net: Node): void {
  const ipv4 = fixed(net, "ipv4");
  const written = echoGroupsWritten;
  const most: u64 = GROUP_MOST;
  addChecked(ipv4, "ping_group_range", WRITABLE, UNSIGNED, 2, 0, most, ofEchoGroups, written);
}

/** Adds the files to /proc/sys/vm. */
export function addMemorySettings(memory: Node): void {
  addCount(memory, "max_map_count", 0, INT_MAX, ofAreas);
}

/** Adds the files to /proc/sys/kernel and /proc/sys/fs. */
export function addSettings(kernel: Node, files: Node): void {
  initSettings();
  addKernelFacts(kernel);
  addKernelSettings(kernel);
  addCoreSettings(kernel);
  addKeySettings(kernel);
  addFileSettings(files);
}
