// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { output } from "../harness/command.ts";
import { parseSignal } from "../../src/linux/process/signals.ts";
import { cli, cliCommand, rootfsArgs } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { until, within } from "../harness/poll.ts";
import { hasTrap, untilRuns } from "../harness/processes.ts";
import { PtyProcess } from "../harness/io/pty.ts";
import { program, shellProgram } from "../harness/run.ts";
import { RuntimeWrapper } from "../harness/runtime/runtime_wrapper.ts";

async function runDetached(daemon: TestDaemon, name: string, ...args: string[]): Promise<void> {
  const run = ["run", "-d", "--name", name, ...rootfsArgs(daemon), "--", ...args];
  const { code, stderr } = await cli(daemon, run);
  assert.equal(code, 0, stderr);
}

function jsonLines(text: string): Record<string, unknown>[] {
  return text.trim().split("\n").map((line) => JSON.parse(line));
}

Deno.test("berth: without a daemon each verb says where none listens and how to start one", async () => {
  await using daemon = TestDaemon.prepare();
  for (
    const args of [
      ["ps"],
      ["run", "--rootfs", "/", "true"],
      ["exec", "c", "true"],
      ["attach", "c"],
      ["logs", "c"],
      ["events"],
      ["stats"],
      ["call", "daemon.info"],
      ["rm", "c"],
    ]
  ) {
    const { code, stdout, stderr } = await cli(daemon, args);
    assert.equal(code, 125, args.join(" "));
    assert.equal(stdout, "");
    assert.match(
      stderr,
      /^berth: no daemon listens on \S+\/berth\.sock: start one with "berth daemon"[^\n]*\n$/,
    );
    assert.ok(stderr.includes(daemon.socket));
  }
  const other = await cli(daemon, ["ps", "--socket", "/nowhere.sock"]);
  assert.match(other.stderr, /on \/nowhere\.sock:/);
  const before = await cli(daemon, ["--socket", "/before.sock", "ps"]);
  assert.match(before.stderr, /on \/before\.sock:/);
  const version = await cli(daemon, ["version"]);
  assert.equal(version.code, 0);
  assert.match(version.stdout, /^berth \d+\.\d+\.\d+ .*\ndaemon: none/);
});

Deno.test("berth: someone who may not use the socket is told so", async () => {
  await using daemon = await TestDaemon.start();
  // Root without its right to pass by file modes is a user like any other.
  await Deno.chown(daemon.socket, 65534, 65534);
  const rights = "-dac_override,-dac_read_search";
  const without = ["setpriv", "--bounding-set", rights, "--inh-caps", rights];
  const env = { BERTH_SOCKET: daemon.socket };
  const { code, stderr } = await output([...without, ...program(), "ps"], { env });
  assert.equal(code, 125);
  assert.match(stderr, /^berth: permission denied on \S+berth\.sock: [^\n]+\n$/);
});

Deno.test("berth: a container that is not there is one clear line and 125, whatever the verb", async () => {
  await using daemon = await TestDaemon.start();
  for (
    const args of [
      ["start", "ghost"],
      ["inspect", "ghost"],
      ["exec", "ghost", "true"],
      ["attach", "ghost"],
      ["kill", "ghost"],
      ["pause", "ghost"],
      ["resume", "ghost"],
      ["wait", "ghost"],
      ["rm", "ghost"],
      ["rm", "-f", "ghost"],
      ["logs", "ghost"],
      ["ps", "ghost"],
      ["top", "ghost"],
      ["stats", "--no-stream", "ghost"],
      ["update", "--pids", "5", "ghost"],
      ["checkpoint", "ghost"],
      ["restore", "ghost"],
    ]
  ) {
    const { code, stderr } = await cli(daemon, args);
    assert.equal(code, 125, `${args.join(" ")}: ${stderr}`);
    assert.match(stderr, /^berth: [^\n]*ghost[^\n]*\n$/, args.join(" "));
  }
  const usage = await cli(daemon, ["ps", "--no-such-option"]);
  assert.equal(usage.code, 125);
  assert.match(usage.stderr, /^berth: unknown option '--no-such-option'\n$/);
});

