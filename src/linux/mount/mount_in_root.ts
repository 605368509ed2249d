// SPDX-License-Identifier: MIT
import { fdPath, type OwnedFd } from "../fd/fd.ts";
import { ifThere } from "../fs/if_there.ts";
import { EISDIR, ENOTDIR, LinuxError } from "../libc/errno.ts";
import { mountIdmapped } from "./idmapped.ts";
import { changesMount, isBind, mount, type MountSpec } from "./mount.ts";
import { attachMount, cloneTree } from "./detached.ts";
import { openInRoot } from "./open_in_root.ts";
import { hasPropagation } from "./options.ts";
import { unmount } from "./unmount.ts";

/** A mount and its place, and the ids that its files get. */
export interface RootMountSpec extends MountSpec {
  /** An fd of the user namespace that maps the ids of its files; see {@linkcode mountIdmapped}. */
  readonly userNamespace?: number | undefined;
}

/**
 * Makes a mount whose propagation is private, recursively, unless its options say another: nothing
 * that is mounted below it later shows up where its source is, or in another container. Of a source
 * on a shared mount, as systemd's `/` is, it would else be a peer.
 *
 * @throws LinuxError as {@linkcode mount}
 */
export function mountPrivate(spec: RootMountSpec): void {
  const { userNamespace } = spec;
  if (userNamespace === undefined) mount(spec);
  else mountIdmapped(spec, userNamespace);
  if (changesMount(spec) || hasPropagation(spec.options ?? [])) return;
  try {
    mount({ target: spec.target, options: ["rprivate"] });
  } catch (error) {
    unmount(spec.target, { detach: true });
    throw error;
  }
}

/**
 * As {@linkcode mountPrivate}, at the place that `spec.target` names when `root` is the root
 * directory; what is missing of it is made. Safe against somebody who changes the tree meanwhile: the
 * place is held by an fd (see {@linkcode openInRoot}). The mount is made at `staging` first, a path
 * beside `root` that is made and removed here, and is attached when it is complete: its place could
 * not be found again to set the options that mount(2) takes in a second call.
 *
 * @throws LinuxError as {@linkcode mount} and {@linkcode openInRoot}
 */
export function mountInRoot(root: string, spec: RootMountSpec, staging: string): void {
  const file = isBind(spec) && !changesMount(spec) && isFile(spec.source);
  using place = openInRoot(root, spec.target, { create: file ? "file" : "directory" });
  if (changesMount(spec)) {
    mountPrivate({ ...spec, target: fdPath(place.fd) });
    return;
  }
  const what = `${spec.source ?? spec.type} on ${spec.target} in ${root}`;
  // move_mount(2) would only say EINVAL.
  if (Deno.statSync(fdPath(place.fd)).isDirectory === file) {
    throw new LinuxError(file ? EISDIR : ENOTDIR, "mount", what);
  }
  using tree = stage(spec, staging, file);
  attachMount(tree.fd, place.fd, what);
}

/** Returns whether the source of a bind mount leads to a file: it can only be bound over a file. */
function isFile(source: string | undefined): boolean {
  if (source?.startsWith("/") !== true) return false;
  // A source need not be a path at all; if it has to be, mount(2) fails.
  return ifThere(() => !Deno.statSync(source).isDirectory) ?? false;
}

/** Makes a mount that is attached nowhere; it is gone with its fd. */
function stage(spec: RootMountSpec, staging: string, file: boolean): OwnedFd {
  if (file) Deno.writeTextFileSync(staging, "", { mode: 0o600 });
  else Deno.mkdirSync(staging, { mode: 0o700 });
  try {
    mountPrivate({ ...spec, target: staging });
    try {
      return cloneTree(staging, { recursive: true });
    } finally {
      unmount(staging, { detach: true });
    }
  } finally {
    Deno.removeSync(staging);
  }
}
