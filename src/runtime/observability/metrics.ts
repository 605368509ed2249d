// SPDX-License-Identifier: MIT
import { getLogger } from "@logtape/logtape";
import { Registry } from "prom-client";
import { ContainerMetrics } from "./container_metrics.ts";
import { DaemonMetrics, type MetricsSource } from "./daemon_metrics.ts";
import { MetricsEndpoint } from "./metrics_endpoint.ts";
import { ProcessMetrics } from "./process_metrics.ts";
import { metricsTurn } from "./prometheus.ts";

/**
 * Counts what happens in the daemon and serves it, with the metrics of its containers, to
 * Prometheus. docs/metrics.md lists them all. Between scrapes it does nothing but count.
 */
export class Metrics {
  readonly #registry = new Registry();
  /** The hooks that the daemon has to call. */
  readonly daemon = new DaemonMetrics(this.#registry);
  readonly #process = new ProcessMetrics(this.#registry);
  /** The containers must be reported to it; see `Monitor`. */
  readonly containers = new ContainerMetrics(this.#registry);
  #rendering: Promise<string> | undefined;

  /**
   * Serves them at `address`, which is as in the config, until it is disposed of.
   *
   * @param hasRoom says whether another connection may be accepted.
   * @throws {FailedPreconditionError} if the address is taken or cannot be used.
   */
  async serve(
    address: string,
    source: MetricsSource,
    hasRoom: () => boolean,
  ): Promise<AsyncDisposable> {
    const endpoint = await MetricsEndpoint.listen(address, {
      contentType: this.#registry.contentType,
      render: () => this.render(source),
      hasRoom,
    });
    getLogger(["berth", "metrics"]).info("metrics at {where}", { where: endpoint.where });
    return endpoint;
  }

  /**
   * Returns the current metrics in Prometheus's text format. A call while they are being
   * collected gets the same ones.
   */
  render(source: MetricsSource): Promise<string> {
    return this.#rendering ??= this.#render(source).finally(() => this.#rendering = undefined);
  }

  async #render(source: MetricsSource): Promise<string> {
    this.#process.collect();
    await this.daemon.collect(source);
    await this.containers.collect();
    let text = "";
    // One metric after the other: hundreds of containers make long ones.
    for (const { name } of this.#registry.getMetricsAsArray()) {
      text += `${await this.#registry.getSingleMetricAsString(name)}\n`;
      await metricsTurn();
    }
    return text;
  }
}
