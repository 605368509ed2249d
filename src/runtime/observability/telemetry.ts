// SPDX-License-Identifier: MIT
// Exports logs and spans by OpenTelemetry, where Deno does.
import type { LogLevel } from "@logtape/logtape";
import type { DaemonHooks } from "./hooks.ts";

// Deno exports OpenTelemetry by itself where OTEL_DENO is set: what is written to the console as
// logs, and spans made with Deno.telemetry. docs/opentelemetry.md tells how to use it.

/** Variable that turns Deno's exporter on. */
const SWITCH = "OTEL_DENO";

/** Returns whether this process exports telemetry. */
export function isTelemetryEnabled(): boolean {
  return ["true", "1"].includes(Deno.env.get(SWITCH) ?? "");
}

/** How lines of the log reach the exporter: printed by it too, or only exported. */
type ExportedConsole = "capture" | "replace";

/** Returns how Deno exports the console; undefined where it does not. */
export function exportedConsole(): ExportedConsole | undefined {
  if (!isTelemetryEnabled()) return undefined;
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

/** Returns hooks that make a span of each RPC and of each call of the OCI runtime when it has ended. */
export function spanHooks(): Pick<DaemonHooks, "runtimeCall" | "rpc"> {
  const tracer: Tracer = Deno.telemetry.tracerProvider.getTracer("berth");
  const end = (
    name: string,
    durationMs: number,
    failed: boolean,
    attributes: Record<string, string | number>,
  ) => {
    const now = Date.now();
    const span = tracer.startSpan(name, { startTime: now - durationMs, attributes });
    if (failed) span.setStatus({ code: ERROR });
    span.end(now);
  };
  return {
    runtimeCall: ({ id, subcommand, durationMs, exitCode }) =>
      end(`runtime ${subcommand}`, durationMs, exitCode !== 0, {
        "container.id": id,
        "process.exit.code": exitCode,
      }),
    rpc: (method, durationMs, failed) =>
      end(method, durationMs, failed, { "rpc.system": "jsonrpc", "rpc.method": method }),
  };
}
