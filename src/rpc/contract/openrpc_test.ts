// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { daemonContract, daemonErrors, daemonNotifications } from "./daemon.ts";
import { ERROR_CODES } from "../errors.ts";
import { openrpcDocument } from "./openrpc.ts";
import { shimContract, shimErrors, shimEventNotification } from "./shim.ts";

const document = openrpcDocument(daemonContract, {
  title: "berth",
  version: "1.2.3",
  errors: daemonErrors,
  notifications: daemonNotifications,
});

Deno.test("openrpcDocument: the OpenRPC document has every method of the contract, with params by name", () => {
  assert.match(document.openrpc, /^1\./);
  assert.deepEqual(document.methods.map((method) => method.name), Object.keys(daemonContract));
  const create = document.methods.find((method) => method.name === "container.create");
  assert(create);
  assert.equal(create.paramStructure, "by-name");
  const required = create.params.filter((param) => param.required).map((param) => param.name);
  assert.deepEqual(required, ["id", "spec"]);
  const id = create.params.find((param) => param.name === "id");
  assert.equal(id?.schema.type, "string");
  assert.equal(id?.schema.pattern, "^[A-Za-z0-9][A-Za-z0-9_.-]{0,75}$");
});

Deno.test("openrpcDocument: the OpenRPC document lists each error with its code, and every reference leads there", () => {
  for (const [kind, code] of Object.entries(ERROR_CODES)) {
    assert.equal(document.components.errors[kind]?.code, code);
  }
  for (const { errors } of document.methods) {
    for (const error of errors) {
      if (!("$ref" in error)) continue;
      const kind = error.$ref.replace("#/components/errors/", "");
      assert(Object.hasOwn(document.components.errors, kind));
    }
  }
});

Deno.test("openrpcDocument: a method's errors are its own, each once and with its reason, and what any may answer", () => {
  const remove = document.methods.find((method) => method.name === "container.delete");
  assert(remove);
  const kinds = remove.errors.map((error) =>
    "$ref" in error ? error.$ref.replace("#/components/errors/", "") : error.data.kind
  );
  const { errors } = daemonContract["container.delete"];
  assert.deepEqual(
    kinds.toSorted(),
    Array.from(new Set([...Object.keys(errors), ...Object.keys(daemonErrors)])).sort(),
  );
  assert(remove.errors.some((error) => "message" in error && error.message === errors.NotFound));
  assert(!kinds.includes("AlreadyExists"));
});

Deno.test("openrpcDocument: the OpenRPC document survives JSON and describes notifications", () => {
  assert.deepEqual(JSON.parse(JSON.stringify(document)), document);
  const [event] = document["x-notifications"];
  assert.equal(event?.name, "events.event");
  assert.deepEqual(event?.params.map((param) => param.name), ["subscription", "event", "gap"]);
});

Deno.test("openrpcDocument: the shim's contract can be described too, with the schemas it refers to", () => {
  const { methods, components, ...rest } = openrpcDocument(shimContract, {
    title: "berth shim",
    version: "1",
    errors: shimErrors,
    notifications: [shimEventNotification],
  });
  assert.equal(methods.length, Object.keys(shimContract).length);
  const text = JSON.stringify([methods, components, rest]);
  const referred = [...text.matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name);
  assert.ok(referred.length > 0);
  assert.deepEqual(Object.keys(components.schemas).sort(), [...new Set(referred)].sort());
});
