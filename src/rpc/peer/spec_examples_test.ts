// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { Handlers } from "./handler.ts";
import { exchange, ignore, memoryPair } from "./peer_testing.ts";
import { Peer } from "./peer.ts";

/** The methods that the examples of https://www.jsonrpc.org/specification#examples call. */
const handlers: Handlers = {
  subtract(params) {
    const [minuend, subtrahend] = Array.isArray(params)
      ? params
      : [field(params, "minuend"), field(params, "subtrahend")];
    return Number(minuend) - Number(subtrahend);
  },
  update: () => undefined,
  sum: (params) => Array.isArray(params) ? params.reduce((a, b) => Number(a) + Number(b), 0) : 0,
  notify_hello: () => undefined,
  notify_sum: () => undefined,
  get_data: () => ["hello", 5],
};

function field(params: unknown, name: string): unknown {
  return typeof params === "object" && params !== null ? Reflect.get(params, name) : undefined;
}

/** Section 7, word for word, each message on one line; `<--` undefined where nothing is returned. */
const examples: readonly { name: string; sent: string; got: string | undefined }[] = [
  {
    name: "positional parameters",
    sent: '{"jsonrpc": "2.0", "method": "subtract", "params": [42, 23], "id": 1}',
    got: '{"jsonrpc": "2.0", "result": 19, "id": 1}',
  },
  {
    name: "positional parameters, the other way round",
    sent: '{"jsonrpc": "2.0", "method": "subtract", "params": [23, 42], "id": 2}',
    got: '{"jsonrpc": "2.0", "result": -19, "id": 2}',
  },
  {
    name: "named parameters",
    sent:
      '{"jsonrpc": "2.0", "method": "subtract", "params": {"subtrahend": 23, "minuend": 42}, "id": 3}',
    got: '{"jsonrpc": "2.0", "result": 19, "id": 3}',
  },
  {
    name: "named parameters, the other way round",
    sent:
      '{"jsonrpc": "2.0", "method": "subtract", "params": {"minuend": 42, "subtrahend": 23}, "id": 4}',
    got: '{"jsonrpc": "2.0", "result": 19, "id": 4}',
  },
  {
    name: "a notification",
    sent: '{"jsonrpc": "2.0", "method": "update", "params": [1,2,3,4,5]}',
    got: undefined,
  },
  {
    name: "a notification of a method that does not exist",
    sent: '{"jsonrpc": "2.0", "method": "foobar"}',
    got: undefined,
  },
  {
    name: "call of a non-existent method",
    sent: '{"jsonrpc": "2.0", "method": "foobar", "id": "1"}',
    got: '{"jsonrpc": "2.0", "error": {"code": -32601, "message": "Method not found"}, "id": "1"}',
  },
  {
    name: "call with invalid JSON",
    sent: '{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]',
    got: '{"jsonrpc": "2.0", "error": {"code": -32700, "message": "Parse error"}, "id": null}',
  },
  {
    name: "call with invalid Request object",
    sent: '{"jsonrpc": "2.0", "method": 1, "params": "bar"}',
    got: '{"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null}',
  },
  {
    name: "call Batch, invalid JSON",
    sent:
      '[{"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},{"jsonrpc": "2.0", "method"]',
    got: '{"jsonrpc": "2.0", "error": {"code": -32700, "message": "Parse error"}, "id": null}',
  },
  {
    name: "call with an empty Array",
    sent: "[]",
    got: '{"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null}',
  },
  {
    name: "call with an invalid Batch (but not empty)",
    sent: "[1]",
    got:
      '[{"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null}]',
  },
  {
    name: "call with invalid Batch",
    sent: "[1,2,3]",
    got: `[
      {"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null},
      {"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null},
      {"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null}
    ]`,
  },
  {
    name: "call Batch",
    sent: `[
      {"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},
      {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]},
      {"jsonrpc": "2.0", "method": "subtract", "params": [42,23], "id": "2"},
      {"foo": "boo"},
      {"jsonrpc": "2.0", "method": "foo.get", "params": {"name": "myself"}, "id": "5"},
      {"jsonrpc": "2.0", "method": "get_data", "id": "9"}
    ]`,
    got: `[
      {"jsonrpc": "2.0", "result": 7, "id": "1"},
      {"jsonrpc": "2.0", "result": 19, "id": "2"},
      {"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null},
      {"jsonrpc": "2.0", "error": {"code": -32601, "message": "Method not found"}, "id": "5"},
      {"jsonrpc": "2.0", "result": ["hello", 5], "id": "9"}
    ]`,
  },
  {
    name: "call Batch (all notifications)",
    sent: `[
      {"jsonrpc": "2.0", "method": "notify_sum", "params": [1,2,4]},
      {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]}
    ]`,
    got: undefined,
  },
];

/** Comparable form: without the `data` that every error of berth has; a batch has no order. */
function normal(message: unknown): unknown {
  if (Array.isArray(message)) return message.map(normal).map((m) => JSON.stringify(m)).sort();
  assert(typeof message === "object" && message !== null);
  const error: unknown = Reflect.get(message, "error");
  if (typeof error !== "object" || error === null) return { ...message };
  const { data: _, ...rest } = Object(error);
  return { ...message, error: rest };
}

function sorted(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(
      value,
      (_, v) =>
        typeof v === "object" && v !== null && !Array.isArray(v)
          ? Object.fromEntries(
            Object.entries(v).sort(([a], [b]) => a < b ? -1 : 1),
          )
          : v,
    ),
  );
}

for (const { name, sent, got } of examples) {
  Deno.test(`spec examples: JSON-RPC 2.0 section 7: ${name}`, async () => {
    const [near, far] = memoryPair();
    using _peer = new Peer(far, { onError: ignore, handlers });
    const answers = await exchange(near, sent.replaceAll("\n", " "));
    const expected = got === undefined ? [] : [normal(sorted(JSON.parse(got)))];
    assert.deepEqual(answers.map((answer) => normal(sorted(answer))), expected);
    for (const answer of answers.flat()) {
      const error: unknown = Reflect.get(Object(answer), "error");
      if (error !== undefined) {
        assert.equal(
          typeof Reflect.get(Object(Reflect.get(Object(error), "data")), "kind"),
          "string",
        );
      }
    }
  });
}
