// Guests of a few lines on the BIOS loader's firmware: each is built into a medium as the loader is, and says on COM1
// what it finds.

import { guestModule } from "../../../../asc/guest.ts";
import { buildBiosLoader } from "../build.ts";
import { BIOS_LOADER_GUEST } from "../options.ts";
import { makeMedium } from "./medium.ts";

const FOLDER = "tools/bootimage/loader/bios/guest";

/**
 * A medium whose loader runs `body` and then powers an emulated PC off. `imports`: names by file, relative to the
 * loader's guest folder; console and x86 functions are there.
 */
export async function snippetMedium(
  name: string,
  imports: Readonly<Record<string, string>>,
  body: string,
): Promise<Uint8Array> {
  const entry = `${FOLDER}/snippet_${name}.ts`;
  const lines = Object.entries(imports).map(
    ([file, names]) => `import { ${names} } from "${file}";`,
  );
  const text = `
    import { endLine, print, printDecimal, printHex, printLine } from "../../core/console";
    import { inb, load32, load8, outb, store32 } from "../../core/x86";
    import { prepare } from "./start";
    import { hlt } from "./x86";
    ${lines.join("\n")}
    export { fault } from "./fault";
    @external("x86", "outw") declare function outw(port: i32, value: i32): void;
    export function staticEnd(): usize { return __heap_base; }
    export function main(): void {
      prepare();
      ${body}
      outw(0x604, 0x2000);
      for (;;) hlt();
    }`;
  const { wasm, sourceMap } = await guestModule({
    ...BIOS_LOADER_GUEST,
    entry,
    sources: { [entry]: text },
  });
  return makeMedium(buildBiosLoader(wasm, sourceMap));
}
