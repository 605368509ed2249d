// SPDX-License-Identifier: MIT
//
// `deno task test [FILE…] [FLAG…]`: every test, or those in the given files, with what is given
// besides passed to `deno test`. The tests that drive a daemon get berth as one bundle.
//
// `deno task test:binary …`: the tests that drive a daemon, with the one file that `deno task build`
// makes and with no deno in PATH.
import { existsSync } from "node:fs";
import { bundle } from "./bundle.ts";
import { ROOT } from "./root.ts";
import { writeLauncher } from "./launcher.ts";
import { ensurePackages } from "./system_packages.ts";
import { runTests, splitArgs } from "./test_run.ts";
import { SLOWNESS } from "../tests/harness/poll.ts";
import { Workspace } from "./workspace.ts";

const TIMEOUT_MS = 25 * 60_000 * SLOWNESS;

// Two groups, each a process of its own: what a unit test does to its process (sub-reaper, signals)
// must not reach the tests that watch daemons.
const GROUPS = [["src/", "scripts/"], ["tests/"]];

const binary = Deno.args[0] === "--binary";
const { paths, flags } = splitArgs(binary ? Deno.args.slice(1) : Deno.args, existsSync);
await ensurePackages(["runc", "crun", "criu", "busybox-static", "socat", "python3", "systemd"]);

let passed = 0;
let failed = 0;
{
  await using workspace = await Workspace.open("berth-test");
  const dir = `${workspace.dir}/program`;
  const env = binary
    ? {
      BERTH_PROGRAM: await build(dir),
      // Tests that need failpoints are ignored: what ships has none.
      BERTH_TEST_BUILT: "1",
      BERTH_CACHE: `${dir}/cache`,
      PATH: pathWithoutDeno(),
    }
    : { BERTH_PROGRAM: await writeLauncher(await bundle({ outDir: dir, failpoints: true })) };
  const groups = binary ? GROUPS.slice(1) : GROUPS;
  for (const group of paths.length > 0 ? [paths] : groups) {
    const args = [...flags, ...group];
    const counts = await runTests(workspace, { args, env, timeoutMs: TIMEOUT_MS });
    passed += counts.passed;
    failed += counts.failed;
  }
  if (workspace.signal.aborted) console.error(String(workspace.signal.reason));
}
console.log(`${passed} passed, ${failed} failed`);
Deno.exit(failed === 0 ? 0 : 1);

/** Builds the file that is shipped, in `dir`; answers its path. */
async function build(dir: string): Promise<string> {
  const out = `${dir}/berth`;
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", `${ROOT}/scripts/build.ts`, "--out", out],
    stdin: "null",
  }).spawn().status;
  if (!success) throw new Error("deno task build failed");
  return out;
}

function pathWithoutDeno(): string {
  const folders = (Deno.env.get("PATH") ?? "").split(":");
  return folders.filter((folder) => !existsSync(`${folder}/deno`)).join(":");
}
