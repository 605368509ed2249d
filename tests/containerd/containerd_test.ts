// SPDX-License-Identifier: MIT
//
// A real containerd with its own directories, driven by ctr, whose containers berth's shim runs.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { ContainerdDaemon } from "../../scripts/bench/containerd_daemon.ts";
import { testNeeding } from "../../scripts/test_needing.ts";
import { hasEnded, isGone, killIfThere, processesOf, signalChild } from "../harness/processes.ts";
import { until, within } from "../harness/poll.ts";
import { rootfsDir } from "../harness/rootfs.ts";
import { baseName, runCgroup, runDir, uniqueName } from "../harness/run.ts";
import { installShim } from "../harness/containerd/shim_program.ts";
import { sweep } from "../harness/leaks/sweep.ts";
import { mountsOf } from "../harness/leaks/traces.ts";

/** A containerd that finds berth's shim in its PATH. */
class TestContainerd implements AsyncDisposable {
  readonly dir: string;
  readonly daemon: ContainerdDaemon;
  readonly #cgroup: string;

  private constructor(dir: string, daemon: ContainerdDaemon, cgroup: string) {
    this.dir = dir;
    this.daemon = daemon;
    this.#cgroup = cgroup;
  }

  static async start(): Promise<TestContainerd> {
    const name = uniqueName("ctd");
    const dir = `${runDir()}/${name}`;
    Deno.mkdirSync(`${dir}/bin`, { recursive: true });
    installShim(`${dir}/bin`);
    // CRI hands such a file on, too. Runtimes of all containerds keep their states in one place else.
    const root = JSON.stringify(`${dir}/oci`);
    Deno.writeTextFileSync(`${dir}/runtime.toml`, `BinaryName = "runc"\nRoot = ${root}\n`);
    const PATH = `${dir}/bin:${Deno.env.get("PATH")}`;
    const daemon = await ContainerdDaemon.start(`${dir}/${name}`, `${dir}/state`, { PATH });
    return new TestContainerd(dir, daemon, `${runCgroup()}/${name}`);
  }

  /** Runs ctr; what it wrote and its exit status. */
  async ctr(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
    const child = new Deno.Command("ctr", {
      args: ["-a", this.daemon.socket, ...args],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    });
    const { code, stdout, stderr } = await within(`ctr ${args.join(" ")}`, child.output());
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { code, stdout: text(stdout), stderr: text(stderr) };
  }

  /** As {@linkcode ctr}; throws where that fails. */
  async ok(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.ctr(...args);
    if (code !== 0) throw new Error(`ctr ${args.join(" ")}: ${code} ${stderr}\n${this.log}`);
    return stdout;
  }

  /** Runs a container with ctr. */
  async run(id: string, args: readonly string[], ...flags: string[]) {
    const runtime = ["--runtime", "io.containerd.berth.v2"];
    const config = ["--runtime-config-path", `${this.dir}/runtime.toml`];
    const all = [...runtime, ...config, "--fifo-dir", `${this.dir}/fifo`];
    const cgroup = ["--cgroup", `/${this.#cgroup}/${id}`, "--env", "PATH=/bin"];
    return await this.ctr("run", ...all, ...cgroup, ...flags, "--rootfs", rootfsDir(), id, ...args);
  }

  /** Runs a container in the background, and throws where that fails. */
  async runOk(id: string, args: readonly string[], ...flags: string[]): Promise<void> {
    const { code, stderr } = await this.run(id, args, "-d", ...flags);
    if (code !== 0) throw new Error(`ctr run ${id}: ${code} ${stderr}\n${this.log}`);
  }

  /** The text of its log. */
  get log(): string {
    return Deno.readTextFileSync(`${this.daemon.dir}/log`);
  }

  /** The status of a task as ctr lists it. */
  async status(id: string): Promise<string> {
    const list = await this.ok("task", "ls");
    return new RegExp(`^${id}\\s+\\d+\\s+(\\w+)`, "m").exec(list)?.[1] ?? "none";
  }

  shims(): { pid: number; command: string }[] {
    return processesOf(baseName(this.dir))
      .filter(({ command, state }) => state !== "Z" && / serve \d+ /.test(command));
  }

