// SPDX-License-Identifier: MIT
import { fdPath, O_DIRECTORY, O_PATH, open, OwnedFd } from "../../linux/fd/fd.ts";
import { errnoNameOf } from "../../linux/libc/errno.ts";
import { MAX_LINKS, openInRoot } from "../../linux/mount/open_in_root.ts";
import { CliError } from "../common/exit_status.ts";
import type { ContainerRoot } from "./container_root.ts";
import { pathError } from "./path_error.ts";
import { openBelow } from "./unpack.ts";

/** A path on the host, or in a container: there no symlink and no `..` leads out of its root. */
export class Place {
  readonly path: string;
  readonly #root: ContainerRoot | undefined;

  /** @param root The root of the container, if the path is in one. */
  constructor(path: string, root: ContainerRoot | undefined) {
    this.path = path;
    this.#root = root;
  }

  /** The path as people write it, with the container that it is in. */
  get shown(): string {
    return this.#root === undefined ? this.path : `${this.#root.id}:${this.path}`;
  }

  /** The last name of the path; empty for the root. */
  get name(): string {
    return this.path.replace(/(?:\/|\/\.)+$/, "").split("/").at(-1) ?? "";
  }

  /** The place that holds this one. */
  get parent(): Place {
    const path = this.path.replace(/(?:\/|\/\.)+$/, "");
    const slash = path.lastIndexOf("/");
    const parent = slash < 0 ? "." : path.slice(0, slash) || "/";
    return new Place(parent, this.#root);
  }

  /** Opens the directory that this is, as O_PATH; symlinks to it are followed. */
  openDirectory(): OwnedFd {
    if (!this.#root) return new OwnedFd(open(this.path, O_PATH | O_DIRECTORY));
    return openInRoot(this.#root.path, this.path);
  }

  /** Opens a directory below this one; what is missing is made. */
  openBelow(path: string): OwnedFd {
    if (this.#root) {
      return openInRoot(this.#root.path, `${this.path}/${path}`, { create: "directory" });
    }
    using base = this.openDirectory();
    return openBelow(base.fd, path);
  }

  /** Returns what is there, symlinks followed; undefined if nothing is. */
  stat(): Deno.FileInfo | undefined {
    try {
      if (!this.#root) return Deno.statSync(this.path);
      using fd = openInRoot(this.#root.path, this.path);
      return Deno.statSync(fdPath(fd.fd));
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw pathError(this.shown, "reach", error);
    }
  }

  /**
   * Returns the place that a symlink here leads to, however many; this one if it is none, or if nothing
   * is here.
   *
   * @throws {CliError} if the symlinks lead in a circle.
   */
  resolveLink(): Place {
    let place = new Place(this.path, this.#root);
    for (let links = 0;; links++) {
      const target = place.#linkTarget();
      if (target === undefined) return place;
      if (links === MAX_LINKS) throw new CliError(`${this.path}: too many symlinks`);
      const path = target.startsWith("/") ? target : `${place.parent.path}/${target}`;
      place = new Place(path, this.#root);
    }
  }

  #linkTarget(): string | undefined {
    try {
      using dir = this.parent.openDirectory();
      const here = `${fdPath(dir.fd)}/${this.name || "."}`;
      return Deno.lstatSync(here).isSymlink ? Deno.readLinkSync(here) : undefined;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw pathError(this.shown, "reach", error);
    }
  }
}

function isMissing(error: unknown): boolean {
  return ["ENOENT", "ENOTDIR"].includes(errnoNameOf(error) ?? "");
}
