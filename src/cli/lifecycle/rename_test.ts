// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { AlreadyExistsError, NotFoundError } from "../../rpc/errors.ts";
import { isRecord } from "../../rpc/is_record.ts";
import { Server } from "../../rpc/transport/server.ts";
import { DaemonConnection } from "../common/daemon.ts";
import { renameContainer } from "./rename.ts";

Deno.test("renameContainer: a rename that goes on after its connection was lost is waited for", async () => {
  using temp = new TempDir();
  const dir = temp.path;
  let renames = 0;
  await using _server = await Server.listen(`${dir}/s`, {
    onError: console.error,
    handlers: {
      "container.state": (params) => {
        if (!isRecord(params) || params["id"] === "web") return { id: "web", instance: "i" };
        if (params["id"] === "other") return { id: "other", instance: "another" };
        if (renames < 2) throw new NotFoundError("no container x");
        return { id: "x", instance: "i" };
      },
      "container.rename": () => {
        renames += 1;
        throw new AlreadyExistsError("it exists already");
      },
    },
  });
  using daemon = await DaemonConnection.connect(`${dir}/s`);
  await renameContainer(daemon, "web", "x");
  assert.equal(renames, 2);
  await assert.rejects(renameContainer(daemon, "web", "other"), AlreadyExistsError);
});
