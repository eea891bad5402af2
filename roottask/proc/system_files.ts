// The files of /proc that are about no process: their nodes, and whose text each of them is.

import { commandLine, LINE_BYTES } from "../libroottask/machine";
import { Program } from "../libroottask/program";
import { randomBytes } from "../libroottask/random";
import { terminatedLength } from "../libroottask/text";
import { Node } from "../libroottask/tree";
import { config } from "./config";
import { fixed } from "./entries";
import { locks } from "./lock_list";
import * as net from "./net";
import { END } from "./sequence";
import { slabs } from "./slabs";
import { addMemorySettings, addNetSettings, addSettings } from "./sys";
import * as system from "./system";
import * as listing from "./sysvipc";
import { byte, bytes, text } from "./writer";

const MEMINFO: u32 = 20;
const CPUINFO: u32 = 21;
const STAT: u32 = 22;
const UPTIME: u32 = 23;
const LOADAVG: u32 = 24;
const VERSION: u32 = 25;
const FILESYSTEMS: u32 = 26;
const CONFIG: u32 = 27;
const COMMAND_LINE: u32 = 28;
const SWAPS: u32 = 29;
const PARTITIONS: u32 = 30;
const UUID: u32 = 31;
const BOOT_ID: u32 = 32;
const ENTROPY: u32 = 33;
const OVERCOMMIT: u32 = 34;
const DEVICES: u32 = 35;
const DISKS: u32 = 36;
const VMSTAT: u32 = 37;
const SLABS: u32 = 38;
const LOCKS: u32 = 39;
const NET_DEV: u32 = 50;
const NET_ROUTE: u32 = 51;
const NET_INET6: u32 = 52;
const NET_TCP: u32 = 53;
const NET_TCP6: u32 = 54;
const NET_UDP: u32 = 55;
const NET_UDP6: u32 = 56;
const NET_ARP: u32 = 57;
const NET_SOCKETS: u32 = 58;
const NET_SOCKETS6: u32 = 59;
const NET_UNIX: u32 = 80;
const IPC_SEGMENTS: u32 = 100;
const IPC_SETS: u32 = 101;
const IPC_QUEUES: u32 = 102;

const random = memory.data(16);
const bootId = memory.data(16);

/** Files with records of their own, for which Linux has no splice_read() (proc_net.c, ipc/util.c, kernel/configs.c). */
export function hasOwnRecords(what: u32): bool {
  const ofNetwork = what >= NET_DEV && what <= NET_SOCKETS6;
  return ofNetwork || (what >= IPC_SEGMENTS && what <= IPC_QUEUES) || what === CONFIG;
}

/** Writes record `key` of file `what`, as `program` sees it: the key of the next one, or END. */
export function showSystemFile(what: u32, program: Program, key: u64): u64 {
  switch (what) {
    case SLABS:
      return slabs(key);
    case LOCKS:
      return locks(program, key);
    case NET_TCP:
    case NET_TCP6:
      return net.sockets(what === NET_TCP6, true, key);
    case NET_UDP:
    case NET_UDP6:
      return net.sockets(what === NET_UDP6, false, key);
    case NET_UNIX:
      return net.localSockets(key);
    case IPC_SEGMENTS:
      return listing.listSegments(program, key);
    case IPC_SETS:
      return listing.listSets(program, key);
    case IPC_QUEUES:
      return listing.listQueues(program, key);
    default:
      showAlone(what, program);
      return END;
  }
}

