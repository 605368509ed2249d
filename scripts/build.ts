// SPDX-License-Identifier: MIT
//
// `deno task build [--out FILE] [--target TRIPLE] [--compile-only | --portable] [--deno FILE]`:
// makes one executable file of berth; see `usage` below.
import { VERSION } from "../src/version.ts";
import { bundle } from "./bundle.ts";
import { ROOT } from "./root.ts";
import { V8_FLAGS } from "./launcher.ts";
import { sha256, writePortable } from "./portable.ts";
import { StoppedError, StopSignals } from "./stop_signals.ts";
import { MTIME } from "./tar.ts";

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

/** What the compiled berth may do: see RUN_FLAGS in launcher.ts for why it is not less. */
const COMPILE_FLAGS = [
  "--quiet",
  "--allow-all",
  V8_FLAGS,
  "--no-check",
  "--no-config",
  "--no-lock",
];

const stop = new StopSignals();
try {
  await make(parse(Deno.args));
} catch (error) {
  if (!(error instanceof BuildError || error instanceof StoppedError)) throw error;
  console.error(error.message);
  Deno.exitCode = 1;
}
stop[Symbol.dispose]();

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
  const { success, stderr } = await run(Deno.execPath(), {
    args: ["check", "--quiet", "src/main.ts", "mod.ts"],
    cwd: ROOT,
  });
  if (!success) fail(`deno check failed:\n${stderr}`);
}

/** Writes the executable file `draft`; answers its form. */
async function build(options: Options, draft: string, main: string): Promise<string> {
  const { form, target, deno } = options;
  if (form !== "portable") {
    const problem = await compile(target, draft, main);
    if (problem === undefined) return "compiled";
    if (form === "compiled") fail(`deno compile failed: ${problem}`);
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

/** Compiles; answers what went wrong if only the runtime is out of reach. */
async function compile(
  target: string,
  draft: string,
  main: string,
): Promise<string | undefined> {
  const bundleDir = main.slice(0, main.lastIndexOf("/"));
  // It keeps the files' times: without this each build would be another.
  for await (const { name } of Deno.readDir(bundleDir)) {
    await Deno.utime(`${bundleDir}/${name}`, MTIME, MTIME);
  }
  const { success, stderr } = await run(Deno.execPath(), {
    args: ["compile", ...COMPILE_FLAGS, "--target", target, "--output", draft, main],
  });
  if (success) {
    if (target === Deno.build.target) await checkStart(draft);
    return undefined;
  }
  // Whoever names a runtime wants that one, or to know why not.
  const unreachable = /error sending request|dns error|failed to download/i.test(stderr);
  if (Deno.env.has("DENORT_BIN") || !unreachable) fail(`deno compile failed:\n${stderr}`);
  return stderr;
}

/** `deno compile` says nothing of a runtime that is not the one for this berth. */
async function checkStart(file: string): Promise<void> {
  const { success, stdout, stderr } = await run(file, { args: ["--version"] });
  if (success && stdout === VERSION) return;
  fail(`what deno compile made does not start as berth ${VERSION}:\n${stdout}${stderr}`);
}

async function run(path: string, options: Deno.CommandOptions) {
  const { success, stdout, stderr } = await new Deno.Command(path, {
    ...options,
    env: { NO_COLOR: "1", RUST_BACKTRACE: "0" },
    stdin: "null",
    signal: stop.signal,
  }).output();
  stop.signal.throwIfAborted();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
  return { success, stdout: text(stdout), stderr: text(stderr) };
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
