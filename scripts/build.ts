// SPDX-License-Identifier: MIT
//
// `deno task build [--out FILE] [--target TRIPLE] [--compile-only | --portable] [--deno FILE]`:
// makes one executable file of berth; see `usage` below.
import { bundle } from "./build/bundle.ts";
import { compile, CompileError } from "./build/compile.ts";
import { sha256, writePortable } from "./build/portable.ts";
import { ROOT } from "./root.ts";
import { StoppedError, StopSignals } from "./stop_signals.ts";
import { runTool } from "./tool.ts";

const usage = `usage: deno task build [options]
  --out FILE        what to write; default dist/berth
  --target TRIPLE   such as aarch64-unknown-linux-gnu; default: this machine's
  --compile-only    only by deno compile: an error where that cannot fetch its runtime
  --portable        only the portable form: a self-extracting file with the Deno executable
  --deno FILE       the Deno executable to put into the portable form; default: the running one
DENORT_BIN names a local copy of the runtime that deno compile would fetch.`;

interface Options {
  out: string;
  target: string;
  form: "any" | "compiled" | "portable";
  deno: string | undefined;
}

/** What ends the build, said in full by its message. */
class BuildError extends Error {}

const stop = new StopSignals();
try {
  await make(parse(Deno.args));
} catch (error) {
  const { message } = knownError(error);
  console.error(message);
  Deno.exitCode = 1;
}
stop[Symbol.dispose]();

/** Throws what no user can act on; the message of the others says all. */
function knownError(error: unknown): Error {
  if (error instanceof BuildError || error instanceof CompileError) return error;
  if (error instanceof StoppedError) return error;
  throw error;
}

/** Builds in a directory of its own beside the file to write, so that nothing else is touched. */
async function make(options: Options): Promise<void> {
  const { out } = options;
  await checkTypes();
  const outDir = out.slice(0, out.lastIndexOf("/")) || "/";
  await Deno.mkdir(outDir, { recursive: true });
  const work = await Deno.makeTempDir({ dir: outDir, prefix: ".berth-build-" });
  try {
    const main = await bundle({ outDir: `${work}/bundle`, minify: true, signal: stop.signal });
    const draft = `${work}/berth`;
    const form = await build(options, draft, main);
    stop.signal.throwIfAborted();
    await Deno.rename(draft, out);
    const bytes = await Deno.readFile(out);
    console.log(`${out}: ${form} form, ${(bytes.length / 1e6).toFixed(1)} MB`);
    console.log(`sha256 ${await sha256(bytes)}`);
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

/** The bundler and `deno compile` look at no type. */
async function checkTypes(): Promise<void> {
  const args = ["check", "--quiet", "src/main.ts", "mod.ts"];
  const { success, stderr } = await runTool(Deno.execPath(), {
    args,
    cwd: ROOT,
    signal: stop.signal,
  });
  if (!success) fail(`deno check failed:\n${stderr}`);
}

/** Writes the executable file `draft`; answers its form. */
async function build(options: Options, draft: string, main: string): Promise<string> {
  const { form, target, deno } = options;
  if (form !== "portable") {
    const unreachable = await compile({ target, main, out: draft, signal: stop.signal });
    if (unreachable === undefined) return "compiled";
    if (form === "compiled") throw unreachable;
    console.log(`deno compile cannot fetch its runtime here: making the portable form instead.`);
  }
  if (target !== Deno.build.target && deno === undefined) {
    fail(`the portable form for ${target} needs --deno FILE, the Deno executable for it`);
  }
  await writePortable({
    deno: deno ?? Deno.execPath(),
    bundleDir: main.slice(0, main.lastIndexOf("/")),
    out: draft,
    signal: stop.signal,
  });
  return "portable";
}

function parse(args: readonly string[]): Options {
  const parsed: Options = {
    out: `${ROOT}/dist/berth`,
    target: Deno.build.target,
    form: "any",
    deno: undefined,
  };
  for (const queue = [...args]; queue.length > 0;) {
    const name = queue.shift();
    const value = () => queue.shift() ?? fail(`${name} needs a value\n${usage}`);
    switch (name) {
      case "--out":
        parsed.out = absolute(value());
        break;
      case "--target":
        parsed.target = value();
        break;
      case "--deno":
        parsed.deno = value();
        break;
      case "--compile-only":
        parsed.form = "compiled";
        break;
      case "--portable":
        parsed.form = "portable";
        break;
      default:
        fail(`unknown option ${name}\n${usage}`);
    }
  }
  return parsed;
}

function absolute(path: string): string {
  return path.startsWith("/") ? path : `${Deno.cwd()}/${path}`;
}

function fail(message: string): never {
  throw new BuildError(message);
}
