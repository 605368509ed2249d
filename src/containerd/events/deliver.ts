// SPDX-License-Identifier: MIT
// Delivers events to containerd, over its socket or by its program.
import { memfd, OwnedFd, writeAll } from "../../linux/fd/fd.ts";
import type { Spawn } from "../../oci/driver/spawn.ts";
import { SIGKILL } from "../../linux/process/signals.ts";
import { UnavailableError } from "../../rpc/errors.ts";
import { isServed } from "../../rpc/transport/socket_file.ts";
import { withSocketPath } from "../../linux/fd/unix_path.ts";
import { ForwardRequest } from "../messages/events.ts";
import { Any } from "../messages/types.ts";
import { encode } from "../protobuf/codec.ts";
import { timestampOf } from "../messages/time.ts";
import { TtrpcClient } from "../ttrpc/client.ts";
import { CODE, TtrpcError } from "../ttrpc/messages.ts";
import type { Deliver, QueuedEvent } from "./forwarder.ts";

/** containerd's service that takes events. */
const SERVICE = "containerd.services.events.ttrpc.v1.Events";

/** Delivers events over containerd's ttrpc socket at `path`, dialing anew where that ended. */
export function overTtrpc(path: string, namespace: string): Deliver & Disposable {
  let client: TtrpcClient | undefined;
  const deliver: Deliver = async ({ topic, type, value, time }, signal) => {
    client ??= new TtrpcClient(await connect(path));
    const event = { type_url: type, value };
    const envelope = { timestamp: timestampOf(time), namespace, topic, event };
    const payload = encode(ForwardRequest, { envelope });
    try {
      await client.call({ service: SERVICE, method: "Forward", payload, signal });
    } catch (error) {
      // Whatever it was, the next try begins with a connection that is known to be good.
      if (!(error instanceof TtrpcError) || error.code === CODE.unavailable) {
        client[Symbol.dispose]();
        client = undefined;
      }
      throw error;
    }
  };
  return Object.assign(deliver, { [Symbol.dispose]: () => client?.[Symbol.dispose]() });
}

async function connect(path: string): Promise<Deno.UnixConn> {
  const address = path.replace(/^unix:\/\//, "");
  return await withSocketPath(
    address,
    (short) => Deno.connect({ transport: "unix", path: short }),
  );
}

/** How containerd's own program is called to publish an event. */
export interface PublishOptions {
  readonly binary: string;
  /** containerd's gRPC socket. */
  readonly address: string;
  readonly namespace: string;
  readonly spawn: Spawn;
}

/**
 * Delivers events by containerd's own program, where it has no ttrpc socket. The program is killed
 * when it takes longer than an event may. Where it fails although a process accepts connections at
 * containerd's socket, that is a refusal, of which the tries are bounded.
 */
export function byProgram({ binary, address, namespace, spawn }: PublishOptions): Deliver {
  return async ({ topic, type, value }: QueuedEvent, signal) => {
    using input = new OwnedFd(memfd("event"));
    writeAll(input.fd, encode(Any, { type_url: type, value }));
    using stdin = OwnedFd.open(`/proc/self/fd/${input.fd}`, 0);
    const argv = [binary, "-address", address, "publish", "-topic", topic, "-namespace", namespace];
    const child = spawn(argv, { stdin: stdin.fd });
    const kill = () => child.kill(SIGKILL);
    signal.addEventListener("abort", kill, { once: true });
    const { status, signal: killed } = await child.exited;
    signal.removeEventListener("abort", kill);
    if (status === 0) return;
    const message = `${binary} publish ended with ${status}`;
    const refused = killed === undefined && await isServed(address.replace(/^unix:\/\//, ""));
    throw refused ? new TtrpcError(CODE.unknown, message) : new UnavailableError(message);
  };
}
