// SPDX-License-Identifier: MIT
//
// `deno task build [--out FILE] [--target TRIPLE] [--compile-only | --portable] [--deno FILE]`:
// makes one executable file of berth; see `usage` below.
import { bundle, ROOT } from "./bundle.ts";
import { sha256, writePortable } from "./portable.ts";

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

/** What the compiled berth may do: see RUN_FLAGS in launcher.ts for why it is not less. */
const COMPILE_FLAGS = ["--quiet", "--allow-all", "--no-check", "--no-config", "--no-lock"];

const options = parse(Deno.args);
const outDir = options.out.includes("/") ? options.out.replace(/\/[^/]*$/, "") : ".";
const bundleDir = `${outDir}/bundle`;
const main = await bundle({ outDir: bundleDir, minify: true });
const form = await build(main);
const bytes = await Deno.readFile(options.out);
console.log(`${options.out}: ${form} form, ${(bytes.length / 1e6).toFixed(1)} MB`);
console.log(`sha256 ${await sha256(bytes)}`);

async function build(main: string): Promise<string> {
  if (options.form !== "portable") {
    const problem = await compile(main);
    if (problem === undefined) return "compiled";
    if (options.form === "compiled") fail(`deno compile failed: ${problem}`);
    console.log(`deno compile cannot fetch its runtime here: making the portable form instead.`);
  }
  if (options.target !== Deno.build.target && options.deno === undefined) {
    fail(`the portable form for ${options.target} needs --deno FILE, the Deno executable for it`);
  }
  await writePortable({ deno: options.deno ?? Deno.execPath(), bundleDir, out: options.out });
  return "portable";
}

/** Compiles; answers what went wrong if only the runtime is out of reach. */
async function compile(main: string): Promise<string | undefined> {
  const draft = `${options.out}.draft`;
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["compile", ...COMPILE_FLAGS, "--target", options.target, "--output", draft, main],
    env: { NO_COLOR: "1", RUST_BACKTRACE: "0" },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (success) {
    await Deno.rename(draft, options.out);
    return undefined;
  }
  const text = new TextDecoder().decode(stderr).trim();
  // Whoever names a runtime wants that one, or to know why not.
  const unreachable = /error sending request|dns error|failed to download/i.test(text);
  if (Deno.env.has("DENORT_BIN") || !unreachable) fail(`deno compile failed:\n${text}`);
  return text;
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
        parsed.out = value();
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

function fail(message: string): never {
  console.error(message);
  Deno.exit(1);
}
