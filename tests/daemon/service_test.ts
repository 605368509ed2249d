// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { output, run } from "../harness/command.ts";
import { TempDir } from "../harness/temp_dir.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { until } from "../harness/poll.ts";
import { signalChild } from "../harness/processes.ts";
import { program } from "../harness/run.ts";
import { StandIn } from "../harness/stand_in.ts";
import { testNeeding } from "../../scripts/test_needing.ts";

const UNIT = new URL("../../packaging/berth.service", import.meta.url);

/** Runs a command to its end. */
Deno.test("service: the unit that is printed is the one in the tree", async () => {
  const text = await run([...program(), "daemon", "--print-unit"]);
  const printed = text.replaceAll(/^(ExecSt\w+=)\S+/gm, "$1/usr/local/bin/berth");
  assert.equal(printed, await Deno.readTextFile(UNIT));
});

Deno.test("service: the unit that is printed starts the daemon with the flags that were given", async () => {
  const flags = ["--state", "/run/my state", "--config", "berth.toml", "--log-level", "debug"];
  const text = await run([...program(), "daemon", "--print-unit", ...flags]);
  const [, line] = /^ExecStart=\S+ (.*)$/m.exec(text) ?? [];
  assert.equal(
    line,
    `daemon --config ${Deno.cwd()}/berth.toml --state "/run/my state" --log-level debug`,
  );
});

testNeeding(["systemd-analyze"], "service: systemd finds nothing wrong with the unit", async () => {
  using temp = new TempDir();
  const dir = temp.path;
  // It checks that the program is there, which the tests do not install.
  const unit = (await Deno.readTextFile(UNIT)).replaceAll("/usr/local/bin/berth", "/bin/true");
  await Deno.writeTextFile(`${dir}/berth.service`, unit);
  const argv = ["systemd-analyze", "verify", `${dir}/berth.service`];
  // A machine may have no `man`, by which the pages of Documentation= are looked for.
  using man = new StandIn("man", "exit 1");
  const { code, stdout, stderr } = await output(argv, { env: man.env });
  assert.deepEqual([code, stdout + stderr], [0, ""]);
});

testNeeding(
  ["socat"],
  "service: the daemon says READY with its pid once its socket answers, and STOPPING",
  async () => {
    await using daemon = TestDaemon.prepare();
    const path = `${daemon.dir}/n`;
    const log = `${daemon.dir}/notified`;
    const receiver = new Deno.Command("socat", {
      args: ["-u", `UNIX-RECV:${path}`, `OPEN:${log},creat,append`],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    try {
      await until("the service manager's socket", () => existsSync(path));
      await using notified = await TestDaemon.start({ env: { NOTIFY_SOCKET: path } });
      const said = () => existsSync(log) ? Deno.readTextFileSync(log) : "";
      await until("READY", () => said().includes("READY=1"));
      assert.match(said(), new RegExp(`^MAINPID=${notified.pid}$`, "m"));
      await notified.stop();
      await until("STOPPING", () => said().includes("STOPPING=1"));
    } finally {
      signalChild(receiver, "SIGKILL");
      await receiver.status;
    }
  },
);

Deno.test("service: SIGHUP has the daemon read its log level again, and keep it where the file is bad", async () => {
  await using daemon = await TestDaemon.start({ config: '[log]\nlevel = "warning"' });
  const config = await Deno.readTextFile(daemon.configFile);
  await Deno.writeTextFile(daemon.configFile, config.replace("warning", "info"));
  daemon.signal("SIGHUP");
  await until("the new level in the log", () => daemon.log.includes("config read again"));
  await Deno.writeTextFile(daemon.configFile, "nonsense = [");
  daemon.signal("SIGHUP");
  await until("the refusal in the log", () => daemon.log.includes("the config is kept as it was"));
  await daemon.client.call("daemon.info", {});
});

Deno.test("service: shims get the cgroup of the config, containers stay out of it, and have score 0", async () => {
  await using daemon = TestDaemon.prepare();
  const cgroup = `/${daemon.cgroup}/shims`;
  await using placed = await TestDaemon.start({
    config: `[shim]\ncgroup = ${JSON.stringify(cgroup)}\noom_score_adj = 7\nkeep = 0`,
  });
  const pid = await placed.run("c", ["sleep", "1000"]);
  const { shimPid } = await placed.stateOf("c");
  assert.match(await Deno.readTextFile(`/proc/${shimPid}/cgroup`), new RegExp(`:${cgroup}$`, "m"));
  assert.doesNotMatch(await Deno.readTextFile(`/proc/${pid}/cgroup`), /\/shims/);
  assert.equal(await Deno.readTextFile(`/proc/${shimPid}/oom_score_adj`), "7\n");
  assert.equal(await Deno.readTextFile(`/proc/${pid}/oom_score_adj`), "0\n");
  await placed.remove("c");
});

Deno.test("service: the socket gets the mode and group of the config", async () => {
  await using daemon = await TestDaemon.start({ config: '[socket]\nmode = "0660"\ngid = 12345' });
  const { mode, gid } = await Deno.stat(daemon.socket);
  assert.equal((mode ?? 0) & 0o777, 0o660);
  assert.equal(gid, 12345);
});
