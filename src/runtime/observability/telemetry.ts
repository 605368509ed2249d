// SPDX-License-Identifier: MIT
import type { LogLevel } from "@logtape/logtape";
import type { Event } from "../../rpc/contract/schemas.ts";
import type { DaemonHooks } from "./hooks.ts";
import type { CallReport } from "../../oci/driver/runtime_call.ts";

// Deno exports OpenTelemetry by itself where OTEL_DENO is set: what is written to the console as
// logs, and spans made with Deno.telemetry. docs/opentelemetry.md tells how to use it.

/** Variable that turns Deno's exporter on. */
const SWITCH = "OTEL_DENO";

/** Returns whether this process exports telemetry. */
export function telemetryEnabled(): boolean {
  return ["true", "1"].includes(Deno.env.get(SWITCH) ?? "");
}

/** How lines of the log reach the exporter: printed by it too, or only exported. */
export type ExportedConsole = "capture" | "replace";

/** What Deno does with the console; undefined where it exports nothing of it. */
export function exportedConsole(): ExportedConsole | undefined {
  if (!telemetryEnabled()) return undefined;
  const mode = Deno.env.get("OTEL_DENO_CONSOLE") ?? "capture";
  return mode === "capture" || mode === "replace" ? mode : undefined;
}

/** Writes a line to the console so that Deno exports it with this level. */
export function exportLine(level: LogLevel, line: string): void {
  switch (level) {
    case "trace":
    case "debug":
      return console.debug(line);
    case "info":
      return console.info(line);
    case "warning":
      return console.warn(line);
    case "error":
    case "fatal":
      return console.error(line);
  }
}

// The part of OpenTelemetry's API that is used; Deno has no types of its own for it.
interface Span {
  setStatus(status: { code: number }): void;
  end(endTime: number): void;
}
interface Tracer {
  startSpan(
    name: string,
    options: { startTime: number; attributes: Record<string, string | number> },
  ): Span;
}

/** SpanStatusCode.ERROR of OpenTelemetry. */
const ERROR = 2;

/** Makes a span of each RPC and of each call of the OCI runtime, when it has ended. */
export class Spans implements DaemonHooks {
  readonly #tracer: Tracer = Deno.telemetry.tracerProvider.getTracer("berth");

  event(_event: Event): void {}

  reconnect(): void {}

  cleanup(): void {}

  runtimeCall({ id, subcommand, durationMs, exitCode }: CallReport): void {
    this.#span(`runtime ${subcommand}`, durationMs, exitCode !== 0, {
      "container.id": id,
      "process.exit.code": exitCode,
    });
  }

  rpc(method: string, durationMs: number, failed: boolean): void {
    this.#span(method, durationMs, failed, { "rpc.system": "jsonrpc", "rpc.method": method });
  }

  #span(
    name: string,
    durationMs: number,
    failed: boolean,
    attributes: Record<string, string | number>,
  ): void {
    const now = Date.now();
    const span = this.#tracer.startSpan(name, { startTime: now - durationMs, attributes });
    if (failed) span.setStatus({ code: ERROR });
    span.end(now);
  }
}
