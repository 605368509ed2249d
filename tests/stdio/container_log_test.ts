// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { SmallDisk } from "../harness/small_disk.ts";
import { cli, cliCommand, ok, rootfsArgs } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { NO_FAILPOINTS } from "../harness/program/failpoints.ts";
import { readIfThere } from "../harness/files.ts";
import { makeFifo } from "../harness/io/fifo.ts";
import { LeakAudit } from "../harness/leaks/leak_audit.ts";
import { until, within } from "../harness/poll.ts";
import { openFiles, processesOf, readProcess, signalChild } from "../harness/processes.ts";
import { PtyProcess } from "../harness/io/pty.ts";
import { baseName, program } from "../harness/run.ts";

const sh = (script: string) => ["--", "sh", "-c", script];

/** How many lines the long outputs have: 18 MB of records, or 1 GB where that is asked for. */
const LINES = Deno.env.get("BERTH_TEST_LONG") ? 20_000_000 : 400_000;

/** How many of them are 5 MB of records, which is less than a log of three files of 4 MB holds. */
const BLOCK = 100_000;

function logFile(daemon: TestDaemon, id: string): string {
  return `${daemon.root}/logs/${id}/container.log`;
}

/**
 * What the records of a stream contain that are in the current file of the log: nothing while there is
 * none, as between two steps of its rotation, in which a shim may have been killed.
 */
function contentOf(daemon: TestDaemon, id: string, stream = "stdout"): string {
  return readIfThere(logFile(daemon, id)).split("\n")
    .map((line) => /^\S+ (\w+) ([PF]) ([^\n]*)$/.exec(line))
    .map((match) => match?.[1] === stream ? match[3] + (match[2] === "F" ? "\n" : "") : "")
    .join("");
}

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

