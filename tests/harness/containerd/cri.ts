// SPDX-License-Identifier: MIT
import { existsSync } from "node:fs";
import { ContainerdDaemon } from "../../../scripts/bench/containerd_daemon.ts";
import { GrpcConnection, loadApi, type Message } from "../../../scripts/bench/grpc.ts";
import { run } from "../command.ts";
import { busyboxLayer, makeImage } from "../images/images.ts";
import { sweep } from "../leaks/sweep.ts";
import { until } from "../poll.ts";
import { processesOf, processName } from "../processes.ts";
import { baseName, runCgroup, runDir, uniqueName } from "../run.ts";
import { installShim } from "./shim_program.ts";

const CRI = loadApi(new URL("./cri.proto", import.meta.url).pathname, {
  scope: "cri",
  packages: { RuntimeService: "runtime.v1", ImageService: "runtime.v1" },
});

/** Namespaces that containers of a pod have in common, have for themselves, or have from the host. */
export const NAMESPACE = { pod: 0, container: 1, node: 2 } as const;

/** States of containers in CRI's enum. */
export const CRI_STATE = { created: 0, running: 1, exited: 2 } as const;

/** The options of a container of a pod besides its command. */
export interface CriContainerOptions {
  /** One of {@linkcode NAMESPACE}. */
  readonly pid?: number;
  /** In bytes. */
  readonly memory?: number;
}

/** How an exec has ended. */
export interface CriExec {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

/**
 * A containerd with its CRI plugin, as kubelet drives it, whose pods berth's shim runs. Pods have the
 * host's network, for which no CNI plugin is needed.
 */
export class CriContainerd implements AsyncDisposable {
  readonly dir: string;
  readonly daemon: ContainerdDaemon;
  readonly #cgroup: string;
  #connection: GrpcConnection;

  private constructor(dir: string, cgroup: string, daemon: ContainerdDaemon) {
    this.dir = dir;
    this.daemon = daemon;
    this.#cgroup = cgroup;
    this.#connection = new GrpcConnection(daemon.socket, CRI);
  }

  /** Starts one that has an image of busybox. */
  static async start(): Promise<CriContainerd> {
    const name = uniqueName("cri");
    const dir = `${runDir()}/${name}`;
    Deno.mkdirSync(`${dir}/bin`, { recursive: true });
    installShim(`${dir}/bin`);
    const PATH = `${dir}/bin:${Deno.env.get("PATH")}`;
    const config = pluginConfig(dir);
    const daemon = await ContainerdDaemon.start(`${dir}/${name}`, `${dir}/state`, { PATH }, config);
    const containerd = new CriContainerd(dir, `${runCgroup()}/${name}`, daemon);
    await containerd.#importImage();
    return containerd;
  }

  async #importImage(): Promise<void> {
    const config = { Cmd: ["sleep", "1000000"], Env: ["PATH=/bin"] };
    const layout = await makeImage(this.dir, { layers: [await busyboxLayer(this.dir)], config });
    const [, path = ""] = layout.split(":");
    await run(["tar", "-C", path, "-cf", `${path}.tar`, "."]);
    const ctr = ["ctr", "-a", this.daemon.socket, "-n", "k8s.io"];
    await run([...ctr, "images", "import", "--base-name", IMAGE_NAME, `${path}.tar`]);
    await until("the image", async () => {
      const { images } = await this.call("ListImages", {}, "ImageService");
      return Array.isArray(images) && images.some(({ repo_tags }) => repo_tags.includes(IMAGE));
    });
  }

  /** Calls a method of CRI. */
  async call(method: string, request: Message, service = "RuntimeService"): Promise<Message> {
    return await this.#connection.call(service, method, request);
  }

  /** SIGKILL to containerd. */
  async crash(): Promise<void> {
    this.#connection[Symbol.dispose]();
    await this.daemon.end("SIGKILL");
  }

  /** Starts it again; resolves when its CRI plugin answers. */
  async restart(): Promise<void> {
    await this.daemon.spawn();
    this.#connection = new GrpcConnection(this.daemon.socket, CRI);
    await until("CRI", async () => {
      try {
        await this.call("ListImages", {}, "ImageService");
        return true;
      } catch {
        // Its plugins are not initialized yet.
        return false;
      }
    });
  }

