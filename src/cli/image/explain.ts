// SPDX-License-Identifier: MIT
import { messageOf } from "../../rpc/error_text.ts";
import {
  CliError,
  EXIT_CANNOT_EXECUTE,
  EXIT_NOT_FOUND,
  exitStatusOf,
} from "../common/exit_status.ts";
import { formatCommand } from "../text/format.ts";
import type { Rootfs } from "./rootfs.ts";

/**
 * Returns the error of a container that could not be created, with what to do where its image's
 * command was not found or cannot be executed.
 */
export function explainFailure(error: unknown, { image, args }: Rootfs): unknown {
  const status = exitStatusOf(error);
  if (image === undefined) return error;
  if (status !== EXIT_NOT_FOUND && status !== EXIT_CANNOT_EXECUTE) return error;
  const why = status === EXIT_NOT_FOUND ? "has no such program" : "cannot execute it here";
  return new CliError(
    `${messageOf(error)}; image ${image.name} ${why}: it was to run ${formatCommand(args)}, ` +
      "give another command after the image, or --entrypoint",
    { cause: error, status },
  );
}
