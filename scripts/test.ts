// SPDX-License-Identifier: MIT
//
// `deno task test [FILE…] [FLAG…]`: every test, or those in the given files, with what is given
// besides passed to `deno test`. The tests that drive a daemon get berth bundled as it is shipped.
import { bundle } from "./bundle.ts";
import { writeLauncher } from "./launcher.ts";
import { ensurePackages } from "./system_packages.ts";
import { runTests, splitArgs } from "./test_run.ts";
import { Workspace } from "./workspace.ts";

const TIMEOUT_MS = 25 * 60_000;

// Two groups, each a process of its own: what a unit test does to its process (sub-reaper, signals)
// must not reach the tests that watch daemons.
const GROUPS = [["src/", "scripts/"], ["tests/"]];

const { paths, flags } = splitArgs(Deno.args, exists);
await ensurePackages(["runc", "crun", "busybox-static"]);

let passed = 0;
let failed = 0;
{
  await using workspace = await Workspace.open("berth-test");
  const program = await writeLauncher(await bundle({ outDir: `${workspace.dir}/program` }));
  for (const group of paths.length > 0 ? [paths] : GROUPS) {
    const counts = await runTests(workspace, {
      args: [...flags, ...group],
      env: { BERTH_PROGRAM: program },
      timeoutMs: TIMEOUT_MS,
    });
    passed += counts.passed;
    failed += counts.failed;
  }
  if (workspace.signal.aborted) console.error(String(workspace.signal.reason));
}
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
