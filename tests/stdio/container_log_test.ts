// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { cli, cliCommand, ok, rootfsArgs, sh } from "../harness/cli.ts";
import { COLD, TestDaemon } from "../harness/daemon.ts";
import { NO_FAILPOINTS } from "../harness/program/failpoints.ts";
import { logFile, loggedText, untilOpen } from "../harness/logs.ts";
import { LeakAudit } from "../harness/leaks/leak_audit.ts";
import { until, within } from "../harness/poll.ts";
import { PtyProcess } from "../harness/io/pty.ts";
import { program } from "../harness/run.ts";

/** How many lines the long outputs have: 18 MB of records, or 1 GB where that is asked for. */
const LINES = Deno.env.get("BERTH_TEST_LONG") ? 20_000_000 : 400_000;

/** How many of them are 5 MB of records, which is less than a log of three files of 4 MB holds. */
const BLOCK = 100_000;

/** A digest of `seq 1 lines`. */
function digestOfSeq(lines: number): string {
  const hash = createHash("md5");
  for (let from = 1; from <= lines; from += 1000) {
    let text = "";
    for (let n = from; n < from + 1000 && n <= lines; n++) text += `${n}\n`;
    hash.update(text);
  }
  return hash.digest("hex");
}

Deno.test("container log: a follower gets every byte in order across rotations, and a bounded log stays", async () => {
  await using daemon = await TestDaemon.start();
  const read = `${daemon.dir}/read`;
  Deno.mkdirSync(read);
  const create = [
    ...["create", "--name", "c", "--log-opt", "max-size=4m", "-v", `${read}:/mnt`],
    ...rootfsArgs(daemon),
  ];
  // Goes on with the next block when the follower has read one: what it has not opened may be removed.
  const script = `n=0; while [ $n -lt ${LINES} ]
do seq $((n + 1)) $((n + ${BLOCK})); n=$((n + ${BLOCK})); until [ -e /mnt/$n ]; do sleep 0.01; done; done`;
  await ok(daemon, ...create, ...sh(script));
  const child = cliCommand(daemon, ["logs", "-f", "c"], {
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const errors = new Response(child.stderr).text();
  await untilOpen(daemon, "logs -f c", logFile(daemon, "c"));
  await ok(daemon, "start", "c");
  const hash = createHash("md5");
  let lines = 0;
  const output = child.stdout.getReader();
  for (;;) {
    const { value: chunk, done } = await within("the next lines", output.read());
    if (done) break;
    hash.update(chunk);
    const before = Math.floor(lines / BLOCK);
    for (const byte of chunk) if (byte === 10) lines++;
    const blocks = Math.floor(lines / BLOCK);
    if (blocks > before) Deno.writeTextFileSync(`${read}/${blocks * BLOCK}`, "");
  }
  assert.equal(await errors, "");
  assert.equal(hash.digest("hex"), digestOfSeq(LINES));
  const files = Array.from(Deno.readDirSync(`${daemon.root}/logs/c`), ({ name }) => name);
  assert.equal(files.length, 3, files.join());
  const { stdout } = await cli(daemon, ["logs", "c"]);
  const kept = stdout.split("\n").slice(0, -1);
  const first = Number(kept[0]);
  assert.ok(kept.every((line, index) => line === `${first + index}`), "a gap or a wrong line");
  assert.equal(kept.at(-1), `${LINES}`);
  // More than the current file holds.
  const tail = (await cli(daemon, ["logs", "-n", "110000", "c"])).stdout.split("\n").slice(0, -1);
  assert.equal(tail.length, 110_000);
  assert.equal(tail[0], `${LINES - 110_000 + 1}`);
  assert.ok(tail.every((line, index) => line === `${Number(tail[0]) + index}`));
});

Deno.test("container log: what opens /dev/stdout or /dev/stderr again empties no log", async () => {
  await using daemon = await TestDaemon.start();
  const scripts: Record<string, [out: string, err: string]> = {
    "echo one; echo two >/dev/stdout; echo three": ["one\ntwo\nthree\n", ""],
    "echo one >&2; echo two >/dev/stderr; echo three >&2": ["", "one\ntwo\nthree\n"],
    "echo one; sh -c 'echo two >/proc/1/fd/1'; echo three": ["one\ntwo\nthree\n", ""],
    "echo one; exec 3>/dev/stdout; echo two; echo three >&3": ["one\ntwo\nthree\n", ""],
    "echo one; printf two": ["one\ntwo", ""],
  };
  for (const [script, [stdout, stderr]] of Object.entries(scripts)) {
    const run = ["run", "-d", "--name", "c", ...rootfsArgs(daemon), ...sh(script)];
    await ok(daemon, ...run);
    await ok(daemon, "wait", "c");
    assert.deepEqual(await cli(daemon, ["logs", "c"]), { code: 0, stdout, stderr }, script);
    await ok(daemon, "rm", "c");
  }
  const file = `${daemon.dir}/new/dir/out`;
  const spec = daemon.spec(["sh", "-c", "echo one; echo two >/dev/stdout; chmod 777 /dev/stdout"]);
  for (let round = 0; round < 2; round++) {
    await daemon.client.call("container.create", { id: "f", spec, stdout: `file://${file}` });
    await daemon.client.call("container.start", { id: "f" });
    await daemon.exitOf("f");
    await daemon.client.call("container.delete", { id: "f" });
  }
  assert.equal(Deno.readTextFileSync(file), "one\ntwo\none\ntwo\n");
  assert.equal((Deno.statSync(file).mode ?? 0) & 0o777, 0o640);
});

Deno.test("container log: times, streams and several containers are told apart", async () => {
  await using daemon = await TestDaemon.start();
  const begin = new Date().toISOString();
  for (const id of ["a", "long"]) {
    const script = `echo ${id}1; echo ${id}2 >&2`;
    const run = ["run", "-d", "--name", id, ...rootfsArgs(daemon), ...sh(script)];
    await ok(daemon, ...run);
    await ok(daemon, "wait", id);
  }
  const logs = (...args: string[]) => cli(daemon, ["logs", ...args]);
  assert.deepEqual(await logs("a", "long"), {
    code: 0,
    stdout: "a    | a1\nlong | long1\n",
    stderr: "a    | a2\nlong | long2\n",
  });
  const { stdout } = await logs("-t", "--stream", "stdout", "a");
  const [, time] = /^(\S+) a1\n$/.exec(stdout) ?? [];
  assert.ok(time !== undefined && time >= begin && time <= new Date().toISOString(), stdout);
  assert.equal((await logs("--since", begin, "a")).stdout, "a1\n");
  assert.equal((await logs("--since", "1h", "--until", "0s", "a")).stdout, "a1\n");
  assert.equal((await logs("--until", begin, "a")).stdout, "");
  assert.equal((await logs("--since", "nonsense", "a")).code, 125);
  Deno.removeSync(logFile(daemon, "a"));
  assert.deepEqual(await logs("a"), {
    code: 125,
    stdout: "",
    stderr: `berth: the log of a is gone: there is no ${logFile(daemon, "a")}\n`,
  });
});

Deno.test("container log: several containers are followed at once, each to its end", async () => {
  await using daemon = await TestDaemon.start();
  const mnt = `${daemon.dir}/mnt`;
  Deno.mkdirSync(mnt);
  for (const id of ["a", "long"]) {
    const script = `echo ${id}1; until test -e /mnt/go-${id}; do sleep 0.05; done; echo ${id}2`;
    const run = ["run", "-d", "--name", id, "-v", `${mnt}:/mnt`, ...rootfsArgs(daemon)];
    await ok(daemon, ...run, ...sh(script));
  }
  const followed = cli(daemon, ["logs", "-f", "a", "long"]);
  for (const id of ["a", "long"]) await untilOpen(daemon, "logs -f", logFile(daemon, id));
  // One that ends does not end the others.
  Deno.writeTextFileSync(`${mnt}/go-a`, "");
  await ok(daemon, "wait", "a");
  Deno.writeTextFileSync(`${mnt}/go-long`, "");
  const { code, stdout, stderr } = await within("the end of both", followed);
  assert.deepEqual([code, stderr], [0, ""]);
  const lines = stdout.split("\n").sort();
  assert.deepEqual(lines, ["", "a    | a1", "a    | a2", "long | long1", "long | long2"]);
});

Deno.test({
  name: "container log: a container waits for a log that is written slowly, and loses nothing",
  ignore: NO_FAILPOINTS,
  fn: async () => {
    // Each turn of the files takes long, in which nothing else is read either.
    const ROTATIONS = 8;
    const MS = 150;
    const env = { BERTH_FAILPOINTS: `log.rotate=${ROTATIONS}*delay:${MS}` };
    await using daemon = await TestDaemon.start({ env });
    const mnt = `${daemon.dir}/mnt`;
    Deno.mkdirSync(mnt);
    const lines = 300_000;
    // By its own clock, from before its first write to after its last one.
    const now = "cut -d ' ' -f 1 /proc/uptime >> /mnt/times";
    const run = ["run", "-d", "--name", "fast", "-v", `${mnt}:/mnt`, ...rootfsArgs(daemon)];
    const options = ["--log-opt", "max-size=128k", "--log-opt", "max-file=200"];
    const script = sh(`${now}; seq 1 ${lines}; ${now}`);
    await ok(daemon, ...run, ...options, ...script);
    assert.equal((await cli(daemon, ["wait", "fast"])).stdout, "0\n");
    const [from = 0, to = 0] = Deno.readTextFileSync(`${mnt}/times`).split("\n").map(Number);
    // These are 2 MB, of which a pipe holds 1 MB at most; the clock counts hundredths of a second.
    assert.ok((to - from) * 1000 >= ROTATIONS * MS - 20, `${from} to ${to}`);
    const { stdout } = await cli(daemon, ["logs", "fast"]);
    assert.equal(createHash("md5").update(stdout).digest("hex"), digestOfSeq(lines));
  },
});

Deno.test("container log: what is left at a terminal goes on, and any number of watchers come back", async () => {
  await using daemon = await TestDaemon.start();
  const env = { BERTH_SOCKET: daemon.socket };
  const at = (...args: string[]) =>
    new PtyProcess([...program(), ...args], { env, cwd: daemon.dir });
  await using first = at(
    ...["run", "-it", "--name", "left", "-e", "PS1=$ ", ...rootfsArgs(daemon), "--", "sh"],
  );
  await first.shows("$ ");
  first.type(
    "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); echo $i aaaaaaaaaaaaaaaa; done; echo do''ne\r",
  );
  await first.shows("100 aaa");
  first.type("\x10\x11");
  assert.equal(await first.exited(), 0);
  // More than FIFOs hold: it would wait for a reader.
  await until("the end of the loop", () => loggedText(daemon, "left").includes("\ndone\r\n"));
  await using second = at("attach", "left");
  await using third = at("attach", "left");
  await untilOpen(daemon, "attach left", logFile(daemon, "left"), 2);
  await second.isRaw();
  second.type("echo he''llo\r");
  await second.shows("hello\r\n");
  await third.shows("hello\r\n");
  assert.doesNotMatch(second.output, /aaaa/);
  second.type("exit 7\r");
  assert.equal(await second.exited(), 7);
  assert.equal(await third.exited(), 7);
});

Deno.test("container log: FIFOs beside a log get the output while they are read, and nothing is left", async () => {
  await using daemon = await TestDaemon.start({ config: COLD });
  const run = ["run", "--log", "--name", "c", ...rootfsArgs(daemon)];
  assert.equal(
    (await cli(daemon, ["run", "--rm", "--log", ...rootfsArgs(daemon), ...sh(":")])).code,
    0,
  );
  const audit = LeakAudit.take(daemon);
  const script = "seq 1 50000; echo err >&2; exit 3";
  const { code, stdout, stderr } = await cli(daemon, [...run, ...sh(script)]);
  assert.deepEqual([code, stderr], [3, "err\n"]);
  assert.ok(stdout === Array.from({ length: 50_000 }, (_, index) => `${index + 1}\n`).join(""));
  assert.ok((await cli(daemon, ["logs", "c"])).stdout === stdout);
  await ok(daemon, "rm", "c");
  await audit.assertClean();
});
