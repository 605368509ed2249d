// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../harness/temp_dir.ts";
import { FailedPreconditionError } from "../../src/rpc/errors.ts";
import { Server } from "../../src/rpc/transport/server.ts";
import { until } from "../harness/poll.ts";
import { Bystander } from "./bystander.ts";

Deno.test("Bystander: a call that fails is an error of stop alone, though that comes later", async () => {
  using temp = new TempDir();
  const dir = temp.path;
  let calls = 0;
  await using _server = await Server.listen(`${dir}/s`, {
    onError: console.error,
    handlers: {
      "daemon.info": () => {
        if (++calls < 3) return {};
        throw new FailedPreconditionError("no more");
      },
    },
  });
  await using bystander = new Bystander(`${dir}/s`);
  await until("the call that fails", () => calls >= 3);
  // An error that nobody has asked for by then would end the process.
  await new Promise((resolve) => setTimeout(resolve, 100));
  await assert.rejects(bystander.stop(), FailedPreconditionError);
});
