// SPDX-License-Identifier: MIT
import { type Command, InvalidArgumentError } from "commander";
import type { PullOptions } from "../../images/pull.ts";
import { somePath } from "../common/command.ts";

/** The options that say how to speak with a registry. */
export interface RegistryOptions {
  readonly creds?: string;
  readonly authfile?: string;
  readonly tlsVerify?: boolean;
}

/** Adds them. */
export function withRegistry(command: Command): Command {
  return command
    .option("--creds <user:password>", "credentials for the registry")
    .option("--authfile <file>", "credentials as skopeo login or docker login wrote them", somePath)
    .option("--tls-verify <bool>", "false: accept HTTP and any certificate", parseBoolean);
}

function parseBoolean(text: string): boolean {
  if (!/^(true|false|1|0)$/i.test(text)) {
    throw new InvalidArgumentError("expected true or false");
  }
  return /^(true|1)$/i.test(text);
}

/** Returns what a pull takes of them. */
export function registryAccess(options: RegistryOptions): PullOptions {
  const { creds, authfile, tlsVerify } = options;
  return {
    ...(creds !== undefined && { creds }),
    ...(authfile !== undefined && { authfile }),
    ...(tlsVerify !== undefined && { tlsVerify }),
  };
}
