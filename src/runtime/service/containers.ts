// SPDX-License-Identifier: MIT
import type { Container } from "../container/container.ts";

/** The containers by their ids. */
export interface Containers {
  /**
   * Finds a container.
   *
   * @throws {NotFoundError} if there is none of this id, or another one than that of `instance`.
   */
  get(id: string, instance?: string): Container;
  /** Finds a container, if there is one of this id. */
  find(id: string): Container | undefined;
  /** Returns whether the instance is that of a container, whatever its id is. */
  hasInstance(instance: string): boolean;
}
