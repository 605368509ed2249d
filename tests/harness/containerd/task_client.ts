// SPDX-License-Identifier: MIT
import * as task from "../../../src/containerd/messages/task.ts";
import { Empty } from "../../../src/containerd/messages/types.ts";
import { decode, encode } from "../../../src/containerd/protobuf/codec.ts";
import type { Decoded, Encodable, MessageType } from "../../../src/containerd/protobuf/fields.ts";
import { TtrpcClient } from "../../../src/containerd/ttrpc/client.ts";
import type { JsonObject } from "../rootfs.ts";

/** The fields of a Create beside those that the bundle gives, and what is merged over the spec. */
export interface TaskCreateOptions
  extends Omit<Encodable<typeof task.CreateRequest>, "id" | "bundle"> {
  readonly override?: JsonObject;
}

/** A connection to a shim, about one container. */
export class TaskClient implements Disposable {
  readonly id: string;
  readonly address: string;
  readonly #bundle: string;
  readonly #options: { readonly type_url: string; readonly value: Uint8Array };
  readonly #client: TtrpcClient;

  private constructor(
    conn: Deno.Conn,
    address: string,
    id: string,
    bundle: string,
    options: { type_url: string; value: Uint8Array },
  ) {
    this.#client = new TtrpcClient(conn);
    this.address = address;
    this.id = id;
    this.#bundle = bundle;
    this.#options = options;
  }

  static async connect(
    address: string,
    id: string,
    bundle: string,
    options: { type_url: string; value: Uint8Array },
  ): Promise<TaskClient> {
    const conn = await Deno.connect({ transport: "unix", path: address });
    return new TaskClient(conn, address, id, bundle, options);
  }

  /** One more connection, about another container of the same shim. */
  async another(id: string, bundle: string): Promise<TaskClient> {
    return await TaskClient.connect(this.address, id, bundle, this.#options);
  }

  /** Calls a method of the Task service about this container. */
  async call<Q extends MessageType, R extends MessageType>(
    method: string,
    request: Q,
    response: R,
    values: Encodable<Q>,
    service = "containerd.task.v3.Task",
  ): Promise<Decoded<R>> {
    const payload = encode(request, { id: this.id, ...values });
    return decode(response, await this.#client.call({ service, method, payload }));
  }

  create(values: Omit<TaskCreateOptions, "override"> = {}) {
    const request = { bundle: this.#bundle, options: this.#options, ...values };
    return this.call("Create", task.CreateRequest, task.PidResponse, request);
  }

  start(exec_id = "") {
    return this.call("Start", task.ProcessRequest, task.PidResponse, { exec_id });
  }

  state(exec_id = "") {
    return this.call("State", task.ProcessRequest, task.StateResponse, { exec_id });
  }

  wait(exec_id = "") {
    return this.call("Wait", task.ProcessRequest, task.WaitResponse, { exec_id });
  }

  delete(exec_id = "") {
    return this.call("Delete", task.ProcessRequest, task.DeleteResponse, { exec_id });
  }

  kill(signal: number, exec_id = "", all = false) {
    return this.call("Kill", task.KillRequest, Empty, { signal, exec_id, all });
  }

  pids() {
    return this.call("Pids", task.ContainerRequest, task.PidsResponse, {});
  }

  /** Adds an exec that runs `args`. */
  exec(
    exec_id: string,
    args: readonly string[],
    values: Encodable<typeof task.ExecProcessRequest> = {},
  ) {
    const process = {
      args,
      cwd: "/",
      env: ["PATH=/bin"],
      user: { uid: 0, gid: 0 },
      terminal: values.terminal === true,
    };
    const value = new TextEncoder().encode(JSON.stringify(process));
    const type_url = "types.containerd.io/opencontainers/runtime-spec/1/Process";
    return this.call("Exec", task.ExecProcessRequest, Empty, {
      exec_id,
      spec: { type_url, value },
      ...values,
    });
  }

  shutdown() {
    return this.call("Shutdown", task.ShutdownRequest, Empty, {});
  }

  [Symbol.dispose](): void {
    this.#client[Symbol.dispose]();
  }
}
