// What descriptors of sockets do: reading, writing, readiness, ends; and the names of sockets in the file tree.

import { ENXIO } from "./errno";
import { newOperations, OpenFile, setKind, setLost } from "./open_file";
import { Thread } from "./program";
import { closeSocket, forgetSockets, socketOf, socketOperations } from "./socket";
import { lostOutside } from "./socket_garbage";
import { clearAncillary, endReceipt } from "./socket_messages";
import { Transfer } from "./transfer";
import { KIND_SOCKET } from "./tree";

const named = memory.data(64);

function read(thread: Thread, file: OpenFile, transfer: Transfer, _position: i64): i64 {
  if (transfer.left === 0) return 0;
  const receive = socketOf(file).protocol.receive;
  const result = receive(thread, file, transfer, 0);
  endReceipt();
  return result;
}

function write(thread: Thread, file: OpenFile, transfer: Transfer, _position: i64): i64 {
  clearAncillary();
  const send = socketOf(file).protocol.send;
  return send(thread, file, transfer, 0, 0);
}

function poll(file: OpenFile): u32 {
  const socket = socketOf(file);
  const operation = socket.protocol.poll;
  return operation(socket);
}

function ioctl(thread: Thread, file: OpenFile, command: u32, argument: u64): i64 {
  const socket = socketOf(file);
  const operation = socket.protocol.ioctl;
  return operation(thread, socket, command, argument);
}

function release(file: OpenFile): void {
  if (file.node.object !== 0) closeSocket(socketOf(file));
}

/** Names of sockets are for connect(2) alone. */
function openNamed(_thread: Thread, _file: OpenFile): i64 {
  return -ENXIO;
}

/** Must be called before a socket is made. */
export function initSockets(): void {
  forgetSockets();
  setLost(lostOutside);
  const operations = newOperations(socketOperations);
  operations.read = read;
  operations.write = write;
  operations.poll = poll;
  operations.ioctl = ioctl;
  operations.release = release;
  operations.signals = 1;
  const names = newOperations(named);
  names.open = openNamed;
  setKind(KIND_SOCKET, names);
}
