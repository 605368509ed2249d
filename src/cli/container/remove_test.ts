// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { formerLogPath } from "../../oci/log_layout.ts";
import { NotFoundError } from "../../rpc/errors.ts";
import { isRecord } from "../../rpc/is_record.ts";
import { Server } from "../../rpc/transport/server.ts";
import { DaemonConnection } from "../common/daemon.ts";
import { removeInstance } from "./remove.ts";

/** A container as a daemon tells it, as far as removing looks at it. */
function state(root: string, instance: string) {
  const stdout = `file://${formerLogPath(root, "web")}`;
  const createdAt = `when ${instance}`;
  return { id: "web", instance, createdAt, stdin: "", stdout, stderr: stdout, labels: {} };
}

Deno.test("removeInstance: --rm spares a container that got the id after its instance was looked at", async () => {
  using temp = new TempDir();
  const root = temp.path;
  await Deno.mkdir(`${root}/logs`);
  await Deno.writeTextFile(formerLogPath(root, "web"), "the new one's");
  const deletes: unknown[] = [];
  await using _server = await Server.listen(`${root}/s`, {
    onError: console.error,
    handlers: {
      "container.state": () => state(root, deletes.length === 0 ? "old" : "new"),
      "container.delete": (params) => {
        deletes.push(params);
        if (isRecord(params) && params.instance === "new") return {};
        throw new NotFoundError("another one");
      },
    },
  });
  using daemon = await DaemonConnection.connect(`${root}/s`);
  await removeInstance(daemon, root, state(root, "old"), false);
  assert.deepEqual(deletes, [{ id: "web", instance: "old" }]);
  assert.equal(await Deno.readTextFile(formerLogPath(root, "web")), "the new one's");
});
