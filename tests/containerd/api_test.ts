// SPDX-License-Identifier: MIT
//
// A real containerd with its own directories, driven over its gRPC API, whose containers berth's shim
// runs: what ctr has no command for.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { writeScript } from "../harness/stand_in.ts";
import { ContainerdDaemon } from "../../scripts/bench/containerd_daemon.ts";
import { encode, GrpcConnection, type Message } from "../../scripts/bench/grpc.ts";
import { testNeeding } from "../../scripts/test_needing.ts";
import { installShim } from "../harness/containerd/shim_program.ts";
import { FifoReader, FifoWriter, makeFifo } from "../harness/io/fifo.ts";
import { sweep } from "../harness/leaks/sweep.ts";
import { cgroupsOf, mountsOf } from "../harness/leaks/traces.ts";
import { until, within } from "../harness/poll.ts";
import { processesOf } from "../harness/processes.ts";
import { type JsonObject, rootfsDir, spec } from "../harness/rootfs.ts";
import { baseName, runCgroup, runDir, uniqueName } from "../harness/run.ts";
import { crun } from "../harness/runtime/crun.ts";

/** Task states in containerd's enum. */
const CREATED = 1, RUNNING = 2, STOPPED = 3;

const OCI = "types.containerd.io/opencontainers/runtime-spec/1";

function json(type: string, value: unknown): Message {
  return { type_url: `${OCI}/${type}`, value: new TextEncoder().encode(JSON.stringify(value)) };
}

/** The options of a container besides its command. */
interface Options {
  /** The fields of Tasks.Create beside. */
  readonly task?: Message;
  /** Members that are merged over the spec. */
  readonly override?: JsonObject;
  /** The OCI runtime; runc if left out. */
  readonly runtime?: string;
}

/** A containerd that finds berth's shim in its PATH, and a connection to it. */
class Api implements AsyncDisposable {
  readonly dir: string;
  readonly cgroup: string;
  readonly #daemon: ContainerdDaemon;
  readonly #connection: GrpcConnection;
  readonly #processes = new Map<string, object>();

  private constructor(dir: string, cgroup: string, daemon: ContainerdDaemon) {
    this.dir = dir;
    this.cgroup = cgroup;
    this.#daemon = daemon;
    this.#connection = new GrpcConnection(daemon.socket);
  }

  static async start(): Promise<Api> {
    const name = uniqueName("api");
    const dir = `${runDir()}/${name}`;
    Deno.mkdirSync(`${dir}/bin`, { recursive: true });
    installShim(`${dir}/bin`);
    const PATH = `${dir}/bin:${Deno.env.get("PATH")}`;
    const daemon = await ContainerdDaemon.start(`${dir}/${name}`, `${dir}/state`, { PATH });
    return new Api(dir, `${runCgroup()}/${name}`, daemon);
  }

