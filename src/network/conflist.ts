// SPDX-License-Identifier: MIT
// Reads CNI network configurations.
import { messageOf } from "../error_text.ts";
import { isRecord } from "../rpc/is_record.ts";

/** One plugin of a network: its type, and whatever its configuration says. */
export interface PluginConf {
  /** Name of the plugin's program. */
  readonly type: string;
  readonly [key: string]: unknown;
}

/** A CNI network configuration list, as far as berth relies on it. */
export interface Conflist {
  readonly cniVersion: string;
  /** The network's name. */
  readonly name: string;
  readonly plugins: readonly PluginConf[];
}

/** A configuration that cannot be used; the message says why. */
export class ConflistError extends Error {
  override name = "ConflistError";
}

/** The versions of the specification that plugins can be chained by and whose results are known. */
export const VERSIONS = ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];

/** CNI specification, "Section 1: Network configuration format", `name`. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;

/** A plugin's type is looked up in directories, and must not lead out of them. */
const TYPE = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;

/**
 * How many levels JSON may have that plugins read: what the CNI specification describes has less than ten.
 * Plugins in Go read 10,000 (encoding/json), and what is nested so deep cannot be written here.
 */
export const MAX_LEVELS = 100;

/**
 * Returns the list that a configuration holds: a list, or one plugin by itself, which is a list of one.
 *
 * @throws {ConflistError} naming what does not fit.
 */
export function parseConflist(value: unknown): Conflist {
  if (!isRecord(value)) throw new ConflistError("is no JSON object");
  if (isTooDeep(value)) throw new ConflistError(`has more than ${MAX_LEVELS} levels`);
  const { cniVersion, name } = value;
  const plugins = "plugins" in value ? value["plugins"] : [value];
  if (typeof name !== "string" || !NAME.test(name) || name.length > 255) {
    throw new ConflistError("has no valid `name`");
  }
  if (typeof cniVersion !== "string" || !VERSIONS.includes(cniVersion)) {
    throw new ConflistError(
      `has the \`cniVersion\` ${JSON.stringify(cniVersion)}: expected one of ${
        VERSIONS.join(", ")
      }`,
    );
  }
  if (!Array.isArray(plugins) || plugins.length === 0) throw new ConflistError("has no `plugins`");
  return { cniVersion, name, plugins: plugins.map(parsePlugin) };
}

function parsePlugin(plugin: unknown, index: number): PluginConf {
  const type = isRecord(plugin) ? plugin["type"] : undefined;
  if (!isRecord(plugin) || typeof type !== "string" || !TYPE.test(type)) {
    throw new ConflistError(`has no valid \`type\` in plugins.${index}`);
  }
  return { ...plugin, type };
}

/** Returns whether a value has more levels than {@linkcode MAX_LEVELS}. */
export function isTooDeep(value: unknown): boolean {
  // No recursion: the depth is up to whoever wrote it.
  let level = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_LEVELS) return true;
    level = level.flatMap((one): unknown[] =>
      typeof one === "object" && one !== null ? Object.values(one) : []
    );
  }
  return false;
}

/** Returns the names of the programs that a network needs, those for its addresses too. */
export function programsOf({ plugins }: Conflist): string[] {
  const names = plugins.flatMap(({ type, ipam }) => {
    const named = isRecord(ipam) ? ipam["type"] : undefined;
    return typeof named === "string" && TYPE.test(named) ? [type, named] : [type];
  });
  return [...new Set(names)];
}

/** A configuration file. */
export interface ConflistFile {
  readonly file: string;
  readonly conflist: Conflist;
}

/** The networks of a directory of configurations. */
export interface ConflistDir {
  /** The networks by name. Of two files with one name the first counts, in the order of file names. */
  readonly networks: ReadonlyMap<string, ConflistFile>;
  /** Files that cannot be used, with the reason: also a second one of a name. */
  readonly refused: ReadonlyMap<string, string>;
}

/**
 * Reads the `.conflist`, `.conf` and `.json` files of a directory, which need not be there.
 *
 * @param own names of networks that no file can have.
 */
export function readConflistDir(dir: string, own: readonly string[]): ConflistDir {
  const networks = new Map<string, ConflistFile>();
  const refused = new Map<string, string>();
  for (const file of filesIn(dir)) {
    try {
      // To open a FIFO would stop this process until another writes into it.
      if (!Deno.statSync(file).isFile) throw new ConflistError("is no regular file");
      const conflist = parseConflist(JSON.parse(Deno.readTextFileSync(file)));
      const { name } = conflist;
      const first = networks.get(name);
      if (own.includes(name)) {
        throw new ConflistError(`has the \`name\` ${name}, which is berth's own`);
      }
      if (first !== undefined) {
        throw new ConflistError(`has the same \`name\` as ${first.file}, which comes first`);
      }
      networks.set(name, { file, conflist });
    } catch (error) {
      refused.set(file, messageOf(error));
    }
  }
  return { networks, refused };
}

function filesIn(dir: string): string[] {
  try {
    return [...Deno.readDirSync(dir)].map(({ name }) => name)
      .filter((name) => /\.(conflist|conf|json)$/.test(name)).sort()
      .map((name) => `${dir}/${name}`);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return [];
    }
    throw error;
  }
}
