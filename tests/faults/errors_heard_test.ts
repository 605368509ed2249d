// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { COLD, TestDaemon } from "../harness/daemon.ts";

/** Without shims that wait, whose socket is in the state directory too. */

Deno.test("errors heard: an error that no caller can act on is in the daemon's log, with its stack", async () => {
  await using daemon = await TestDaemon.start({ config: COLD });
  const bundles = `${daemon.state}/linux`;
  await Deno.rename(bundles, `${bundles}.away`);
  await Deno.writeTextFile(bundles, "");
  await assert.rejects(
    daemon.client.call("container.create", { id: "a", spec: daemon.spec(["true"]) }),
    { kind: "Internal" },
  );
  await Deno.remove(bundles);
  await Deno.rename(`${bundles}.away`, bundles);
  assert.match(daemon.log, /container\.create.*Not a directory/s);
  assert.match(daemon.log, /\n {4}(Error|NotADirectory|LinuxError).*\n {6}at /);
});
