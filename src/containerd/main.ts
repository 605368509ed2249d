// SPDX-License-Identifier: MIT
import { messageOf } from "../error_text.ts";
import { VERSION } from "../version.ts";
import { parseFlags, requireNamespace } from "./flags.ts";

/** How a shim of containerd is called. */
export interface ContainerdShimCall {
  /** Its arguments. */
  readonly args: readonly string[];
  /** The command that runs this berth as the process that stays, with the arguments that follow. */
  readonly serveCommand: () => readonly string[];
}

/**
 * Runs as containerd's shim (its runtime v2): `start`, `delete`, `-info`, `-v`, and `serve`, which
 * `start` runs. Returns the exit status; undefined for the process that stays, which ends itself.
 */
export async function runContainerdShim(call: ContainerdShimCall): Promise<number | undefined> {
  if (call.args[0] === "serve") {
    await (await import("./serve.ts")).serve(call.args.slice(1));
    return undefined;
  }
  const flags = parseFlags(call.args);
  try {
    // The shell in front of berth asks for it.
    if (call.args[0] === "start-failed") return await (await import("./start.ts")).startFailed();
    // Each is loaded by itself: containerd waits for every one of them.
    if (flags.version) {
      console.log(`containerd-shim-berth-v2:\n  Version:  ${VERSION}\n  Revision: ${VERSION}\n`);
      return 0;
    }
    if (flags.info) return await (await import("./info.ts")).printInfo();
    requireNamespace(flags);
    switch (flags.action) {
      case "start": {
        const { start } = await import("./start.ts");
        return await start(call.serveCommand(), call.args);
      }
      case "delete":
        return await (await import("./delete.ts")).runDelete(flags);
      default:
        console.error(`a shim of containerd: there is no action "${flags.action}"`);
        return 1;
    }
  } catch (error) {
    console.error(messageOf(error));
    return 1;
  }
}
