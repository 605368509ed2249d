// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { output } from "../harness/command.ts";
import { findCommand } from "../../scripts/system_packages.ts";
import { PROTOCOL, VERSION } from "../../src/version.ts";
import { cli, cliCommand } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { until } from "../harness/poll.ts";
import { readProcess } from "../harness/processes.ts";
import { program } from "../harness/run.ts";
import { TempDir } from "../harness/temp_dir.ts";
import { RuntimeWrapper } from "../harness/runtime/runtime_wrapper.ts";

function mode(path: string): string {
  return ((Deno.lstatSync(path).mode ?? 0) & 0o7777).toString(8);
}

function readJson(path: string): Record<string, unknown> {
  return JSON.parse(Deno.readTextFileSync(path));
}

Deno.test("daemon.info says which daemon this is and how it is set up", async () => {
  await using daemon = await TestDaemon.start();
  const info = await until("the runtime's version", async () => {
    const now = await daemon.client.call("daemon.info", {});
    return now.runtime.version !== "" && now;
  });
  assert.equal(info.name, "berth");
  assert.equal(info.version, VERSION);
  assert.equal(info.protocol, PROTOCOL);
  assert.equal(info.pid, daemon.pid);
  assert.equal(info.state, daemon.state);
  assert.equal(info.root, daemon.root);
  assert.equal(info.runtime.path, "runc");
  assert.match(info.runtime.version, /\d+\.\d+/);
  assert.equal(info.containers, 0);
  await daemon.run("c", ["sleep", "1000"]);
  assert.equal((await daemon.client.call("daemon.info", {})).containers, 1);
  await daemon.restart();
  const again = await daemon.client.call("daemon.info", {});
  assert.notEqual(again.instance, info.instance);
  assert.equal(again.containers, 1);
  await daemon.remove("c");
});

Deno.test("daemon: what is made for mounts is open to a container's users, whatever umask it was started with", async () => {
  const [command = "", ...args] = program();
  await using daemon = await TestDaemon.start({
    program: ["sh", "-c", 'umask 077; exec "$@"', "sh", command, ...args],
  });
  const source = `${daemon.dir}/shared`;
  Deno.mkdirSync(source);
  Deno.chmodSync(source, 0o755);
  const spec = daemon.spec(["ls", "/tmp/for/it"], { process: { user: { uid: 1000, gid: 1000 } } });
  const mounts = Array.isArray(spec["mounts"]) ? spec["mounts"] : [];
  const more = [
    { destination: "/tmp", type: "tmpfs", source: "tmpfs", options: ["mode=755"] },
    { destination: "/tmp/for/it", type: "bind", source, options: ["bind"] },
  ];
  const { client } = daemon;
  await client.call("container.create", {
    id: "c",
    spec: { ...spec, mounts: [...mounts, ...more] },
  });
  await client.call("container.start", { id: "c" });
  assert.equal((await daemon.exitOf("c")).exitStatus, 0);
});

