// SPDX-License-Identifier: MIT
import { openrpcDocument } from "../../src/rpc/contract/openrpc.ts";
import { daemonErrorData, shimErrorData } from "../../src/rpc/contract/schemas/error_data.ts";
import {
  runtimeCallNotification,
  shimContract,
  shimErrors,
  shimEventNotification,
} from "../../src/rpc/contract/shim.ts";
import { discover } from "../../src/runtime/discover.ts";
import { PROTOCOL, VERSION } from "../../src/version.ts";
import type { KeptContract } from "./compatibility.ts";

/** A contract as it is kept for each release, and the path of the file in the repository. */
export interface Golden {
  readonly path: string;
  readonly document: KeptContract;
}

/** Returns the contracts of this version of the daemon and of this protocol of the shim. */
export function goldens(): { readonly daemon: Golden; readonly shim: Golden } {
  const shim = openrpcDocument(shimContract, {
    title: "berth shim",
    version: String(PROTOCOL),
    errors: shimErrors,
    notifications: [shimEventNotification, runtimeCallNotification],
  });
  return {
    daemon: {
      path: `docs/contract/daemon-${VERSION}.json`,
      document: { ...discover(), "x-errorData": daemonErrorData },
    },
    shim: {
      path: `docs/contract/shim-${PROTOCOL}.json`,
      document: { ...shim, "x-errorData": shimErrorData },
    },
  };
}
