// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { testNeeding } from "../../../scripts/test_needing.ts";
import { TestContainers } from "../../oci/driver/driver_testing.ts";
import * as errors from "../../rpc/errors.ts";
import { ProtobufError } from "../protobuf/wire.ts";
import { CODE, TtrpcError } from "../ttrpc/messages.ts";
import { notCreated, toTtrpcError } from "./ttrpc_errors.ts";

Deno.test("toTtrpcError: each kind of error has the code that containerd tests", () => {
  const table: [error: unknown, code: number][] = [
    [new errors.NotFoundError("m"), CODE.notFound],
    [new errors.AlreadyExistsError("m"), CODE.alreadyExists],
    [new errors.FailedPreconditionError("m"), CODE.failedPrecondition],
    [new errors.InvalidParamsError("m", []), CODE.invalidArgument],
    [new errors.UnavailableError("m"), CODE.unavailable],
    [new errors.DeadlineExceededError("m"), CODE.deadlineExceeded],
    [new errors.ResourceExhaustedError("m"), CODE.resourceExhausted],
    [new errors.CancelledError("m"), CODE.cancelled],
    [new errors.RuntimeError("m"), CODE.unknown],
    [new ProtobufError("m"), CODE.invalidArgument],
    [new Error("m"), CODE.unknown],
    ["m", CODE.unknown],
  ];
  for (const [error, code] of table) {
    const { code: given, message } = toTtrpcError(error);
    assert.deepEqual([given, message], [code, "m"]);
  }
  const own = new TtrpcError(CODE.cancelled, "m");
  assert.equal(toTtrpcError(own), own);
  assert.deepEqual([notCreated("c").code, notCreated("c").message], [
    CODE.notFound,
    "container not created: c",
  ]);
});

Deno.test("toTtrpcError: a container that the runtime has lost is not found", () => {
  const lost = [
    // runc, of a container and of a process.
    "runc kill failed: container does not exist",
    "runc kill failed: unable to signal init: no such process",
    "runc kill failed: os: process already finished",
    // crun, of a process and of a container, as 1.8 and later ones.
    "crun kill failed: kill container: No such process",
    "crun pause failed: error opening file `/run/b/oci/web/status`: No such file or directory",
    "crun pause failed: container `web` does not exist: error opening file `/run/b/oci/web/status`: " +
    "No such file or directory",
  ];
  for (const message of lost) {
    assert.equal(toTtrpcError(new errors.RuntimeError(message)).code, CODE.notFound, message);
    // Only the runtime says it of a container.
    assert.equal(toTtrpcError(new Error(message)).code, CODE.unknown);
    assert.equal(
      toTtrpcError(new errors.FailedPreconditionError(message)).code,
      CODE.failedPrecondition,
    );
  }
});

for (const name of ["runc", "crun"]) {
  testNeeding(
    [name],
    `toTtrpcError: a container that ${name} has never had is not found`,
    async () => {
      await using box = new TestContainers();
      const runtime = box.runc(name);
      const processFile = `${box.dir}/process.json`;
      Deno.writeTextFileSync(processFile, JSON.stringify({ args: ["true"], cwd: "/" }));
      const files = { pidFile: `${box.dir}/pid`, log: `${box.dir}/log.json` };
      const calls = [
        () => runtime.start("web"),
        () => runtime.pause("web"),
        () => runtime.resume("web"),
        () => runtime.kill("web", 9, { all: true }),
        () => runtime.update("web", {}),
        () => runtime.exec({ id: "web", processFile, ...files }),
      ];
      for (const call of calls) {
        await assert.rejects(call, (error) => {
          const { code, message } = toTtrpcError(error);
          assert.equal(code, CODE.notFound, message);
          return true;
        });
      }
    },
  );
}

Deno.test("toTtrpcError: what else a runtime does not find is no lost container", () => {
  for (
    const message of [
      "crun create failed: error opening file `/etc/profile.json`: No such file or directory",
      'runc create failed: exec: "true": executable file not found in $PATH',
    ]
  ) assert.equal(toTtrpcError(new errors.RuntimeError(message)).code, CODE.unknown, message);
});
