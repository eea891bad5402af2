// screendump: the screen as a PNG or PPM file.

import { PICTURE_FORMATS, type PictureFormat, pictureFile } from "../picture-file.ts";
import type { Command } from "./command.ts";
import { MonitorError } from "./command-line.ts";

export const SCREEN_COMMANDS: readonly Command[] = [
  {
    names: ["screendump"],
    parameters: "filename [-f format]",
    help: "save screen into image 'filename': png, or ppm (the default unless the name ends in .png)",
    run: async ({ control, host }, line) => {
      const formatHere = (): string | undefined =>
        line.option("-f") ? line.required("a format behind -f: png or ppm") : undefined;
      const before = formatHere();
      const path = line.required("the name of a file");
      const format = before ?? formatHere() ?? (/\.png$/i.test(path) ? "png" : "ppm");
      line.end();
      if (!(PICTURE_FORMATS as readonly string[]).includes(format)) {
        throw new MonitorError(`format ${format}: expected ${PICTURE_FORMATS.join(" or ")}`);
      }
      const picture = control.machine.screenRgba();
      if (picture === undefined) {
        throw new MonitorError("there is no console to take a screendump from: -vga std has one");
      }
      if (host.writeFile === undefined) throw new MonitorError("files cannot be written here");
      await host.writeFile(path, pictureFile(picture, format as PictureFormat));
      return "";
    },
  },
];
