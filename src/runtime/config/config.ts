// SPDX-License-Identifier: MIT
import { parse, stringify, TomlError } from "smol-toml";
import type { ConfigFlags } from "../../daemon_command.ts";
import { configSchema, type FileConfig } from "./schema.ts";
import { describeConfigIssue } from "./issue.ts";
import { hasSystemd } from "../../linux/cgroup/driver.ts";
import { readSeccompProfile } from "../../oci/seccomp/read_profile.ts";
import { messageOf } from "../../error_text.ts";

/** The config file that is read, if it is there, where no other is named. */
export const DEFAULT_CONFIG_FILE = "/etc/berth/config.toml";

/** The resolved config: members are named as the keys of the file. */
export interface Config extends FileConfig {
  readonly socket: FileConfig["socket"] & { readonly path: string };
}

/** The config cannot be used; the message names the file and the line, or the key. */
export class ConfigError extends Error {
  override name = "ConfigError";
}

/**
 * Reads the config file, puts the flags over it and fills in defaults.
 *
 * @throws {ConfigError} if the file cannot be read or is not TOML, a key is unknown, or a value is
 *   not what it has to be, or cannot work on this machine.
 */
export function loadConfig(flags: ConfigFlags = {}): Config {
  const file = flags.config ?? DEFAULT_CONFIG_FILE;
  const table = readTable(file, flags.config !== undefined);
  const parsed = check(table);
  if (!parsed.success) throw invalid(file, parsed.error.issues.map(describeConfigIssue));
  const fromFlags = check(overlaid(parsed.data, flags));
  if (!fromFlags.success) {
    throw invalid("the command line", fromFlags.error.issues.map(describeConfigIssue));
  }
  const config = fromFlags.data;
  checkSeccomp(file, config.runtime.seccomp);
  if (config.runtime.cgroup_driver === "systemd" && !hasSystemd()) {
    throw invalid(file, [
      'runtime.cgroup_driver: "systemd" is not the init system of this machine',
    ]);
  }
  const path = config.socket.path ?? `${config.state}/berth.sock`;
  return { ...config, socket: { ...config.socket, path } };
}

/** Returns the config as a TOML file that means the same. */
export function formatConfig(config: Config): string {
  return stringify(config);
}

/** A profile that cannot be read would otherwise fail each container. */
function checkSeccomp(file: string, seccomp: string): void {
  if (!seccomp.startsWith("/")) return;
  try {
    readSeccompProfile(seccomp);
  } catch (error) {
    throw new ConfigError(`${file}: runtime.seccomp: ${messageOf(error)}`, { cause: error });
  }
}

function check(value: unknown) {
  return configSchema.safeParse(value, { reportInput: true });
}

function readTable(file: string, required: boolean): Record<string, unknown> {
  let text: string;
  try {
    text = Deno.readTextFileSync(file);
  } catch (error) {
    if (!required && error instanceof Deno.errors.NotFound) return {};
    const why = messageOf(error);
    throw new ConfigError(`cannot read the config file ${file}: ${why}`, { cause: error });
  }
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    // Its message goes on with a picture of the place.
    const [message] = error.message.split("\n", 1);
    throw new ConfigError(`${file}:${error.line}:${error.column}: ${message}`, { cause: error });
  }
}

function overlaid(config: FileConfig, flags: ConfigFlags): unknown {
  return {
    ...config,
    state: absolute(flags.state) ?? config.state,
    root: absolute(flags.root) ?? config.root,
    socket: { ...config.socket, path: absolute(flags.socket) ?? config.socket.path },
    log: { ...config.log, level: flags.logLevel ?? config.log.level },
  };
}

function absolute(path: string | undefined): string | undefined {
  return !path || path.startsWith("/") ? path : `${Deno.cwd()}/${path}`;
}

function invalid(where: string, problems: readonly string[]): ConfigError {
  return new ConfigError(`${where}: ${problems.join("; ")}`);
}
