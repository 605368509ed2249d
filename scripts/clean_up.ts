// SPDX-License-Identifier: MIT
//
// Ends and removes what a run of the tests has left: `clean_up.ts DIR`, where DIR is the run's own
// directory. Says what it had to end; after a run that ended by itself that is nothing.
import { baseName } from "../tests/harness/run.ts";
import { sweep } from "../tests/harness/leaks/sweep.ts";

const [dir] = Deno.args;
if (dir === undefined || !/^\/tmp\/berth-test-[a-z0-9-]+$/.test(dir)) {
  console.error("usage: clean_up.ts /tmp/berth-test-…");
  Deno.exit(2);
}
for (const command of await sweep({ dir, cgroup: baseName(dir) })) {
  console.error(`ended what was left: ${command}`);
}
