// SPDX-License-Identifier: MIT
import type { Reaper } from "../linux/reaper.ts";
import type { Config } from "./config.ts";
import type { FindGroup } from "./pooled_shims.ts";
import { PooledShims } from "./pooled_shims.ts";
import type { ShimTimeouts } from "./shim_client.ts";
import { shimPlacement } from "./shim_placement.ts";
import { ShimPool } from "./shim_pool.ts";
import { quietEnvironment } from "./telemetry.ts";
import type { SocketShims } from "./socket_shims.ts";

/** What {@linkcode openShims} needs. */
export interface OpenShimsOptions {
  readonly config: Config;
  readonly reaper: Reaper;
  readonly self: () => readonly string[];
  readonly timeouts: ShimTimeouts;
  readonly findGroup: FindGroup;
}

/** Sets up the shims as the config asks: processes of their own, or inside the daemon. */
export async function openShims(options: OpenShimsOptions): Promise<SocketShims> {
  const { config, reaper, self, timeouts, findGroup } = options;
  if (config.runtime.no_shim) {
    return new (await import("./local_shims.ts")).LocalShims(reaper, timeouts);
  }
  const { warm, keep } = config.shim;
  const env = quietEnvironment();
  const pool = await ShimPool.open({
    state: config.state,
    self,
    reaper,
    warm,
    keep,
    ...(env === undefined ? {} : { env }),
    onStarted: shimPlacement(config.shim),
  });
  return new PooledShims(pool, timeouts, findGroup);
}
