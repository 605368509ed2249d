// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { StandIn } from "../harness/stand_in.ts";
import { FileLock } from "../../src/linux/fd/file_lock.ts";
import { cli, cliCommand, ok } from "../harness/cli.ts";
import type { TestDaemon } from "../harness/daemon.ts";
import {
  busyboxLayer,
  cgroupArgs as cgroup,
  imageTest as test,
  layerOf,
  makeImage,
  startForImages,
} from "../harness/images/images.ts";
import { until, within } from "../harness/poll.ts";
import { killIfThere, listProcesses, processesOf, signalChild } from "../harness/processes.ts";
import { PtyProcess } from "../harness/io/pty.ts";
import { baseName, program } from "../harness/run.ts";
import { namesIn } from "../harness/leaks/traces.ts";
import { RuntimeWrapper } from "../harness/runtime/runtime_wrapper.ts";

/** A registry on the loopback interface that takes connections and never answers. */
class SilentRegistry implements Disposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #connections: Deno.TcpConn[] = [];
  readonly image = `127.0.0.1:${this.#listener.addr.port}/image`;

  constructor() {
    this.#accept();
  }

  async #accept(): Promise<void> {
    for await (const connection of this.#listener) this.#connections.push(connection);
  }

  get connections(): number {
    return this.#connections.length;
  }

  [Symbol.dispose](): void {
    this.#listener.close();
    for (const connection of this.#connections) connection.close();
  }
}

test("images signals: SIGTERM, SIGINT and SIGHUP end a pull, whichever command pulls, and its skopeo", async () => {
  await using daemon = await startForImages();
  using registry = new SilentRegistry();
  const { image } = registry;
  const skopeos = () =>
    processesOf(baseName(daemon.dir)).filter(({ command }) => /^(\S*\/)?skopeo /.test(command));
  const cases = [
    [["pull", "--creds", "user:hidden", image], "SIGTERM", 143],
    [["pull", image], "SIGHUP", 129],
    [["run", "--rm", ...cgroup(daemon), image], "SIGTERM", 143],
    [["run", "--rm", ...cgroup(daemon), image], "SIGINT", 130],
    [["run", "-d", ...cgroup(daemon), image], "SIGINT", 130],
    [["create", ...cgroup(daemon), image], "SIGTERM", 143],
  ] as const;
  for (const [args, signal, code] of cases) {
    const before = registry.connections;
    const child = cliCommand(daemon, args, { stdin: "null", stdout: "piped", stderr: "piped" })
      .spawn();
    await until("the pull", () => registry.connections > before && skopeos().length > 0);
    // Credentials are for nobody else to see: every user may read command lines.
    for (const { command } of skopeos()) assert.doesNotMatch(command, /hidden/);
    for (const { name } of Deno.readDirSync(`${daemon.root}/images/tmp`)) {
      if (!args.includes("--creds")) continue;
      const { mode } = Deno.statSync(`${daemon.root}/images/tmp/${name}/auth.json`);
      assert.equal((mode ?? 0) & 0o777, 0o600);
    }
    child.kill(signal);
    const output = await within(`the end of ${args[0]}`, child.output());
    const stderr = new TextDecoder().decode(output.stderr);
    assert.deepEqual(
      [output.code, stderr, new TextDecoder().decode(output.stdout)],
      [code, `Pulling ${image}:latest\nberth: ended by ${signal}\n`, ""],
      args.join(" "),
    );
    assert.deepEqual(skopeos(), [], args.join(" "));
    assert.deepEqual([...Deno.readDirSync(`${daemon.root}/images/tmp`)], []);
  }
  assert.equal(await ok(daemon, "ps", "-aq"), "");
});

