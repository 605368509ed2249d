// SPDX-License-Identifier: MIT

/**
 * Lets calls that have come in be served before a scrape goes on. By a timer, for messages to
 * oneself would be dealt with many at a time before anything else is.
 */
export function metricsTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
