// SPDX-License-Identifier: MIT
// Messages that other messages hold.
import { message } from "../protobuf/fields.ts";

export { Any } from "../ttrpc/messages.ts";

/** A message without fields (google.protobuf.Empty). */
export const Empty = message({});

/** A point in time: seconds since 1970 and nanoseconds (google.protobuf.Timestamp). */
export const Timestamp = message({ seconds: [1, "int64"], nanos: [2, "int32"] });

/** A mount of the root filesystem (containerd.types.Mount); its target is below the rootfs. */
export const Mount = message({
  type: [1, "string"],
  source: [2, "string"],
  target: [3, "string"],
  options: [4, "string", "repeated"],
});