  /** Runs a pod without containers; its id. */
  async runPod(name: string): Promise<string> {
    const { pod_sandbox_id } = await this.call("RunPodSandbox", { config: this.#pod(name) });
    return String(pod_sandbox_id);
  }

  #pod(name: string): Message {
    const { pod, node } = NAMESPACE;
    return {
      metadata: { name, uid: name, namespace: "test" },
      log_directory: `${this.dir}/logs`,
      linux: {
        cgroup_parent: `/${this.#cgroup}`,
        security_context: { namespace_options: { network: node, pid: pod, ipc: pod } },
      },
    };
  }

  /** Creates and starts a container that runs `command` in a pod; its id. */
  async run(
    pod: string,
    name: string,
    command: readonly string[],
    { pid = NAMESPACE.container, memory = 0 }: CriContainerOptions = {},
  ): Promise<string> {
    const namespace_options = { network: NAMESPACE.node, pid, ipc: NAMESPACE.pod };
    const { container_id } = await this.call("CreateContainer", {
      pod_sandbox_id: pod,
      sandbox_config: this.#pod("pod"),
      config: {
        metadata: { name },
        image: { image: IMAGE },
        command,
        log_path: name,
        linux: {
          resources: { memory_limit_in_bytes: memory },
          security_context: { namespace_options },
        },
      },
    });
    await this.call("StartContainer", { container_id });
    return String(container_id);
  }

  /** The log of a container, without the times. */
  log(name: string): string[] {
    const path = `${this.dir}/logs/${name}`;
    const text = existsSync(path) ? Deno.readTextFileSync(path) : "";
    return text.split("\n").filter((line) => line !== "").map((line) => line.replace(/^\S+ /, ""));
  }

  /** State, exit code and reason of a container. */
  async status(id: string): Promise<{ state: number; exitCode: number; reason: string }> {
    const { status } = await this.call("ContainerStatus", { container_id: id });
    const { state, exit_code, reason } = fieldsOf(status);
    return { state: Number(state), exitCode: Number(exit_code), reason: String(reason) };
  }

  /** Waits until a container has exited; its status. */
  async exited(id: string) {
    return await until(`the exit of ${id}`, async () => {
      const status = await this.status(id);
      return status.state === CRI_STATE.exited && status;
    });
  }

  /** Runs a command in a container, to its end. */
  async exec(id: string, cmd: readonly string[], timeout = 0): Promise<CriExec> {
    const answer = await this.call("ExecSync", { container_id: id, cmd, timeout });
    const text = (name: string) => {
      const bytes = answer[name];
      return bytes instanceof Uint8Array ? new TextDecoder().decode(bytes) : "";
    };
    return {
      stdout: text("stdout"),
      stderr: text("stderr"),
      exitCode: Number(answer["exit_code"]),
    };
  }

  /** The pids of the shims that live. */
  shimPids(): number[] {
    return processesOf(baseName(this.dir))
      .filter(({ pid, state }) => state !== "Z" && processName(pid) === "berth-shim")
      .map(({ pid }) => pid);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#connection[Symbol.dispose]();
    await this.daemon[Symbol.asyncDispose]();
    await sweep({ dir: this.dir, cgroup: this.#cgroup });
  }
}

/** Returns the fields of a message within a message. */
export function fieldsOf(message: unknown): Message {
  if (typeof message !== "object" || message === null) throw new TypeError("no message");
  return { ...message };
}

const IMAGE_NAME = "docker.io/library/berth-cri";

/** The image of all containers, pods' own, too. */
const IMAGE = `${IMAGE_NAME}:latest`;

/** Containers keep to the OOM score of containerd: a lower one takes CAP_SYS_RESOURCE. */
function pluginConfig(dir: string): string {
  const text = (value: string) => JSON.stringify(value);
  const section = (path: string) => `[plugins."io.containerd.grpc.v1.cri"${path}]`;
  return `${section("")}
  sandbox_image = ${text(IMAGE)}
  stream_server_port = "0"
  restrict_oom_score_adj = true
${section(".cni")}
  bin_dir = ${text(`${dir}/cni`)}
  conf_dir = ${text(`${dir}/cni`)}
${section(".containerd")}
  default_runtime_name = "berth"
${section(".containerd.runtimes.berth")}
  runtime_type = "io.containerd.berth.v2"
${section(".containerd.runtimes.berth.options")}
  BinaryName = "runc"
  Root = ${text(`${dir}/oci`)}
`;
}