Deno.test("berth ps shows containers to people and to programs", async () => {
  await using daemon = await TestDaemon.start();
  assert.equal(
    (await cli(daemon, ["ps"])).stdout,
    "ID   STATUS   CREATED   PID   COMMAND\n",
  );
  await runDetached(daemon, "one", "sleep", "1000");
  await runDetached(daemon, "two", "sh", "-c", "exit 3");
  await daemon.client.call("container.wait", { id: "two" });
  await daemon.client.call("container.create", { id: "raw", spec: daemon.spec(["sleep", "7"]) });
  const { stdout } = await cli(daemon, ["ps"]);
  const [, raw = "", two = "", one = ""] = stdout.split("\n");
  const span = "(0 seconds|About a minute|\\d+ seconds?)";
  assert.match(one, new RegExp(`^one +Up ${span} +${span} ago +\\d+ +sleep 1000$`));
  assert.match(
    two,
    new RegExp(`^two +Exited \\(3\\) ${span} ago +${span} ago +- +sh -c 'exit 3'$`),
  );
  assert.match(raw, new RegExp(`^raw +Created +${span} ago +\\d+ +sleep 7$`));
  // The newest is first, as in docker, but not for programs.
  const json = jsonLines((await cli(daemon, ["ps", "--json"])).stdout);
  assert.deepEqual(json.map(({ id, status }) => [id, status]), [
    ["one", "running"],
    ["two", "stopped"],
    ["raw", "created"],
  ]);
  const quiet = (await cli(daemon, ["ps", "-q"])).stdout.trim().split("\n");
  assert.deepEqual(quiet, ["raw", "two", "one"]);
  const ps = async (...args: string[]) => (await cli(daemon, ["ps", ...args])).stdout;
  assert.equal(await ps("-aq", "-f", "status=exited"), "two\n");
  assert.equal(await ps("-lq"), "raw\n");
  assert.equal(await ps("-n", "2", "-q"), "raw\ntwo\n");
  const titles = (table: string) => table.split("\n", 1)[0]?.split(/ {2,}/);
  assert.deepEqual(titles(await ps("--format", "table")), titles(stdout));
  assert.equal(
    await ps("--format", "{{.ID}}\\t{{.State}}", "--filter", "name=tw"),
    "two\texited\n",
  );
  assert.match(await ps("--format", "id,runtime"), /^ID +RUNTIME\nraw +runc\ntwo /);
  assert.match(await ps("--format", "json", "-l"), /^\{"id":"raw"/);
  assert.equal((await cli(daemon, ["ps", "--format", "nope"])).code, 125);
  assert.equal(
    await ps("--format", 'table {{.ID}}\\t{{if eq .State "exited"}}over{{end}}', "-f", "name=two"),
    "ID\ntwo   over\n",
  );
  const inspect = async (...args: string[]) => await cli(daemon, ["inspect", ...args]);
  const format =
    "{{.Id}} {{.status}} {{.exitStatus}} {{.labels.none}}{{range .processes}}{{.pid}}{{end}}";
  assert.equal((await inspect("-f", format, "two")).stdout, "two stopped 3 <no value>\n");
  assert.equal((await inspect("-f", "{{.RestartCount}}", "two")).stdout, "0\n");
  assert.equal((await inspect("--format", "json", "two")).stdout.split("\n").length, 2);
  assert.deepEqual(await inspect("-f", "{{.id.nope}}", "two"), {
    code: 125,
    stdout: "",
    stderr: "berth: --format: cannot find nope in two\n",
  });
  assert.match((await inspect("-f", "{{.id", "two")).stderr, /braces do not match/);
  assert.match((await inspect("-f", "{{.nope}}", "two")).stderr, /no field "nope": expected id, /);
  assert.match((await cli(daemon, ["info", "-f", "{{.NCPU}}"])).stderr, /take \.host\.cpus/);
  assert.match((await cli(daemon, ["version", "-f", "{{.no}}"])).stderr, /expected client, daemon/);
  assert.match(
    (await inspect("-f", "{{.restartingAt}} {{.network}}", "two")).stdout,
    /^<no value>/,
  );
  for (const args of [["ps", "-l"], ["stats", "--no-stream", "raw"], ["events", "--id", "raw"]]) {
    const after = args[0] === "events" ? ["--after", "0"] : [];
    assert.deepEqual(await cli(daemon, [...args, ...after, "--format", "{{.ID.x}}"]), {
      code: 125,
      stdout: "",
      stderr: "berth: --format: cannot find x in raw\n",
    });
  }
  for (
    const [args, expected] of [
      [["stats", "--no-stream", "--format", "{{.ID}} {{.PIDs}}", "one"], /^one \d+\n$/],
      [["stats", "--no-stream", "--format", "{{.CPUPerc}}", "one"], /^\d+\.\d\d%\n$/],
      [["stats", "--no-stream", "--format", "table", "one"], /^ID +CPU % /],
      [["info", "-f", "{{.containers.stopped}}"], /^1\n$/],
      [["version", "-f", "{{.daemon.protocol}}"], /^\d+\n$/],
    ] as const
  ) assert.match((await cli(daemon, args)).stdout, expected);
  // Started is not yet running: the runtime's own process becomes the container's.
  const { pid } = await daemon.client.call("container.state", { id: "one" });
  await untilRuns(pid, "sleep 1000");
  assert.match(
    (await cli(daemon, ["top", "one"])).stdout,
    /^ *UID +PID +PPID +C +STIME +TTY +TIME +CMD\n *0 +\d+ +\d+ +\d+ .*sleep 1000\n$/,
  );
  const processes = await cli(daemon, ["ps", "one"]);
  assert.match(processes.stdout, /^ *PID +EXEC +COMMAND\n *\d+ +- +sleep 1000\n$/);
});

Deno.test("berth ps, stats: where there is no container, a template prints nothing", async () => {
  await using daemon = await TestDaemon.start();
  for (const args of [["ps"], ["stats", "--no-stream"]]) {
    const shown = await cli(daemon, [...args, "--format", "{{.ID}}"]);
    assert.deepEqual(shown, { code: 0, stdout: "", stderr: "" });
  }
});

Deno.test("berth: on a terminal a long id leaves the status of every container in sight", async () => {
  await using daemon = await TestDaemon.start();
  await runDetached(daemon, "a".repeat(76), "sleep", "1000");
  await runDetached(daemon, "bad", "sh", "-c", "exit 3");
  await daemon.client.call("container.wait", { id: "bad" });
  const show = async (env: Record<string, string>) => {
    await using terminal = new PtyProcess([...program(), "ps"], {
      env: { BERTH_SOCKET: daemon.socket, ...env },
      cwd: daemon.dir,
      width: 80,
    });
    assert.equal(await terminal.exited(), 0);
    return terminal.output;
  };
  const colored = await show({});
  assert.ok(colored.includes("\x1b[1mID"), "the header is bold");
  assert.ok(colored.includes("\x1b[31mExited (3) "), "a failure is red");
  const plain = await show({ NO_COLOR: "1" });
  assert.ok(!plain.includes("\x1b"));
  assert.match(plain, /^a+… +Up .* ago +\d+ +sleep/m);
  for (const line of plain.split("\r\n")) assert.ok([...line].length <= 80, line);
  // What a low screen has no room for is told.
  await using low = new PtyProcess([...program(), "stats"], {
    env: { BERTH_SOCKET: daemon.socket },
    cwd: daemon.dir,
    ...{ width: 80, height: 2 },
  });
  await low.shows('… 1 more ("berth top" scrolls)');
});

Deno.test("berth inspect prints the state, and the spec on demand", async () => {
  await using daemon = await TestDaemon.start();
  await runDetached(daemon, "one", "sleep", "1000");
  const state = JSON.parse((await cli(daemon, ["inspect", "one"])).stdout);
  const told = await daemon.client.call("container.state", { id: "one" });
  assert.deepEqual(state, { ...told, resources: {} });
  const [line] = jsonLines((await cli(daemon, ["inspect", "--spec", "--json", "one"])).stdout);
  assert.deepEqual(Object(line?.["spec"]).process.args, ["sleep", "1000"]);
});

Deno.test("berth kill, pause, resume, wait and rm do what they say, to several at once", async () => {
  await using daemon = await TestDaemon.start();
  await runDetached(daemon, "a", "sleep", "1000");
  await runDetached(daemon, "b", "sh", "-c", "trap 'exit 4' HUP; while :; do sleep 0.05; done");
  assert.deepEqual(await cli(daemon, ["pause", "a", "ghost", "b"]), {
    code: 125,
    stdout: "a\nb\n",
    stderr: (await cli(daemon, ["pause", "ghost"])).stderr,
  });
  assert.match((await cli(daemon, ["ps"])).stdout, /a +Up .* \(Paused\)/);
  assert.equal((await cli(daemon, ["resume", "a"])).stdout, "a\n");
  assert.equal((await cli(daemon, ["unpause", "b"])).stdout, "b\n");
  const refused = await cli(daemon, ["rm", "a"]);
  assert.equal(refused.code, 125);
  assert.match(refused.stderr, /container a .*: berth rm --force a\n$/);
  assert.equal((await cli(daemon, ["kill", "a"])).stdout, "a\n");
  const waiting = cli(daemon, ["wait", "a", "b"]);
  const { pid } = await daemon.client.call("container.state", { id: "b" });
  await until("the trap", () => hasTrap(pid, parseSignal("HUP")));
  assert.equal((await cli(daemon, ["kill", "-s", "HUP", "b"])).stdout, "b\n");
  assert.equal((await waiting).stdout, "137\n4\n");
  assert.equal((await cli(daemon, ["rm", "a"])).stdout, "a\n");
  await runDetached(daemon, "c", "sleep", "1000");
  assert.equal((await cli(daemon, ["rm", "-f", "b", "c"])).stdout, "b\nc\n");
  assert.deepEqual([...Deno.readDirSync(`${daemon.root}/logs`)], []);
});

Deno.test("berth wait goes on while the daemon is away", async () => {
  await using daemon = await TestDaemon.start();
  await runDetached(daemon, "a", "sleep", "1000");
  await runDetached(daemon, "b", "sh", "-c", "exit 2");
  const { pid } = await daemon.client.call("container.state", { id: "a" });
  const child = cliCommand(daemon, ["wait", "b", "a"], {
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const output = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  assert.equal((await output.read()).value, "2\n");
  await daemon.kill9();
  Deno.kill(pid, "SIGKILL");
  await daemon.start();
  assert.equal((await within("its status", output.read())).value, "137\n");
  assert.equal((await output.read()).done, true);
  assert.equal((await child.status).code, 0);
});

Deno.test("berth events prints what has happened and what happens, across a restart of the daemon", async () => {
  await using daemon = await TestDaemon.start();
  const child = cliCommand(daemon, ["events", "--after", "0", "--json"], {
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let text = "";
  const reading = (async () => {
    for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) text += chunk;
  })();
  await runDetached(daemon, "a", "true");
  await until("the exit", () => text.includes('"exit"'));
  await daemon.restart();
  await daemon.connected("a");
  assert.equal((await cli(daemon, ["rm", "a"])).code, 0);
  await until("the delete", () => text.includes('"delete"'));
  child.kill("SIGTERM");
  await child.status;
  await reading;
  const events = jsonLines(text);
  assert.deepEqual(events.map(({ type }) => type), ["create", "start", "exit", "delete"]);
  assert.deepEqual(events.map(({ seq }) => seq), [1, 2, 3, 4]);

  const people = cliCommand(daemon, ["events", "--after", "0", "--type", "exit", "--id", "a"], {
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = people.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const { value = "" } = await within("an event", reader.read());
  assert.match(value, /^\S+Z +3 +exit +a pid=\d+ status=0\n$/);
  await reader.cancel();
  await runDetached(daemon, "a", "true");
  assert.equal((await within("its end without a reader", people.status)).code, 141);
});

Deno.test("berth events after one that there is not says so and goes on with what there is", async () => {
  await using daemon = await TestDaemon.start();
  await runDetached(daemon, "a", "true");
  await daemon.client.call("container.wait", { id: "a" });
  const child = cliCommand(daemon, ["events", "--after", "99"], {
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const told = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
  assert.equal(
    (await within("a message", told.read())).value,
    "berth: there is no event 99, the last one is 3: going on with all that are kept\n",
  );
  const events = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  assert.match((await within("an event", events.read())).value ?? "", /^\S+Z +1 +create +a /);
  child.kill("SIGTERM");
  await child.status;
  await Promise.all([told.cancel(), events.cancel()]);
});

Deno.test("berth stats and top tell what containers use", async () => {
  await using daemon = await TestDaemon.start();
  await runDetached(daemon, "busy", "sh", "-c", "while :; do :; done");
  await runDetached(daemon, "idle", "sleep", "1000");
  // The runtime's own process, with its threads, has yet to become the container's.
  await until("a single thread in idle", async () => {
    return (await daemon.client.call("container.stats", { id: "idle" })).pids?.current === 1;
  });
  const [busy, idle] = jsonLines((await cli(daemon, ["stats", "--no-stream", "--json"])).stdout);
  assert.equal(busy?.["id"], "busy");
  assert.ok(Number(busy?.["cpuPercent"]) > Number(idle?.["cpuPercent"]));
  assert.equal(idle?.["pids"], 1);
  const table = await cli(daemon, ["stats", "--no-stream", "idle"]);
  assert.match(table.stdout, /^ID +CPU % +MEMORY.*\nidle +\d+\.\d +\S+iB.*\n$/);

  await using terminal = new PtyProcess([...program(), "top"], {
    env: { BERTH_SOCKET: daemon.socket },
    cwd: daemon.dir,
    width: 40,
  });
  await terminal.shows(/busy +running +\d+\.\d[^]*idle +running +\d+\.\d/);
  // What moves the cursor is no text; of the last one only a part may have come.
  // deno-lint-ignore no-control-regex
  const whole = terminal.output.replace(/(\r|\x1b(\[[0-9?]*)?)$/, "");
  // deno-lint-ignore no-control-regex
  for (const line of whole.split(/\r\n|\x1b\[[0-9?]*[a-zA-Z]/)) {
    assert.ok(line.length <= 40);
  }
  terminal.type("q");
  assert.equal(await terminal.exited(), 0);
  assert.match(await terminal.mode(), / icanon.* echo /s);
  assert.match((await cli(daemon, ["top"])).stderr, /needs a terminal/);
});

Deno.test("berth stats shows a stopped container without figures, and top counts what runs", async () => {
  await using daemon = await TestDaemon.start();
  await runDetached(daemon, "web", "sleep", "1000");
  await runDetached(daemon, "dead", "true");
  await daemon.client.call("container.wait", { id: "dead" });
  await daemon.client.call("container.create", { id: "made", spec: daemon.spec(["true"]) });
  const table = await cli(daemon, ["stats", "--no-stream", "dead", "web"]);
  assert.deepEqual([table.code, table.stderr], [0, ""]);
  assert.match(table.stdout, /^ID .*\ndead( +-){7}\nweb +\d+\.\d .*\n$/);
  const json = await cli(daemon, ["stats", "--no-stream", "--json", "dead", "web"]);
  assert.deepEqual(jsonLines(json.stdout).map(({ id }) => id), ["web"]);
  const live = await cli(daemon, ["stats", "dead"]);
  assert.equal(live.code, 0, "it ends where there is nothing to watch");
  await using terminal = new PtyProcess([...program(), "top"], {
    env: { BERTH_SOCKET: daemon.socket },
    cwd: daemon.dir,
  });
  await terminal.shows(/berth: 1 running, 1 created, 1 stopped [^]*made +created/);
  terminal.type("q");
  assert.equal(await terminal.exited(), 0);
});

Deno.test("berth stats and top go on when the daemon comes back", async () => {
  await using daemon = await TestDaemon.start();
  await runDetached(daemon, "web", "sleep", "1000");
  const stats = cliCommand(daemon, ["stats", "--json", "--interval", "0.1"], {
    stdin: "null",
    stdout: "piped",
  }).spawn();
  const figures = stats.stdout.getReader();
  await using terminal = new PtyProcess([...program(), "top", "--interval", "0.1"], {
    env: { BERTH_SOCKET: daemon.socket },
    cwd: daemon.dir,
  });
  assert.ok((await within("figures", figures.read())).value);
  await terminal.shows(/web +running +\d/);
  await daemon.restart();
  const since = new Date().toISOString();
  const decoder = new TextDecoder();
  let rest = "";
  await until("figures from the new daemon", async () => {
    const { value, done } = await within("figures", figures.read());
    assert.ok(!done, "stats has ended");
    const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    return lines.some((line) => String(JSON.parse(line).timestamp) > since);
  });
  await runDetached(daemon, "next", "sleep", "1000");
  await terminal.shows(/next +running +\d/);
  await daemon.kill9();
  terminal.type("q");
  assert.equal(await terminal.exited(), 0, "q leaves also while the daemon is away");
  stats.kill("SIGKILL");
  await figures.cancel();
  await stats.status;
  await daemon.start();
});

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
  const state = await daemon.client.call("container.state", { id: "a" });
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

Deno.test("berth: a checkpoint that fails says why and leaves the container running", async () => {
  await using daemon = await TestDaemon.start();
  await runDetached(daemon, "a", "sleep", "1000");
  const { code, stderr } = await cli(daemon, ["checkpoint", "a"]);
  assert.equal(code, 125, stderr);
  assert.match(stderr, /^berth: [^\n]*a[^\n]*\n$/);
  const { status } = await daemon.client.call("container.state", { id: "a" });
  assert.equal(status, "running");
});

Deno.test("berth: checkpoint and restore, with a stand-in for what needs CRIU, make the container again", async () => {
  await using daemon = await TestDaemon.start();
  const runtime = RuntimeWrapper.create(daemon.dir);
  runtime.rule("checkpoint", "exit 0");
  // In the place of a restore the container is run anew.
  runtime.rule(
    "restore",
    `for argument in "$@"; do
  shift
  case $argument in
    restore) set -- "$@" run ;;
    --image-path | --work-path) skip=1 ;;
    *) if [ -n "$skip" ]; then skip=; else set -- "$@" "$argument"; fi ;;
  esac
done`,
  );
  const made = await cli(daemon, [
    ...["run", "-d", "--name", "a", "-l", "kept=yes", "--runtime", runtime.path],
    ...[...rootfsArgs(daemon), "--", "sh", "-c", "echo begun; exec sleep 1000"],
  ]);
  assert.equal(made.code, 0, made.stderr);
  const path = `${daemon.root}/checkpoints/a`;
  assert.deepEqual(await cli(daemon, ["checkpoint", "a"]), {
    code: 0,
    stdout: `${path}\n`,
    stderr: "",
  });
  assert.ok(runtime.calls("checkpoint")[0]?.args.includes(path));
  assert.equal((await cli(daemon, ["rm", "-f", "a"])).code, 0);

  assert.deepEqual(await cli(daemon, ["restore", "a"]), { code: 0, stdout: "a\n", stderr: "" });
  assert.ok(runtime.calls("restore")[0]?.args.includes(path));
  const state = await daemon.client.call("container.state", { id: "a" });
  assert.deepEqual([state.status, state.labels["kept"]], ["running", "yes"]);
  await until("its log", async () => (await cli(daemon, ["logs", "a"])).stdout === "begun\n");

  const overlaid = [
    ...["run", "-d", "--overlay", "--name", "b", "--runtime", runtime.path],
    ...[...rootfsArgs(daemon), "--", "sleep", "1000"],
  ];
  assert.equal((await cli(daemon, overlaid)).code, 0);
  assert.match((await cli(daemon, ["checkpoint", "b"])).stderr, /overlay/);
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
  assert.equal((await cli(daemon, ["prune"])).code, 0);
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

Deno.test("berth install containerd-shim has a process wait only where it is asked for", async () => {
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
  assert.equal(await installed(), "waiting=${BERTH_SHIM_DIR-}");
  assert.equal(await installed("--waiting"), "waiting=${BERTH_SHIM_DIR-/run/berth-shim}");
  assert.equal(await installed(), "waiting=${BERTH_SHIM_DIR-}");
  const refused = await cli(daemon, ["install", "docs", "--waiting", "--prefix", daemon.dir]);
  assert.equal(refused.code, 125);
  assert.match(refused.stderr, /--waiting are for containerd-shim/);
});