test("images signals: a signal to run -d that makes its container leaves nothing of it, nor of the image's view", async () => {
  await using daemon = await startForImages();
  const layers = [await busyboxLayer(daemon.dir), layerOf(daemon.dir, { f: "second" })];
  const name = await makeImage(daemon.dir, { layers, config: { Cmd: ["sleep", "1000"] } });
  const image = (await ok(daemon, "pull", "-q", name)).trim();
  const wrapper = RuntimeWrapper.create(daemon.dir);
  const args = ["run", "-d", "--network", "none", "--runtime", wrapper.path, ...cgroup(daemon)];
  for (const subcommand of ["create", "start"]) {
    const calls = wrapper.calls(subcommand).length;
    const release = wrapper.hang(subcommand);
    const child = cliCommand(daemon, [...args, image], { stdin: "null", stderr: "piped" }).spawn();
    await wrapper.called(subcommand, calls + 1);
    child.kill("SIGTERM");
    release();
    wrapper.clear();
    const { code, stderr } = await within("its end", child.output());
    assert.deepEqual([code, new TextDecoder().decode(stderr)], [143, "berth: ended by SIGTERM\n"]);
    assert.deepEqual(await daemon.containerIds(), []);
    for (const dir of ["images/tmp", "overlay", "etc", "logs"]) {
      assert.deepEqual(namesIn(`${daemon.root}/${dir}`), [], dir);
    }
  }
});

test("images signals: a load and an import that wait for their input end by a signal", async () => {
  await using daemon = await startForImages();
  for (const args of [["load"], ["import", "-", "name"]]) {
    const child = cliCommand(daemon, args, { stdin: "piped", stdout: "null", stderr: "piped" })
      .spawn();
    const temporary = `${daemon.root}/images/tmp`;
    await until("the copy", () => {
      try {
        return [...Deno.readDirSync(temporary)].length > 0;
      } catch {
        // The store is not there yet.
        return false;
      }
    });
    child.kill("SIGTERM");
    const { code, stderr } = await within(`the end of ${args[0]}`, child.output());
    assert.deepEqual([code, new TextDecoder().decode(stderr)], [143, "berth: ended by SIGTERM\n"]);
    assert.deepEqual([...Deno.readDirSync(temporary)], []);
    await child.stdin.close();
  }
});

test("images signals: a second Ctrl-C ends a pull whose skopeo does not heed the first, and the next command cleans up", async () => {
  await using daemon = await startForImages();
  using skopeo = new StandIn(
    "skopeo",
    'trap "" TERM\n: >"$TMPDIR/half"\necho Copying blob sha256:1\nexec sleep 1000',
  );
  const env = { BERTH_SOCKET: daemon.socket, ...skopeo.env };
  const temporary = `${daemon.root}/images/tmp`;
  const stuck = () =>
    processesOf(baseName(daemon.dir)).filter(({ command }) => command === "sleep 1000");
  for (
    const args of [["pull", "example.org/a"], ["run", "--rm", ...cgroup(daemon), "example.org/a"]]
  ) {
    await using terminal = new PtyProcess([...program(), ...args], { env, cwd: daemon.dir });
    try {
      await terminal.shows("Pulling example.org/a:latest: layer 1");
      await until("skopeo's sleep", () => stuck().length > 0);
      let ended = false;
      const code = terminal.exited().finally(() => ended = true);
      // Two that come at once are one signal.
      await until("the end", () => {
        if (!ended) terminal.type("\x03");
        return ended;
      });
      assert.notEqual(await code, 0);
      assert.equal(namesIn(temporary).length, 1, "what skopeo was writing");
      assert.equal(await ok(daemon, "images", "-q"), "");
      assert.deepEqual(namesIn(temporary), [], "after the next command");
    } finally {
      killIfThere(...stuck().map(({ pid }) => pid));
    }
  }
  assert.equal(await ok(daemon, "ps", "-aq"), "");
});

