// SPDX-License-Identifier: MIT
// The messages that `options` of Create, Checkpoint and of the start may hold.
import { message } from "../protobuf/fields.ts";

/** containerd.runc.v1.Options. */
export const RuncOptions = message({
  no_pivot_root: [1, "bool"],
  no_new_keyring: [2, "bool"],
  shim_cgroup: [3, "string"],
  io_uid: [4, "uint32"],
  io_gid: [5, "uint32"],
  binary_name: [6, "string"],
  root: [7, "string"],
  systemd_cgroup: [9, "bool"],
  criu_image_path: [10, "string"],
  criu_work_path: [11, "string"],
});

/** containerd.linux.runc.CreateOptions, which clients of containerd 1.6 send. */
export const RuncCreateOptions = message({
  no_pivot_root: [1, "bool"],
  no_new_keyring: [8, "bool"],
  shim_cgroup: [9, "string"],
  io_uid: [10, "uint32"],
  io_gid: [11, "uint32"],
  criu_work_path: [12, "string"],
  criu_image_path: [13, "string"],
});

/** containerd.runc.v1.CheckpointOptions; the old type of that name has the same fields. */
export const RuncCheckpointOptions = message({
  exit: [1, "bool"],
  open_tcp: [2, "bool"],
  external_unix_sockets: [3, "bool"],
  terminal: [4, "bool"],
  file_locks: [5, "bool"],
  empty_namespaces: [6, "string", "repeated"],
  cgroups_mode: [7, "string"],
  image_path: [8, "string"],
  work_path: [9, "string"],
});

/** runtimeoptions.v1.Options, which CRI sends: its body is TOML. */
export const RuntimeOptions = message({
  type_url: [1, "string"],
  config_path: [2, "string"],
  config_body: [3, "bytes"],
});
