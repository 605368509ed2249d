// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { AlreadyExistsError, NotFoundError, UnavailableError } from "../../rpc/errors.ts";
import { Server } from "../../rpc/transport/server.ts";
import { DaemonLink } from "../link.ts";
import { renameOnce } from "./exactly_once.ts";

Deno.test("renameOnce: where the answer was lost, a rename that goes on is waited for", async () => {
  using temp = new TempDir();
  const dir = temp.path;
  let renames = 0;
  await using _server = await Server.listen(`${dir}/s`, {
    onError: console.error,
    handlers: {
      "container.state": () => {
        if (renames < 3) throw new NotFoundError("no container x");
        return { id: "x", instance: "i" };
      },
      "container.rename": () => {
        renames += 1;
        if (renames > 1) throw new AlreadyExistsError("container x exists already");
        throw new UnavailableError("lost", { data: { shim: "connecting" } });
      },
    },
  });
  const link = new DaemonLink(`${dir}/s`);
  try {
    await renameOnce(link, { id: "web", newId: "x", instance: "i" }, {});
    await assert.rejects(
      renameOnce(link, { id: "web", newId: "x", instance: "another" }, {}),
      AlreadyExistsError,
    );
  } finally {
    link.close();
  }
  assert.equal(renames, 4);
});
