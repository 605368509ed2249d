// SPDX-License-Identifier: MIT
import { configureSync, resetSync } from "@logtape/logtape";

/** What berth logs in this process until it is disposed: one at a time. */
export class CapturedLog implements Disposable {
  /** `level category: message` of each line. */
  readonly lines: string[] = [];

  constructor() {
    configureSync({
      sinks: {
        lines: ({ category, level, message }) =>
          void this.lines.push(`${level} ${category.join(".")}: ${message.join("")}`),
      },
      loggers: [
        { category: "berth", sinks: ["lines"] },
        { category: ["logtape", "meta"], lowestLevel: "fatal" },
      ],
    });
  }

  [Symbol.dispose](): void {
    resetSync();
  }
}
