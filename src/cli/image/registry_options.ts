// SPDX-License-Identifier: MIT
import { type Command, InvalidArgumentError } from "commander";
import { ImageError } from "../../images/image_errors.ts";
import { parsePlatform, type Platform } from "../../images/image_config.ts";
import type { PullOptions } from "../../images/pull.ts";
import { MOST_NAMED, readSmallFile } from "../../linux/fs/read_small_file.ts";
import { messageOf } from "../../error_text.ts";
import { parsePath } from "../common/command.ts";
import { CliError } from "../common/exit_status.ts";

/** The options that say how to speak with a registry, and which image of a list to take. */
export type RegistryOptions = Pick<PullOptions, "creds" | "authfile" | "tlsVerify" | "platform">;

/** Adds {@linkcode RegistryOptions}. */
export function withRegistry(command: Command): Command {
  return command
    .option("--creds <user:password>", "credentials for the registry")
    .option(
      "--authfile <file>",
      "credentials as skopeo login or docker login wrote them",
      parsePath,
    )
    .option("--tls-verify <bool>", "false: accept HTTP and any certificate", parseBoolean)
    .option(
      "--platform <os/arch[/variant]>",
      "platform to take of a multi-platform image, such as linux/arm64",
      parsePlatformOption,
    );
}

function parsePlatformOption(text: string): Platform {
  try {
    return parsePlatform(text);
  } catch (error) {
    if (error instanceof ImageError) throw new InvalidArgumentError(error.message);
    throw error;
  }
}

function parseBoolean(text: string): boolean {
  if (!/^(true|false|1|0)$/i.test(text)) {
    throw new InvalidArgumentError("expected true or false");
  }
  return /^(true|1)$/i.test(text);
}

/**
 * Returns the options that a pull takes, without any others of the command.
 *
 * @throws {CliError} for a file that cannot be read, which skopeo would leave out without a word, and
 *   for credentials without a user.
 */
export function registryAccess(
  { creds, authfile, tlsVerify, platform }: RegistryOptions,
): RegistryOptions {
  if (authfile !== undefined) checkAuthfile(authfile);
  if (creds !== undefined && /^(?::|$)/.test(creds)) {
    throw new CliError("--creds: expected user:password");
  }
  return { creds, authfile, tlsVerify, platform };
}

function checkAuthfile(path: string): void {
  try {
    // No pipe: skopeo reads it once more.
    JSON.parse(readSmallFile(path, MOST_NAMED));
  } catch (error) {
    const why = error instanceof Deno.errors.NotFound ? "no such file" : messageOf(error);
    throw new CliError(`--authfile ${path}: ${why}`, { cause: error });
  }
}