  /** The topics of the events that one container has, from now on until the result is disposed. */
  async events(id: string): Promise<{ topics: () => string[] } & AsyncDisposable> {
    const path = `${this.dir}/${uniqueName("events")}`;
    const child = new Deno.Command("sh", {
      args: ["-c", 'exec ctr -a "$1" events >"$2"', "sh", this.daemon.socket, path],
      stdin: "null",
    }).spawn();
    // It says nothing before the first event: so there is one, again and again.
    const probe = uniqueName("ns");
    await until("the events of ctr", async () => {
      await this.ctr("namespaces", "create", `${probe}${Math.random().toString(36).slice(2)}`);
      return existsSync(path) && Deno.readTextFileSync(path).includes(probe);
    });
    return {
      topics: () =>
        Deno.readTextFileSync(path).split("\n")
          .filter((line) => line.includes(`"container_id":"${id}"`))
          .map((line) => /\/tasks\/([\w-]+)/.exec(line)?.[1] ?? ""),
      [Symbol.asyncDispose]: async () => {
        signalChild(child, "SIGTERM");
        await child.status;
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.daemon[Symbol.asyncDispose]();
    await sweep({ dir: this.dir, cgroup: this.#cgroup });
  }
}

const needed = (name: string, body: () => Promise<void>) =>
  testNeeding(["containerd", "ctr"], `containerd: ${name}`, body);

needed("a life through ctr is told in order and leaves nothing", async () => {
  await using containerd = await TestContainerd.start();
  await using events = await containerd.events("c");
  const { code, stdout } = await containerd.run("c", ["sh", "-c", "echo hello; exit 7"], "--rm");
  assert.deepEqual([code, stdout], [7, "hello\n"]);
  await until("the last event", () => events.topics().at(-1) === "delete");
  assert.deepEqual(events.topics(), ["create", "start", "exit", "delete"]);
  await until("the end of the shim", () => containerd.shims().length === 0);
  assert.deepEqual(mountsOf(baseName(containerd.dir)), []);
  const missing = await containerd.run("c", ["nosuch"], "--rm");
  const word =
    /: OCI runtime create failed: runc create failed: .*"nosuch": executable file not found/;
  assert.match(missing.stderr, word);
});

needed("exec, figures, a pause and a kill through ctr", async () => {
  await using containerd = await TestContainerd.start();
  await containerd.runOk("c", ["sleep", "1000"]);
  const fifos = ["--fifo-dir", `${containerd.dir}/fifo`];
  const exec = await containerd.ctr(
    ...["task", "exec", ...fifos, "--exec-id", "e", "c", "sh", "-c", "echo in; exit 3"],
  );
  assert.deepEqual([exec.code, exec.stdout], [3, "in\n"]);
  const none = await containerd.ctr("task", "exec", ...fifos, "--exec-id", "n", "c", "nosuch");
  assert.match(
    none.stderr,
    / OCI runtime exec failed: exec failed: .*"nosuch": executable file not/,
  );
  // The runtime's own process, with its threads, has yet to become the container's.
  await until(
    "a single thread",
    async () => /pids\.current\s+1\s/.test(await containerd.ok("task", "metrics", "c")),
  );
  await containerd.ok("task", "pause", "c");
  assert.equal(await containerd.status("c"), "PAUSED");
  await containerd.ok("task", "resume", "c");
  await containerd.ok("task", "kill", "-s", "KILL", "c");
  await until("the exit", async () => await containerd.status("c") === "STOPPED");
  assert.match((await containerd.ctr("task", "delete", "c")).stderr, /137/);
});

needed("an exec reads a stdin that ends before the exec was added, and its end", async () => {
  await using containerd = await TestContainerd.start();
  await containerd.runOk("c", ["sleep", "1000"]);
  for (let round = 0; round < 8; round++) {
    const args = ["task", "exec", "--fifo-dir", `${containerd.dir}/fifo`, "--exec-id", `e${round}`];
    const child = new Deno.Command("sh", {
      args: [
        "-c",
        'echo hi | exec ctr "$@"',
        "sh",
        "-a",
        containerd.daemon.socket,
        ...args,
        "c",
        "cat",
      ],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    });
    const { code, stdout } = await within("an exec of cat", child.output());
    assert.deepEqual([code, new TextDecoder().decode(stdout)], [0, "hi\n"]);
  }
  await containerd.ok("task", "rm", "-f", "c");
  await containerd.ok("container", "rm", "c");
});

needed("containers and their exits outlive a containerd that is killed", async () => {
  await using containerd = await TestContainerd.start();
  await containerd.runOk("lives", ["sleep", "1000"]);
  await containerd.run(
    "ends",
    ["sh", "-c", "while [ ! -e /tmp/go ]; do sleep 0.05; done; exit 6"],
    "-d",
  );
  const [, pid] = /^ends\s+(\d+)/m.exec(await containerd.ok("task", "ls")) ?? [];
  await containerd.daemon.end("SIGKILL");
  Deno.writeTextFileSync(`/proc/${pid}/root/tmp/go`, "");
  await until(
    "the end of the container",
    () => isGone(Number(pid)),
  );
  await containerd.daemon.spawn();
  await until("the exit", async () => await containerd.status("ends") === "STOPPED");
  assert.match((await containerd.ctr("task", "delete", "ends")).stderr, /exit code 6|code 6/);
  assert.equal(await containerd.status("lives"), "RUNNING");
  const exec = await containerd.ctr(
    ...["task", "exec", "--fifo-dir", `${containerd.dir}/fifo`, "--exec-id", "e", "lives"],
    ...["echo", "still"],
  );
  assert.equal(exec.stdout, "still\n");
});

needed("a shim that is killed takes its container along, which is told", async () => {
  await using containerd = await TestContainerd.start();
  await containerd.runOk("c", ["sleep", "1000"]);
  const [, pid] = /^c\s+(\d+)/m.exec(await containerd.ok("task", "ls")) ?? [];
  await using events = await containerd.events("c");
  killIfThere(...containerd.shims().map(({ pid }) => pid));
  await until("the last event", () => events.topics().at(-1) === "delete");
  assert.deepEqual(events.topics(), ["exit", "delete"]);
  assert.ok(hasEnded(Number(pid)));
  // It publishes the events before it forgets the task.
  await until("its removal", async () => await containerd.status("c") === "none");
  assert.deepEqual(mountsOf(baseName(containerd.dir)), []);
});

needed("output goes to a file whose directory is made", async () => {
  await using containerd = await TestContainerd.start();
  const log = `${containerd.dir}/logs/of/c`;
  await containerd.run(
    "c",
    ["sh", "-c", "echo out; echo err >&2"],
    "-d",
    "--log-uri",
    `file://${log}`,
  );
  await until("the output", () => existsSync(log) && Deno.readTextFileSync(log) === "out\nerr\n");
});
