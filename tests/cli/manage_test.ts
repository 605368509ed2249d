// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { cli, jsonLines, ok, runDetached } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { shellProgram } from "../harness/run.ts";

Deno.test("berth info shows the daemon, its containers and its host", async () => {
  await using daemon = await TestDaemon.start();
  await runDetached(daemon, "web", "sleep", "1000");
  const { stdout } = await cli(daemon, ["info"]);
  assert.match(stdout, new RegExp(`^Daemon: +berth \\S+, pid ${daemon.pid}, up `, "m"));
  assert.match(stdout, /^Containers: 1 \(running 1, /m);
  assert.match(stdout, /^Cgroups: +v[12]$/m);
  const [json] = jsonLines((await cli(daemon, ["info", "--json"])).stdout);
  assert.deepEqual(json?.["containers"], {
    total: 1,
    running: 1,
    paused: 0,
    created: 0,
    stopped: 0,
  });
  assert.equal(Object(json?.["daemon"]).root, daemon.root);
});

Deno.test("berth call prints a method's result or its error as JSON", async () => {
  await using daemon = await TestDaemon.start();
  const info = await cli(daemon, ["call", "daemon.info"]);
  assert.equal(JSON.parse(info.stdout).pid, daemon.pid);
  const listed = await cli(daemon, ["call", "container.list", "-"], { stdin: "{}" });
  assert.deepEqual(JSON.parse(listed.stdout), { containers: [] });
  const failed = await cli(daemon, ["call", "container.state", '{"id":"ghost"}']);
  assert.equal(failed.code, 125);
  assert.deepEqual(JSON.parse(failed.stderr).error.data, { kind: "NotFound", id: "ghost" });
  const unknown = await cli(daemon, ["call", "no.such"]);
  assert.equal(JSON.parse(unknown.stderr).error.code, -32601);
  for (const bad of ["{", "[]", "7"]) {
    const result = await cli(daemon, ["call", "daemon.info", bad]);
    assert.equal(result.code, 125);
    assert.match(result.stderr, /^berth: params /);
  }
});

Deno.test("berth shim asks a container's shim, with the daemon down too", async () => {
  await using daemon = await TestDaemon.start();
  await runDetached(daemon, "a", "sleep", "1000");
  const state = await daemon.stateOf("a");
  await daemon.kill9();
  const shim = (...args: string[]) => cli(daemon, ["shim", ...args, "--bundle", state.bundle]);
  const asked = JSON.parse((await shim("state")).stdout);
  assert.deepEqual([asked.status, asked.pid], ["running", state.pid]);
  assert.equal(JSON.parse((await shim("connect")).stdout).pid, state.shimPid);
  assert.deepEqual(await shim("kill", '{"signal":"KILL"}'), {
    code: 0,
    stdout: "{}\n",
    stderr: "",
  });
  assert.equal(JSON.parse((await shim("wait")).stdout).exitStatus, 137);
  const failed = await shim("no-such");
  assert.equal(failed.code, 125);
  assert.equal(JSON.parse(failed.stderr).error.code, -32601);
  const nobody = await cli(daemon, ["shim", "state", "--bundle", "/nowhere"]);
  assert.deepEqual([nobody.code, nobody.stderr], [
    125,
    "berth: no shim listens on /nowhere/shim.sock\n",
  ]);
  await daemon.start();
});

Deno.test("berth config prints what the daemon would use, and what is wrong with it", async () => {
  await using daemon = TestDaemon.prepare({ config: "[log]\nlevel = 'debug'" });
  const printed = await cli(daemon, ["config", "--config", daemon.configFile]);
  assert.equal(printed.code, 0);
  assert.match(printed.stdout, /^\[log\]\nlevel = "debug"$/m);
  const bad = TestDaemon.prepare({ config: "nonsense = 1" });
  await using _bad = bad;
  const refused = await cli(daemon, ["config", "--config", bad.configFile]);
  assert.equal(refused.code, 125);
  assert.match(refused.stderr, /^berth: .*config\.toml.*nonsense.*\n$/);
});

Deno.test("berth prune removes what containers that are gone have left, after asking, and nothing else", async () => {
  await using daemon = await TestDaemon.start();
  await daemon.run("there", ["sleep", "1000"]);
  const old = new Date(Date.now() - 3_600_000);
  const make = (path: string, time: Date) => {
    const dir = `${daemon.root}/${path}`;
    Deno.mkdirSync(dir, { recursive: true });
    Deno.writeTextFileSync(`${dir}/file`, "x");
    Deno.utimeSync(dir, time, time);
    return dir;
  };
  const gone = [make("logs/gone", old), make("overlay/gone", old)];
  const kept = [make("logs/there", old), make("overlay/young", new Date()), make("images/x", old)];
  const paths = (stdout: string) => stdout.split("\n").filter((line) => line !== "").sort();

  const asked = await cli(daemon, ["prune"]);
  assert.equal(asked.code, 125, asked.stderr);
  assert.match(asked.stderr, /--force/);
  assert.deepEqual(paths(asked.stdout), gone);
  for (const dir of [...gone, ...kept]) assert.ok(Deno.statSync(dir).isDirectory, dir);

  const listed = await cli(daemon, ["ps"]);
  assert.equal(listed.code, 0);
  assert.match(listed.stderr, /^berth: 2 files or directories are left .*berth prune.*\n$/);
  assert.doesNotMatch(listed.stdout, /prune/);
  for (const option of ["-q", "--json"]) {
    assert.equal((await cli(daemon, ["ps", option])).stderr, "");
  }

  const { code, stdout, stderr } = await cli(daemon, ["prune", "--force"]);
  assert.equal(code, 0, stderr);
  assert.deepEqual(paths(stdout), gone);
  assert.equal(
    stderr,
    `berth: left alone, since it was changed in the last 10 minutes: ${daemon.root}/overlay/young\n`,
  );
  assert.equal((await cli(daemon, ["ps"])).stderr, "");
  for (const dir of gone) assert.throws(() => Deno.statSync(dir), Deno.errors.NotFound);
  for (const dir of kept) assert.ok(Deno.statSync(dir).isDirectory, dir);
  await ok(daemon, "prune");
});

Deno.test("berth install prints the command that removes it again, also from a directory with a blank", async () => {
  await using daemon = TestDaemon.prepare();
  const file = `${daemon.dir}/a bin/containerd-shim-berth-v2`;
  const args = ["install", "containerd-shim", "--dir", `${daemon.dir}/a bin`];
  const { code, stdout, stderr } = await cli(daemon, args);
  assert.deepEqual([code, stdout], [0, `${file}\n`], stderr);
  const removal = /^berth: "berth (.*)" removes this again\n$/.exec(stderr)?.[1];
  const command = new Deno.Command("sh", { args: ["-ec", `${shellProgram()} ${removal}`] });
  const removed = await command.output();
  assert.equal(new TextDecoder().decode(removed.stdout), `removed ${file}\n`);
  assert.deepEqual([...Deno.readDirSync(`${daemon.dir}/a bin`)], []);
});

Deno.test("berth install containerd-shim leaves alone what is not berth's, and takes what is", async () => {
  await using daemon = TestDaemon.prepare();
  const [dir, name] = [`${daemon.dir}/bin`, "containerd-shim-runc-v2"];
  const args = ["install", "containerd-shim", "--dir", dir, "--name", name];
  const path = `${dir}/${name}`;
  Deno.mkdirSync(dir);
  for (const content of ["\x7fELF", ""]) {
    Deno.writeTextFileSync(path, content, { mode: 0o755 });
    for (const asked of [args, [...args, "--remove"]]) {
      const { code, stderr } = await cli(daemon, asked);
      assert.equal(code, 125);
      assert.match(
        stderr,
        /containerd-shim-runc-v2 is not of berth install containerd-shim, and is/,
      );
      assert.equal(Deno.readTextFileSync(path), content);
    }
  }
  Deno.removeSync(path);
  Deno.symlinkSync("/usr/bin/containerd-shim-runc-v2", path);
  assert.equal((await cli(daemon, args)).code, 125);
  Deno.removeSync(path);
  Deno.symlinkSync("/nowhere/berth", path);
  for (const _ of [1, 2]) assert.equal((await cli(daemon, args)).code, 0);
  assert.match(Deno.readTextFileSync(path), /^#!/);
  assert.equal((await cli(daemon, [...args, "--remove"])).code, 0);
  assert.deepEqual([...Deno.readDirSync(dir)], []);
});

Deno.test("berth install containerd-shim writes to no other file, and says what it cannot do", async () => {
  await using daemon = TestDaemon.prepare();
  const [dir, name] = [`${daemon.dir}/bin`, "containerd-shim-berth-v2"];
  const args = ["install", "containerd-shim", "--dir", dir];
  const others = [`${dir}/${name}.draft`, `${dir}/${name}.tmp`];
  Deno.mkdirSync(dir);
  Deno.writeTextFileSync(`${daemon.dir}/theirs`, "theirs");
  for (const path of others) Deno.symlinkSync(`${daemon.dir}/theirs`, path);
  assert.equal((await cli(daemon, args)).code, 0);
  assert.deepEqual(await cli(daemon, [...args, "--remove"]), {
    code: 0,
    stdout: `removed ${dir}/${name}\n`,
    stderr: "",
  });
  assert.deepEqual(await cli(daemon, [...args, "--remove"]), {
    code: 0,
    stdout: "",
    stderr: `berth: ${dir}/${name} is not there\n`,
  });
  assert.equal(Deno.readTextFileSync(`${daemon.dir}/theirs`), "theirs");
  assert.deepEqual(Array.from(Deno.readDirSync(dir), (entry) => entry.name).length, others.length);
  for (const wrong of ["", ".", "..", "a/b"]) {
    const { code, stderr } = await cli(daemon, [...args, "--name", wrong]);
    assert.deepEqual([code, /expected a name, not a path/.test(stderr)], [125, true], stderr);
  }
  const file = ["install", "containerd-shim", "--dir", `${daemon.dir}/theirs`];
  const refused = await cli(daemon, file);
  assert.deepEqual([refused.code, refused.stdout], [125, ""]);
  assert.match(
    refused.stderr,
    /^berth: cannot look at \S+\/theirs\/\S+: not a directory: --dir chooses/i,
  );
  const docs = await cli(daemon, ["install", "docs", "--prefix", `${daemon.dir}/theirs`]);
  assert.equal(docs.code, 125);
  assert.match(docs.stderr, /^berth: cannot write \S+: not a directory: --prefix chooses another/i);
});

Deno.test("berth install containerd-shim has a process wait unless it is asked not to", async () => {
  await using daemon = TestDaemon.prepare();
  const dir = `${daemon.dir}/bin`;
  const installed = async (...args: string[]) => {
    const { code, stderr } = await cli(daemon, [
      "install",
      "containerd-shim",
      ...args,
      "--dir",
      dir,
    ]);
    assert.equal(code, 0, stderr);
    return Deno.readTextFileSync(`${dir}/containerd-shim-berth-v2`).match(/^waiting=.*$/m)?.[0];
  };
  assert.equal(await installed(), "waiting=${BERTH_SHIM_DIR-/run/berth-shim}");
  assert.equal(await installed("--no-waiting"), "waiting=${BERTH_SHIM_DIR-}");
  assert.equal(await installed(), "waiting=${BERTH_SHIM_DIR-/run/berth-shim}");
  const refused = await cli(daemon, ["install", "docs", "--no-waiting", "--prefix", daemon.dir]);
  assert.equal(refused.code, 125);
  assert.match(refused.stderr, /--no-waiting are for containerd-shim/);
});
