// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { type CliResult, ok, rootfsArgs } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { within } from "../harness/poll.ts";
import { program, uniqueName } from "../harness/run.ts";

/**
 * A command of a user that may use the socket, and may not enter the daemon's root: root without its
 * right to pass by file modes, when that directory is another's.
 */
function command(daemon: TestDaemon, args: readonly string[], runtimeDir = ""): Deno.ChildProcess {
  const rights = "-dac_override,-dac_read_search";
  Deno.chownSync(daemon.root, 65534, 65534);
  return new Deno.Command("setpriv", {
    args: ["--bounding-set", rights, "--inh-caps", rights, ...program(), ...args],
    env: { BERTH_SOCKET: daemon.socket, XDG_RUNTIME_DIR: runtimeDir },
    cwd: daemon.dir,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

async function as(
  daemon: TestDaemon,
  args: readonly string[],
  runtimeDir?: string,
): Promise<CliResult> {
  const child = command(daemon, args, runtimeDir);
  const { code, stdout, stderr } = await within(args.join(" "), child.output());
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** Waits for something on the standard output of a command. */
async function firstWords({ stdout }: Deno.ChildProcess): Promise<void> {
  const reader = stdout.getReader();
  const { done } = await within("first words", reader.read());
  reader.releaseLock();
  assert.ok(!done);
}

/** The directories in /tmp that hold FIFOs of this container. */
function temporary(id: string): string[] {
  return [...Deno.readDirSync("/tmp")].map(({ name }) => `/tmp/${name}/${id}`)
    .filter((path) => path.startsWith("/tmp/berth-io-") && existsSync(path));
}

Deno.test("socket group: who may use the socket and not the daemon's root runs, execs and attaches", async () => {
  await using daemon = await TestDaemon.start();
  const runtimeDir = `${daemon.dir}/user`;
  Deno.mkdirSync(runtimeDir, { mode: 0o700 });
  for (const place of ["", runtimeDir]) {
    const id = uniqueName("web");
    const run = ["run", "--name", id, ...rootfsArgs(daemon), "--", "sh", "-c"];
    const once = await as(daemon, [...run, "echo out; echo err >&2; exit 3"], place);
    assert.deepEqual(once, { code: 3, stdout: "out\n", stderr: "err\n" });
    assert.equal(temporary(id).length, place === "" ? 1 : 0);
    assert.equal(existsSync(`${runtimeDir}/berth/io/${id}`), place !== "");
    // Under another id the container has them still.
    assert.equal((await as(daemon, ["rename", id, `${id}-old`], place)).code, 0);
    assert.equal((await as(daemon, ["rm", `${id}-old`], place)).code, 0);
    assert.deepEqual(temporary(id), []);
    assert.equal(existsSync(`${runtimeDir}/berth/io/${id}`), false);

    const waiting = "trap '' PIPE; trap 'echo back; exit 4' USR1; " +
      "while :; do echo ready; sleep 0.1; done";
    const left = command(daemon, [...run, waiting], place);
    await firstWords(left);
    left.kill("SIGKILL");
    await left.status;
    await left.stdout.cancel();
    await left.stderr.cancel();
    const exec = await as(daemon, ["exec", id, "echo", "in"], place);
    assert.deepEqual(exec, { code: 0, stdout: "in\n", stderr: "" });
    Deno.chownSync(`${daemon.state}/linux/${id}`, 65534, 65534);
    const user = await as(daemon, ["exec", "-u", "7:8", id, "sh", "-c", "id -u; id -g"], place);
    assert.deepEqual(user, { code: 0, stdout: "7\n8\n", stderr: "" });
    const named = await as(daemon, ["exec", "-u", "root", id, "true"], place);
    assert.match(named.stderr, /^berth: only root may look up root in [^\n]*\n$/);
    const attached = command(daemon, ["attach", id], place);
    await firstWords(attached);
    assert.equal((await as(daemon, ["kill", "-s", "USR1", id], place)).code, 0);
    const { code, stdout } = await within("the end of attach", attached.output());
    assert.equal(code, 4);
    assert.match(new TextDecoder().decode(stdout), /back\n$/);
    assert.equal((await as(daemon, ["rm", id], place)).code, 0);
    assert.deepEqual(temporary(id), []);
  }
});

Deno.test("socket group: who may not read a log is told so", async () => {
  await using daemon = await TestDaemon.start();
  const run = (id: string) => {
    return ["run", "-d", "-i", "--name", id, ...rootfsArgs(daemon), "--", "sleep", "1000"];
  };
  await ok(daemon, ...run("roots"));
  const mine = await as(daemon, [
    "run",
    "-d",
    "--name",
    "mine",
    ...rootfsArgs(daemon),
    "--",
    "true",
  ]);
  assert.deepEqual(mine, { code: 0, stdout: "mine\n", stderr: "" });
  await daemon.exitOf("mine");
  const refused = await as(daemon, ["logs", "mine"]);
  assert.equal(refused.code, 125);
  assert.match(refused.stderr, /^berth: only root may read the log of mine, [^\n]*\n$/);
  const attach = await as(daemon, ["attach", "roots"]);
  assert.match(attach.stderr, /^berth: cannot attach to roots: only [^\n]*\n$/);
  const removed = await as(daemon, ["rm", "-f", "roots"]);
  assert.deepEqual([removed.code, removed.stdout], [0, "roots\n"]);
  assert.equal((await as(daemon, ["rm", "mine"])).code, 0);
  assert.deepEqual([...Deno.readDirSync(`${daemon.root}/logs`)], []);
});

Deno.test("socket group: a socket that others may use where they cannot reach it is warned of", async () => {
  for (
    const [config, warned] of [['mode = "0660"', true], ["gid = 0", true], ["", false]] as const
  ) {
    await using daemon = await TestDaemon.start({ config: `[socket]\n${config}` });
    // It listens a moment before it warns, and has written all of its log when it ends.
    await daemon.stop();
    assert.equal(/berth\.sock is in the state directory/.test(daemon.log), warned, config);
  }
});
