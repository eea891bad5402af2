// `mkbootimage --kernel F --cmdline S --module "F ARGS" … -o IMG` or `mkbootimage --config FILE DIR -o IMG`: an image
// that BIOS and UEFI start from a stick, a disk or a CD.

import { constants } from "node:os";
import { Command, InvalidArgumentError, Option } from "commander";
import type { BootProtocol, VideoMode } from "./config.ts";
import { BootImageError } from "./error.ts";
import { makeBootImage, makeBootImageOfFolder, type SystemFile } from "./make-image.ts";

interface Options {
  output: string;
  kernel?: string;
  cmdline?: string;
  module: SystemFile[];
  title?: string;
  protocol?: BootProtocol;
  video?: VideoMode;
  timeout?: number;
  config?: string;
  volume?: string;
}

/** `FILE ARGS` or `"FILE" ARGS`, added to those before. */
function module(text: string, before: SystemFile[]): SystemFile[] {
  const match = /^(?:"(?<quoted>[^"]+)"|(?<plain>[^\s"]\S*))(?:\s+(?<rest>.*))?$/s.exec(
    text.trim(),
  );
  const file = match?.groups?.quoted ?? match?.groups?.plain;
  if (file === undefined) {
    throw new InvalidArgumentError('FILE and its text behind a blank; "FILE" where it has blanks.');
  }
  return [...before, { file, commandLine: match?.groups?.rest ?? "" }];
}

function seconds(text: string): number {
  const number = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  if (!(number <= 86_400)) throw new InvalidArgumentError("seconds, 0 to 86400, are needed.");
  return number;
}

function videoMode(text: string): VideoMode {
  const match = /^(\d{1,5})x(\d{1,5})(?:x(\d{1,2}))?$/.exec(text);
  if (match === null) throw new InvalidArgumentError("a mode such as 1024x768x32 is needed.");
  const [width = 0, height = 0, depth = 0] = match.slice(1).map((side) => Number(side ?? 0));
  return { width, height, depth };
}

/** Signals that end the work; what was written of the image goes. */
const ENDING = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

class Interruption extends Error {
  readonly signal: (typeof ENDING)[number];

  constructor(signal: (typeof ENDING)[number]) {
    super(`ended by ${signal}`);
    this.signal = signal;
  }
}

async function make(folder: string | undefined, options: Options): Promise<void> {
  const { output, kernel, config, volume } = options;
  const interrupted = new AbortController();
  for (const signal of ENDING) {
    process.once(signal, () => interrupted.abort(new Interruption(signal)));
  }
  const common = {
    output,
    signal: interrupted.signal,
    ...(volume === undefined ? {} : { volume }),
  };
  if (config !== undefined) {
    for (const name of ["kernel", "cmdline", "title", "protocol", "video", "timeout"] as const) {
      if (options[name] !== undefined) {
        throw new BootImageError(
          `--${name} does not go with --config: the file says what is started`,
        );
      }
    }
    if (options.module.length > 0) {
      throw new BootImageError("--module does not go with --config: the file says what is started");
    }
    if (folder === undefined) {
      throw new BootImageError(
        "--config needs the folder with the image's files: --config FILE DIR",
      );
    }
    await makeBootImageOfFolder({ ...common, folder, configuration: config });
    return;
  }
  if (folder !== undefined) {
    throw new BootImageError(
      `${folder}: a folder goes with --config FILE; kernels are given by --kernel`,
    );
  }
  if (kernel === undefined) {
    throw new BootImageError("what is to be started? --kernel FILE or --config FILE DIR says so");
  }
  const { title, cmdline, protocol, video, timeout } = options;
  await makeBootImage({
    ...common,
    ...(timeout === undefined ? {} : { timeout }),
    systems: [
      {
        kernel: { file: kernel, ...(cmdline === undefined ? {} : { commandLine: cmdline }) },
        modules: options.module,
        ...(title === undefined ? {} : { title }),
        ...(protocol === undefined ? {} : { protocol }),
        ...(video === undefined ? {} : { video }),
      },
    ],
  });
}

function explain(error: unknown): string {
  if (error instanceof BootImageError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

const program = new Command("mkbootimage")
  .description("Makes an image that BIOS and UEFI start from a stick, a disk or a CD.")
  .usage("--kernel FILE [options] -o IMG\n       mkbootimage --config FILE DIR -o IMG")
  .configureOutput({
    outputError: (text, write) => write(text.replace(/^error: /, "mkbootimage: ")),
  })
  .argument("[dir]", "with --config: the folder whose files go into the image")
  .requiredOption("-o, --output <img>", "the image to write")
  .option("--kernel <file>", "a Multiboot, Multiboot 2 or Linux bzImage kernel")
  .option("--cmdline <text>", "its command line")
  .addOption(
    new Option(
      "--module <file args>",
      "a module and the text that comes with it; may be repeated; with Linux the first is the initrd",
    )
      .argParser(module)
      .default([], "none"),
  )
  .option("--title <text>", "what the menu calls it (default: the kernel's name)")
  .addOption(
    new Option("--protocol <name>", "how the kernel is started (default: by its header)").choices([
      "multiboot1",
      "multiboot2",
      "linux",
    ]),
  )
  .option("--video <mode>", "a screen mode that is asked for: 1024x768x32", videoMode)
  .option("--timeout <seconds>", "shows the menu for so long before it starts", seconds)
  .option(
    "--config <file>",
    "says what is started, see docs/bootimage.md; the files are those of DIR",
  )
  .option("--volume <name>", "name of the medium (default: TRIHEDRON)")
  .showSuggestionAfterError()
  .action(async (folder: string | undefined, options: Options) => {
    try {
      await make(folder, options);
    } catch (error) {
      if (error instanceof Interruption) {
        process.exitCode = 128 + constants.signals[error.signal];
        return;
      }
      process.stderr.write(`mkbootimage: ${explain(error)}\n`);
      process.exitCode = 1;
    }
  });

await program.parseAsync();
