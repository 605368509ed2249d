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

/** Options of CRIU that runc has none for; criu(8) describes each. */
export interface CriuConfig {
  /** Keys of open files that are not looked up in the container: `file[<mount>:<inode>]`. */
  readonly external?: readonly string[];
  /** The cgroup that takes the place of the one that was checkpointed, below each hierarchy. */
  readonly cgroupRoot?: string;
}

/** Options that CRIU may read only once. */
export interface ExtraCriuConfig extends CriuConfig {
  /**
   * For the key of an open file the fd of the restored one, as CRIU itself has it. In the file of the
   * annotation, which CRIU before 4.2 reads twice, each fd would be passed on twice, and be closed
   * the second time.
   */
  readonly inherit?: ReadonlyMap<string, number>;
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

/**
 * Writes a config file of CRIU's for {@linkcode CRIU_CONFIG_ANNOTATION}, with the lines of the host's own
 * for runc, whose place it takes.
 */
export function writeCriuConfig(path: string, config: CriuConfig): void {
  const host = exists(RUNC_CONFIG) ? [Deno.readTextFileSync(RUNC_CONFIG)] : [];
  writeLines(path, [...host, ...linesOf(config)]);
}

/**
 * Writes a config file of CRIU's for {@linkcode CRIU_CONFIG_VARIABLE}, which CRIU reads beside the one
 * that the runtime names.
 */
export function writeExtraCriuConfig(path: string, config: ExtraCriuConfig): void {
  const { inherit = [], skipModes = false } = config;
  writeLines(path, [
    ...Array.from(inherit, ([key, fd]) => `inherit-fd fd[${fd}]:${key}`),
    ...linesOf(config),
    ...skipModes ? ["skip-file-rwx-check"] : [],
  ]);
}

function linesOf({ external = [], cgroupRoot }: CriuConfig): string[] {
  return [
    ...external.map((key) => `external ${key}`),
    ...cgroupRoot === undefined ? [] : [`cgroup-root ${cgroupRoot}`],
  ];
}

function writeLines(path: string, lines: readonly string[]): void {
  Deno.writeTextFileSync(path, lines.map((line) => `${line}\n`).join(""), { mode: 0o600 });
}