/** Waits until a `berth` with these arguments has the log open. */
async function following(daemon: TestDaemon, id: string, args: string): Promise<void> {
  await until(
    "the follower",
    () =>
      processesOf(baseName(daemon.dir)).some(({ pid, command }) =>
        command.includes(args) && openFiles(pid).includes(logFile(daemon, id))
      ),
  );
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
  await following(daemon, "c", "logs -f c");
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
  for (const id of ["a", "long"]) await following(daemon, id, "logs -f");
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

Deno.test("container log: a log loses nothing to the death of a daemon, and one read at most to that of a shim", async () => {
  const config = '[shim]\non_death = "adopt"\n[logs]\nmax_size = 1000000\nmax_file = 1000';
  await using daemon = await TestDaemon.start({ config });
  const stdin = makeFifo(daemon.dir);
  const block = 200_000;
  // Writes a block of lines whenever it is told to.
  const script = `n=0; while read word && [ $word = more ]
do seq $((n + 1)) $((n + ${block})); n=$((n + ${block})); done; echo end; sleep 1000`;
  const spec = daemon.spec(["sh", "-c", script]);
  await daemon.client.call("container.create", { id: "c", spec, stdin, log: {} });
  await daemon.client.call("container.start", { id: "c" });
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
  await until("the end", () => contentOf(daemon, "c").endsWith("end\n"));
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

Deno.test("container log: what a container wrote last is in its log, though its shim is killed with it", async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const stdin = makeFifo(daemon.dir);
  const spec = daemon.spec(["sh", "-c", "echo begun; read x; seq 1 2000; sleep 1000"]);
  await client.call("container.create", { id: "c", spec, stdin, log: {} });
  const { pid } = await client.call("container.start", { id: "c" });
  await until("its first words", () => contentOf(daemon, "c") === "begun\n");
  const { shimPid } = await daemon.stateOf("c");
  Deno.kill(shimPid, "SIGSTOP");
  Deno.writeTextFileSync(stdin, "\n");
  await until("the end of its output", () => {
    const [child] = Deno.readTextFileSync(`/proc/${pid}/task/${pid}/children`).split(" ");
    return [pid, Number(child)].some((each) => readProcess(each)?.command === "sleep 1000");
  });
  assert.equal(contentOf(daemon, "c"), "begun\n");
  Deno.kill(shimPid, "SIGKILL");
  await daemon.untilEmpty();
  const numbers = Array.from({ length: 2000 }, (_, index) => `${index + 1}\n`).join("");
  assert.ok(contentOf(daemon, "c") === `begun\n${numbers}`);
});

Deno.test("container log: with no_shim the daemon writes the log, and the next one goes on with it", async () => {
  await using daemon = await TestDaemon.start({ config: "[runtime]\nno_shim = true" });
  const go = `${daemon.dir}/go`;
  Deno.mkdirSync(go);
  // Is silent while its daemon is killed: what that has read and not yet written is lost.
  const script = "trap 'echo end; exit' TERM; n=0; while :; do n=$((n+1)); echo $n; sleep 0.02; " +
    "[ $n -ne 10 ] || until [ -e /mnt/on ]; do sleep 0.02; done; done";
  const mount = ["-v", `${go}:/mnt`];
  const run = ["run", "-d", "--name", "c", ...mount, ...rootfsArgs(daemon), ...sh(script)];
  await ok(daemon, ...run);
  await until("output", () => contentOf(daemon, "c").endsWith("\n10\n"));
  daemon.signal("SIGKILL");
  await daemon.exited();
  Deno.writeTextFileSync(`${go}/on`, "");
  await daemon.start();
  await daemon.connected("c");
  const lines = contentOf(daemon, "c").split("\n").length;
  await until("more", () => contentOf(daemon, "c").split("\n").length > lines + 10);
  await ok(daemon, "kill", "c", "-s", "TERM");
  await until("the end", () => contentOf(daemon, "c").endsWith("end\n"));
  const all = contentOf(daemon, "c").split("\n").slice(0, -2);
  assert.equal(all.join(), all.map((_, index) => `${index + 1}`).join());
});

Deno.test("container log: while the disk is full a container waits, and its log is complete when there is room", async () => {
  await using daemon = await TestDaemon.start();
  using disk = new SmallDisk(`${daemon.dir}/full`, "size=1m");
  const { dir } = disk;
  Deno.writeFileSync(`${dir}/filler`, new Uint8Array(900 * 1024));
  const path = `${dir}/log`;
  const spec = daemon.spec(["sh", "-c", "seq 1 10000"]);
  await daemon.client.call("container.create", { id: "c", spec, log: { path } });
  await daemon.client.call("container.start", { id: "c" });
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
  await until("the end of the loop", () => contentOf(daemon, "left").includes("\ndone\r\n"));
  await using second = at("attach", "left");
  await using third = at("attach", "left");
  await following(daemon, "left", "attach left");
  await until(
    "both",
    () =>
      processesOf(baseName(daemon.dir)).filter(({ pid, command }) =>
        command.includes("attach left") && openFiles(pid).includes(logFile(daemon, "left"))
      ).length === 2,
  );
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
  await using daemon = await TestDaemon.start({ config: "[shim]\nwarm = 0\nkeep = 0" });
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

Deno.test("container log: a raw log has the bytes, over a restart too, and none has nothing", async () => {
  await using daemon = await TestDaemon.start();
  const go = `${daemon.dir}/go`;
  Deno.mkdirSync(go);
  const begin = (id: string, ...flags: string[]) => {
    const script = "trap 'echo bye; exit 3' TERM; printf 'on\\0e\\n'; echo two >&2; " +
      `touch /mnt/${id}; while :; do sleep 0.05; done`;
    return ["-v", `${go}:/mnt`, "--name", id, ...flags, ...rootfsArgs(daemon), ...sh(script)];
  };
  const listens = async (id: string) => {
    await until("the script", () => existsSync(`${go}/${id}`));
    Deno.removeSync(`${go}/${id}`);
  };
  const logs = (...args: string[]) => cli(daemon, ["logs", ...args]);
  for (const id of ["raw", "none"]) {
    const run = ["run", "-d", ...begin(id, "--log-driver", id)];
    assert.deepEqual(await cli(daemon, run), { code: 0, stdout: `${id}\n`, stderr: "" });
    await listens(id);
  }
  const once = "on\0e\ntwo\n";
  const file = `${daemon.root}/logs/raw/raw.log`;
  assert.equal((await daemon.stateOf("raw")).log?.path, file);
  assert.equal(Deno.readTextFileSync(file), once);
  assert.deepEqual(await logs("raw"), { code: 0, stdout: once, stderr: "" });
  assert.equal((await logs("-n", "1", "raw")).stdout, "two\n");
  for (const flag of [["-t"], ["--since", "1h"], ["--until", "0s"], ["--stream", "stdout"]]) {
    const { code, stderr } = await logs(...flag, "raw");
    assert.equal(code, 125);
    assert.match(stderr, /raw has a raw log, .* cannot be used/);
  }
  assert.match((await logs("raw", "none")).stderr, /raw has a raw log, .*: print it alone/);
  const noLog = /^berth: none keeps no log: .* unless the log driver is none\n$/;
  assert.match((await logs("none")).stderr, noLog);
  assert.match((await logs("-f", "none")).stderr, noLog);
  const noStdio = "berth: cannot attach to none: it was made without stdin and stdout\n";
  assert.equal((await cli(daemon, ["attach", "none"])).stderr, noStdio);
  assert.deepEqual(Array.from(Deno.readDirSync(`${daemon.root}/logs`), ({ name }) => name), [
    "raw",
  ]);

  // Follows and watches over a restart, until the container is gone for good.
  const piped = { stdin: "null", stdout: "piped", stderr: "piped" } as const;
  const follower = cliCommand(daemon, ["logs", "-f", "raw"], piped).spawn();
  using stack = new DisposableStack();
  stack.defer(() => signalChild(follower, "SIGKILL"));
  const followed = follower.output();
  const opened = (args: string) =>
    until(
      args,
      () =>
        processesOf(baseName(daemon.dir)).some(({ pid, command }) =>
          command.includes(args) && openFiles(pid).includes(file)
        ),
    );
  await opened("logs -f raw");
  const watched = cliCommand(daemon, ["attach", "raw"], piped).output();
  await opened("attach raw");
  await ok(daemon, "restart", "raw");
  await listens("raw");
  const watcher = await within("the end of attach", watched);
  assert.equal(watcher.code, 3);
  // What the next run writes at once may follow.
  assert.match(new TextDecoder().decode(watcher.stdout), /^bye\n/);
  await ok(daemon, "restart", "none");
  await listens("none");
  await ok(daemon, "stop", "raw", "none");
  const twice = `${once}bye\n${once}bye\n`;
  const { stdout, stderr } = await within("the end of logs", followed);
  assert.deepEqual(
    [new TextDecoder().decode(stdout), new TextDecoder().decode(stderr)],
    [twice, ""],
  );
  assert.equal((await logs("raw")).stdout, twice);
  await ok(daemon, "rm", "raw", "none");
  assert.deepEqual([...Deno.readDirSync(`${daemon.root}/logs`)], []);
});

Deno.test("container log: a terminal's output goes to a raw log, and nowhere with none", async () => {
  await using daemon = await TestDaemon.start();
  const env = { BERTH_SOCKET: daemon.socket };
  const at = (...args: string[]) =>
    new PtyProcess([...program(), ...args], { env, cwd: daemon.dir });
  for (const driver of ["raw", "none"]) {
    const flags = ["--log-driver", driver, "--name", driver, "-e", "PS1=$ "];
    await using first = at("run", "-it", ...flags, ...rootfsArgs(daemon), "--", "sh");
    await first.shows("$ ");
    first.type("echo o''ne\r");
    await first.shows("one\r\n");
    first.type("\x10\x11");
    assert.equal(await first.exited(), 0);
    await using second = at("attach", driver);
    if (driver === "raw") {
      const file = `${daemon.root}/logs/raw/raw.log`;
      await until(
        "attach",
        () =>
          processesOf(baseName(daemon.dir)).some(({ pid, command }) =>
            command.includes("attach raw") && openFiles(pid).includes(file)
          ),
      );
    }
    await second.isRaw();
    second.type("echo t''wo\r");
    await second.shows("two\r\n");
    assert.doesNotMatch(second.output, /one/);
    second.type("exit 7\r");
    assert.equal(await second.exited(), 7);
    const { code, stdout, stderr } = await cli(daemon, ["logs", driver]);
    if (driver === "none") assert.match(stderr, /^berth: none keeps no log/);
    else assert.match(stdout, /\r\none\r\n.*\r\ntwo\r\n/s);
    assert.equal(code, driver === "none" ? 125 : 0);
  }
});
