// SPDX-License-Identifier: MIT
// The messages of the program's own calls: start and -info.
import { message } from "../protobuf/fields.ts";
import { Any } from "./types.ts";

const Extension = message({ value: [1, Any] });

/** The input of `start` since containerd 2.3. */
export const BootstrapParams = message({
  instance_id: [1, "string"],
  namespace: [2, "string"],
  log_level: [3, "int32"],
  containerd_version: [4, "string"],
  containerd_ttrpc_address: [5, "string"],
  containerd_grpc_address: [6, "string"],
  containerd_binary: [7, "string"],
  extensions: [8, Extension, "repeated"],
  socket_dir: [9, "string"],
});

const RuntimeVersionMessage = message({ version: [1, "string"], revision: [2, "string"] });

/** containerd.types.RuntimeInfo, the output of `-info`. */
export const ShimInfo = message({
  name: [1, "string"],
  version: [2, RuntimeVersionMessage],
  options: [3, Any],
  features: [4, Any],
  annotations: [5, "map"],
});
