// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { type CommandResult, output, run } from "../tests/harness/command.ts";
import { exists } from "../src/linux/fs/exists.ts";
import { until } from "../tests/harness/poll.ts";
import { bundle } from "./build/bundle.ts";
import { sha256 } from "./build/portable.ts";
import { ROOT } from "./root.ts";
import { TempDir } from "../tests/harness/temp_dir.ts";
import { cacheWithout, copySources } from "./build/sources_testing.ts";

/** A target that is not this machine's, so that what is made for it is not started. */
const OTHER_TARGET = Deno.build.arch === "x86_64"
  ? "aarch64-unknown-linux-gnu"
  : "x86_64-unknown-linux-gnu";

/** In the way of every download: nothing listens there. */
const NO_NETWORK = { HTTPS_PROXY: "http://127.0.0.1:1", NO_PROXY: "" };

/** Runs build.ts in `cwd`, which gets a stand-in for Deno: a script that tells its last argument. */
async function build(
  cwd: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  root: string = ROOT,
): Promise<CommandResult> {
  await Deno.writeTextFile(`${cwd}/deno`, '#!/bin/sh\nfor last; do :; done\necho "last=$last"\n');
  const argv = [Deno.execPath(), "run", "-A", `${root}/scripts/build.ts`, ...args];
  return await output(argv, { cwd, env: { NO_COLOR: "1", ...env } });
}

/** Fails unless build.ts has made the file `path`, and said so at its end; after `first`, if given. */
async function assertMade(
  made: CommandResult,
  path: string,
  form: string,
  first = "",
): Promise<void> {
  // Before the file is read: where the build has failed, what it said is what one wants to see.
  assert.deepEqual([made.code, made.stderr], [0, ""]);
  const bytes = await Deno.readFile(path);
  const size = (bytes.length / 1e6).toFixed(1);
  assert.equal(
    made.stdout,
    `${first}${path}: ${form} form, ${size} MB\nsha256 ${await sha256(bytes)}\n`,
  );
}

function names(dir: string): string[] {
  return [...Deno.readDirSync(dir)].map(({ name }) => name).sort();
}

Deno.test("build: a build touches only the file it makes, named from the working directory", async () => {
  using temp = new TempDir();
  const dir = temp.path;
  await Deno.mkdir(`${dir}/bundle`);
  await Deno.writeTextFile(`${dir}/bundle/main.js`, "mine");
  const made = await build(dir, ["--portable", "--deno", "deno", "--out", "berth"]);
  await assertMade(made, `${dir}/berth`, "portable");
  assert.deepEqual(names(dir), ["berth", "bundle", "deno"]);
  assert.deepEqual(names(`${dir}/bundle`), ["main.js"]);
  assert.equal(await Deno.readTextFile(`${dir}/bundle/main.js`), "mine");
  const env = { BERTH_CACHE: `${dir}/cache` };
  assert.equal(await run([`${dir}/berth`, "x"], { env }), "last=x\n");
  const [unpacked] = names(`${dir}/cache`);
  assert.ok(names(`${dir}/cache/${unpacked}`).includes("shim.js"));
});

Deno.test("build: a build that is stopped leaves nothing", async () => {
  using temp = new TempDir();
  const dir = temp.path;
  // As large as a real one, to be stopped while it is packed.
  await Deno.writeFile(`${dir}/deno`, new Uint8Array(300_000_000));
  for (
    const [signal, status, made] of [
      ["SIGINT", 130, "bundle"],
      ["SIGTERM", 143, "bundle/shim.js"],
    ] as const
  ) {
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-A", `${ROOT}/scripts/build.ts`, "--portable"],
        ...["--deno", "deno", "--out", "berth"],
      ],
      cwd: dir,
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
      detached: true,
    }).spawn();
    await until(
      made,
      () =>
        names(dir).some((name) =>
          name.startsWith(".berth-build-") &&
          exists(`${dir}/${name}/${made}`)
        ),
      { everyMs: 5, timeoutMs: 120_000 },
    );
    // A terminal sends it to all processes of a group: the bundler then ends before this can end it.
    if (signal === "SIGINT") {
      await new Deno.Command("kill", { args: ["-INT", "--", `-${child.pid}`] }).output();
    } else {
      child.kill(signal);
    }
    const { code, stderr } = await child.output();
    assert.equal(new TextDecoder().decode(stderr), `stopped by ${signal}\n`);
    assert.equal(code, status);
    assert.deepEqual(names(dir), ["deno"]);
  }
});

Deno.test("build: sources of a wrong type are not built", async () => {
  using temp = new TempDir();
  const dir = temp.path;
  await copySources(`${dir}/berth`);
  await Deno.writeTextFile(`${dir}/berth/mod.ts`, "\nexport const wrong: number = '';\n", {
    append: true,
  });
  const args = ["--portable", "--deno", "deno", "--out", `${dir}/out/berth`];
  const { code, stdout, stderr } = await build(dir, args, {}, `${dir}/berth`);
  assert.equal(code, 1);
  assert.equal(stdout, "");
  assert.match(stderr, /^deno check failed:\n.*TS2322/);
  assert.deepEqual(names(dir), ["berth", "deno"]);
});

Deno.test("build: with the runtime out of reach, --compile-only fails, and else a line tells the form", async () => {
  using temp = new TempDir();
  const dir = temp.path;
  // Or the bundler could not be fetched either.
  await bundle({ outDir: `${dir}/bundle` });
  await Deno.remove(`${dir}/bundle`, { recursive: true });
  const env = { ...NO_NETWORK, DENO_DIR: await cacheWithout("release", `${dir}/cache`) };
  const failed = await build(dir, ["--compile-only", "--out", "berth"], env);
  assert.equal(failed.code, 1);
  assert.match(failed.stderr, /^deno compile failed: .*error sending request/s);
  assert.deepEqual(names(dir), ["cache", "deno"]);

  const made = await build(dir, ["--deno", "deno", "--out", "berth"], env);
  const first = "deno compile cannot fetch its runtime here: making the portable form instead.\n";
  await assertMade(made, `${dir}/berth`, "portable", first);
  const foreign = await build(dir, ["--target", OTHER_TARGET, "--out", "other"], env);
  assert.equal(foreign.code, 1);
  assert.match(foreign.stderr, /^the portable form for \S+ needs --deno FILE/);
  assert.deepEqual(names(dir), ["berth", "cache", "deno"]);
});

Deno.test("build: DENORT_BIN is the runtime, which must start as berth on this machine", async () => {
  using temp = new TempDir();
  const dir = temp.path;
  // Not a runtime, but an executable file for deno compile to add to.
  const env = { DENORT_BIN: "/bin/busybox" };
  const args = ["--compile-only", "--target", OTHER_TARGET, "--out", "other"];
  const made = await build(dir, args, env);
  await assertMade(made, `${dir}/other`, "compiled");
  assert.deepEqual(await build(dir, args, env), made, "the next build makes the same");
  await Deno.writeTextFile(`${dir}/berth`, "the one before");
  const { code, stderr } = await build(dir, ["--out", "berth"], env);
  assert.equal(code, 1);
  assert.match(stderr, /^what deno compile made does not start as berth .*:\nberth: applet not/);
  assert.equal(await Deno.readTextFile(`${dir}/berth`), "the one before");
  assert.deepEqual(names(dir), ["berth", "deno", "other"]);

  const missing = await build(dir, ["--out", "berth"], { DENORT_BIN: `${dir}/not_there` });
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /^deno compile failed:\n/);
});
