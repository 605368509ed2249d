// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { until } from "../../../tests/harness/poll.ts";
import { bundlePaths } from "../../oci/bundle_layout.ts";
import { writeJsonAtomic } from "../../oci/json_file.ts";
import { findExternalFiles } from "./external_files.ts";
import { prepareCheckpoint, prepareRestore } from "./checkpoint.ts";

const RECORD = { id: "c", stdio: { stdin: "", stdout: "", stderr: "", terminal: false } };

/** What a spec may name as CRIU's config. */
const NAMED = [
  { name: "none", annotations: undefined },
  { name: "the user's", annotations: { "org.criu.config": "/etc/criu/mine.conf" } },
  { name: "that there is none", annotations: { "org.criu.config": "" } },
  { name: "the bundle's", annotations: { "org.criu.config": "/b/berth-criu.conf" } },
];

Deno.test("prepareCheckpoint, prepareRestore: CRIU is told of the stdio and the cgroup whatever config the spec names", async () => {
  using temp = new TempDir();
  const output = openSync(`${temp.path}/output`, "a");
  const child = spawn("unshare", ["--mount", "sleep", "1000"], {
    stdio: ["ignore", output, "ignore"],
  });
  closeSync(output);
  const pids = [child.pid ?? 0];
  try {
    await until("a file from outside", () => findExternalFiles(pids, ["", "", ""]).size === 1);
    for (const { name, annotations } of NAMED) {
      const dir = `${temp.path}/${name}`;
      Deno.mkdirSync(dir);
      const paths = bundlePaths(dir);
      const read = (file: string) => Deno.readTextFileSync(file);
      writeJsonAtomic(paths.config, { annotations, linux: { cgroupsPath: "/own" } });
      const container = { record: RECORD, paths };
      prepareCheckpoint(container, pids, `${dir}/image`);
      assert.match(read(paths.criuExtra), /^external file\[\w+:\w+\]\n$/, name);

      prepareRestore(container, undefined, `${dir}/image`);
      assert.match(
        read(paths.criuExtra),
        /^inherit-fd fd\[1\]:file\[\w+:\w+\]\ncgroup-root \/own\n$/,
        name,
      );
      // CRIU may read the named one twice.
      assert.doesNotMatch(read(paths.criuConfig), /external|inherit-fd|cgroup-root/, name);
    }
  } finally {
    child.kill("SIGKILL");
    await once(child, "exit");
  }
});
