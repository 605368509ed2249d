// SPDX-License-Identifier: MIT
import { daemonContract, daemonErrors, daemonNotifications } from "../rpc/contract/daemon.ts";
import { type OpenRpcDocument, openrpcDocument } from "../rpc/contract/openrpc.ts";
import { VERSION } from "../version.ts";

/** Describes the daemon's methods as an OpenRPC document, which is the result of `rpc.discover`. */
export function discover(): OpenRpcDocument {
  return openrpcDocument(daemonContract, {
    title: "berth",
    version: VERSION,
    errors: daemonErrors,
    notifications: daemonNotifications,
  });
}
