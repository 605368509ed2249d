// SPDX-License-Identifier: MIT
//
// `deno task test [FILE…] [FLAG…]`: every test, or those in the given files, with what is given
// besides passed to `deno test`. The tests that drive a daemon get berth bundled as it is shipped.
import { bundle } from "./bundle.ts";
import { writeLauncher } from "./launcher.ts";
import { ensurePackages } from "./system_packages.ts";
import { splitArgs, TestRun } from "./test_run.ts";
import type { Counts } from "./test_run.ts";

/** The longest that one of the two groups of tests may take; a hung test must not hang its host. */
const TIMEOUT_MS = 25 * 60_000;

/** Test files that run in one process beside each other; those in `tests/` drive real daemons. */
const UNIT = ["src/", "scripts/"];

const { paths, flags } = splitArgs(Deno.args, exists);
await ensurePackages(["runc", "crun", "busybox-static"]);

let passed = 0;
let failed = 0;
let stopped: Deno.Signal | undefined;
{
  await using run = await TestRun.open();
  const program = await writeLauncher(await bundle({ outDir: `${run.dir}/program` }));
  const env = { BERTH_PROGRAM: program };
  const groups = paths.length > 0 ? [paths] : [UNIT, ["tests/"]];
  for (const group of groups) {
    const counts: Counts = await run.test([...flags, ...group], env, TIMEOUT_MS);
    passed += counts.passed;
    failed += counts.failed;
  }
  stopped = run.stopped;
}
if (stopped !== undefined) console.error(`Stopped by ${stopped}.`);
console.log(`${passed} passed, ${failed} failed`);
Deno.exit(failed === 0 ? 0 : 1);

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    // Not a path, then: a flag or its value.
    return false;
  }
}
