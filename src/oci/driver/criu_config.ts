// SPDX-License-Identifier: MIT
import { exists } from "../../linux/fs/exists.ts";
import { isRecord } from "../../rpc/is_record.ts";
import { CRIU_CONFIG } from "../bundle_layout.ts";

/**
 * The annotation that names a config file of CRIU's for the container, which runc hands to CRIU
 * (runc's libcontainer/criu_linux.go, handleCriuConfigurationFile).
 */
export const CRIU_CONFIG_ANNOTATION = "org.criu.config";

/** The file that runc hands to CRIU for a container without the annotation. */
const RUNC_CONFIG = "/etc/criu/runc.conf";

/** The variable that names a config file of CRIU's, which it reads once. */
export const CRIU_CONFIG_VARIABLE = "CRIU_CONFIG_FILE";

/** The file of a checkpoint that CRIU writes last (its criu/cr-dump.c, cr_dump_tasks). */
export const INVENTORY = "inventory.img";

/** Options of CRIU that runtimes have none for; criu(8) describes each. */
export interface CriuConfig {
  /** Keys of open files that are not looked up in the container: `file[<mount>:<inode>]`. */
  readonly external?: readonly string[];
  /** For the key of an open file the fd of the restored one, as CRIU itself has it. */
  readonly inherit?: ReadonlyMap<string, number>;
  /** The cgroup that takes the place of the one that was checkpointed, below each hierarchy. */
  readonly cgroupRoot?: string;
  /**
   * Whether files may have other permissions than they had. CRIU that does not know this, as of
   * Debian 12, refuses such files in any case.
   */
  readonly skipModes?: boolean;
}

/** Returns whether a spec's annotations name the config file of a bundle's own. */
export function namesOwnCriuConfig(annotations: unknown): boolean {
  const named = isRecord(annotations) ? annotations[CRIU_CONFIG_ANNOTATION] : undefined;
  return typeof named === "string" && named.endsWith(`/${CRIU_CONFIG}`);
}

/** Writes the file that {@linkcode CRIU_CONFIG_ANNOTATION} names: it takes the place of the host's for runc. */
export function writeNamedCriuConfig(path: string): void {
  writeLines(path, exists(RUNC_CONFIG) ? [Deno.readTextFileSync(RUNC_CONFIG)] : []);
}

/**
 * Writes a config file of CRIU's for {@linkcode CRIU_CONFIG_VARIABLE}, which CRIU reads beside the one
 * that the runtime names. That one CRIU before 4.2 reads twice: each fd would be passed on twice, and
 * be closed the second time.
 */
export function writeExtraCriuConfig(
  path: string,
  { external = [], inherit = new Map(), cgroupRoot, skipModes = false }: CriuConfig,
): void {
  writeLines(path, [
    ...external.map((key) => `external ${key}`),
    ...Array.from(inherit, ([key, fd]) => `inherit-fd fd[${fd}]:${key}`),
    ...cgroupRoot === undefined ? [] : [`cgroup-root ${cgroupRoot}`],
    ...skipModes ? ["skip-file-rwx-check"] : [],
  ]);
}

function writeLines(path: string, lines: readonly string[]): void {
  Deno.writeTextFileSync(path, lines.map((line) => `${line}\n`).join(""), { mode: 0o600 });
}
