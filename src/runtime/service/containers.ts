// SPDX-License-Identifier: MIT
import type { BerthError } from "../../rpc/errors.ts";
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
  /** Returns whether the id is that of a container, or of one whose create is under way. */
  isTaken(id: string): boolean;
  /**
   * Cancels the create of a container of this id, if one is under way, and returns what settles when that
   * has ended; undefined if none is, or that of another instance than `instance`.
   */
  cancelCreate(id: string, reason: BerthError, instance?: string): Promise<void> | undefined;
  /** Returns whether the instance is that of a container, whatever its id is. */
  hasInstance(instance: string): boolean;
}
