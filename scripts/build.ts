// SPDX-License-Identifier: MIT
//
// `deno task build`: makes one executable file of berth.
import { bundle } from "./build/bundle.ts";
import { compile } from "./build/compile.ts";
import { sha256, writePortable } from "./build/portable.ts";
import { parseOptions } from "./options.ts";
import { ROOT } from "./root.ts";
import { runScript, ScriptError } from "./run_script.ts";
import { runTool } from "./tool.ts";

const USAGE = `usage: deno task build [options]
  --out FILE        what to write; default dist/berth
  --target TRIPLE   such as aarch64-unknown-linux-gnu; default: this machine's
  --compile-only    only by deno compile: an error where that cannot fetch its runtime
  --portable        only the portable form: a self-extracting file with the Deno executable
  --deno FILE       the Deno executable to put into the portable form; default: the running one
DENORT_BIN names a local copy of the runtime that deno compile would fetch.`;

interface Options {
  readonly out: string;
  readonly target: string;
  readonly form: "any" | "compiled" | "portable";
  readonly deno: string | undefined;
}

await runScript(async (signal) => {
  await make(parse(), signal);
  return 0;
});

/** Builds in a directory of its own beside the file to write, so that nothing else is touched. */
async function make(options: Options, signal: AbortSignal): Promise<void> {
  const { out } = options;
  await checkTypes(signal);
  const outDir = out.slice(0, out.lastIndexOf("/")) || "/";
  await Deno.mkdir(outDir, { recursive: true });
  const work = await Deno.makeTempDir({ dir: outDir, prefix: ".berth-build-" });
  try {
    const main = await bundle({ outDir: `${work}/bundle`, minify: true, signal });
    const draft = `${work}/berth`;
    const form = await build(options, draft, main, signal);
    signal.throwIfAborted();
    await Deno.rename(draft, out);
    const bytes = await Deno.readFile(out);
    console.log(`${out}: ${form} form, ${(bytes.length / 1e6).toFixed(1)} MB`);
    console.log(`sha256 ${await sha256(bytes)}`);
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

/** The bundler and `deno compile` look at no type. */
async function checkTypes(signal: AbortSignal): Promise<void> {
  const args = ["check", "--quiet", "src/main.ts", "mod.ts"];
  const { success, stderr } = await runTool(Deno.execPath(), {
    args,
    cwd: ROOT,
    signal,
  });
  if (!success) fail(`deno check failed:\n${stderr}`);
}

/** Writes the executable file `draft`; returns its form. */
async function build(
  options: Options,
  draft: string,
  main: string,
  signal: AbortSignal,
): Promise<string> {
  const { form, target, deno } = options;
  if (form !== "portable") {
    const unreachable = await compile({ target, main, out: draft, signal });
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
    signal,
  });
  return "portable";
}

function parse(): Options {
  const { values } = parseOptions(USAGE, {
    options: {
      out: { type: "string", default: `${ROOT}/dist/berth` },
      target: { type: "string", default: Deno.build.target },
      deno: { type: "string" },
      "compile-only": { type: "boolean", default: false },
      portable: { type: "boolean", default: false },
    },
  });
  const { out, target, deno, portable } = values;
  const form = values["compile-only"] ? "compiled" : portable ? "portable" : "any";
  return { out: absolute(out), target, deno, form };
}

function absolute(path: string): string {
  return path.startsWith("/") ? path : `${Deno.cwd()}/${path}`;
}

function fail(message: string): never {
  throw new ScriptError(message);
}
