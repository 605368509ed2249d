// SPDX-License-Identifier: MIT
import { fdPath, O_DIRECTORY, O_PATH, open, OwnedFd } from "../../linux/fd/fd.ts";
import { errnoNameOf, isRefused } from "../../linux/libc/errno.ts";
import { bundlePaths, type BundleRecord, type HostUser } from "../../oci/bundle_layout.ts";
import { readJson } from "../../oci/json_file.ts";
import type { ContainerState } from "../../rpc/contract/schemas.ts";
import type { DaemonConnection } from "../common/daemon.ts";
import { CliError } from "../common/exit_status.ts";
import { rootPathIn } from "../container/root_path.ts";

/** The root directory of a container, held open. */
export class ContainerRoot implements Disposable {
  readonly #fd: OwnedFd;
  /** The id of the container. */
  readonly id: string;
  /** The host's ids of the container's root user. */
  readonly owner: HostUser;

  private constructor(id: string, fd: OwnedFd, owner: HostUser) {
    this.id = id;
    this.#fd = fd;
    this.owner = owner;
  }

  /**
   * Opens the root directory of a container: of one that has processes as these see it, with all of
   * its mounts; of one that has exited its root filesystem alone.
   *
   * @throws {CliError} if it cannot be reached.
   */
  static async open(daemon: DaemonConnection, id: string): Promise<ContainerRoot> {
    const state = await daemon.call("container.state", { id });
    try {
      if (state.status === "stopped") return ContainerRoot.#ofFilesystem(state);
      const path = `/proc/${state.pid}/root`;
      const fd = new OwnedFd(open(path, O_PATH | O_DIRECTORY));
      const owner = { uid: hostIdOfRoot(state.pid, "uid"), gid: hostIdOfRoot(state.pid, "gid") };
      const root = new ContainerRoot(id, fd, owner);
      // A pid alone proves nothing: had init exited before it was used, it could be another's.
      const now = await daemon.call("container.state", { id });
      if (now.instance === state.instance && now.status !== "stopped") return root;
      root[Symbol.dispose]();
      return await ContainerRoot.open(daemon, id);
    } catch (error) {
      if (!isRefused(error)) throw error;
      throw new CliError(`only root may copy from or to ${id}`, { cause: error });
    }
  }

  static #ofFilesystem(state: ContainerState): ContainerRoot {
    try {
      const fd = new OwnedFd(open(rootfsOf(state), O_PATH | O_DIRECTORY));
      return new ContainerRoot(state.id, fd, { uid: 0, gid: 0 });
    } catch (error) {
      if (errnoNameOf(error) !== "ENOENT") throw error;
      // After a rename or a reboot nothing of it is mounted.
      throw new CliError(
        `${state.id} has no root filesystem before its next start: berth start ${state.id}`,
        { cause: error },
      );
    }
  }

  /** A path of the directory, as long as this is open. */
  get path(): string {
    return fdPath(this.#fd.fd);
  }

  [Symbol.dispose](): void {
    this.#fd[Symbol.dispose]();
  }
}

/** Returns the path of the root filesystem; mounts that were given for it are in the bundle. */
function rootfsOf({ bundle }: ContainerState): string {
  const paths = bundlePaths(bundle);
  const mounts = readJson<BundleRecord>(paths.record)?.rootfs ?? [];
  if (mounts.some(({ target }) => target === undefined || target === "/")) return paths.rootfs;
  return rootPathIn(bundle);
}

/** Returns the host's id of the container's root (user_namespaces(7)). */
function hostIdOfRoot(pid: number, kind: "uid" | "gid"): number {
  const map = Deno.readTextFileSync(`/proc/${pid}/${kind}_map`);
  const [, outside = "0"] = /^\s*0\s+(\d+)\s/m.exec(map) ?? [];
  return Number(outside);
}
