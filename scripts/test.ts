// SPDX-License-Identifier: MIT
//
// `deno task test [FILE…] [FLAG…]`: every test, or those in the given files, with what is given
// besides passed to `deno test`. The tests that drive a daemon get berth as one bundle.
//
// `deno task test:binary [--file FILE] …`: the tests that drive a daemon, with the one file that
// `deno task build` makes, or with FILE, and with no deno in PATH.
import { existsSync } from "node:fs";
import { ROOT } from "./root.ts";
import { runScript, ScriptError } from "./run_script.ts";
import { ensurePackages } from "./system_packages.ts";
import { runTests, splitArgs, tellFailed } from "./test_run.ts";
import type { TestRun } from "./test_run.ts";
import { SLOWNESS } from "../tests/harness/poll.ts";
import { Workspace } from "./workspace.ts";

const TIMEOUT_MS = 60 * 60_000 * SLOWNESS;

// Two groups, each a process of its own: what a unit test does to its process (sub-reaper, signals)
// must not reach the tests that watch daemons.
const GROUPS = [["src/", "scripts/"], ["tests/"]];

const rest = [...Deno.args];
const binary = rest[0] === "--binary";
if (binary) rest.shift();
const file = binary && rest[0] === "--file" ? rest.splice(0, 2)[1] : undefined;
const { paths, flags } = splitArgs(rest, existsSync);
await ensurePackages([
  ...["runc", "crun", "criu", "busybox-static", "socat", "python3", "systemd"] as const,
  ...["skopeo", "docker-registry", "apache2-utils", "openssl", "containerd", "catatonit"] as const,
  ...["containernetworking-plugins", "iptables", "iproute2", "fish", "zsh"] as const,
]);

await runScript(async (signal) => {
  const runs: TestRun[] = [];
  {
    await using workspace = await Workspace.open("berth-test");
    const dir = `${workspace.dir}/program`;
    const env = binary
      ? {
        BERTH_PROGRAM: await builtFile(dir, signal),
        // Tests that need failpoints are ignored: what ships has none.
        BERTH_TEST_BUILT: "1",
        BERTH_CACHE: `${dir}/cache`,
        PATH: pathWithoutDeno(),
      }
      : { BERTH_PROGRAM: await workspace.bundle({ failpoints: true, signal }) };
    const groups = binary ? GROUPS.slice(1) : GROUPS;
    for (const group of paths.length > 0 ? [paths] : groups) {
      const args = [...flags, ...group];
      runs.push(await runTests(workspace, { args, env, signal, timeoutMs: TIMEOUT_MS }));
    }
  }
  const sum = (kind: "passed" | "failed") => runs.reduce((total, run) => total + run[kind], 0);
  console.log(`${sum("passed")} passed, ${sum("failed")} failed`);
  // Again, for the middle of a long output may not be shown.
  for (const line of signal.aborted ? [] : tellFailed(runs)) console.log(line);
  return sum("failed") === 0 ? 0 : 1;
});

/** Returns the path of the file to test: the one that was named, or one that it builds in `dir`. */
async function builtFile(dir: string, signal: AbortSignal): Promise<string> {
  if (file !== undefined) return await Deno.realPath(file);
  const out = `${dir}/berth`;
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", `${ROOT}/scripts/build.ts`, "--out", out],
    stdin: "null",
    signal,
  }).spawn().status;
  if (!success) throw new ScriptError("deno task build failed");
  return out;
}

function pathWithoutDeno(): string {
  const folders = (Deno.env.get("PATH") ?? "").split(":");
  return folders.filter((folder) => !existsSync(`${folder}/deno`)).join(":");
}
