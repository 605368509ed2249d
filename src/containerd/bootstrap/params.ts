// SPDX-License-Identifier: MIT
// Reads the input of `start`, and finds the group of a container.
import { decode } from "../protobuf/codec.ts";
import type { Decoded } from "../protobuf/fields.ts";
import { ProtobufError } from "../protobuf/wire.ts";
import { BootstrapParams } from "../messages/bootstrap.ts";
import { Any } from "../messages/types.ts";
import { isRecord } from "../../rpc/is_record.ts";
import type { ShimFlags } from "../flags.ts";
import { isKnownOptions } from "../task/options.ts";

/** Where containerd's shims have their sockets, unless it says another directory. */
const SOCKET_DIR = "/run/containerd/s";

/** Annotations that name the group of a container; the first that is there counts. */
const GROUP_ANNOTATIONS = ["io.containerd.runc.v2.group", "io.kubernetes.cri.sandbox-id"];

/** The input of `start`, whichever the version of containerd. */
export interface Bootstrap {
  /** Whether it is 2.3 or later, which takes more than an address for an answer. */
  readonly structured: boolean;
  /** Directory of shims' sockets. */
  readonly socketDir: string;
  /** containerd's ttrpc socket, where the input names it. */
  readonly ttrpcAddress: string | undefined;
  /** The options of the runtime, where they were given. */
  readonly options: Decoded<typeof Any> | undefined;
}

/**
 * Reads the stdin of `start`: nothing, the runtime's options, or, since containerd 2.3, params that
 * repeat the flags. Options decode as params, too, which then do not fit the flags.
 */
export function readBootstrap(
  input: Uint8Array,
  { id, namespace }: Pick<ShimFlags, "id" | "namespace">,
): Bootstrap {
  const none = {
    structured: false,
    socketDir: SOCKET_DIR,
    ttrpcAddress: undefined,
    options: undefined,
  };
  if (input.length === 0) return none;
  const params = tryDecode(BootstrapParams, input);
  if (params?.instance_id !== id || params.namespace !== namespace) {
    return { ...none, options: tryDecode(Any, input) };
  }
  const values = params.extensions.flatMap(({ value }) => value ?? []);
  return {
    structured: true,
    socketDir: params.socket_dir || SOCKET_DIR,
    ttrpcAddress: params.containerd_ttrpc_address || undefined,
    options: values.find(({ type_url }) => isKnownOptions(type_url)),
  };
}

/** Decodes a message; undefined if it is none, as nothing later needs it. */
function tryDecode<M extends typeof BootstrapParams | typeof Any>(
  type: M,
  input: Uint8Array,
): Decoded<M> | undefined {
  try {
    return decode(type, input);
  } catch (error) {
    if (error instanceof ProtobufError) return undefined;
    throw error;
  }
}

/** Returns the group of a container, all of which one shim serves: its pod, or its own id. */
export function groupOf(config: unknown, id: string): string {
  const annotations = isRecord(config) ? config["annotations"] : undefined;
  for (const name of GROUP_ANNOTATIONS) {
    const group = isRecord(annotations) ? annotations[name] : undefined;
    if (typeof group === "string" && group !== "") return group;
  }
  return id;
}
