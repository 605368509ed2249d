// SPDX-License-Identifier: MIT
//
// A docker daemon with its own directories, whose containers berth's shim runs. It is ignored unless
// docker is installed, which `deno task test` does not do: the package starts a service and writes
// rules for iptables. On Debian the programs alone are enough:
//
//   apt-get download docker.io && dpkg -x docker.io_*.deb docker
//   PATH=$PWD/docker/usr/sbin:$PWD/docker/usr/bin:$PATH deno task test tests/containerd/docker_test.ts
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { ContainerdDaemon } from "../../scripts/bench/containerd_daemon.ts";
import { testNeeding } from "../../scripts/test_needing.ts";
import { installShim } from "../harness/containerd/shim_program.ts";
import { sweep } from "../harness/leaks/sweep.ts";
import { mountsOf } from "../harness/leaks/traces.ts";
import { until, within } from "../harness/poll.ts";
import { processesOf, signalChild } from "../harness/processes.ts";
import { rootfsDir } from "../harness/rootfs.ts";
import { baseName, runCgroup, runDir, uniqueName } from "../harness/run.ts";

const IMAGE = "test";

/** Paths that dockerd makes outside of its directories, whatever these are. */
const OUTSIDE = ["/run/docker", "/etc/docker/key.json", "/etc/docker"];

/** The output of a command, and its exit status. */
interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** dockerd on a containerd of its own, without networks, that finds berth's shim in its PATH. */
class TestDocker implements AsyncDisposable {
  readonly dir: string;
  readonly #cgroup: string;
  readonly #containerd: ContainerdDaemon;
  readonly #outside = OUTSIDE.filter((path) => !existsSync(path));
  #dockerd: Deno.ChildProcess | undefined;

  private constructor(dir: string, cgroup: string, containerd: ContainerdDaemon) {
    this.dir = dir;
    this.#cgroup = cgroup;
    this.#containerd = containerd;
  }

  /** Starts both, and makes an image of the root file system of all tests. */
  static async start(): Promise<TestDocker> {
    const name = uniqueName("dck");
    const dir = `${runDir()}/${name}`;
    Deno.mkdirSync(`${dir}/bin`, { recursive: true });
    // docker 20.10 knows no other shim, and the newer ones begin with it.
    installShim(`${dir}/bin`, "containerd-shim-runc-v2");
    const PATH = `${dir}/bin:${Deno.env.get("PATH")}`;
    const containerd = await ContainerdDaemon.start(`${dir}/${name}`, `${dir}/state`, { PATH });
    const docker = new TestDocker(dir, `${runCgroup()}/${name}`, containerd);
    try {
      await docker.#spawn();
      const script = 'tar -C "$0" -c . | docker import - "$1"';
      const made = await docker.#run("sh", ["-c", script, rootfsDir(), IMAGE]);
      assert.equal(made.code, 0, made.stderr);
      return docker;
    } catch (error) {
      await docker[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #spawn(): Promise<void> {
    const args = [
      ...["--containerd", this.#containerd.socket, "--host", this.#host],
      ...["--data-root", `${this.dir}/data`, "--exec-root", `${this.dir}/exec`],
      ...["--pidfile", `${this.dir}/docker.pid`, "--cgroup-parent", `/${this.#cgroup}`],
      ...["--exec-opt", "native.cgroupdriver=cgroupfs", "--storage-driver", "vfs"],
      ...["--bridge", "none", "--iptables=false", "--ip-forward=false", "--ip-masq=false"],
    ];
    // The shell only connects the log file, which Deno.Command cannot, and becomes dockerd.
    this.#dockerd = new Deno.Command("sh", {
      args: ["-c", 'exec dockerd "$@" >>"$0" 2>&1', this.#log, ...args],
      stdin: "null",
    }).spawn();
    let ended = false;
    this.#dockerd.status.then(() => ended = true);
    await until("an answer of dockerd", async () => {
      if (ended) throw new Error(`dockerd ended:\n${Deno.readTextFileSync(this.#log)}`);
      return (await this.docker("version")).code === 0;
    });
  }

  get #host(): string {
    return `unix://${this.dir}/docker.sock`;
  }

  get #log(): string {
    return `${this.dir}/dockerd.log`;
  }

  get #env(): Record<string, string> {
    return { DOCKER_HOST: this.#host, DOCKER_CONFIG: `${this.dir}/config` };
  }

