// SPDX-License-Identifier: MIT
import type { Reaper } from "../../linux/process/reaper.ts";
import type { Config } from "../config/config.ts";
import { type FindGroup, ProcessShimManager } from "./process_shim_manager.ts";
import type { ShimTimeouts } from "./shim_client.ts";
import { shimEnvironment, shimPlacement } from "./shim_process_setup.ts";
import { ShimPool } from "./pool.ts";
import { startTimeout } from "./shim_starter.ts";
import type { ShimManager } from "./shim_manager.ts";

/** The config, and the parts of the daemon that shims are started with. */
export interface ShimManagerOptions {
  readonly config: Config;
  readonly reaper: Reaper;
  readonly self: () => readonly string[];
  readonly timeouts: ShimTimeouts;
  readonly findGroup: FindGroup;
}

/** Sets up the shims as the config asks: processes of their own, or inside the daemon. */
export async function createShimManager(options: ShimManagerOptions): Promise<ShimManager> {
  const { config, reaper, self, timeouts, findGroup } = options;
  if (config.runtime.no_shim) {
    return new (await import("./in_process_shim_manager.ts")).InProcessShimManager(
      reaper,
      timeouts,
    );
  }
  const { warm, keep } = config.shim;
  const pool = await ShimPool.open({
    state: config.state,
    self,
    reaper,
    warm,
    keep,
    env: shimEnvironment(reaper.childFileLimit),
    withinMs: startTimeout(timeouts.answer),
    onStarted: shimPlacement(config.shim, (argv, spawnOptions) => reaper.spawn(argv, spawnOptions)),
  });
  return new ProcessShimManager(pool, timeouts, findGroup);
}
