// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { NotFoundError, RuntimeError } from "../../rpc/errors.ts";
import { CliError, exitCodeOf } from "./exit_status.ts";

function runtimeError(runtimeMessage: string): RuntimeError {
  return new RuntimeError("cannot create c", { data: { id: "c", runtimeMessage } });
}

Deno.test("exitCodeOf: a command that does not exist is 127, as runc and crun say it", () => {
  for (
    const text of [
      'runc create failed: unable to start container process: exec: "nosuch": executable file not found in $PATH',
      'runc create failed: unable to start container process: exec: "/nosuch": stat /nosuch: no such file or directory',
      'exec failed: unable to start container process: exec: "/bin/x": stat /bin/x: no such file or directory',
      'runc create failed: unable to start container process: exec: "/bin/echo/x": stat /bin/echo/x: not a directory',
      "open executable: Not a directory",
      "crun create failed: cannot open `/bin/sh/x`: Not a directory",
      "executable file `nosuch` not found in $PATH: No such file or directory",
      "executable file `nosuch' not found in $PATH: No such file or directory",
    ]
  ) assert.equal(exitCodeOf(runtimeError(text)), 127, text);
});

Deno.test("exitCodeOf: a command that cannot be executed is 126", () => {
  for (
    const text of [
      'runc create failed: unable to start container process: exec: "/etc": permission denied',
      "crun create failed: the path `/etc` is not a regular file: Operation not permitted",
      "crun create failed: the path `/x` exists but it is not executable: Operation not permitted",
      'runc create failed: unable to start container process: exec: "/x": stat /x: permission denied',
      'exec: "/bin": is a directory: unknown',
      "exec /data: exec format error",
      "open executable: Permission denied",
      "open executable: Operation not permitted",
    ]
  ) assert.equal(exitCodeOf(runtimeError(text)), 126, text);
});

Deno.test("exitCodeOf: any other failure is 125", () => {
  for (
    const text of [
      'runc create failed: unable to start container process: error during container init: error mounting "/no/src" to rootfs at "/mnt": stat /no/src: no such file or directory',
      'runc create failed: unable to start container process: chdir to cwd ("/no") set in config.json failed: no such file or directory',
      "mount `/no/src` to `mnt`: No such file or directory",
      "mount `/etc/passwd/x` to `mnt`: Not a directory",
      'runc create failed: unable to start container process: error during container init: error mounting "/etc/passwd" to rootfs at "/tmp": not a directory',
    ]
  ) assert.equal(exitCodeOf(runtimeError(text)), 125, text);
  const criu = 'exec: "criu": executable file not found in $PATH';
  const ofCall = (subcommand: string) =>
    new RuntimeError(`container c: runc ${subcommand} failed: ${criu}`, {
      data: { id: "c", runtimeMessage: criu },
    });
  for (const subcommand of ["checkpoint", "restore"]) {
    assert.equal(exitCodeOf(ofCall(subcommand)), 125);
  }
  assert.equal(exitCodeOf(ofCall("create")), 127, "a container's own");
  assert.equal(exitCodeOf(new NotFoundError("no container x")), 125);
  assert.equal(exitCodeOf(new Error("x")), 125);
  assert.equal(exitCodeOf(new CliError("x", { status: 2 })), 2);
});