Deno.test("daemon: the state directory is laid out as documented, for root's eyes only", async () => {
  // Whatever umask it was started with.
  const [command = "", ...args] = program();
  await using daemon = await TestDaemon.start({
    program: ["sh", "-c", 'umask 000; exec "$@"', "sh", command, ...args],
  });
  const { client, state } = daemon;
  // All that berth would put in where it is left out.
  const spec = daemon.spec(["sleep", "1000"], { process: { oomScoreAdj: 0, terminal: false } });
  const labels = { app: "web", tier: "" };
  const { pid, bundle } = await client.call("container.create", { id: "c", spec, labels });
  await client.call("container.start", { id: "c" });
  assert.equal(bundle, `${state}/linux/c`);
  for (
    const [path, expected] of [
      ["", "700"],
      ["/berth.sock", "600"],
      ["/linux", "700"],
      ["/oci", "700"],
      ["/linux/c", "700"],
      ["/linux/c/config.json", "600"],
      ["/linux/c/berth.json", "600"],
      ["/linux/c/shim.json", "600"],
      ["/linux/c/shim.sock", "600"],
    ] as const
  ) assert.equal(mode(`${state}${path}`), expected, path);

  const record = readJson(`${bundle}/berth.json`);
  assert.equal(record.id, "c");
  assert.equal(record.runtime, "runc");
  assert.equal(record.runtimeRoot, `${state}/oci`);
  assert.deepEqual(record.labels, labels);
  const container = await daemon.stateOf("c");
  assert.equal(record.instance, container.instance);
  assert.equal(record.createdAt, container.createdAt);
  assert.deepEqual(container.labels, labels);
  assert.deepEqual(readJson(`${bundle}/config.json`), spec, "as given");
  const shim = readJson(`${bundle}/shim.json`);
  assert.equal(shim.pid, container.shimPid);
  assert.equal(shim.startTime, readProcess(container.shimPid)?.startTime);
  assert.equal(shim.protocol, PROTOCOL);
  assert.equal((await Deno.readTextFile(`${bundle}/init.pid`)).trim(), `${pid}`);
  assert.ok(Deno.statSync(`${bundle}/shim.log`).isFile);
  await assert.rejects(Deno.stat(`${bundle}/exit.json`), Deno.errors.NotFound);

  await client.call("container.kill", { id: "c", signal: "KILL" });
  const exit = await daemon.exitOf("c");
  assert.deepEqual(readJson(`${bundle}/exit.json`), {
    instance: container.instance,
    pid,
    ...exit,
  });
  await client.call("container.delete", { id: "c" });
  assert.deepEqual([...Deno.readDirSync(`${state}/linux`)], []);
  assert.deepEqual([...Deno.readDirSync(`${state}/oci`)], []);
});

Deno.test("daemon: a shim is in a session of its own, away from the daemon's files and directory", async () => {
  await using daemon = await TestDaemon.start();
  await daemon.run("c", ["sleep", "1000"]);
  const { shimPid } = await daemon.stateOf("c");
  const stat = Deno.readTextFileSync(`/proc/${shimPid}/stat`);
  const [, , group, session] = stat.slice(stat.lastIndexOf(")") + 2).split(" ").map(Number);
  assert.equal(session, shimPid);
  assert.equal(group, shimPid);
  assert.equal(Deno.readLinkSync(`/proc/${shimPid}/cwd`), "/");
  for (const fd of [0, 1]) {
    assert.equal(Deno.readLinkSync(`/proc/${shimPid}/fd/${fd}`), "/dev/null");
  }
  assert.equal(Deno.readLinkSync(`/proc/${shimPid}/fd/2`), `${daemon.state}/linux/c/shim.log`);
  await daemon.remove("c");
});

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  Deno.test(`daemon: ${signal} stops the daemon cleanly and leaves containers running`, async () => {
    await using daemon = await TestDaemon.start();
    const pid = await daemon.run("c", ["sleep", "1000"]);
    const before = await daemon.stateOf("c");
    using subscriber = await daemon.connect();
    await subscriber.call("events.subscribe", {});
    daemon.signal(signal);
    const status = await daemon.exited();
    assert.equal(status.code, 0);
    assert.equal(status.signal, null);
    await subscriber.closed;
    await assert.rejects(Deno.lstat(daemon.socket), Deno.errors.NotFound);
    assert.match(daemon.log, new RegExp(`${signal}, shutting down; 1 containers keep running`));
    // Not before it sleeps: it may be still on its way there.
    await until("the sleeping process", () => readProcess(pid)?.state === "S");

    await daemon.start();
    await daemon.connected("c");
    const after = await daemon.stateOf("c");
    assert.deepEqual(after, before);
    assert.equal((await daemon.remove("c")).pid, pid);
  });
}

Deno.test("daemon: a socket file that a killed daemon has left is no obstacle", async () => {
  await using daemon = await TestDaemon.start();
  await daemon.kill9();
  assert.ok(Deno.lstatSync(daemon.socket).isSocket);
  await daemon.start();
  assert.equal(await daemon.life("c"), 0);
});

