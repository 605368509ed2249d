// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { exists } from "../../src/linux/fs/exists.ts";
import { SmallDisk } from "../harness/small_disk.ts";
import { cli, ok, rootfsArgs, sh } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { loggedText } from "../harness/logs.ts";
import { makeFifo } from "../harness/io/fifo.ts";
import { until, within } from "../harness/poll.ts";
import { readProcess } from "../harness/processes.ts";

Deno.test("log faults: a log loses nothing to the death of a daemon, and one read at most to that of a shim", async () => {
  const config = '[shim]\non_death = "adopt"\n[logs]\nmax_size = 1000000\nmax_file = 1000';
  await using daemon = await TestDaemon.start({ config });
  const stdin = makeFifo(daemon.dir);
  const block = 200_000;
  // Writes a block of lines whenever it is told to.
  const script = `n=0; while read word && [ $word = more ]
do seq $((n + 1)) $((n + ${block})); n=$((n + ${block})); done; echo end; sleep 1000`;
  await daemon.run("c", ["sh", "-c", script], {}, { stdin, log: {} });
  const writes = async () => {
    const files = () => Array.from(Deno.readDirSync(`${daemon.root}/logs/c`)).length;
    const before = files();
    Deno.writeTextFileSync(stdin, "more\n");
    await until("another file", () => files() > before);
  };
  await writes();
  daemon.signal("SIGKILL");
  await daemon.exited();
  await daemon.start();
  for (let kills = 0; kills < 3; kills++) {
    const { shimPid } = await daemon.stateOf("c");
    await writes();
    Deno.kill(shimPid, "SIGKILL");
    await daemon.nextShim("c", shimPid);
  }
  Deno.writeTextFileSync(stdin, "end\n");
  await until("the end", () => loggedText(daemon, "c").endsWith("end\n"));
  const { stdout } = await cli(daemon, ["logs", "c"]);
  const lines = stdout.split("\n").slice(0, -2);
  const numbers = lines.map(Number);
  // A line that a kill has torn has no neighbor: what is left of it may be any number.
  const whole = numbers.filter((number, at) =>
    numbers[at - 1] === number - 1 || numbers[at + 1] === number + 1
  );
  assert.equal(whole[0], 1);
  let gaps = 0, missing = 0;
  for (const [at, number] of [...whole, 4 * block + 1].entries()) {
    const next = (whole[at - 1] ?? 0) + 1;
    if (number !== next) gaps++;
    for (let each = next; each < number; each++) missing += `${each}\n`.length;
  }
  assert.ok(gaps <= 3, `${gaps} gaps`);
  // What was torn is counted, too.
  assert.ok(missing <= 3 * (65_536 + 2 * "2000000\n".length), `${missing} bytes are missing`);
  await daemon.remove("c");
});

Deno.test("log faults: what a container wrote last is in its log, though its shim is killed with it", async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const stdin = makeFifo(daemon.dir);
  const spec = daemon.spec(["sh", "-c", "echo begun; read x; seq 1 2000; sleep 1000"]);
  await client.call("container.create", { id: "c", spec, stdin, log: {} });
  const { pid } = await client.call("container.start", { id: "c" });
  await until("its first words", () => loggedText(daemon, "c") === "begun\n");
  const { shimPid } = await daemon.stateOf("c");
  Deno.kill(shimPid, "SIGSTOP");
  Deno.writeTextFileSync(stdin, "\n");
  await until("the end of its output", () => {
    const [child] = Deno.readTextFileSync(`/proc/${pid}/task/${pid}/children`).split(" ");
    return [pid, Number(child)].some((each) => readProcess(each)?.command === "sleep 1000");
  });
  assert.equal(loggedText(daemon, "c"), "begun\n");
  Deno.kill(shimPid, "SIGKILL");
  await daemon.untilEmpty();
  const numbers = Array.from({ length: 2000 }, (_, index) => `${index + 1}\n`).join("");
  assert.ok(loggedText(daemon, "c") === `begun\n${numbers}`);
});

Deno.test("log faults: rm -f beside a stopped shim says why a log cannot be removed, and goes on once it can", async () => {
  await using daemon = await TestDaemon.start({ config: "[shim]\ntimeout = 5" });
  const { client } = daemon;
  await daemon.run("c", ["sleep", "1000"], {}, { log: {} });
  const { shimPid } = await daemon.stateOf("c");
  {
    using _busy = new SmallDisk(`${daemon.root}/logs/c/busy`);
    Deno.kill(shimPid, "SIGSTOP");
    const deleted = client.call("container.delete", { id: "c", force: true });
    await assert.rejects(deleted, /busy/);
    assert.deepEqual(await daemon.containerIds(), ["c"]);
  }
  await daemon.untilEmpty();
  assert.ok(!exists(`${daemon.root}/logs/c`));
});

Deno.test("log faults: with no_shim the daemon writes the log, and the next one goes on with it", async () => {
  await using daemon = await TestDaemon.start({ config: "[runtime]\nno_shim = true" });
  const go = `${daemon.dir}/go`;
  Deno.mkdirSync(go);
  // Is silent while its daemon is killed: what that has read and not yet written is lost.
  const script = "trap 'echo end; exit' TERM; n=0; while :; do n=$((n+1)); echo $n; sleep 0.02; " +
    "[ $n -ne 10 ] || until [ -e /mnt/on ]; do sleep 0.02; done; done";
  const mount = ["-v", `${go}:/mnt`];
  const run = ["run", "-d", "--name", "c", ...mount, ...rootfsArgs(daemon), ...sh(script)];
  await ok(daemon, ...run);
  await until("output", () => loggedText(daemon, "c").endsWith("\n10\n"));
  daemon.signal("SIGKILL");
  await daemon.exited();
  Deno.writeTextFileSync(`${go}/on`, "");
  await daemon.start();
  await daemon.connected("c");
  const lines = loggedText(daemon, "c").split("\n").length;
  await until("more", () => loggedText(daemon, "c").split("\n").length > lines + 10);
  await ok(daemon, "kill", "c", "-s", "TERM");
  await until("the end", () => loggedText(daemon, "c").endsWith("end\n"));
  const all = loggedText(daemon, "c").split("\n").slice(0, -2);
  assert.equal(all.join(), all.map((_, index) => `${index + 1}`).join());
});

Deno.test("log faults: while the disk is full a container waits, and its log is complete when there is room", async () => {
  await using daemon = await TestDaemon.start();
  using disk = new SmallDisk(`${daemon.dir}/full`, "size=1m");
  const { dir } = disk;
  Deno.writeFileSync(`${dir}/filler`, new Uint8Array(900 * 1024));
  const path = `${dir}/log`;
  await daemon.run("c", ["sh", "-c", "seq 1 10000"], {}, { log: { path } });
  const shimLog = `${daemon.state}/linux/c/shim.log`;
  await until(
    "the warning",
    () => Deno.readTextFileSync(shimLog).includes("the container waits"),
  );
  Deno.removeSync(`${dir}/filler`);
  await within("the exit", daemon.exitOf("c"));
  await until("all of it", () => Deno.readTextFileSync(path).endsWith(" F 10000\n"));
  const { stdout } = await cli(daemon, ["logs", "c"]);
  assert.ok(stdout === Array.from({ length: 10_000 }, (_, n) => `${n + 1}\n`).join(""));
  assert.equal(Deno.readTextFileSync(shimLog).match(/the container waits/g)?.length, 1);
  await daemon.client.call("container.delete", { id: "c" });
  assert.ok(Deno.statSync(path).isFile, "a log of the client's own stays");
});
