// SPDX-License-Identifier: MIT
import type { ResultOf } from "../rpc/method.ts";
import type { DaemonContract } from "../rpc/daemon_contract.ts";

/** What `daemon.info` answers. */
export type DaemonInfo = ResultOf<DaemonContract, "daemon.info">;
