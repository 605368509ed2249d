// SPDX-License-Identifier: MIT
// The option `--userns`, and the choice of a free range of ids.
import { InvalidArgumentError } from "commander";
import { parseIdMappings, type UserNamespace } from "../../oci/user_namespace/id_mapping.ts";
import {
  freeUserNamespace,
  remapTo,
  type SubordinateFiles,
} from "../../oci/user_namespace/subordinate_ids.ts";
import { FileLock } from "../../linux/fd/file_lock.ts";
import { EACCES, isErrno } from "../../linux/libc/errno.ts";
import type { ContainerState } from "../../rpc/contract/schemas.ts";
import { CliError } from "../common/exit_status.ts";
import { interruptible } from "../common/interruptible.ts";
import { USERNS_LABEL } from "../common/labels.ts";
import { printStderr } from "../text/print.ts";
import type { NetworkMode, SharedWith } from "./namespaces.ts";

/** A wait for another create is told after so long, ms: most last no longer. */
const QUIET_MS = 1000;

/** The value of `--userns`. */
export type UserNamespaceMode = "host" | "auto" | UserNamespace;

/** Parses `--userns`: host, auto, or a map of users and groups. */
export function parseUserNamespace(text: string): UserNamespaceMode {
  if (text === "host" || text === "auto") return text;
  const mappings = parseIdMappings(text);
  if (mappings === undefined) {
    throw new InvalidArgumentError(
      "expected host, auto, or CONTAINER:HOST:SIZE[,…] with id 0 of the container in it",
    );
  }
  return { uidMappings: mappings, gidMappings: mappings };
}

/** Returns every container there is. */
type ListContainers = () => Promise<readonly Pick<ContainerState, "labels">[]>;

/** The daemon's settings for user namespaces, and where subordinate ids are listed. */
export interface FindOptions {
  /** The daemon's root directory. */
  readonly root: string;
  /** The user whose subordinate ids containers get that ask for nothing else. Default: none. */
  readonly remap: string | undefined;
  /** Where the ranges stand. Default: in /etc. */
  readonly files?: SubordinateFiles;
}

/** The options that concern the user namespace. */
export interface UserNamespaceOptions {
  readonly userns?: UserNamespaceMode;
  readonly privileged?: true;
  readonly network?: NetworkMode;
  readonly pid?: SharedWith;
  readonly ipc?: SharedWith;
}

/** Which user namespaces containers get, as the options say. */
export class UserNamespaces implements Disposable {
  readonly #choose: (id: string) => Promise<UserNamespace | undefined>;
  #lock: FileLock | undefined;

  private constructor(mode: UserNamespaceMode, list: ListContainers, options: FindOptions) {
    const { root, files } = options;
    this.#choose = async (id) => {
      if (mode === "host") return undefined;
      if (mode !== "auto") return mode;
      this.#lock ??= await lockRanges(root);
      const taken = new Set((await list()).map(({ labels }) => Number(labels[USERNS_LABEL])));
      return freeUserNamespace(id, taken, files);
    };
  }

  /**
   * Reads what the options and the config ask for. `list` is called when a range is chosen.
   *
   * @throws {CliError} where the options do not go together.
   */
  static find(
    list: ListContainers,
    options: UserNamespaceOptions,
    found: FindOptions,
  ): UserNamespaces {
    const { remap } = found;
    const mode = options.userns ?? (remap === undefined ? "host" : remapTo(remap, found.files));
    if (mode !== "host") refuseShared(options);
    return new UserNamespaces(mode, list, found);
  }

  /**
   * Returns the user namespace of a container by its id; undefined if it has the host's. A range of
   * `auto` is nobody else's until this is disposed of, which is to be done when the container is there.
   */
  choose(id: string): Promise<UserNamespace | undefined> {
    return this.#choose(id);
  }

  [Symbol.dispose](): void {
    this.#lock?.[Symbol.dispose]();
    this.#lock = undefined;
  }
}

/**
 * Keeps others from choosing a range at the same time: two would see it free, and both take it. Whoever
 * may not read the daemon's root directory chooses without.
 *
 * @throws {CliError} if a signal ends the wait.
 */
async function lockRanges(root: string): Promise<FileLock | undefined> {
  const sayWait = () =>
    printStderr("Waiting for another command to create its container with --userns auto.");
  const timer = setTimeout(sayWait, QUIET_MS);
  try {
    return await interruptible((signal) => FileLock.lock(root, { directory: true, signal }));
  } catch (error) {
    if (isErrno(error, EACCES)) return undefined;
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** Refuses, as docker does, to share namespaces of the host: they would not obey the container's root. */
function refuseShared({ privileged, network, pid, ipc }: UserNamespaceOptions): void {
  const sharesContainer = typeof network === "object" && "container" in network;
  const shared = [
    ...privileged ? ["--privileged"] : [],
    ...network === "host" || sharesContainer ? ["--network"] : [],
    ...pid !== undefined && pid !== "private" ? ["--pid"] : [],
    ...ipc !== undefined && ipc !== "private" ? ["--ipc"] : [],
  ];
  if (shared.length === 0) return;
  throw new CliError(
    `a container with a user namespace of its own cannot share what belongs to the host's: ` +
      `leave out ${shared.join(", ")}, or give --userns host`,
  );
}
