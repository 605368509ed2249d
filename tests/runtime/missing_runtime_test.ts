// SPDX-License-Identifier: MIT
import { TestDaemon } from "../harness/daemon.ts";
import { LeakAudit } from "../harness/leaks/leak_audit.ts";

// The runtime is not run before the start of a restore, so that this is not found before.
Deno.test("missing runtime: a container to be restored by a runtime that is not there can be deleted", async () => {
  await using daemon = await TestDaemon.start();
  const audit = await LeakAudit.warm(daemon);
  const checkpoint = `${daemon.dir}/checkpoint`;
  await Deno.mkdir(checkpoint);
  for (const force of [false, true]) {
    const spec = daemon.spec(["true"]);
    await daemon.client.call("container.create", { id: "a", spec, checkpoint, runtime: "none" });
    await daemon.client.call("container.delete", { id: "a", force });
  }
  await audit.assertClean({ ignoreFiles: /^checkpoint$/ });
});
