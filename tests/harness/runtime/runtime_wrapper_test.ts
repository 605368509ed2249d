// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { output } from "../command.ts";
import { runDir } from "../run.ts";
import { RuntimeWrapper } from "./runtime_wrapper.ts";

function call(wrapper: RuntimeWrapper, ...args: string[]) {
  return output([wrapper.path, ...args]);
}

Deno.test("runtime wrapper: the wrapped runtime does what the real one does, and its calls are recorded", async () => {
  const wrapper = RuntimeWrapper.create(runDir());
  assert.match((await call(wrapper, "--version")).stdout, /runc version/);
  const state = await call(wrapper, "--root", "/no such", "--log=/dev/null", "state", "some id");
  assert.notEqual(state.code, 0);
  assert.deepEqual(wrapper.calls("state"), [{
    subcommand: "state",
    args: ["--root", "/no such", "--log=/dev/null", "state", "some id"],
  }]);
});

Deno.test("runtime wrapper: a failing call says so on stderr and in the log, for its container alone", async () => {
  const wrapper = RuntimeWrapper.create(runDir());
  const log = `${runDir()}/wrapper-log.json`;
  wrapper.fail("create", "it's broken", { id: "a", once: true });
  const failed = await call(wrapper, "--log", log, "--log-format", "json", "create", "a");
  assert.equal(failed.code, 1);
  assert.equal(failed.stderr, "it's broken\n");
  assert.equal(JSON.parse(await Deno.readTextFile(log)).msg, "it's broken");
  assert.doesNotMatch((await call(wrapper, "create", "a")).stderr, /it's broken/, "once is enough");
  wrapper.fail("create", "it's broken", { id: "a" });
  assert.doesNotMatch((await call(wrapper, "create", "b")).stderr, /it's broken/, "not for b");
  wrapper.clear();
  assert.doesNotMatch((await call(wrapper, "create", "a")).stderr, /it's broken/, "taken back");
});

Deno.test("runtime wrapper: a hanging call goes on when released, one that kills its caller ends it", async () => {
  const wrapper = RuntimeWrapper.create(runDir());
  const release = wrapper.hang("state");
  const pending = call(wrapper, "state", "x");
  await wrapper.called("state");
  release();
  assert.notEqual((await pending).code, 0);

  wrapper.kill("kill", "parent");
  const { signal } = await output(["sh", "-c", `${wrapper.path} kill x; exit 0`]);
  assert.equal(signal, "SIGKILL");
});
