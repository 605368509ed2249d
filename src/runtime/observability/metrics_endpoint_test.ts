// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { withSocketPath } from "../../linux/fd/unix_path.ts";
import { FailedPreconditionError } from "../../rpc/errors.ts";
import { MetricsEndpoint } from "./metrics_endpoint.ts";

const text = { contentType: "text/plain; version=0.0.4", render: () => Promise.resolve("a 1\n") };

/** A request over the Unix socket at `path`. */
async function ask(path: string, url: string, init: RequestInit = {}): Promise<Response> {
  return await withSocketPath(path, async (short) => {
    using client = Deno.createHttpClient({ proxy: { transport: "unix", path: short } });
    const response = await fetch(`http://localhost${url}`, { ...init, client });
    return new Response(await response.text(), response);
  });
}

function temporaryDir(): Disposable & { path: string } {
  const path = Deno.makeTempDirSync({ prefix: "berth-metrics-" });
  return { path, [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }) };
}

Deno.test("MetricsEndpoint: GET /metrics is all there is", async () => {
  using dir = temporaryDir();
  const path = `${dir.path}/m.sock`;
  await using endpoint = await MetricsEndpoint.listen(`unix:${path}`, text);
  assert.equal(endpoint.where, `unix:${path}`);
  const got = await ask(path, "/metrics?module=x");
  assert.equal(got.status, 200);
  assert.equal(got.headers.get("content-type"), text.contentType);
  assert.equal(await got.text(), "a 1\n");
  assert.equal((await ask(path, "/")).status, 404);
  assert.equal((await ask(path, "/metrics/x")).status, 404);
  const post = await ask(path, "/metrics", { method: "POST", body: "x" });
  assert.equal(post.status, 405);
  assert.equal(post.headers.get("allow"), "GET");
});

Deno.test("MetricsEndpoint: the Unix socket is its owner's alone, at a path of any length, and goes at the end", async () => {
  using dir = temporaryDir();
  const deep = `${dir.path}/${"d".repeat(120)}`;
  Deno.mkdirSync(deep);
  const path = `${deep}/m.sock`;
  {
    await using _ = await MetricsEndpoint.listen(`unix:${path}`, text);
    assert.equal((Deno.statSync(path).mode ?? 0) & 0o777, 0o600);
    assert.equal((await ask(path, "/metrics")).status, 200);
  }
  assert.deepEqual([...Deno.readDirSync(deep)], []);
});

Deno.test("MetricsEndpoint: a socket that nobody answers on is replaced, others are not", async () => {
  using dir = temporaryDir();
  const path = `${dir.path}/m.sock`;
  // Moved before it is closed, Deno cannot unlink it: what a killed daemon leaves.
  const dead = Deno.listen({ transport: "unix", path: `${dir.path}/dead` });
  Deno.renameSync(`${dir.path}/dead`, path);
  dead.close();
  await using _ = await MetricsEndpoint.listen(`unix:${path}`, text);
  assert.equal((await ask(path, "/metrics")).status, 200);
  await assert.rejects(
    MetricsEndpoint.listen(`unix:${path}`, text),
    (error) => error instanceof FailedPreconditionError && error.message.includes(path),
  );
  assert.equal((await ask(path, "/metrics")).status, 200);
  Deno.writeTextFileSync(`${dir.path}/file`, "precious");
  await assert.rejects(
    MetricsEndpoint.listen(`unix:${dir.path}/file`, text),
    FailedPreconditionError,
  );
  assert.equal(Deno.readTextFileSync(`${dir.path}/file`), "precious");
  await assert.rejects(
    MetricsEndpoint.listen(`unix:${dir.path}/none/m.sock`, text),
    FailedPreconditionError,
  );
});

