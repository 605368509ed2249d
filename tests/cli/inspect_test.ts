// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { cli, cliCommand, jsonLines, ok, runDetached } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { until, within } from "../harness/poll.ts";
import { untilRuns } from "../harness/processes.ts";
import { PtyProcess } from "../harness/io/pty.ts";
import { program } from "../harness/run.ts";

Deno.test("berth ps shows containers to people and to programs", async () => {
  await using daemon = await TestDaemon.start();
  assert.equal(
    (await cli(daemon, ["ps"])).stdout,
    "ID   STATUS   CREATED   PID   COMMAND\n",
  );
  await runDetached(daemon, "one", "sleep", "1000");
  await runDetached(daemon, "two", "sh", "-c", "exit 3");
  await daemon.exitOf("two");
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
  const { pid } = await daemon.stateOf("one");
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
  await daemon.exitOf("bad");
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
  const told = await daemon.stateOf("one");
  assert.deepEqual(state, { ...told, resources: {} });
  const [line] = jsonLines((await cli(daemon, ["inspect", "--spec", "--json", "one"])).stdout);
  assert.deepEqual(Object(line?.["spec"]).process.args, ["sleep", "1000"]);
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
  await ok(daemon, "rm", "a");
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
  await daemon.exitOf("a");
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
