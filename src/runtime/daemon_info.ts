// SPDX-License-Identifier: MIT
import type { ResultOf } from "../rpc/contract/method.ts";
import type { DaemonContract } from "../rpc/contract/daemon.ts";

/** What `daemon.info` answers. */
export type DaemonInfo = ResultOf<DaemonContract, "daemon.info">;
