// SPDX-License-Identifier: MIT
// Reads the options of the runtime.
import { decode } from "../protobuf/codec.ts";
import type { Decoded } from "../protobuf/fields.ts";
import { RuncCreateOptions, RuncOptions, RuntimeOptions } from "../messages/options.ts";
import type { Any } from "../messages/types.ts";
import type { HostUser } from "../../oci/bundle_layout.ts";
import { InvalidParamsError } from "../../rpc/errors.ts";
import { messageOf } from "../../error_text.ts";

/** The options of the runtime of a container, however a client gives them. */
export interface TaskOptions {
  /** Name or path of the OCI runtime. */
  readonly binaryName: string;
  /** Directory below which the runtime keeps its states, by namespace. */
  readonly root: string;
  readonly noPivotRoot: boolean;
  readonly noNewKeyring: boolean;
  readonly systemdCgroup: boolean;
  /** The cgroup that the shim itself is to be in. */
  readonly shimCgroup: string;
  /** The owner of the FIFOs. */
  readonly io: HostUser;
  readonly criuWorkPath: string;
}

/** Where runtimes keep their states where nothing else is said: operators look there with runc. */
const DEFAULT_ROOT = "/run/containerd/runc";

type RuncValues = Partial<Decoded<typeof RuncOptions>>;

const READERS: Readonly<Record<string, (value: Uint8Array) => RuncValues | Promise<RuncValues>>> = {
  "containerd.runc.v1.Options": (value) => decode(RuncOptions, value),
  "containerd.linux.runc.CreateOptions": (value) => decode(RuncCreateOptions, value),
  "runtimeoptions.v1.Options": (value) => readToml(decode(RuntimeOptions, value)),
};

/** Returns whether options of this type say anything to this shim. */
export function isKnownOptions(typeUrl: string): boolean {
  return Object.hasOwn(READERS, nameOf(typeUrl));
}

/** Returns the name in a type URL, behind a prefix that ends in a slash (google.protobuf.Any). */
function nameOf(typeUrl: string): string {
  return typeUrl.slice(typeUrl.lastIndexOf("/") + 1);
}

/**
 * Reads the options of a container. Those of types that are not known here say nothing.
 *
 * @throws {InvalidParamsError} if they are damaged.
 */
export async function readOptions(options: Decoded<typeof Any> | undefined): Promise<TaskOptions> {
  const reader = options === undefined ? undefined : READERS[nameOf(options.type_url)];
  let values: RuncValues = {};
  try {
    if (options !== undefined && reader !== undefined) values = await reader(options.value);
  } catch (error) {
    const message = `cannot be read: ${messageOf(error)}`;
    throw new InvalidParamsError(`options ${message}`, [{ path: "options", message }], {
      cause: error,
    });
  }
  return {
    binaryName: values.binary_name || "runc",
    root: values.root || DEFAULT_ROOT,
    noPivotRoot: values.no_pivot_root ?? false,
    noNewKeyring: values.no_new_keyring ?? false,
    systemdCgroup: values.systemd_cgroup ?? false,
    shimCgroup: values.shim_cgroup ?? "",
    io: { uid: values.io_uid ?? 0, gid: values.io_gid ?? 0 },
    criuWorkPath: values.criu_work_path ?? "",
  };
}

/** The fields of the messages by their names in a section of a TOML file. */
const TOML_KEYS: Readonly<Record<string, keyof RuncValues>> = {
  NoPivotRoot: "no_pivot_root",
  NoNewKeyring: "no_new_keyring",
  ShimCgroup: "shim_cgroup",
  IoUid: "io_uid",
  IoGid: "io_gid",
  BinaryName: "binary_name",
  Root: "root",
  SystemdCgroup: "systemd_cgroup",
  CriuWorkPath: "criu_work_path",
};

/** Reads the options that CRI hands on of its configuration: as TOML, or as the path of a file. */
async function readToml(
  { config_body, config_path }: Decoded<typeof RuntimeOptions>,
): Promise<RuncValues> {
  const text = config_body.length > 0
    ? new TextDecoder().decode(config_body)
    : config_path === ""
    ? ""
    : Deno.readTextFileSync(config_path);
  if (text.trim() === "") return {};
  const { parse } = await import("smol-toml");
  const found: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(parse(text))) {
    const name = TOML_KEYS[key];
    if (name !== undefined) found[name] = value;
  }
  return checked(found);
}

/** Checks the types of values: another type than the message has would stay unnoticed otherwise. */
function checked(found: Readonly<Record<string, unknown>>): RuncValues {
  const zero = decode(RuncOptions, new Uint8Array());
  for (const [name, value] of Object.entries(found)) {
    const like = zero[name as keyof RuncValues];
    if (typeof value !== typeof like) throw new TypeError(`${name} is no ${typeof like}`);
  }
  return found;
}
