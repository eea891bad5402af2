// The font as an object that is linked with guest programs, for tools/screen/guest: behind the global symbol
// `screen_font`, 256 characters of 16 bytes, then their Unicode code points as 256 u16.

import type { ObjectFile } from "../elf/index.ts";
import { CODE_PAGE_437, textFont } from "./font.ts";

/** The bytes behind `screen_font`. */
export function fontTable(): Uint8Array {
  const font = textFont();
  const table = new Uint8Array(font.length + 2 * 256);
  table.set(font);
  const view = new DataView(table.buffer);
  [...CODE_PAGE_437].forEach((character, code) => {
    view.setUint16(font.length + 2 * code, character.codePointAt(0) as number, true);
  });
  return table;
}

export function fontObject(): ObjectFile {
  const data = fontTable();
  return {
    name: "font",
    sections: [
      {
        name: ".rodata.font",
        writable: false,
        executable: false,
        align: 16,
        data,
        memSize: data.length,
      },
    ],
    symbols: [
      {
        name: "screen_font",
        section: 0,
        value: 0n,
        size: data.length,
        global: true,
        kind: "object",
      },
    ],
    relocations: [],
  };
}