Deno.test("daemon: the log has one line per change of a container, and at debug each call of the runtime", async () => {
  await using daemon = await TestDaemon.start({ args: ["--log-level", "debug"] });
  await daemon.life("my-container");
  const lines = daemon.log.split("\n").filter((line) => line.includes("my-container"));
  for (const change of ["create", "start", "exit", "delete"]) {
    const found = lines.filter((line) => new RegExp(`my-container: ${change} pid \\d+`).test(line));
    assert.equal(found.length, 1, `${change} in\n${daemon.log}`);
  }
  for (const subcommand of ["create", "delete"]) {
    const call = new RegExp(`${subcommand} my-container: status 0 after [\\d.]+ ms`);
    // A shim tells of the call, which may come behind the answer to what it was for.
    await until(`${subcommand} in the log`, () => call.test(daemon.log));
  }
});

Deno.test("daemon: a warning of the runtime's is in the daemon's log, with the container's id", async () => {
  await using daemon = await TestDaemon.start();
  const wrapper = RuntimeWrapper.create(daemon.dir);
  const line = JSON.stringify({ level: "warning", msg: "beware", time: "2000-01-01T00:00:00Z" });
  wrapper.rule("create", `printf '%s\\n' '${line}' >>"$log"`);
  const spec = daemon.spec(["true"]);
  await daemon.client.call("container.create", { id: "c", spec, runtime: wrapper.path });
  await until(
    "the warning",
    () => /\[wrn\] berth\.runtime: .?c.?: .?create.?: .?beware/.test(daemon.log),
  );
});

for (const which of ["state", "root"] as const) {
  for (
    const [how, change] of [
      ["is another user's", (dir: string) => Deno.chownSync(dir, 65534, 65534)],
      ["others may write to", (dir: string) => Deno.chmodSync(dir, 0o770)],
    ] as const
  ) {
    Deno.test(`daemon: a ${which} directory that ${how} is refused`, async () => {
      await using daemon = TestDaemon.prepare();
      const dir = daemon[which];
      Deno.mkdirSync(dir, { mode: 0o700 });
      change(dir);
      await assert.rejects(daemon.start(), (error: Error) => error.message.includes(dir));
      assert.deepEqual([...Deno.readDirSync(dir)], []);
    });
    Deno.test(`daemon: a ${which} directory below one that ${how} is refused`, async () => {
      await using daemon = TestDaemon.prepare();
      using above = new TempDir();
      Deno.mkdirSync(`${above.path}/own`, { mode: 0o700 });
      change(above.path);
      // A group may write above.
      if (how === "others may write to") Deno.chmodSync(above.path, 0o707);
      const refused = cli(daemon, [
        "daemon",
        ...["state", "root"].flatMap((name) => [
          `--${name}`,
          name === which ? `${above.path}/own` : `${daemon.dir}/${name}`,
        ]),
      ]);
      const { code, stderr } = await refused;
      assert.notEqual(code, 0);
      assert.ok(stderr.includes(`the directory ${above.path}, above ${above.path}/own, `), stderr);
    });
  }
}

Deno.test("daemon: at info the runtime's calls are not logged; as JSON each line is an object", async () => {
  await using daemon = await TestDaemon.start({ config: '[log]\nformat = "json"' });
  await daemon.life("c");
  await daemon.stop();
  const records = daemon.log.trim().split("\n").map((line) => JSON.parse(line));
  for (const record of records) {
    assert.match(record["@timestamp"], /^\d{4}-/);
    assert.equal(typeof record.level, "string");
    assert.equal(typeof record.message, "string");
    assert.notEqual(record.level, "DEBUG");
  }
  const changes = records.filter((record) => record.properties?.id === "c");
  assert.deepEqual(
    changes.map((record) => record.properties.type),
    ["create", "start", "exit", "delete"],
  );
});

Deno.test("daemon: as JSON, a value stands in the message as it is, quoted by nobody", async () => {
  await using daemon = await TestDaemon.start({ config: '[log]\nformat = "json"' });
  const wrapper = RuntimeWrapper.create(daemon.dir);
  const warning = 'a "quoted" word, a back\\slash and\ta tab';
  const line = JSON.stringify({ level: "warning", msg: warning });
  wrapper.rule("create", `printf '%s\\n' '${line}' >>"$log"`);
  const { client } = daemon;
  await client.call("container.create", {
    id: "c",
    spec: daemon.spec(["true"]),
    runtime: wrapper.path,
  });
  await client.call("container.delete", { id: "c" });
  await daemon.stop();
  const records = daemon.log.trim().split("\n").map((record) => JSON.parse(record));
  const [logged] = records.filter((record) => record.properties?.warning !== undefined);
  assert.equal(logged?.message, `c: create: ${warning}`);
  assert.equal(logged.properties.warning, warning);
});