/** Writes the text of file `what`, which is one record. */
function showAlone(what: u32, program: Program): void {
  switch (what) {
    case MEMINFO:
      system.meminfo();
      return;
    case CPUINFO:
      system.cpuinfo();
      return;
    case STAT:
      system.stat();
      return;
    case UPTIME:
      system.uptime(program);
      return;
    case LOADAVG:
      system.loadavg(program);
      return;
    case VERSION:
      system.version();
      return;
    case FILESYSTEMS:
      system.filesystems();
      return;
    case CONFIG:
      config();
      return;
    case COMMAND_LINE:
      bytes(commandLine(), terminatedLength(commandLine(), LINE_BYTES));
      byte(10);
      return;
    case SWAPS:
      text("Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
      return;
    case PARTITIONS:
    case DISKS:
      // Disks are nobody's but their file systems'.
      return;
    case DEVICES:
      system.devices();
      return;
    case VMSTAT:
      system.vmstat();
      return;
    case UUID:
      randomBytes(random, 16);
      system.uuid(random);
      return;
    case BOOT_ID:
      system.uuid(bootId);
      return;
    case ENTROPY:
      text("256\n");
      return;
    case NET_DEV:
      net.dev();
      return;
    case NET_ROUTE:
      net.route();
      return;
    case NET_INET6:
      net.ifInet6();
      return;
    case NET_ARP:
      net.arp();
      return;
    case NET_SOCKETS:
    case NET_SOCKETS6:
      net.counts(what === NET_SOCKETS6);
      return;
    default:
      text("0\n");
  }
}

/** Adds a file by a name, which is `what`, with access mode `mode`. */
type AddFile = (directory: Node, literal: string, what: u32, mode: u32) => void;

/** Puts the files into `directory`, which is /proc. */
export function addSystemFiles(directory: Node, add: AddFile): void {
  randomBytes(bootId, 16);
  add(directory, "meminfo", MEMINFO, 0o444);
  add(directory, "cpuinfo", CPUINFO, 0o444);
  add(directory, "stat", STAT, 0o444);
  add(directory, "uptime", UPTIME, 0o444);
  add(directory, "loadavg", LOADAVG, 0o444);
  add(directory, "version", VERSION, 0o444);
  add(directory, "filesystems", FILESYSTEMS, 0o444);
  add(directory, "config.gz", CONFIG, 0o444);
  add(directory, "cmdline", COMMAND_LINE, 0o444);
  add(directory, "swaps", SWAPS, 0o444);
  add(directory, "partitions", PARTITIONS, 0o444);
  add(directory, "diskstats", DISKS, 0o444);
  add(directory, "devices", DEVICES, 0o444);
  add(directory, "vmstat", VMSTAT, 0o444);
  add(directory, "slabinfo", SLABS, 0o400);
  add(directory, "locks", LOCKS, 0o444);
  const network = fixed(directory, "net");
  add(network, "dev", NET_DEV, 0o444);
  add(network, "route", NET_ROUTE, 0o444);
  add(network, "if_inet6", NET_INET6, 0o444);
  add(network, "tcp", NET_TCP, 0o444);
  add(network, "tcp6", NET_TCP6, 0o444);
  add(network, "udp", NET_UDP, 0o444);
  add(network, "udp6", NET_UDP6, 0o444);
  add(network, "unix", NET_UNIX, 0o444);
  add(network, "arp", NET_ARP, 0o444);
  add(network, "sockstat", NET_SOCKETS, 0o444);
  add(network, "sockstat6", NET_SOCKETS6, 0o444);
  const sys = fixed(directory, "sys");
  const kernel = fixed(sys, "kernel");
  addSettings(kernel, fixed(sys, "fs"));
  const ipc = fixed(directory, "sysvipc");
  add(ipc, "shm", IPC_SEGMENTS, 0o444);
  add(ipc, "sem", IPC_SETS, 0o444);
  add(ipc, "msg", IPC_QUEUES, 0o444);
  const generator = fixed(kernel, "random");
  add(generator, "uuid", UUID, 0o444);
  add(generator, "boot_id", BOOT_ID, 0o444);
  add(generator, "entropy_avail", ENTROPY, 0o444);
  const memory = fixed(sys, "vm");
  add(memory, "overcommit_memory", OVERCOMMIT, 0o444);
  addNetSettings(fixed(sys, "net"));
  addMemorySettings(memory);
}
