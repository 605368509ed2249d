// SPDX-License-Identifier: MIT
import type { SecurityDefaults } from "../../oci/spec/security.ts";
import type { DaemonContract } from "../../rpc/contract/daemon.ts";
import type { ParamsOf } from "../../rpc/contract/method.ts";
import type { NetworkParams } from "../../rpc/contract/schemas/network.ts";
import type { Rootfs } from "../image/rootfs.ts";
import type { ContainerOptions } from "../options/options.ts";
import type { Namespaces } from "../options/namespaces.ts";
import type { UserNamespaces } from "../options/user_namespace.ts";
import type { OptionFiles } from "./option_files.ts";

/** Params of `container.create`. */
export type ContainerCreateParams = ParamsOf<DaemonContract, "container.create">;

/** The options, files and settings that a container is made from. */
export interface CreateInput {
  readonly options: ContainerOptions;
  /** The content of the files that the options name. */
  readonly files: OptionFiles;
  /** The root filesystem, with the command that runs in it. */
  readonly rootfs: Rootfs;
  /** The OCI runtime, a name in PATH or a path. */
  readonly runtime: string;
  /** The daemon's root directory. */
  readonly root: string;
  /** The namespaces that it shares. */
  readonly namespaces: Namespaces;
  /** The network that CNI plugins make, if it gets one. */
  readonly network?: NetworkParams | undefined;
  /** The defaults of the daemon's config for containers. */
  readonly defaults: SecurityDefaults & { readonly openFiles?: number | undefined };
  /** Choose the user namespace of the container. */
  readonly userNamespaces: UserNamespaces;
}

/** Returns the user that the container runs as: the option's, where that is not empty, or the image's. */
export function userOf({ options, rootfs: { image } }: CreateInput): string | undefined {
  return options.user || image?.config.user || undefined;
}
