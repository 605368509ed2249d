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

/** What a spec may name as CRIU's config, and whether the runtime hands CRIU the bundle's by that. */
const NAMED = [
  { name: "none", annotations: undefined, isOwn: false },
  { name: "the user's", annotations: { "org.criu.config": "/etc/criu/mine.conf" }, isOwn: false },
  { name: "that there is none", annotations: { "org.criu.config": "" }, isOwn: false },
  { name: "its own", annotations: { "org.criu.config": "/b/berth-criu.conf" }, isOwn: true },
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
    for (const { name, annotations, isOwn } of NAMED) {
      const dir = `${temp.path}/${name}`;
      Deno.mkdirSync(dir);
      const paths = bundlePaths(dir);
      const read = (file: string) => Deno.readTextFileSync(file);
      writeJsonAtomic(paths.config, { annotations, linux: { cgroupsPath: "/own" } });
      const container = { record: RECORD, paths };
      const extra = prepareCheckpoint(container, pids, `${dir}/image`);
      assert.equal(extra, isOwn ? undefined : paths.criuConfig, name);
      assert.match(read(paths.criuConfig), /^external file\[\w+:\w+\]$/m, name);

      prepareRestore(container, undefined, `${dir}/image`);
      const restore = read(paths.criuInherit);
      assert.match(restore, /^inherit-fd fd\[1\]:file\[\w+:\w+\]$/m, name);
      // CRIU takes the bundle's two files together, where it gets both.
      const both = (isOwn ? read(paths.criuConfig) : "") + restore;
      assert.equal(both.match(/^cgroup-root \/own$/gm)?.length, 1, name);
    }
  } finally {
    child.kill("SIGKILL");
    await once(child, "exit");
  }
});