Deno.test("daemon: the runtime may be a path, for the daemon or for one container", async () => {
  const runc = findCommand("runc");
  assert.ok(runc);
  await using daemon = await TestDaemon.start({
    config: `[runtime]\nruntime = ${JSON.stringify(runc)}`,
  });
  const { client } = daemon;
  const wrapper = RuntimeWrapper.create(daemon.dir);
  assert.equal(await daemon.life("a"), 0);
  assert.equal((await client.call("daemon.info", {})).runtime.path, runc);
  await client.call("container.create", {
    id: "b",
    spec: daemon.spec(["true"]),
    runtime: wrapper.path,
  });
  assert.equal((await daemon.stateOf("b")).runtime, wrapper.path);
  await client.call("container.start", { id: "b" });
  await daemon.exitOf("b");
  await client.call("container.delete", { id: "b" });
  const subcommands = wrapper.calls().map(({ subcommand }) => subcommand);
  assert.deepEqual(subcommands, ["create", "start", "delete"], "no call that is not needed");
  for (const { args } of wrapper.calls()) {
    assert.ok(args.join(" ").includes(`--root ${daemon.state}/oci`), args.join(" "));
  }
});

Deno.test("daemon: what is wrong with the daemon's arguments is told as with any other verb", async () => {
  await using daemon = TestDaemon.prepare();
  for (const first of [[], ["--socket", "/nowhere/s"]]) {
    const { code, stderr } = await cli(daemon, [...first, "daemon", "--no-such-option"]);
    assert.equal(code, 125);
    assert.equal(stderr, "berth: unknown option '--no-such-option'\n");
    const help = await cli(daemon, [...first, "daemon", "--help"]);
    assert.equal(help.code, 0);
    assert.match(help.stdout, /^Usage: berth daemon /);
  }
});

Deno.test("daemon: the daemon listens on the socket that is given before the verb", async () => {
  await using daemon = TestDaemon.prepare();
  const socket = `${daemon.dir}/s`;
  const args = ["--socket", socket, "daemon", "--config", daemon.configFile];
  await using child = cliCommand(daemon, args, {
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  await until("its socket", async () => {
    return (await cli(daemon, ["--socket", socket, "ps"])).code === 0;
  });
  child.kill("SIGTERM");
  assert.equal((await child.status).code, 0);
});

Deno.test("daemon: a config that does not fit stops the start with one line that says where", async () => {
  await using daemon = TestDaemon.prepare();
  const file = `${daemon.dir}/bad.toml`;
  for (
    const [text, words] of [
      ["[runtime]\nrun_time = 'runc'", /bad\.toml.*runtime\.run_time/],
      ["[log]\nlevel = 'loud'", /bad\.toml.*log\.level/],
      ["state = 7", /bad\.toml.*state/],
      ["state = '/x'\n[socket\nmode = '0600'", /bad\.toml.*2/],
    ] as const
  ) {
    await Deno.writeTextFile(file, text);
    const argv = [...program(), "daemon", "--config", file, "--root", `${daemon.dir}/root`];
    const { code, stderr } = await output(argv, { cwd: daemon.dir });
    assert.equal(code, 125, stderr);
    assert.match(stderr, words);
    assert.doesNotMatch(stderr, /\n\s+at /);
  }
});

Deno.test("daemon: no shim looks on the network for a newer Deno", async () => {
  await using daemon = await TestDaemon.start();
  await daemon.run("quiet", ["sleep", "1000"]);
  const { shimPid } = await daemon.stateOf("quiet");
  const environment = Deno.readTextFileSync(`/proc/${shimPid}/environ`).split("\0");
  assert.ok(environment.includes("DENO_NO_UPDATE_CHECK=1"));
});
