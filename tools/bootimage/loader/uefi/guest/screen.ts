// The text screen: EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL of the system table, UEFI 2.10, 12.4. Attributes are those of VGA
// text (12.4.6). A machine may have no console at all.

import { load8, load64 } from "../../core/x86";
import { DEVICE_PATH, TEXT_OUTPUT } from "./guid";
import {
  CONSOLE_OUT,
  handleAt,
  locateHandles,
  physical,
  protocolOf,
  systemTable,
  word,
} from "./services";
import { SUCCESS } from "./status";
import { call1, call2, call3, call4 } from "./uefi";

/** Offsets in the protocol. */
const OUTPUT_STRING: u64 = 8;
const QUERY_MODE: u64 = 24;
const SET_ATTRIBUTE: u64 = 40;
const CLEAR_SCREEN: u64 = 48;
const SET_CURSOR_POSITION: u64 = 56;
const MODE: u64 = 72;
/** EFI_SIMPLE_TEXT_OUTPUT_MODE.Mode. */
const CURRENT_MODE: u64 = 4;

const NORMAL: u8 = 0x07;
const NEW_LINE: u32 = 10;
const CARRIAGE_RETURN: u16 = 13;
const DEFAULT_COLUMNS: u32 = 80;
const DEFAULT_ROWS: u32 = 25;

/** Device path nodes, type and subtype: ACPI device (10.3.3), UART (10.3.4.15); the type that ends a path (10.3.1). */
const ACPI_NODE: u32 = 0x0201;
const UART_NODE: u32 = 0x030e;
const END_TYPE: u8 = 0x7f;
/** EISA id of PNP0501, a 16550 (ACPI Specification 6.5, 19.3.4). */
const PNP0501: u32 = 0x0501_41d0;
/** Nodes of a path, at most: what is longer is damaged. */
const MAX_NODES: i32 = 64;

/** The protocol, 0 where there is none or the screen is no longer ours. */
let output: u64 = 0;
/** UTF-16 with its zero: up to two characters. */
const text: usize = memory.data(8, 8);
const columnsFound: usize = memory.data(8, 8);
const rowsFound: usize = memory.data(8, 8);

/** Begins with an empty screen. */
export function initScreen(): void {
  output = systemTable(CONSOLE_OUT);
  screenColor(NORMAL);
  screenClear();
}

/** From here on nothing is printed: the firmware's services end. A graphics mode leaves the console, which draws there. */
export function leaveScreen(): void {
  output = 0;
}

/** Asks for the size of the current mode; false where the firmware does not say. */
function queryMode(): bool {
  const modes = output === 0 ? 0 : load64(output + MODE);
  if (modes === 0) return false;
  const mode = <u64>word(modes + CURRENT_MODE);
  const status = call4(
    load64(output + QUERY_MODE),
    output,
    mode,
    physical(columnsFound),
    physical(rowsFound),
  );
  return status === SUCCESS;
}

export function screenColumns(): u32 {
  return queryMode() ? load<u32>(columnsFound) : DEFAULT_COLUMNS;
}

export function screenRows(): u32 {
  return queryMode() ? load<u32>(rowsFound) : DEFAULT_ROWS;
}

export function screenClear(): void {
  if (output !== 0) call1(load64(output + CLEAR_SCREEN), output);
}

export function screenAt(x: u32, y: u32): void {
  if (output !== 0) call3(load64(output + SET_CURSOR_POSITION), output, x, y);
}

export function screenColor(attribute: u8): void {
  // There is no blinking, and no bright background.
  if (output !== 0) call2(load64(output + SET_ATTRIBUTE), output, attribute & 0x7f);
}

export function screenPut(code: u32): void {
  if (output === 0) return;
  if (code === NEW_LINE) {
    store<u16>(text, CARRIAGE_RETURN);
    store<u16>(text, <u16>NEW_LINE, 2);
    store<u16>(text, 0, 4);
  } else {
    store<u16>(text, <u16>code);
    store<u16>(text, 0, 2);
  }
  call2(load64(output + OUTPUT_STRING), output, physical(text));
}

/** Whether a device path leads to a terminal at the first serial line: a PNP0501 numbered 0, and a UART behind it. */
function isFirstSerialLine(path: u64): bool {
  let first = false;
  let node = path;
  for (let i = 0; i < MAX_NODES; i++) {
    const type = <u8>load8(node);
    const kind = ((<u32>type) << 8) | <u32>load8(node + 1);
    const length = <u64>load8(node + 2) | ((<u64>load8(node + 3)) << 8);
    if (type === END_TYPE || length < 4) return false;
    if (kind === ACPI_NODE && word(node + 4) === PNP0501) {
      first = word(node + 8) === 0;
    }
    if (kind === UART_NODE && first) return true;
    node += length;
  }
  return false;
}

/** Whether the firmware's console is at COM1 too: a terminal there is one of the text outputs. */
export function isOnSerialLine(): bool {
  const count = locateHandles(TEXT_OUTPUT);
  for (let i: u64 = 0; i < count; i++) {
    const path = protocolOf(handleAt(i), DEVICE_PATH);
    if (path !== 0 && isFirstSerialLine(path)) return true;
  }
  return false;
}
