// SPDX-License-Identifier: MIT
import { TestDaemon } from "../../tests/harness/daemon.ts";
import { makeFifo } from "../../tests/harness/fifo.ts";
import { until } from "../../tests/harness/poll.ts";
import { rootfsDir } from "../../tests/harness/rootfs.ts";
import { dial } from "../../src/rpc/client.ts";
import type { Peer } from "../../src/rpc/peer.ts";
import { isRecord, toWire } from "../../src/rpc/to_wire.ts";
import { example } from "./examples.ts";
import type { Example, Examples } from "./examples.ts";
import { Normaliser } from "./normalise.ts";

/** Runs every example against a daemon of its own, with real containers; answers what it has seen. */
export async function recordExamples(): Promise<Examples> {
  await using daemon = await TestDaemon.start();
  const fifo = makeFifo(daemon.dir);
  const normaliser = new Normaliser({
    [fifo]: "/run/user/0/web.stdin",
    [daemon.state]: "/run/berth",
    [daemon.root]: "/var/lib/berth",
    [rootfsDir()]: "/srv/rootfs",
    [daemon.dir]: "/srv",
    [daemon.cgroup]: "berth",
  });
  const recorder = new Recorder(daemon.peer, normaliser);
  const events = collect(daemon.peer, "events.event", normaliser);
  await recordDaemon(recorder, daemon, fifo);

  const shim = new Recorder(await recordedShim(daemon), normaliser);
  const shimEvents = collect(shim.peer, "shim.event", normaliser);
  await recordShim(shim);
  shim.peer.close();
  return {
    daemon: recorder.examples,
    event: await until("an exit event", () => events.find((event) => typeOf(event) === "exit")),
    shim: shim.examples,
    shimEvent: await until("an event of the shim", () => shimEvents[0]),
  };
}

async function recordDaemon(recorder: Recorder, daemon: TestDaemon, fifo: string): Promise<void> {
  const spec = {
    ociVersion: "1.0.2",
    process: { args: ["sleep", "600"], cwd: "/", env: ["PATH=/bin"], user: { uid: 0, gid: 0 } },
    root: { path: rootfsDir(), readonly: true },
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      { destination: "/dev", type: "tmpfs", source: "tmpfs" },
      { destination: "/dev/pts", type: "devpts", source: "devpts", options: ["newinstance"] },
    ],
    linux: {
      namespaces: [{ type: "pid" }, { type: "mount" }, { type: "ipc" }, { type: "uts" }],
      cgroupsPath: `/${daemon.cgroup}/web`,
    },
  };
  const id = "web";
  await recorder.call("daemon.info", {});
  const subscribed = await recorder.call("events.subscribe", { after: 0, ids: [id] });
  const stdout = `file://${daemon.root}/web.log`;
  await recorder.call("container.create", {
    id,
    spec,
    stdin: fifo,
    stdout,
    labels: { app: "shop" },
  });
  await recorder.call("container.start", { id });
  await recorder.call("container.exec", {
    id,
    execId: "shell",
    process: { args: ["cat"] },
    terminal: true,
  });
  await recorder.call("container.resizePty", { id, execId: "shell", width: 80, height: 24 });
  await recorder.call("container.state", { id });
  await recorder.call("container.list", {});
  await recorder.call("container.pids", { id });
  await recorder.call("container.kill", { id, execId: "shell", signal: "SIGKILL" });
  await recorder.call("container.wait", { id, execId: "shell" });
  await recorder.call("container.deleteProcess", { id, execId: "shell" });
  await recorder.call("container.closeStdin", { id });
  await recorder.call("container.update", { id, resources: { memory: { limit: 64 << 20 } } });
  await recorder.call("container.stats", { id });
  await recorder.call("container.pause", { id });
  await recorder.call("container.resume", { id });
  await recorder.call("container.checkpoint", { id, path: `${daemon.root}/checkpoints/web` });
  await recorder.call("container.delete", { id, force: true });
  const subscription = isRecord(subscribed) ? subscribed.subscription : undefined;
  await recorder.call("events.unsubscribe", { subscription });
}

/** A connection to the shim of a container that has just been created. */
async function recordedShim(daemon: TestDaemon): Promise<Peer> {
  const spec = daemon.spec(["sleep", "600"]);
  const { bundle } = await daemon.client.call("container.create", { id: "direct", spec });
  return await dial(`${bundle}/shim.sock`, { timeoutMs: 30_000 });
}

async function recordShim(recorder: Recorder): Promise<void> {
  await recorder.call("shim.connect", {});
  await recorder.call("shim.start", {});
  await recorder.call("shim.exec", { execId: "job", process: { args: ["sleep", "600"] } });
  await recorder.call("shim.events", { after: 0 });
  await recorder.call("shim.state", {});
  await recorder.call("shim.pids", {});
  await recorder.call("shim.kill", { signal: "KILL", all: true });
  await recorder.call("shim.wait", {});
}

/** Calls, and keeps what was sent and what came back. */
class Recorder {
  readonly peer: Peer;
  readonly examples: Example[] = [];
  readonly #normaliser: Normaliser;

  constructor(peer: Peer, normaliser: Normaliser) {
    this.peer = peer;
    this.#normaliser = normaliser;
  }

  /** Answers the result as it came; undefined for an error, which is an example too. */
  async call(method: string, params: Record<string, unknown>): Promise<unknown> {
    const answer = await this.#answer(method, params);
    this.examples.push(example.parse(this.#normaliser.apply({ method, params, ...answer })));
    return "result" in answer ? answer.result : undefined;
  }

  async #answer(
    method: string,
    params: unknown,
  ): Promise<{ result: unknown } | { error: unknown }> {
    try {
      return { result: await this.peer.call(method, params, { timeoutMs: 60_000 }) };
    } catch (error) {
      return { error: toWire(error) };
    }
  }
}

function collect(peer: Peer, method: string, normaliser: Normaliser): unknown[] {
  const seen: unknown[] = [];
  peer.onNotification(method, (params) => seen.push(normaliser.apply(params)));
  return seen;
}

function typeOf(notification: unknown): unknown {
  const event = isRecord(notification) ? notification.event : undefined;
  return isRecord(event) ? event.type : undefined;
}
