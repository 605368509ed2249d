// SPDX-License-Identifier: MIT
import { escapeOverlayPath, unescapeOverlayPath } from "../../linux/mount/options.ts";
import { FILE_PREFIX, filePath } from "../../oci/bundle_layout.ts";
import { logDir } from "../../oci/log_layout.ts";
import { OWN_DIR_KINDS } from "../../oci/own_dirs_layout.ts";

/** A directory that is moved. */
export interface Move {
  readonly from: string;
  readonly to: string;
}

/** The directories in which paths are moved, and the two ids. */
export interface MovedPathsOptions {
  /** The root directory. */
  readonly root: string;
  /** The directory of the bundles. */
  readonly bundles: string;
  /** The container's id before. */
  readonly from: string;
  /** The container's id afterwards. */
  readonly to: string;
}

/** The paths of a container after its rename, and the directories that have to be moved for them. */
export class MovedPaths {
  readonly #options: MovedPathsOptions;
  readonly #moves = new Map<string, string>();

  constructor(options: MovedPathsOptions) {
    this.#options = options;
  }

  /** The directories to move, as far as the paths that were asked for are in one. */
  get moves(): Move[] {
    return [...this.#moves].map(([from, to]) => ({ from, to }));
  }

  /** Returns where the path is afterwards; the path itself where nothing moves it. */
  path(path: string): string {
    const { root, bundles, from, to } = this.#options;
    if (path.split("/").includes("..")) return path;
    const log = below(path, logDir(root, from));
    if (log !== undefined) {
      this.#moves.set(logDir(root, from), logDir(root, to));
      return `${logDir(root, to)}/${log}`;
    }
    for (const kind of OWN_DIR_KINDS) {
      const own = below(path, `${root}/${kind}/${from}`);
      if (own === undefined) continue;
      const [dir] = own.split("/", 1);
      this.#moves.set(`${root}/${kind}/${from}/${dir}`, `${root}/${kind}/${to}/${dir}`);
      return `${root}/${kind}/${to}/${own}`;
    }
    const bundle = below(path, `${bundles}/${from}`);
    return bundle === undefined ? path : `${bundles}/${to}/${bundle}`;
  }

  /** Returns a target of stdio as it is afterwards. */
  stdio(target: string): string {
    const file = filePath(target);
    return file === undefined ? this.path(target) : `${FILE_PREFIX}${this.path(file)}`;
  }

  /** Returns an option of an overlay mount as it is afterwards. */
  mountOption(option: string): string {
    const [, name, value = ""] = /^(upperdir|workdir)=(.*)$/s.exec(option) ?? [];
    if (name === undefined) return option;
    const path = unescapeOverlayPath(value);
    const moved = this.path(path);
    return moved === path ? option : `${name}=${escapeOverlayPath(moved)}`;
  }
}

/** Returns the path relative to a directory above it; undefined where that is not above it. */
function below(path: string, dir: string): string | undefined {
  const rest = path.startsWith(`${dir}/`) ? path.slice(dir.length + 1) : "";
  return rest === "" ? undefined : rest;
}
