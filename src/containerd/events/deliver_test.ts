// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { writeScript } from "../../../tests/harness/stand_in.ts";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { Reaper } from "../../linux/process/reaper.ts";
import { UnavailableError } from "../../rpc/errors.ts";
import { CODE, TtrpcError } from "../ttrpc/messages.ts";
import { byProgram } from "./deliver.ts";

const event = {
  topic: "/tasks/exit",
  type: "t",
  value: Uint8Array.of(1, 2),
  time: "",
  isAskedAbout: false,
};

/** Has a shell script publish the event, for as long as `signal` allows. */
async function publish(script: string, signal: AbortSignal, address = "/a"): Promise<void> {
  using temp = new TempDir();
  using reaper = Reaper.start({ reapAll: false });
  const deliver = byProgram({
    binary: writeScript(`${temp.path}/containerd`, script),
    address,
    namespace: "n",
    spawn: (argv, options) => reaper.spawn(argv, options),
  });
  await deliver(event, signal);
}

Deno.test("byProgram runs containerd's program, and tells that it failed", async () => {
  const args = "-address /a publish -topic /tasks/exit -namespace n";
  const { signal } = new AbortController();
  await publish(`[ "$*" = "${args}" ] && [ "$(wc -c)" -gt 2 ]`, signal);
  await assert.rejects(publish("exit 3", signal), /publish ended with 3/);
});

Deno.test("byProgram kills a program that hangs when its time is over", async () => {
  await assert.rejects(publish("exec sleep 1000", AbortSignal.timeout(200)), /publish ended with/);
});

Deno.test("byProgram takes a failure for containerd's refusal where containerd is there", async () => {
  using temp = new TempDir();
  const address = `${temp.path}/containerd.sock`;
  const { signal } = new AbortController();
  {
    using _listener = Deno.listen({ transport: "unix", path: address });
    await assert.rejects(
      publish("exit 3", signal, address),
      (error) => error instanceof TtrpcError && error.code === CODE.unknown,
    );
    await assert.rejects(publish("kill -9 $$", signal, address), UnavailableError);
  }
  await assert.rejects(publish("exit 3", signal, address), UnavailableError);
});
