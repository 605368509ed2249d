// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { compileEnv, isRuntimeUnreachable } from "./compile.ts";

Deno.test("isRuntimeUnreachable: a runtime that is out of reach is told from any other failure", () => {
  const writing =
    "error: Writing deno compile executable to temporary file '/b.tmp-1'\n\nCaused by:\n";
  const setup = `${writing}    0: Setting up base binary.\n    1: `;
  const unreachable = [
    `${setup}error sending request for url (https://…): client error (Connect): dns error: …`,
    `${setup}error sending request for url (https://…): client error (Connect): unsuccessful tunnel`,
    `${setup}error sending request for url (https://…): invalid peer certificate: UnknownIssuer`,
    `${setup}Bad response: 403\n\n       Forbidden by your administrator`,
    `${setup}Failed downloading 'https://…'\n    2: Not Found.`,
    `unzip:  cannot find zipfile directory\n${writing}    Failed to unpack archive.`,
  ];
  for (const text of unreachable) assert.equal(isRuntimeUnreachable(text), true, text);
  assert.equal(isRuntimeUnreachable('error: Module not found "file:///b/main.js".'), false);
});

Deno.test("compileEnv: of the builder's environment nothing gets into what is compiled", () => {
  const fetching = { PATH: "/bin", HTTPS_PROXY: "http://p", DENO_DIR: "/d", DENORT_BIN: "/r" };
  const baked = { OTEL_DENO: "true", OTEL_EXPORTER_OTLP_ENDPOINT: "http://x", DENO_COMPAT: "1" };
  assert.deepEqual(compileEnv({ ...fetching, ...baked, DENO_UNSTABLE_KV: "1" }), fetching);
});
