// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { cli, cliCommand, jsonLines, runDetached } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { until, within } from "../harness/poll.ts";
import { PtyProcess } from "../harness/io/pty.ts";
import { program } from "../harness/run.ts";

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
  await daemon.exitOf("dead");
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