  async #run(command: string, args: readonly string[]): Promise<Said> {
    const child = new Deno.Command(command, { args: [...args], env: this.#env, stdin: "null" });
    const { code, stdout, stderr } = await within(`${command} ${args.join(" ")}`, child.output());
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { code, stdout: text(stdout), stderr: text(stderr) };
  }

  /** Runs docker; what it wrote and its exit status. */
  async docker(...args: string[]): Promise<Said> {
    return await this.#run("docker", args);
  }

  /** As {@linkcode docker}, returns its output; throws where that fails. */
  async ok(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.docker(...args);
    if (code !== 0) throw new Error(`docker ${args.join(" ")}: ${code} ${stderr}`);
    return stdout;
  }

  /** Starts docker with a pipe on each side. */
  start(...args: string[]): Deno.ChildProcess {
    const piped = { stdin: "piped", stdout: "piped", stderr: "null" } as const;
    return new Deno.Command("docker", { args, env: this.#env, ...piped }).spawn();
  }

  /** The shims of berth that run for it. */
  shims(): number[] {
    return processesOf(baseName(this.dir))
      .filter(({ command, state }) => state !== "Z" && / serve \d+ /.test(command))
      .map(({ pid }) => pid);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#dockerd !== undefined) signalChild(this.#dockerd, "SIGTERM");
    await this.#dockerd?.status;
    await this.#containerd[Symbol.asyncDispose]();
    await sweep({ dir: this.dir, cgroup: this.#cgroup });
    for (const path of this.#outside) {
      if (existsSync(path)) Deno.removeSync(path, { recursive: true });
    }
  }
}

const RUN = ["run", "--network", "none"];

testNeeding(
  ["dockerd", "docker", "containerd"],
  "docker: run, exec, attach, logs, stats and stop through berth's shim",
  async () => {
    await using docker = await TestDocker.start();
    const said = await docker.docker(
      ...RUN,
      "--rm",
      IMAGE,
      "sh",
      "-c",
      "echo out; echo err >&2; exit 7",
    );
    assert.deepEqual([said.code, said.stdout, said.stderr], [7, "out\n", "err\n"]);
    const missing = await docker.docker(...RUN, "--rm", IMAGE, "nosuch");
    assert.equal(missing.code, 127);
    assert.match(missing.stderr, /exec: "nosuch": executable file not found in \$PATH/);
    assert.equal(await docker.ok(...RUN, "--rm", "-t", IMAGE, "tty"), "/dev/pts/0\r\n");
    await until("the end of the shims", () => docker.shims().length === 0);

    // It tells on a signal, so its end is its own; what it reads it writes.
    const script =
      "trap 'echo bye; exit 3' TERM; echo ready; while read line; do echo got $line; done";
    await docker.ok(...RUN, "-d", "-i", "--name", "box", IMAGE, "sh", "-c", script);
    await until("one shim", () => docker.shims().length === 1);
    await until(
      "its first line",
      async () => (await docker.docker("logs", "box")).stdout === "ready\n",
    );

    assert.equal(await docker.ok("exec", "box", "echo", "in"), "in\n");
    assert.equal((await docker.docker("exec", "box", "sh", "-c", "exit 5")).code, 5);
    const none = await docker.docker("exec", "box", "nosuch");
    assert.notEqual(none.code, 0);
    assert.match(none.stdout + none.stderr, /"nosuch": executable file not found/);
    const cat = docker.start("exec", "-i", "box", "cat");
    const writer = cat.stdin.getWriter();
    await writer.write(new TextEncoder().encode("through cat"));
    await writer.close();
    const { code, stdout } = await within("docker exec cat", cat.output());
    assert.deepEqual([code, new TextDecoder().decode(stdout)], [0, "through cat"]);

    const attached = docker.start("attach", "box");
    const input = attached.stdin.getWriter();
    await input.write(new TextEncoder().encode("a line\n"));
    await until("the line", async () => (await docker.ok("logs", "box")).includes("got a line\n"));

    const format = ["--no-stream", "--format", "{{.PIDs}} {{.MemUsage}}"];
    assert.match(await docker.ok("stats", ...format, "box"), /^1 [\d.]+[KM]iB \/ /);
    assert.match(await docker.ok("top", "box"), /trap 'echo bye; exit 3' TERM/);
    await docker.ok("pause", "box");
    assert.match(await docker.ok("ps"), /\(Paused\)/);
    await docker.ok("unpause", "box");

    await docker.ok("stop", "box");
    const state = ["inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", "box"];
    assert.equal(await docker.ok(...state), "exited 3\n");
    const output = await within("docker attach", attached.output());
    assert.match(new TextDecoder().decode(output.stdout), /got a line\nbye\n$/);
    assert.equal(output.code, 3);
    await input.close().catch(() => {/* It has ended. */});
    await until("the end of the shim", () => docker.shims().length === 0);

    await docker.ok("start", "box");
    await docker.ok("kill", "box");
    assert.equal(await docker.ok("wait", "box"), "137\n");
    assert.equal(await docker.ok(...state), "exited 137\n");
    await docker.ok("rm", "box");
    await until("the end of the shim", () => docker.shims().length === 0);
    const bundles = mountsOf(baseName(docker.dir)).filter((path) => path.includes("/state/"));
    assert.deepEqual(bundles, []);
  },
);
