// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { connect } from "../../src/client/mod.ts";
import { parseJson, stringifyJson } from "../../src/rpc/json.ts";
import { cli } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { rootfsDir } from "../harness/rootfs.ts";
import { CALL_TIMEOUT_MS } from "../harness/poll.ts";

const UNLIMITED = 2n ** 64n - 1n;
const ODD = 2n ** 53n + 1n;

function coreLimit(limit: bigint): unknown[] {
  return [{ type: "RLIMIT_CORE", hard: limit, soft: limit }];
}

Deno.test("integers above 2^53 reach the runtime as they are, through create, exec and update", async () => {
  await using daemon = await TestDaemon.start();
  await using client = await connect({ socket: daemon.socket });
  const spec = daemon.spec(["sleep", "1000"]);
  const process = { ...Object(spec["process"]), rlimits: coreLimit(UNLIMITED) };
  const annotated = { ...spec, process, "x-odd": ODD, "x-nested": [{ deep: [-ODD] }] };
  const container = await client.create({ id: "a", spec: annotated });
  const { bundle } = await container.state();
  const config = Deno.readTextFileSync(`${bundle}/config.json`);
  assert.equal(stringifyJson(Object(parseJson(config))["x-odd"]), "9007199254740993");
  assert.match(config, /"hard":18446744073709551615,"soft":18446744073709551615/);
  assert.match(config, /"deep":\[-9007199254740993\]/);
  await container.start();

  const test = (limit: string) => ["sh", "-c", `test "$(ulimit -c)" = ${limit}`];
  const inherits = await container.exec({ process: { args: test("unlimited") } });
  assert.equal((await inherits.wait({ timeoutMs: CALL_TIMEOUT_MS })).exitStatus, 0);
  // In blocks of 512 bytes.
  const limited = coreLimit((ODD - 1n) * 512n);
  const own = await container.exec({ process: { args: test(`${ODD - 1n}`), rlimits: limited } });
  assert.equal((await own.wait({ timeoutMs: CALL_TIMEOUT_MS })).exitStatus, 0);

  await container.update({ memory: { limit: 2n ** 63n - 1n } });
  const { stdout } = await cli(daemon, ["inspect", "--spec", "a"]);
  assert.match(stdout, /"limit": 9223372036854775807/);
  assert.match(stdout, /"x-odd": 9007199254740993/);
  await container.delete({ force: true });
});

Deno.test("berth call and run --bundle keep the digits of integers", async () => {
  await using daemon = await TestDaemon.start();
  const bundle = `${daemon.dir}/bundle`;
  await Deno.mkdir(bundle);
  const spec = daemon.spec(["sh", "-c", "ulimit -c"]);
  const process = { ...Object(spec["process"]), rlimits: coreLimit(UNLIMITED) };
  const whole = { ...spec, root: { path: rootfsDir(), readonly: true }, process };
  await Deno.writeTextFile(`${bundle}/config.json`, stringifyJson(whole));
  const run = await cli(daemon, ["run", "--rm", "--bundle", bundle]);
  assert.equal(run.stdout, "unlimited\n", run.stderr);
  const params = stringifyJson({ id: "b", spec: whole });
  const called = await cli(daemon, ["call", "container.create", params]);
  assert.equal(called.code, 0, called.stderr);
  const { bundle: made } = await daemon.stateOf("b");
  assert.match(Deno.readTextFileSync(`${made}/config.json`), /"hard":18446744073709551615/);
});
