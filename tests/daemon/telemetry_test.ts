// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TestDaemon } from "../harness/daemon.ts";
import { until } from "../harness/poll.ts";

// From source, whichever berth the other tests use: `deno compile` fixes whether telemetry is on.
const program = [
  Deno.execPath(),
  ...["run", "--allow-all", new URL("../../src/main.ts", import.meta.url).pathname],
];

/** Takes what is exported over OTLP as JSON, and keeps it by path. */
class Collector implements AsyncDisposable {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #received: { path: string; body: unknown }[] = [];

  constructor() {
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      async (request) => {
        this.#received.push({ path: new URL(request.url).pathname, body: await request.json() });
        return Response.json({});
      },
    );
  }

  /** The environment in which Deno exports to it at once. */
  get env(): Record<string, string> {
    return {
      OTEL_DENO: "true",
      OTEL_SERVICE_NAME: "berth",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${this.#server.addr.port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    };
  }

  /** Every object with member `key`, however deep, in what was sent to `path`. */
  all(path: string, key: string): Record<string, unknown>[] {
    const found: Record<string, unknown>[] = [];
    const visit = (value: unknown): void => {
      if (typeof value !== "object" || value === null) return;
      if (key in value) found.push({ ...value });
      Object.values(value).forEach(visit);
    };
    for (const each of this.#received) if (each.path === path) visit(each.body);
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

for (const mode of ["capture", "replace"]) {
  Deno.test(`telemetry: OTEL_DENO exports the daemon's log and a span per call; console: ${mode}`, async () => {
    await using collector = new Collector();
    const env = { ...collector.env, OTEL_DENO_CONSOLE: mode };
    await using daemon = await TestDaemon.start({ program, env });
    await daemon.run("one", ["sleep", "1000"]);
    await assert.rejects(daemon.stateOf("none"));
    const { shimPid } = await daemon.stateOf("one");
    assert.doesNotMatch(Deno.readTextFileSync(`/proc/${shimPid}/environ`), /OTEL_DENO=/);
    assert.equal((await daemon.stop()).code, 0);

    const line = await until(
      "the log",
      () =>
        collector.all("/v1/logs", "severityText").find(({ body }) =>
          JSON.stringify(body).includes("listening on")
        ),
    );
    assert.equal(line["severityText"], "INFO");
    const failed = () =>
      collector.all("/v1/traces", "spanId").filter(({ status }) =>
        /"code":2/.test(JSON.stringify(status))
      );
    // They come in several messages.
    const spans = await until("the spans", () => {
      const all = new Map(
        collector.all("/v1/traces", "spanId").map((span) => [span["name"], span]),
      );
      return all.has("container.create") && all.has("runtime create") && failed().length > 0 && all;
    });
    assert.match(JSON.stringify(spans.get("runtime create")), /"container\.id".*"one"/);
    assert.deepEqual(failed().map(({ name }) => name), ["container.state"]);
    // Whichever part prints it, each line is in the daemon's own log once.
    assert.equal(daemon.log.match(/listening on/g)?.length, 1);
  });
}

Deno.test("telemetry: nothing is exported unless OTEL_DENO asks for it", async () => {
  await using collector = new Collector();
  const { OTEL_DENO: _, ...env } = collector.env;
  await using daemon = await TestDaemon.start({ program, env });
  assert.equal(await daemon.life("one"), 0);
  assert.equal((await daemon.stop()).code, 0);
  assert.deepEqual(collector.all("/v1/logs", "severityText"), []);
  assert.deepEqual(collector.all("/v1/traces", "spanId"), []);
});
