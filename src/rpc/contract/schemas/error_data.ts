// SPDX-License-Identifier: MIT
// The members that `data` of an error can have.

/** Descriptions of members of an error's `data`, by their names. */
export type ErrorMembers = Readonly<Record<string, string>>;

/** The members that `data` of an error of the daemon can have. */
export const daemonErrorData: ErrorMembers = {
  kind: "Condition, for programs to match; always present",
  id: "Container that the error is about",
  execId: "Exec process that the error is about",
  issues: "`InvalidParams`: each param that is not accepted, as `{path, message}`",
  detail: "`ParseError`, `InvalidRequest` and `MethodNotFound`: the fault",
  canceled: "True if a create was canceled because its container was stopped or removed meanwhile",
  status: "Status of the container or exec process; it does not allow the call",
  command: "`RuntimeError`: command line of the OCI runtime",
  exitCode: "`RuntimeError`: exit code of the OCI runtime; -1 if it could not be started",
  runtimeMessage: "`RuntimeError`: error message of the OCI runtime",
  criuLog: "`RuntimeError` of a checkpoint or restore: last lines of CRIU's log",
  network: "Network that the error is about",
  plugin: "CNI plugin that failed or is missing",
  cniCode: "`NetworkError`: code of the CNI plugin's error",
  port: "Port of the host that cannot be opened",
  protocol:
    "Protocol of that port, `tcp` or `udp`; or the version of a shim's protocol, which this daemon " +
    "does not speak",
  source: "Source of the mount of the rootfs that failed",
  type: "Filesystem type of the mount of the rootfs that failed",
  target: "Mount point that is busy",
  shim: "Status of the daemon's connection to the container's shim, which cannot be reached",
  errno: "`Unavailable`: name of the system's error, such as ECONNREFUSED",
};

/** The members that `data` of an error of a shim can have. */
export const shimErrorData: ErrorMembers = {
  ...daemonErrorData,
  undone: "Of `shim.create`: false if something of the failed create is still there",
};