test("images signals: a pull whose registry hangs keeps no rmi and no prune waiting, and the layers go with its end", async () => {
  await using daemon = await startForImages();
  using registry = new SilentRegistry();
  const base = await busyboxLayer(daemon.dir);
  const makeNext = async (text: string) => {
    const layers = [base, layerOf(daemon.dir, { f: text })];
    const image = await makeImage(daemon.dir, { layers });
    await ok(daemon, "pull", image);
    const [{ id }] = JSON.parse(`[${await ok(daemon, "image", "inspect", "--json", image)}]`);
    return { image, id: String(id) };
  };
  const removed = await makeNext("removed");
  const pruned = await makeNext("pruned");
  const again = await makeNext("again");
  const layers = () =>
    namesIn(`${daemon.root}/images/storage/overlay`).filter((name) => name.length === 64).length;
  assert.equal(layers(), 4);
  const both = [removed, again].map(({ id }) => id.slice(0, 12)).join(", ");
  const pull = cliCommand(daemon, ["pull", registry.image], { stdout: "null", stderr: "null" })
    .spawn();
  try {
    await until("the pull", () => registry.connections > 0);
    const first = await within("rmi", cli(daemon, ["rmi", removed.image, again.image]));
    assert.deepEqual(first, {
      code: 0,
      stdout: `Untagged: ${removed.image}\nUntagged: ${again.image}\n`,
      stderr:
        `The layers of ${both} are removed when the pull or the run that is under way has ended.\n`,
    });
    // Whoever wants one again has it, with the layers that are still there.
    await ok(daemon, "pull", again.image);
    await ok(daemon, "create", ...cgroup(daemon), "--name", "user", again.image, "true");
    const second = await within("prune", cli(daemon, ["image", "prune", "--all"]));
    assert.equal(second.code, 0, second.stderr);
    assert.equal(second.stdout, `Untagged: ${pruned.image}\n`);
    assert.ok(second.stderr.includes(pruned.id.slice(0, 12)), second.stderr);
    assert.equal(layers(), 4, "a pull may be about to use them");
  } finally {
    // Where it has ended by itself, the test has failed already.
    signalChild(pull, "SIGTERM");
    await pull.status;
  }
  assert.equal(await ok(daemon, "images", "-q", "--no-trunc"), `${again.id}\n`);
  assert.equal(layers(), 2);
  assert.deepEqual(namesIn(`${daemon.root}/images/removed`), []);
  assert.equal(await ok(daemon, "start", "--attach", "user"), "");
  await ok(daemon, "rm", "--force", "user");
  await ok(daemon, "image", "prune", "--all");
  assert.equal(layers(), 0);
});

test("images signals: skopeo dies with a pull that is killed", async () => {
  await using daemon = await startForImages();
  using registry = new SilentRegistry();
  const pull = cliCommand(daemon, ["pull", registry.image], { stdout: "null", stderr: "null" })
    .spawn();
  await until("the pull", () => registry.connections > 0);
  const skopeo = () => listProcesses().filter(({ command }) => command.includes(registry.image));
  assert.ok(skopeo().some(({ command }) => command.startsWith("skopeo")), "skopeo is known by it");
  pull.kill("SIGKILL");
  await pull.status;
  await until("all of it is gone", () => skopeo().length === 0);
});

test("images signals: what was started to ignore SIGHUP, as by nohup, is not ended by one", async () => {
  await using daemon = await startForImages();
  using registry = new SilentRegistry();
  const pull = ignoringHangup(daemon, ["pull", registry.image]);
  const pulled = pull.output();
  try {
    await until("the pull", () => registry.connections > 0);
    signalChild(pull, "SIGHUP");
  } finally {
    signalChild(pull, "SIGTERM");
  }
  assert.equal((await within("the end of pull", pulled)).code, 128 + 15);
  assert.deepEqual(namesIn(`${daemon.root}/images/tmp`), []);

  const image = await makeImage(daemon.dir, {
    layers: [await busyboxLayer(daemon.dir)],
    config: { Cmd: ["true"] },
  });
  using other = new DisposableStack();
  other.use(await FileLock.lock(daemon.root, { directory: true }));
  const create = ignoringHangup(
    daemon,
    ["create", "--pull", "always", "--userns", "auto", ...cgroup(daemon), image],
  );
  const read = async () => {
    let said = "";
    for await (const text of create.stderr.pipeThrough(new TextDecoderStream())) {
      said += text;
      // The second of what a signal ends: the image is there.
      if (other.disposed || !said.includes("Waiting for another command")) continue;
      signalChild(create, "SIGHUP");
      other.dispose();
    }
    return said;
  };
  const said = await within("the end of create", read());
  // Whether it comes to a container depends on the machine's /etc/subuid.
  assert.notEqual((await create.status).code, 128 + 1, said);
  assert.doesNotMatch(said, /ended by/);
});

/** Starts the command with SIGHUP ignored. */
function ignoringHangup(daemon: TestDaemon, args: string[]): Deno.ChildProcess {
  return new Deno.Command("sh", {
    args: ["-c", 'trap "" HUP; exec "$@"', "sh", ...program(), ...args],
    env: { BERTH_SOCKET: daemon.socket },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
}