Deno.test("MetricsEndpoint: loopback addresses serve too; one that is taken is a clear error", async () => {
  for (const address of ["127.0.0.1:0", "localhost:0"]) {
    await using endpoint = await MetricsEndpoint.listen(address, text);
    const response = await fetch(endpoint.where);
    assert.equal(await response.text(), "a 1\n");
    const taken = new URL(endpoint.where).host;
    await assert.rejects(
      MetricsEndpoint.listen(taken, text),
      (error) => error instanceof FailedPreconditionError && error.message.includes(taken),
    );
  }
  await assert.rejects(MetricsEndpoint.listen("127.0.0.1:99999", text), FailedPreconditionError);
});

Deno.test("MetricsEndpoint: a scrape that fails says so to its client and goes on serving", async () => {
  using dir = temporaryDir();
  const path = `${dir.path}/m.sock`;
  let failing = true;
  await using _ = await MetricsEndpoint.listen(`unix:${path}`, {
    contentType: text.contentType,
    render: () => failing ? Promise.reject(new Error("no")) : text.render(),
  });
  const failed = await ask(path, "/metrics");
  assert.equal(failed.status, 500);
  assert.match(await failed.text(), /daemon's log/);
  failing = false;
  assert.equal((await ask(path, "/metrics")).status, 200);
});

/** Sends `text` to a TCP endpoint and reads all that comes back. */
async function raw(where: string, text: string): Promise<string> {
  const { hostname, port } = new URL(where);
  using conn = await Deno.connect({ hostname, port: Number(port) });
  await conn.write(new TextEncoder().encode(text));
  let answer = "";
  const buffer = new Uint8Array(65_536);
  for (;;) {
    const count = await conn.read(buffer);
    if (count === null) return answer;
    answer += new TextDecoder().decode(buffer.subarray(0, count));
  }
}

const status = (answer: string) => Number(answer.split(" ")[1]);

Deno.test("MetricsEndpoint: a name that a browser was made to resolve to it is refused", async () => {
  await using endpoint = await MetricsEndpoint.listen("127.0.0.1:0", text);
  const get = (host: string) =>
    raw(endpoint.where, `GET /metrics HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  for (const host of ["127.0.0.1", "localhost:99", "LOCALHOST", "[::1]:80"]) {
    assert.equal(status(await get(host)), 200, host);
  }
  for (const host of ["attacker.example", "127.0.0.1.attacker.example:80", "localhost.x"]) {
    assert.equal(status(await get(host)), 403, host);
  }
  for (const host of ["[::", "a:b:c", "]"]) assert.equal(status(await get(host)), 400, host);
  assert.equal(status(await raw(endpoint.where, "GET /metrics HTTP/1.0\r\n\r\n")), 200);
});

Deno.test("MetricsEndpoint: what is no request is refused, and a head has a maximum", async () => {
  await using endpoint = await MetricsEndpoint.listen("127.0.0.1:0", text);
  for (const bad of ["hello\r\n\r\n", "GET  / HTTP/1.1\r\n\r\n", "GET / HTTP/2\r\n\r\n"]) {
    assert.equal(status(await raw(endpoint.where, bad)), 400, bad);
  }
  const long = `GET /metrics HTTP/1.1\r\nX: ${"x".repeat(20_000)}\r\n\r\n`;
  assert.equal(status(await raw(endpoint.where, long)), 431);
  assert.equal(status(await raw(endpoint.where, "GET /metrics HTTP/1.1\r\n\r\n")), 200);
});

Deno.test("MetricsEndpoint: of connections that say nothing a few are held, and not for long", async () => {
  await using endpoint = await MetricsEndpoint.listen("127.0.0.1:0", text);
  const { hostname, port } = new URL(endpoint.where);
  const connect = () => Deno.connect({ hostname, port: Number(port) });
  const silent = await Promise.all(Array.from({ length: 40 }, connect));
  try {
    const ended = silent.map((conn) => conn.read(new Uint8Array(1)).then(() => 0, () => 0));
    // Those beyond the maximum are closed at once, the others when they have said nothing for a while.
    await Promise.race(ended);
    await Promise.all(ended);
    const answer = await raw(endpoint.where, "GET /metrics HTTP/1.1\r\n\r\n");
    assert.equal(status(answer), 200);
  } finally {
    for (const conn of silent) conn.close();
  }
});