  /** Calls a method of the Tasks service. */
  async tasks(method: string, request: Message): Promise<Message> {
    return await within(method, this.#connection.call("Tasks", method, request));
  }

  /** Makes a container and creates its task. */
  async create(id: string, args: readonly string[], options: Options = {}): Promise<void> {
    const { task = {}, override = {}, runtime = "runc" } = options;
    const config = spec(args, { cgroup: this.cgroup, override });
    this.#processes.set(id, Object(config["process"]));
    const runtimeOptions = {
      type_url: "containerd.runc.v1.Options",
      value: encode("RuncOptions", { binary_name: runtime, root: `${this.dir}/oci` }),
    };
    const container = {
      id,
      runtime: { name: "io.containerd.berth.v2", options: runtimeOptions },
      spec: json("Spec", config),
    };
    await this.#connection.call("Containers", "Create", { container });
    await this.tasks("Create", { container_id: id, options: runtimeOptions, ...task });
  }

  async start(id: string, execId = ""): Promise<void> {
    await this.tasks("Start", { container_id: id, exec_id: execId });
  }

  /** Waits for the exit of a process, and returns its status. */
  async wait(id: string, execId = ""): Promise<unknown> {
    return (await this.tasks("Wait", { container_id: id, exec_id: execId }))["exit_status"];
  }

  /** Adds an exec. */
  async exec(id: string, execId: string, args: readonly string[]): Promise<void> {
    const process = json("Process", { ...this.#processes.get(id), args });
    await this.tasks("Exec", { container_id: id, exec_id: execId, spec: process });
  }

  /** The state of a process, and its pid. */
  async state(id: string, execId = ""): Promise<{ status: unknown; pid: unknown }> {
    const { process } = await this.tasks("Get", { container_id: id, exec_id: execId });
    const { status, pid } = Object(process);
    return { status, pid };
  }

  /** Kills the task if it runs, and removes task and container. */
  async remove(id: string): Promise<void> {
    if ((await this.state(id)).status === RUNNING) {
      const exited = this.wait(id);
      await this.tasks("Kill", { container_id: id, signal: 9 });
      await exited;
    }
    await this.tasks("Delete", { container_id: id });
    await this.#connection.call("Containers", "Delete", { id });
  }

  /** The shims that run. */
  shims(): number {
    return processesOf(baseName(this.dir))
      .filter(({ command, state }) => state !== "Z" && / serve \d+ /.test(command)).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#connection[Symbol.dispose]();
    await this.#daemon[Symbol.asyncDispose]();
    await sweep({ dir: this.dir, cgroup: this.cgroup });
  }
}

testNeeding(
  ["containerd"],
  "containerd api: execs in two steps in a pod of one shim, with new limits",
  async () => {
    await using api = await Api.start();
    const override = { annotations: { "io.containerd.runc.v2.group": "pod" } };
    for (const id of ["pod", "one", "two"]) {
      await api.create(id, ["sleep", "1000"], { override });
      assert.equal((await api.state(id)).status, CREATED);
      await api.start(id);
    }
    // What is started by a shim looks like one for a moment.
    await until("one shim", () => api.shims() === 1);

    await api.exec("one", "e", ["sh", "-c", "exit 3"]);
    assert.deepEqual(await api.state("one", "e"), { status: CREATED, pid: 0 });
    await assert.rejects(api.exec("one", "e", ["true"]), /ALREADY_EXISTS/);
    const exited = api.wait("one", "e");
    await api.start("one", "e");
    assert.equal(await exited, 3);
    assert.equal((await api.state("one", "e")).status, STOPPED);
    const target = { container_id: "one", exec_id: "e" };
    assert.equal((await api.tasks("DeleteProcess", target))["exit_status"], 3);
    await assert.rejects(api.state("one", "e"), /NOT_FOUND/);

    await api.exec("one", "none", ["nosuch"]);
    await assert.rejects(api.start("one", "none"), /"nosuch": executable file not found in \$PATH/);
    assert.deepEqual(await api.state("one", "none"), { status: CREATED, pid: 0 });
    await api.tasks("DeleteProcess", { container_id: "one", exec_id: "none" });

    const limits = () =>
      cgroupsOf(api.cgroup).map((dir) => `${dir}/pids.max`).filter(existsSync)
        .map((path) => Deno.readTextFileSync(path).trim());
    assert.ok(!limits().includes("77"));
    const resources = json("LinuxResources", { pids: { limit: 77 } });
    await api.tasks("Update", { container_id: "two", resources });
    assert.ok(limits().includes("77"));

    for (const id of ["one", "two", "pod"]) await api.remove(id);
    await until("the end of the shim", () => api.shims() === 0);
  },
);

testNeeding(
  ["containerd", "crun"],
  "containerd api: a terminal, a logger, 60 layers, and crun",
  async () => {
    await using api = await Api.start();
    const stdin = makeFifo(api.dir), stdout = makeFifo(api.dir);
    {
      await using reader = new FifoReader(stdout);
      await using writer = new FifoWriter(stdin);
      const script = "tty; read line; echo got $line";
      const task = { stdin, stdout, terminal: true };
      await api.create("tty", ["sh", "-c", script], {
        task,
        override: { process: { terminal: true } },
      });
      const exited = api.wait("tty");
      await api.start("tty");
      await writer.write("a line\n");
      assert.equal(await exited, 0);
      await api.remove("tty");
      const output = await within("its output", reader.text());
      assert.match(output, /\/dev\/pts\/0\r\n/);
      assert.match(output, /got a line\r\n$/);
    }

    const lowers = Array.from({ length: 60 }, (_, n) => `${api.dir}/${"layer".repeat(15)}${n}`);
    for (const dir of lowers) Deno.mkdirSync(dir);
    const lowerdir = `lowerdir=${[...lowers, rootfsDir()].join(":")}`;
    assert.ok(lowerdir.length > 4096);
    const logger = writeScript(`${api.dir}/logger`, 'exec 5>&-\nexec cat <&3 >"$2"');
    const log = `${api.dir}/log`;
    await api.create("layers", ["sh", "-c", "echo logged; exit 4"], {
      task: {
        rootfs: [{ type: "overlay", source: "overlay", options: [lowerdir] }],
        stdout: `binary://${logger}?log=${encodeURIComponent(log)}`,
      },
      override: { root: { path: "rootfs" } },
      runtime: crun(api),
    });
    const exited = api.wait("layers");
    await api.start("layers");
    assert.equal(await exited, 4);
    // The end of the task ends the logger.
    await until("its output", () => existsSync(log) && Deno.readTextFileSync(log) === "logged\n");
    await api.remove("layers");
    await until("the end of the shims", () => api.shims() === 0);
    assert.deepEqual(mountsOf(baseName(api.dir)), []);
  },
);
